//! Owner, mode, time and extended attributes: what the source has, what is different there, and how it is mended without
//! writing the contents anew.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use super::options::Options;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{self, Dir, FileType, Metadata, Timestamp};
use crate::transfer::copy::attributes::{Lost, is_kept, tolerate};

type Xattrs = Vec<(OsString, Vec<u8>)>;

/// What it is given to.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// Anything, by its name.
    Name(&'a Dir, &'a OsStr),
}

impl Target<'_> {
    fn xattrs(&self) -> io::Result<Xattrs> {
        match self {
            Target::Open(file) => rootfs::xattrs(file),
            Target::Name(dir, leaf) => dir.xattrs(leaf),
        }
    }

    fn chown(&self, uid: u32, gid: u32) -> io::Result<()> {
        match self {
            Target::Open(file) => rootfs::chown(file, uid, gid),
            Target::Name(dir, leaf) => dir.chown(leaf, uid, gid),
        }
    }

    fn chmod(&self, mode: u32) -> io::Result<()> {
        match self {
            Target::Open(file) => rootfs::chmod(file, mode),
            Target::Name(dir, leaf) => dir.chmod(leaf, mode),
        }
    }

    fn set_xattr(&self, key: &OsStr, value: &[u8]) -> io::Result<()> {
        match self {
            Target::Open(file) => rootfs::set_xattr(file, key, value),
            Target::Name(dir, leaf) => dir.set_xattr(leaf, key, value),
        }
    }

    fn remove_xattr(&self, key: &OsStr) -> io::Result<()> {
        match self {
            Target::Open(file) => rootfs::remove_xattr(file, key),
            Target::Name(dir, leaf) => dir.remove_xattr(leaf, key),
        }
    }

    fn set_mtime(&self, mtime: Timestamp) -> io::Result<()> {
        match self {
            Target::Open(file) => rootfs::set_mtime(file, mtime),
            Target::Name(dir, leaf) => dir.set_mtime(leaf, mtime),
        }
    }
}

/// What an entry shall have, contents aside.
#[derive(Debug)]
pub(super) struct Attributes {
    file_type: FileType,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: Timestamp,
    xattrs: Xattrs,
    archive: bool,
}

impl Attributes {
    /// Those of the source, with the owner that was asked for.
    pub(super) fn read(from: Target<'_>, metadata: &Metadata, options: &Options) -> Result<Attributes> {
        let xattrs = from.xattrs().attempt(|| "read its extended attributes")?;
        let &Metadata { file_type, mode, mtime, .. } = metadata;
        Ok(Attributes {
            file_type,
            mode,
            uid: options.owner.uid.unwrap_or(metadata.uid),
            gid: options.owner.gid.unwrap_or(metadata.gid),
            mtime,
            xattrs: kept(xattrs, options.archive),
            archive: options.archive,
        })
    }

    /// What is different in the destination, which is `found`.
    pub(super) fn differences(&self, to: Target<'_>, found: &Metadata) -> Result<Vec<&'static str>> {
        let differs = [
            ("mode", self.mode_differs(found)),
            ("owner", self.owner_differs(found)),
            ("time", self.mtime != found.mtime),
            ("xattrs", self.xattrs != self.kept_of(to)?),
        ];
        Ok(differs.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect())
    }

    fn kept_of(&self, to: Target<'_>) -> Result<Xattrs> {
        let xattrs = to.xattrs().attempt(|| "read the extended attributes of what stands there")?;
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
    pub(super) fn set(&self, to: Target<'_>, found: &Metadata, lost: &mut Lost) -> Result<()> {
        let mut there = self.kept_of(to)?;
        let gone = |(key, _): &(OsString, Vec<u8>)| !self.xattrs.iter().any(|(kept, _)| kept == key);
        for (key, _) in there.iter().filter(|had| gone(had)) {
            tolerate(to.remove_xattr(key), "extended attributes", lost)
                .attempt(|| format!("remove its attribute '{}'", key.display()))?;
        }
        let acl_went =
            there.iter().any(|had| gone(had) && had.0.as_bytes().starts_with(b"system.posix_acl_"));
        let chown = self.owner_differs(found);
        if chown {
            tolerate(to.chown(self.uid, self.gid), "owners", lost).attempt(|| "set its owner")?;
            there.retain(|(key, _)| key != "security.capability");
        }
        if self.mode_differs(found) || acl_went || chown && self.mode & 0o6000 != 0 {
            tolerate(to.chmod(self.mode), "permissions", lost).attempt(|| "set its mode")?;
        }
        for (key, value) in self.xattrs.iter().filter(|wanted| !there.contains(wanted)) {
            tolerate(to.set_xattr(key, value), "extended attributes", lost)
                .map_err(|error| Error::io(format!("set its attribute '{}'", key.display()), error))?;
        }
        tolerate(to.set_mtime(self.mtime), "times", lost).attempt(|| "set its time")
    }

    /// The same for what was just made in a directory that may hand down an ACL.
    pub(super) fn set_on_new(&self, to: Target<'_>, lost: &mut Lost) -> Result<()> {
        let found: Metadata = match to {
            Target::Open(file) => rustix::fs::fstat(file).attempt(|| "stat it")?.into(),
            Target::Name(dir, leaf) => dir.metadata(leaf).attempt(|| "stat it")?,
        };
        self.set(to, &found, lost)
    }
}

fn kept(mut xattrs: Xattrs, archive: bool) -> Xattrs {
    xattrs.retain(|(key, _)| is_kept(key.as_bytes(), archive));
    xattrs
}

/// The descriptor of a directory.
pub(super) fn open(dir: &Dir) -> Target<'_> {
    Target::Open(AsFd::as_fd(dir))
}
