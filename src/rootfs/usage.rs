//! Bytes on disk of a tree: blocks rather than sizes, each inode once, nothing that is mounted inside it.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::descent::{BUFFER, Descent};
use super::dir::OPEN_FLAGS;
use super::{FileType, Metadata};
use crate::sys::identity::Identity;

/// Of `root`, a directory open for reading at its start. What vanishes meanwhile, or may not be read, does not
/// count.
pub fn disk_usage(root: OwnedFd) -> io::Result<u64> {
    let identity = Identity::of(root.as_fd())?;
    let mut tally =
        Tally { blocks: Metadata::from(rustix::fs::fstat(&root)?).blocks, linked: HashSet::new() };
    let mut buffer = Vec::with_capacity(BUFFER);
    let pending = tally.list(root.as_fd(), &mut buffer)?;
    let mut descent = Descent::new(root, identity, pending);
    loop {
        let Some(name) = descent.data().pop() else {
            if descent.leave()?.is_some() {
                continue;
            }
            // st_blocks counts 512 bytes on every filesystem (inode(7)).
            return Ok(tally.blocks.saturating_mul(512));
        };
        let flags = OPEN_FLAGS | OFlags::NOFOLLOW;
        let fd = match rustix::fs::openat(descent.fd(), &*name, flags, Mode::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => continue,
            fd => fd?,
        };
        let child = Identity::of(fd.as_fd())?;
        if child.same_mount(&identity) {
            tally.blocks += Metadata::from(rustix::fs::fstat(&fd)?).blocks;
            let pending = tally.list(fd.as_fd(), &mut buffer)?;
            descent.enter(fd, child, pending);
        }
    }
}

struct Tally {
    blocks: u64,
    /// Files counted that have further links.
    linked: HashSet<((u32, u32), u64)>,
}

impl Tally {
    /// Counts the files in `dir`; the names of its directories.
    fn list(&mut self, dir: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<Vec<CString>> {
        let mut directories = Vec::new();
        let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type() == rustix::fs::FileType::Directory {
                if !matches!(name.to_bytes(), b"." | b"..") {
                    directories.push(name.to_owned());
                }
                continue;
            }
            let metadata = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT | Errno::ACCESS) => continue,
                stat => Metadata::from(stat?),
            };
            if metadata.file_type == FileType::Directory {
                // A filesystem that gives no d_type, or changed meanwhile.
                if !matches!(name.to_bytes(), b"." | b"..") {
                    directories.push(name.to_owned());
                }
            } else if metadata.links == 1 || self.linked.insert((metadata.dev, metadata.inode)) {
                self.blocks += metadata.blocks;
            }
        }
        Ok(directories)
    }
}

#[cfg(test)]
mod tests {
    use crate::rootfs::{Dir, Rootfs};
    use crate::testing::{TempDir, in_mount_namespace};
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    fn blocks(path: &Path) -> u64 {
        path.symlink_metadata().unwrap().blocks() * 512
    }

    #[test]
    fn counts_each_inode_once_and_no_mount() {
        in_mount_namespace(|| {
            let temp = TempDir::new();
            let at = |path: &str| temp.path().join(path);
            fs::create_dir_all(at("root/a/b")).unwrap();
            fs::create_dir_all(at("root/bound")).unwrap();
            fs::create_dir(at("out")).unwrap();
            fs::write(at("out/big"), vec![1; 1 << 20]).unwrap();
            fs::write(at("root/a/one"), vec![1; 100_000]).unwrap();
            fs::hard_link(at("root/a/one"), at("root/a/b/two")).unwrap();
            symlink("../out/big", at("root/link")).unwrap();
            let sparse = fs::File::create(at("root/sparse")).unwrap();
            sparse.set_len(1 << 30).unwrap();
            let expected: u64 = ["root", "root/a", "root/a/b", "root/a/one", "root/link", "root/sparse"]
                .map(|path| blocks(&at(path)))
                .iter()
                .sum();
            let bound = blocks(&at("root/bound"));
            let rootfs = Rootfs::new(fs::File::open(at("root")).unwrap().into());
            assert_eq!(rootfs.disk_usage().unwrap(), expected + bound);
            rustix::mount::mount_bind(at("out"), at("root/bound")).unwrap();
            assert_eq!(rootfs.disk_usage().unwrap(), expected);
            rustix::mount::unmount(at("root/bound"), rustix::mount::UnmountFlags::DETACH).unwrap();
        });
    }

    #[test]
    fn goes_down_any_depth() {
        let temp = TempDir::new();
        let mut dir = Dir::from(temp.open());
        for _ in 0..200 {
            dir.create_dir("d".as_ref(), 0o755).unwrap();
            dir = dir.dir("d".as_ref()).unwrap();
        }
        assert_eq!(Rootfs::new(temp.open()).disk_usage().unwrap(), blocks(temp.path()) * 201);
    }
}
