//! Owner, mode, time and extended attributes: what the source has, what is different in the destination, and how it is
//! given to what stands there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use super::lost::{Lost, tolerate};
use super::owner::Owner;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{self, Dir, FileType, Metadata, Timestamp};

type Xattrs = Vec<(OsString, Vec<u8>)>;

/// A file, as it is reached.
#[derive(Clone, Copy)]
pub(crate) enum Handle<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// Anything, by its name.
    Name(&'a Dir, &'a OsStr),
}

impl<'a> Handle<'a> {
    /// Of an open file or directory.
    pub(crate) fn open(file: &'a impl AsFd) -> Handle<'a> {
        Handle::Open(file.as_fd())
    }

    fn xattrs(&self) -> io::Result<Xattrs> {
        match self {
            Handle::Open(file) => rootfs::xattrs(file),
            Handle::Name(dir, leaf) => dir.xattrs(leaf),
        }
    }

    fn chown(&self, uid: u32, gid: u32) -> io::Result<()> {
        match self {
            Handle::Open(file) => rootfs::chown(file, uid, gid),
            Handle::Name(dir, leaf) => dir.chown(leaf, uid, gid),
        }
    }

    fn chmod(&self, mode: u32) -> io::Result<()> {
        match self {
            Handle::Open(file) => rootfs::chmod(file, mode),
            Handle::Name(dir, leaf) => dir.chmod(leaf, mode),
        }
    }

    fn set_xattr(&self, key: &OsStr, value: &[u8]) -> io::Result<()> {
        match self {
            Handle::Open(file) => rootfs::set_xattr(file, key, value),
            Handle::Name(dir, leaf) => dir.set_xattr(leaf, key, value),
        }
    }

    fn remove_xattr(&self, key: &OsStr) -> io::Result<()> {
        match self {
            Handle::Open(file) => rootfs::remove_xattr(file, key),
            Handle::Name(dir, leaf) => dir.remove_xattr(leaf, key),
        }
    }

    fn set_mtime(&self, mtime: Timestamp) -> io::Result<()> {
        match self {
            Handle::Open(file) => rootfs::set_mtime(file, mtime),
            Handle::Name(dir, leaf) => dir.set_mtime(leaf, mtime),
        }
    }
}

/// What an entry shall have, contents aside.
#[derive(Debug)]
pub(crate) struct Attributes {
    file_type: FileType,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: Timestamp,
    xattrs: Xattrs,
    archive: bool,
}

impl Attributes {
    /// Those of the source with the owner that was asked for; with `archive`, all extended attributes.
    pub(crate) fn read(
        from: Handle<'_>,
        metadata: &Metadata,
        owner: Owner,
        archive: bool,
    ) -> Result<Attributes> {
        let xattrs = from.xattrs().attempt("read its extended attributes")?;
        let &Metadata { file_type, mode, mtime, .. } = metadata;
        Ok(Attributes {
            file_type,
            mode,
            uid: owner.uid.unwrap_or(metadata.uid),
            gid: owner.gid.unwrap_or(metadata.gid),
            mtime,
            xattrs: kept(xattrs, archive),
            archive,
        })
    }

    /// The mode of a new file until it has all of these: its own where it lets the group do no more than others, so that
    /// nobody can read it meanwhile who cannot afterwards.
    pub(crate) fn mode_meanwhile(&self) -> u32 {
        let is_open = self.mode >> 3 & 7 == self.mode & 7;
        if is_open { self.mode & 0o777 } else { 0o600 }
    }

    /// What is different in the destination, which is `found`.
    pub(crate) fn differences(&self, to: Handle<'_>, found: &Metadata) -> Result<Vec<&'static str>> {
        let differs = [
            ("mode", self.mode_differs(found)),
            ("owner", self.owner_differs(found)),
            ("time", self.mtime != found.mtime),
            ("xattrs", self.xattrs != self.kept_of(to)?),
        ];
        Ok(differs.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect())
    }

    fn kept_of(&self, to: Handle<'_>) -> Result<Xattrs> {
        let xattrs = to.xattrs().attempt("read the extended attributes of what stands there")?;
        Ok(kept(xattrs, self.archive))
    }

    /// A link has no mode.
    fn mode_differs(&self, found: &Metadata) -> bool {
        self.mode != found.mode && self.file_type != FileType::Symlink
    }

    fn owner_differs(&self, found: &Metadata) -> bool {
        (self.uid, self.gid) != (found.uid, found.gid)
    }

    /// Gives them to what is there, in the order that nothing undoes: an ACL that goes takes part of the mode along, and
    /// chown(2) clears setuid and capabilities.
    pub(crate) fn set(&self, to: Handle<'_>, found: &Metadata, lost: &mut Lost) -> Result<()> {
        let mut there = self.kept_of(to)?;
        let gone = |(key, _): &(OsString, Vec<u8>)| !self.xattrs.iter().any(|(kept, _)| kept == key);
        for (key, _) in there.iter().filter(|had| gone(had)) {
            tolerate(to.remove_xattr(key), "extended attributes", lost)
                .attempt(format_args!("remove its attribute '{}'", key.display()))?;
        }
        let acl_went =
            there.iter().any(|had| gone(had) && had.0.as_bytes().starts_with(b"system.posix_acl_"));
        let chown = self.owner_differs(found);
        if chown {
            tolerate(to.chown(self.uid, self.gid), "owners", lost).attempt("set its owner")?;
            there.retain(|(key, _)| key != "security.capability");
        }
        if self.mode_differs(found) || acl_went || chown && self.mode & 0o6000 != 0 {
            tolerate(to.chmod(self.mode), "permissions", lost).attempt("set its mode")?;
        }
        for (key, value) in self.xattrs.iter().filter(|wanted| !there.contains(wanted)) {
            tolerate(to.set_xattr(key, value), "extended attributes", lost)
                .map_err(|error| Error::io(format_args!("set its attribute '{}'", key.display()), error))?;
        }
        tolerate(to.set_mtime(self.mtime), "times", lost).attempt("set its time")
    }

    /// The same for what was just made in a directory that may hand down an ACL.
    pub(crate) fn set_on_new(&self, to: Handle<'_>, lost: &mut Lost) -> Result<()> {
        let found: Metadata = match to {
            Handle::Open(file) => rustix::fs::fstat(file).attempt("stat it")?.into(),
            Handle::Name(dir, leaf) => dir.metadata(leaf).attempt("stat it")?,
        };
        self.set(to, &found, lost)
    }
}

fn kept(mut xattrs: Xattrs, archive: bool) -> Xattrs {
    xattrs.retain(|(key, _)| is_kept(key.as_bytes(), archive));
    xattrs
}

/// SELinux labels are of a host's policy, and overlayfs's attributes would change what a directory is. POSIX ACLs are
/// part of what the mode says, so they are always kept.
fn is_kept(key: &[u8], archive: bool) -> bool {
    if key == b"security.selinux" || key.starts_with(b"trusted.overlay.") {
        return false;
    }
    archive
        || key.starts_with(b"user.")
        || key.starts_with(b"system.posix_acl_")
        || key == b"security.capability"
}
