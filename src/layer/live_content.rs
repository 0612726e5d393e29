//! The bytes of a file that somebody may be writing.

use std::fs::File;
use std::os::fd::BorrowedFd;

use super::content::Content;
use super::file_content::FileContent;
use crate::error::{Kind, Result};
use crate::rootfs::Metadata;

/// A file's contents. One that becomes shorter while it is read ends there, and that is noted.
pub(super) struct LiveContent {
    bytes: Bytes,
    was_cut: bool,
    /// What the file was when it was opened.
    before: Metadata,
}

enum Bytes {
    InFile(FileContent),
    /// All of them, until they are taken; and whether the file changed until they were read.
    Read {
        bytes: Vec<u8>,
        taken: bool,
        changed: bool,
    },
}

impl LiveContent {
    /// All bytes of `file`, which is `before`.
    pub(super) fn new(file: File, before: Metadata) -> LiveContent {
        let content = FileContent::new(file, before.size);
        LiveContent { bytes: Bytes::InFile(content), was_cut: false, before }
    }

    /// Reads what is without holes and at most `most` bytes, and closes the file. What cannot be read stays as it is, so
    /// that the error shows where the contents are wanted.
    pub(super) fn read_ahead(mut self, most: u64) -> LiveContent {
        if self.before.size > most || !self.is_whole(self.before.size) {
            return self;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.before.size).unwrap_or_default());
        while let Ok(Some((_, run))) = self.chunk() {
            bytes.extend_from_slice(run);
        }
        if self.was_cut || bytes.len() as u64 == self.before.size {
            self.bytes = Bytes::Read { changed: self.has_changed(), bytes, taken: false };
            return self;
        }
        match self.bytes {
            Bytes::InFile(content) => LiveContent { bytes: Bytes::InFile(content.again()), ..self },
            Bytes::Read { .. } => self,
        }
    }

    /// Whether its size or time is another than when it was opened.
    pub(super) fn has_changed(&self) -> bool {
        let file = match &self.bytes {
            Bytes::Read { changed, .. } => return *changed,
            Bytes::InFile(content) => content.descriptor(),
        };
        let now = file.and_then(|file| rustix::fs::fstat(file).ok()).map(Metadata::from);
        now.is_some_and(|now| (now.mtime, now.size) != (self.before.mtime, self.before.size))
    }

    /// Whether it became shorter.
    pub(super) fn was_cut(&self) -> bool {
        self.was_cut
    }
}

impl Content for LiveContent {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        let content = match &mut self.bytes {
            Bytes::InFile(_) if self.was_cut => return Ok(None),
            Bytes::InFile(content) => content,
            Bytes::Read { bytes, taken, .. } => {
                let first = !std::mem::replace(taken, true);
                return Ok((first && !bytes.is_empty()).then_some((0, bytes)));
            }
        };
        match content.chunk() {
            Err(error) if error.kind() == Kind::Invalid => {
                self.was_cut = true;
                Ok(None)
            }
            chunk => chunk,
        }
    }

    fn is_whole(&self, size: u64) -> bool {
        match &self.bytes {
            Bytes::InFile(content) => content.is_whole(size),
            Bytes::Read { .. } => true,
        }
    }

    fn runs(&mut self) -> Option<Vec<(u64, u64)>> {
        match &mut self.bytes {
            Bytes::InFile(content) => content.runs(),
            Bytes::Read { .. } => None,
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.bytes {
            Bytes::InFile(content) => content.descriptor(),
            Bytes::Read { .. } => None,
        }
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
