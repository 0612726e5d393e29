//! Files of our own on the host: made readable for everyone whatever the umask, replaced by one rename.
//!
//! The directories may belong to somebody else than root, as Termux's prefix does. So what is opened is a regular file, and
//! nothing that it could be exchanged for: a link would lead root elsewhere, a FIFO would keep it waiting.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, fchmod, openat};

use crate::error::{Attempt, Result};
use crate::host::files::{beside, replace};

/// Makes a directory and its missing parents, mode 0755, so that `list` works without root.
pub(super) fn make_dir(path: &Path) -> Result<()> {
    let made = match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                make_dir(parent)?;
            }
            fs::create_dir(path)
        }
        made => made,
    };
    match made {
        Ok(()) => open_dir(path).and_then(|made| Ok(fchmod(made, Mode::from_raw_mode(0o755))?)),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
    .attempt(format_args!("make the directory '{}'", path.display()))
}

/// A directory, and no link to one.
pub(super) fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?)
}

/// A regular file, for what `options` say. Nothing is waited for.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let is_regular = |file: &File| file.metadata().is_ok_and(|found| found.is_file());
    match file {
        Ok(file) if is_regular(&file) => Ok(file),
        Err(error) if !matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => Err(error),
        _ => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link, a FIFO or a device, and no file"))
        }
    }
}

/// The same, to be read.
pub(super) fn open_read(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// Writes a file beside `path` and renames it there. Readers see the old contents or the new, also after a
/// power cut: the bytes are on disk before the name is.
pub(super) fn write(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    replace(path, contents, mode, File::sync_all)
}

/// The same for what no power cut makes wrong: nothing waits for the disk.
pub(super) fn write_transient(path: &Path, contents: &[u8], mode: u32) -> Result<()> {
    replace(path, contents, mode, |_| Ok(()))
}

/// The contents of a file of at most `limit` bytes; `None` when there is none.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    contents(open_read(path), path, limit)
}

/// The same of what was opened at `path`.
pub(super) fn contents(opened: io::Result<File>, path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let read = |file: File| {
        let mut contents = Vec::new();
        if file.take(limit).read_to_end(&mut contents)? as u64 == limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(contents))
    };
    match opened.and_then(read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.attempt(format_args!("read '{}'", path.display())),
    }
}

/// A file in `directory` that has no name any more.
pub(super) fn temporary(directory: &Path) -> Result<File> {
    make_dir(directory)?;
    let path = beside(&directory.join("temporary"));
    let _ = fs::remove_file(&path);
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
    made.and_then(|file| fs::remove_file(&path).map(|()| file))
        .attempt(format_args!("make a temporary file in '{}'", directory.display()))
}

/// The names in a directory that are UTF-8 (all of ours are), sorted; none when it is missing.
pub(super) fn names(directory: &Path) -> Result<Vec<String>> {
    let list = || {
        fs::read_dir(directory)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()
    };
    let mut names: Vec<String> = match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names
            .attempt(format_args!("list '{}'", directory.display()))?
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .collect(),
    };
    names.sort_unstable();
    Ok(names)
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.attempt(format_args!("remove '{}'", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::store::tests::Scene;

    #[test]
    fn written_whole_or_not_at_all_and_readable_by_everyone() {
        let scene = Scene::new();
        let path = scene.root().join("a/b/c");
        make_dir(path.parent().unwrap()).unwrap();
        write(&path, b"one", 0o644).unwrap();
        write(&path, b"two", 0o644).unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"two");
        assert!(read(&path, 3).is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(names(path.parent().unwrap()).unwrap(), ["c"]);
        assert!(names(&scene.root().join("none")).unwrap().is_empty());
        assert!(read(&scene.root().join("none"), 1).unwrap().is_none());
    }

    #[test]
    fn what_a_file_was_exchanged_for_is_not_opened() {
        let scene = Scene::new();
        let path = |name: &str| scene.root().join(name);
        fs::write(path("file"), "secret").unwrap();
        symlink("file", path("link")).unwrap();
        symlink(".", path("directory")).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, path("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for name in ["link", "fifo", "directory"] {
            let error = read(&path(name), 10).unwrap_err().to_string();
            assert!(error.contains("and no file"), "{name}: {error}");
            let written = open(&path(name), OpenOptions::new().write(true));
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        assert!(open_dir(&path("directory")).is_err());
        // Where the temporary file would be.
        symlink("file", beside(&path("new"))).unwrap();
        write(&path("new"), b"text", 0o600).unwrap();
        assert_eq!(fs::read(path("file")).unwrap(), b"secret");
        assert_eq!(fs::read(path("new")).unwrap(), b"text");
    }
}
