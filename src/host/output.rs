//! Where an archive goes: standard output, or a new file that is there when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    Advice, AtFlags, CWD, Mode, OFlags, RenameFlags, fadvise, fcntl_getfl, fstat, fstatvfs, linkat, open,
    renameat_with, stat,
};
use rustix::io::Errno;

use super::files::beside;
use crate::error::{Attempt, Error, Kind, Result};

/// It holds what its user may not read otherwise (`/etc/shadow`).
const MODE: u32 = 0o600;

/// Takes the bytes of an archive.
pub enum Output {
    /// Standard output.
    Stdout(io::Stdout),
    /// A file to be.
    File(NewFile),
}

/// A file that has no name yet, or where that cannot be (vfat), a hidden one.
pub struct NewFile {
    file: File,
    path: PathBuf,
    hidden: Option<PathBuf>,
    /// Bytes: what was written, and how much of it the kernel was told to put on disk.
    length: u64,
    begun: u64,
}

/// Bytes after which the kernel begins to write them to disk, so that the wait for the last of them is short.
const PIECE: u64 = 8 << 20;

impl Output {
    /// Standard output, if it leads anywhere: where it was closed, the start of every Rust program has opened `/dev/null`
    /// in its place, for reading too.
    pub fn stdout() -> Result<Output> {
        let stdout = io::stdout();
        let was_closed = || -> rustix::io::Result<bool> {
            let (opened, found) = (fcntl_getfl(&stdout)?, fstat(&stdout)?);
            let null = stat("/dev/null")?;
            Ok(opened.contains(OFlags::RDWR) && (found.st_rdev, found.st_ino) == (null.st_rdev, null.st_ino))
        };
        match was_closed() {
            Ok(true) => Err(Error::usage("standard output leads nowhere").hint("add '--output FILE'")),
            _ => Ok(Output::Stdout(stdout)),
        }
    }

    /// A new file at `path`. `Exists` when something stands there: nothing is ever replaced.
    pub fn create(path: &Path) -> Result<Output> {
        let attempt = format_args!("create '{}'", path.display());
        if path.file_name().is_none() || path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(Error::usage(format_args!("'{}' is not the name of a file", path.display())));
        }
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let (file, hidden) = match open(directory, flags, Mode::from_raw_mode(MODE)) {
            Ok(file) => (File::from(file), None),
            // Not known to the filesystem, or to the kernel (before Linux 3.11).
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                let hidden = beside(path);
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(true).mode(MODE);
                (options.open(&hidden).attempt(attempt)?, Some(hidden))
            }
            Err(error) => return Err(error).attempt(attempt),
        };
        Ok(Output::File(NewFile { file, path: path.to_owned(), hidden, length: 0, begun: 0 }))
    }

    /// Bytes that are free where the file is; none for what is no file.
    pub fn free(&self) -> Option<u64> {
        let file = match self {
            Output::Stdout(_) => return None,
            Output::File(new) => &new.file,
        };
        let numbers = fstatvfs(file).ok()?;
        Some(numbers.f_bavail.saturating_mul(numbers.f_frsize))
    }

    /// Everything was written: on disk, and under its name.
    pub fn finish(self) -> Result<()> {
        match self {
            Output::Stdout(mut stdout) => stdout.flush().attempt("write the archive"),
            Output::File(file) => file.finish(),
        }
    }
}

impl NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.length += count as u64;
        if self.length - self.begun >= PIECE {
            // Nobody reads them soon: begins to write what is dirty, and waits for nothing (posix_fadvise(2)).
            let piece = NonZeroU64::new(self.length - self.begun);
            let _ = fadvise(&self.file, self.begun, piece, Advice::DontNeed);
            self.begun = self.length;
        }
        Ok(count)
    }

    fn finish(mut self) -> Result<()> {
        let path = &self.path;
        let attempt = format_args!("write '{}'", path.display());
        self.file.sync_all().attempt(attempt)?;
        crate::sys::point::reach("backup.written");
        let named = match &self.hidden {
            None => {
                let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)
            }
            Some(hidden) => match renameat_with(CWD, hidden, CWD, path, RenameFlags::NOREPLACE) {
                // vfat and kernels before 3.15; it was not there a moment ago.
                Err(Errno::INVAL | Errno::NOSYS) if path.symlink_metadata().is_err() => {
                    fs::rename(hidden, path)
                        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
                }
                named => named,
            },
        };
        match named {
            Err(Errno::EXIST) => Err(exists(path)),
            named => {
                named.attempt(attempt)?;
                self.hidden = None;
                Ok(())
            }
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            let _ = fs::remove_file(hidden);
        }
    }
}

fn exists(path: &Path) -> Error {
    Error::new(Kind::Exists, format_args!("'{}' already exists", path.display()))
        .hint("choose another name, or delete it first")
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Stdout(stdout) => stdout.write(bytes),
            Output::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn names(dir: &TempDir) -> Vec<std::ffi::OsString> {
        fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name()).collect()
    }

    #[test]
    fn a_file_is_there_when_it_is_whole_and_replaces_none() {
        let dir = TempDir::new();
        let path = dir.path().join("a.tar");
        let mut output = Output::create(&path).unwrap();
        output.write_all(b"archive").unwrap();
        assert!(!path.exists());
        drop(output);
        assert!(names(&dir).is_empty());
        let (mut one, other) = (Output::create(&path).unwrap(), Output::create(&path).unwrap());
        one.write_all(b"archive").unwrap();
        one.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"archive");
        assert_eq!(other.finish().unwrap_err().kind(), Kind::Exists);
        assert!(Output::create(&path).is_err_and(|error| error.kind() == Kind::Exists));
        assert_eq!(names(&dir), ["a.tar"]);
    }

    #[test]
    fn so_is_one_with_a_hidden_name() {
        let dir = TempDir::new();
        let (path, hidden) = (dir.path().join("a.tar"), dir.path().join(".hidden"));
        let new = || {
            let file = File::create(&hidden).unwrap();
            NewFile { file, path: path.clone(), hidden: Some(hidden.clone()), length: 0, begun: 0 }
        };
        drop(new());
        assert!(names(&dir).is_empty());
        new().finish().unwrap();
        assert_eq!(new().finish().unwrap_err().kind(), Kind::Exists);
        assert_eq!(names(&dir), ["a.tar"]);
    }
}
