//! Bytes on disk of a tree: blocks rather than sizes, each inode once, nothing that is mounted inside it.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::dir::Dir;
use super::metadata::Metadata;
use super::walk::{self, Doing, Next, Order, Visit, Visited};

/// Of `root`, open at its start, in bytes. What vanishes meanwhile, or may not be read, does not count.
pub fn disk_usage(root: Dir) -> io::Result<u64> {
    let blocks = Metadata::from(rustix::fs::fstat(&root)?).blocks;
    let mut tally = Tally { blocks, linked: HashSet::new() };
    walk::below(root, Order::Any, &mut tally)?;
    // st_blocks counts 512 bytes on every filesystem (inode(7)).
    Ok(tally.blocks.saturating_mul(512))
}

struct Tally {
    blocks: u64,
    /// Files counted that have further links: device and inode.
    linked: HashSet<((u32, u32), u64)>,
}

impl Visit for Tally {
    type Error = io::Error;

    fn enter(&mut self, at: &Visited<'_>, _opened: &Dir) -> io::Result<Next> {
        if !at.mounted {
            self.blocks += at.metadata.blocks;
        }
        Ok(Next::Into)
    }

    fn other(&mut self, at: &Visited<'_>) -> io::Result<()> {
        let file = at.metadata;
        if file.links == 1 || self.linked.insert((file.dev, file.inode)) {
            self.blocks += file.blocks;
        }
        Ok(())
    }

    fn failed(&mut self, doing: Doing, _path: &Path, error: io::Error) -> io::Result<()> {
        let passed_over = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::ACCESS];
        let errno = Errno::from_io_error(&error);
        match doing {
            Doing::Stat | Doing::Open if errno.is_some_and(|errno| passed_over.contains(&errno)) => Ok(()),
            _ => Err(error),
        }
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
