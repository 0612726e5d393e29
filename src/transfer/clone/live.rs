//! The bytes of a file that somebody may be writing.

use std::fs::File;
use std::os::fd::BorrowedFd;

use crate::error::{Kind, Result};
use crate::layer::{Content, FileContent};

/// A file's contents. One that becomes shorter while it is read ends there, and that is noted.
pub(super) struct LiveContent {
    content: FileContent,
    was_cut: bool,
}

impl LiveContent {
    /// The first `size` bytes of `file`.
    pub(super) fn new(file: File, size: u64) -> LiveContent {
        LiveContent { content: FileContent::new(file, size), was_cut: false }
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
        let mut content = LiveContent::new(File::open(&path).unwrap(), 300_000);
        let first = content.chunk().unwrap().unwrap().1.len();
        File::options().write(true).open(&path).unwrap().set_len(200_000).unwrap();
        let mut length = first;
        while let Some((_, bytes)) = content.chunk().unwrap() {
            length += bytes.len();
        }
        assert_eq!((length, content.was_cut()), (200_000, true));
        assert!(content.chunk().unwrap().is_none());
    }
}
