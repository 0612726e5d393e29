//! The bytes of a file that somebody may be writing.

use std::fs::File;
use std::os::fd::BorrowedFd;

use super::content::Content;
use super::file_content::FileContent;
use crate::error::{Kind, Result};
use crate::rootfs::Metadata;

/// A file's contents. One that becomes shorter while it is read ends there, and that is noted.
pub(super) struct LiveContent {
    content: FileContent,
    was_cut: bool,
    /// What the file was when it was opened.
    before: Metadata,
}

impl LiveContent {
    /// All bytes of `file`, which is `before`.
    pub(super) fn new(file: File, before: Metadata) -> LiveContent {
        LiveContent { content: FileContent::new(file, before.size), was_cut: false, before }
    }

    /// Whether its size or time is another than when it was opened.
    pub(super) fn has_changed(&self) -> bool {
        let now = self.content.descriptor().and_then(|file| rustix::fs::fstat(file).ok()).map(Metadata::from);
        now.is_some_and(|now| (now.mtime, now.size) != (self.before.mtime, self.before.size))
    }

    /// Whether it became shorter.
    pub(super) fn was_cut(&self) -> bool {
        self.was_cut
    }
}

impl Content for LiveContent {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        if self.was_cut {
            return Ok(None);
        }
        match self.content.chunk() {
            Err(error) if error.kind() == Kind::Invalid => {
                self.was_cut = true;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_file_that_becomes_shorter_ends_there() {
        let temp = TempDir::new();
        let path = temp.path().join("file");
        std::fs::write(&path, vec![1; 300_000]).unwrap();
        let file = File::open(&path).unwrap();
        let before = rustix::fs::fstat(&file).unwrap().into();
        let mut content = LiveContent::new(file, before);
        assert!(!content.has_changed());
        let first = content.chunk().unwrap().unwrap().1.len();
        File::options().write(true).open(&path).unwrap().set_len(200_000).unwrap();
        let mut length = first;
        while let Some((_, bytes)) = content.chunk().unwrap() {
            length += bytes.len();
        }
        assert_eq!((length, content.was_cut()), (200_000, true));
        assert!(content.chunk().unwrap().is_none() && content.has_changed());
    }
}
