//! Mounts at or below a container, as proc_pid_mountinfo(5) tells them: our own namespace's are undone, anyone
//! else's are a reason to refuse. Never a lazy unmount: what is busy is in use.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};

use super::processes;
use crate::error::{Attempt, Error, Kind, Result};

/// Unmounts what is mounted at or below `path` in our namespace, the newest first. The Python tool leaves such
/// mounts in the host's table.
pub(super) fn undo(path: &Path) -> Result<()> {
    for point in below(&read("self")?, path).into_iter().rev() {
        unmount(&point, UnmountFlags::NOFOLLOW)
            .attempt(|| format!("unmount '{}'", point.display()))
            .map_err(|error| error.hint("a process on the host may use it: see 'fuser -m'"))?;
    }
    Ok(())
}

/// Refuses when any mount namespace on this host has a mount at or below `path`: deleting there might delete
/// through it.
pub(super) fn refuse(path: &Path) -> Result<()> {
    let mut seen = BTreeSet::new();
    for pid in processes::all()? {
        let Some(namespace) = processes::mount_namespace(pid) else { continue };
        if !seen.insert(namespace) {
            continue;
        }
        // It may have ended since.
        let Ok(mountinfo) = read(&pid.to_string()) else { continue };
        if let Some(point) = below(&mountinfo, path).first() {
            return Err(Error::new(
                Kind::Busy,
                format!("'{}' is still mounted in the namespace of process {pid}", point.display()),
            )
            .hint("end that process, or unmount it there, then try again"));
        }
    }
    Ok(())
}

fn read(pid: &str) -> Result<Vec<u8>> {
    let path = format!("/proc/{pid}/mountinfo");
    fs::read(&path).attempt(|| format!("read '{path}'"))
}

/// The mount points at or below `path`, in the order they were mounted.
fn below(mountinfo: &[u8], path: &Path) -> Vec<PathBuf> {
    mountinfo
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(4))
        .map(unescape)
        .filter(|point| point.starts_with(path))
        .collect()
}

/// Space, tab, newline and backslash are written as `\` and three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_components_only_and_unescapes() {
        let table = b"1 0 0:1 / / rw - a a rw\n2 1 0:2 / /c/x rw - b b rw\n3 2 0:3 / /c/x/a\\040b\\134 rw - c c rw\n4 1 0:4 / /c/xy rw - d d rw\n";
        assert_eq!(below(table, Path::new("/c/x")), [Path::new("/c/x"), Path::new("/c/x/a b\\")]);
        assert_eq!(below(table, Path::new("/")).len(), 4);
    }

    #[test]
    fn proc_is_mounted_here_and_so_refused() {
        assert_eq!(refuse(Path::new("/proc")).unwrap_err().kind(), Kind::Busy);
        refuse(Path::new("/nonexistent")).unwrap();
    }
}
