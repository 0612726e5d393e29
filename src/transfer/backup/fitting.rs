//! Between a tree and the archive: leaves out what does not belong into a backup, and what tar cannot hold.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::error::Result;
use crate::layer::{Content, Entry, EntryKind, Name, Target};
use crate::report::Report;

/// Hands entries on to an archive.
pub(super) struct Fitting<'a> {
    archive: &'a mut dyn Target,
    /// As the Python tool 2.1.4 writes it: owned by root, and without devices and pipes.
    portable: bool,
    /// What was left out: no other name may be a hard link to it.
    left_out: HashSet<Name>,
    report: &'a dyn Report,
}

impl<'a> Fitting<'a> {
    pub(super) fn new(archive: &'a mut dyn Target, portable: bool, report: &'a dyn Report) -> Fitting<'a> {
        Fitting { archive, portable, left_out: HashSet::new(), report }
    }
}

impl Target for Fitting<'_> {
    fn begin(&mut self) -> Result<()> {
        self.archive.begin()
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
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
            let skipped = match &entry.kind {
                EntryKind::Fifo | EntryKind::Character(..) | EntryKind::Block(..) => true,
                EntryKind::HardLink(to) => self.left_out.contains(to),
                _ => false,
            };
            if skipped {
                self.left_out.insert(entry.name.clone());
                return Ok(());
            }
            (written.uid, written.gid) = (0, 0);
        }
        self.report.detail(&entry.name.to_string());
        self.archive.put(&written, content)
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
