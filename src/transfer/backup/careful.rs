//! Between a tree that may change and the archive: what a file's header promises is what follows.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use crate::error::{Kind, Result};
use crate::layer::{Content, Entry, EntryKind, Name, Target};
use crate::report::{Report, Task};
use crate::rootfs::Metadata;

/// Hands entries on to an archive.
pub(super) struct Careful<'a> {
    archive: &'a mut dyn Target,
    /// As the Python tool 2.1.4 writes it: owned by root, and without devices and pipes.
    portable: bool,
    report: &'a dyn Report,
    task: &'a dyn Task,
    /// Files whose ends were gone when they were to be read.
    pub(super) cut: u64,
}

impl<'a> Careful<'a> {
    pub(super) fn new(
        archive: &'a mut dyn Target,
        portable: bool,
        report: &'a dyn Report,
        task: &'a dyn Task,
    ) -> Careful<'a> {
        Careful { archive, portable, report, task, cut: 0 }
    }
}

impl Target for Careful<'_> {
    fn begin(&mut self) -> Result<()> {
        self.archive.begin()
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        crate::sys::point::reach("backup.entry");
        let mut written = Entry { xattrs: entry.kept_xattrs().cloned().collect(), ..entry.clone() };
        // A record of tar ends its key there.
        let odd = |key: &OsStr| key.as_bytes().contains(&b'=');
        if let Some((key, _)) = written.xattrs.iter().find(|(key, _)| odd(key)) {
            let (key, name) = (key.display(), &entry.name);
            self.report
                .warn(&format!("'{name}' loses its attribute '{key}': tar cannot hold a name with '='"));
            written.xattrs.retain(|(key, _)| !odd(key));
        }
        if self.portable {
            if matches!(entry.kind, EntryKind::Fifo | EntryKind::Character(..) | EntryKind::Block(..)) {
                return Ok(());
            }
            (written.uid, written.gid) = (0, 0);
        }
        self.report.detail(&entry.name.to_string());
        let mut steady = Steady { content, cut: false };
        self.archive.put(&written, &mut steady)?;
        if steady.cut {
            self.cut += 1;
            self.report.warn(&format!("'{}' became shorter while it was read: its end is zeros", entry.name));
        } else if steady.content.descriptor().is_some_and(|file| changed(file, entry)) {
            self.report.warn(&format!("'{}' changed while it was read", entry.name));
        }
        if let EntryKind::File { size } = entry.kind {
            self.task.advance(size);
        }
        Ok(())
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        self.archive.hide(name)
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        self.archive.hide_children(name)
    }

    fn end(&mut self) -> Result<()> {
        self.archive.end()
    }
}

/// Whether a file is another one than when its entry was made.
fn changed(file: BorrowedFd<'_>, entry: &Entry) -> bool {
    let EntryKind::File { size } = entry.kind else { return false };
    rustix::fs::fstat(file.as_fd())
        .is_ok_and(|found| Metadata::from(found).mtime != entry.mtime || found.st_size as u64 != size)
}

/// Contents that end early instead of failing.
struct Steady<'a> {
    content: &'a mut dyn Content,
    cut: bool,
}

impl Content for Steady<'_> {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        match self.content.chunk() {
            Err(error) if error.kind() == Kind::Invalid => {
                self.cut = true;
                Ok(None)
            }
            chunk => chunk,
        }
    }

    fn is_whole(&self, size: u64) -> bool {
        self.content.is_whole(size)
    }

    fn runs(&mut self) -> Option<Vec<(u64, u64)>> {
        self.content.runs()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.content.descriptor()
    }
}
