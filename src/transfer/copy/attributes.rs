//! Owner, mode, times and extended attributes of what is copied, and what the destination's filesystem cannot keep of
//! them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use super::options::Options;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{self, Dir, FileType, Metadata, Timestamp};

/// What a filesystem cannot keep, each said once.
pub(crate) type Lost = BTreeSet<&'static str>;

/// What a copy shall have, contents aside.
#[derive(Debug)]
pub(super) struct Attributes {
    pub(super) mode: u32,
    uid: u32,
    gid: u32,
    mtime: Timestamp,
    pub(super) xattrs: Vec<(OsString, Vec<u8>)>,
}

impl Attributes {
    /// Those of `leaf` in `dir`, as far as `options` keep them.
    pub(super) fn read(
        dir: &Dir,
        leaf: &OsStr,
        metadata: &Metadata,
        options: &Options,
    ) -> Result<Attributes> {
        let xattrs = dir.xattrs(leaf).attempt(|| "read its extended attributes")?;
        Ok(Attributes::new(metadata, xattrs, options))
    }

    /// Those of an open file or directory.
    pub(super) fn of_open(file: impl AsFd, metadata: &Metadata, options: &Options) -> Result<Attributes> {
        let xattrs = rootfs::xattrs(file).attempt(|| "read its extended attributes")?;
        Ok(Attributes::new(metadata, xattrs, options))
    }

    fn new(metadata: &Metadata, mut xattrs: Vec<(OsString, Vec<u8>)>, options: &Options) -> Attributes {
        xattrs.retain(|(key, _)| is_kept(key.as_bytes(), options.archive));
        let &Metadata { mode, mtime, .. } = metadata;
        let uid = options.owner.uid.unwrap_or(metadata.uid);
        let gid = options.owner.gid.unwrap_or(metadata.gid);
        Attributes { mode, uid, gid, mtime, xattrs }
    }

    /// Gives them to an open file or directory, which is now `found`: in the order that nothing undoes.
    pub(super) fn set(&self, file: impl AsFd, found: &Metadata, lost: &mut Lost) -> Result<()> {
        let file = file.as_fd();
        let chown = (found.uid, found.gid) != (self.uid, self.gid);
        if chown {
            tolerate(rootfs::chown(file, self.uid, self.gid), "owners", lost).attempt(|| "set its owner")?;
        }
        if found.mode != self.mode || chown && self.mode & 0o6000 != 0 {
            tolerate(rootfs::chmod(file, self.mode), "permissions", lost).attempt(|| "set its mode")?;
        }
        self.set_xattrs(&|key, value| rootfs::set_xattr(file, key, value), lost)?;
        tolerate(rootfs::set_mtime(file, self.mtime), "times", lost).attempt(|| "set its time")
    }

    /// Gives them to what cannot be opened: a link, a FIFO, a device, a socket.
    pub(super) fn set_by_name(&self, dir: &Dir, leaf: &OsStr, lost: &mut Lost) -> Result<()> {
        let found = dir.metadata(leaf).attempt(|| "stat it")?;
        if (found.uid, found.gid) != (self.uid, self.gid) {
            tolerate(dir.chown(leaf, self.uid, self.gid), "owners", lost).attempt(|| "set its owner")?;
        }
        if found.file_type != FileType::Symlink && found.mode != self.mode {
            tolerate(dir.chmod(leaf, self.mode), "permissions", lost).attempt(|| "set its mode")?;
        }
        self.set_xattrs(&|key, value| dir.set_xattr(leaf, key, value), lost)?;
        tolerate(dir.set_mtime(leaf, self.mtime), "times", lost).attempt(|| "set its time")
    }

    /// After the owner: chown(2) clears `security.capability`.
    fn set_xattrs(&self, set: &dyn Fn(&OsStr, &[u8]) -> io::Result<()>, lost: &mut Lost) -> Result<()> {
        for (key, value) in &self.xattrs {
            tolerate(set(key, value), "extended attributes", lost)
                .map_err(|error| Error::io(format!("set its attribute '{}'", key.display()), error))?;
        }
        Ok(())
    }
}

/// SELinux labels are of a host's policy, and overlayfs's attributes would change what a directory is. POSIX ACLs are
/// part of what the mode says, so they are always kept.
pub(crate) fn is_kept(key: &[u8], archive: bool) -> bool {
    if key == b"security.selinux" || key.starts_with(b"trusted.overlay.") {
        return false;
    }
    archive
        || key.starts_with(b"user.")
        || key.starts_with(b"system.posix_acl_")
        || key == b"security.capability"
}

/// Filesystems such as vfat refuse what they cannot keep. That is no reason to keep nothing; it is told at the end.
pub(crate) fn tolerate(result: io::Result<()>, what: &'static str, lost: &mut Lost) -> io::Result<()> {
    match result {
        Err(error) if is_unable(&error) => {
            lost.insert(what);
            Ok(())
        }
        result => result,
    }
}

/// Whether the filesystem, or this process, can never do such a thing.
pub(crate) fn is_unable(error: &io::Error) -> bool {
    let unable = [libc::EPERM, libc::EACCES, libc::ENOTSUP, libc::EINVAL, libc::ENOSYS];
    error.raw_os_error().is_some_and(|errno| unable.contains(&errno))
}
