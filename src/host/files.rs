//! Files replaced by one rename: readers see the old contents or the new, never a part.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;

use crate::error::{Attempt, Result};

/// Writes a file beside `path`, has `sync` bring it to disk, and renames it there.
pub fn replace(path: &Path, contents: &[u8], mode: u32, sync: fn(&File) -> io::Result<()>) -> Result<()> {
    let temporary = beside(path);
    let written = (|| {
        // Left by a killed process of this number; or a link, made by who knows where this writes.
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(contents)?;
        sync(&file)?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.attempt(format_args!("write '{}'", path.display()))
}

/// Deletes what [`beside`] has named for a process that was killed: beside `path`, and where that is a directory, in it, for
/// names that begin as one of `inside`.
pub fn clear_of(path: &Path, inside: &[&str], process: u32) {
    let mut left = vec![beside_of(path, process)];
    let end = format!(".{process}");
    for entry in fs::read_dir(path).into_iter().flatten().flatten().filter(|_| !inside.is_empty()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_ours = |start: &&str| name.strip_prefix('.').is_some_and(|name| name.starts_with(*start));
        if name.ends_with(&end) && inside.iter().any(is_ours) {
            left.push(entry.path());
        }
    }
    for path in left {
        // What cannot be deleted is only litter.
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }
}

/// A hidden name in the same directory, this process's own.
pub fn beside(path: &Path) -> PathBuf {
    beside_of(path, process::id())
}

fn beside_of(path: &Path, process: u32) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{process}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_a_killed_process_has_left_goes() {
        let temp = TempDir::new();
        let path = |name: &str| temp.path().join(name);
        fs::create_dir_all(beside(&path("d")).join("sub")).unwrap();
        fs::write(beside(&path("f")), "").unwrap();
        for other in [".other", ".blob_x"] {
            fs::write(path(&format!("{other}.{}", process::id())), "").unwrap();
        }
        for other in ["d", "f", ".d", ".d.1", ".blob_x.1"] {
            fs::write(path(other), "").unwrap();
        }
        let names = || {
            let mut names: Vec<String> = fs::read_dir(temp.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        };
        let own = process::id();
        let rest = |others: &[&str]| {
            [others, &["d", "f"]].concat().iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()
        };
        let (blob, other) = (format!(".blob_x.{own}"), format!(".other.{own}"));
        clear_of(&path("d"), &[], own);
        clear_of(&path("f"), &[], own);
        assert_eq!(names(), rest(&[".blob_x.1", &blob, ".d", ".d.1", &other]));
        clear_of(temp.path(), &["blob_"], own);
        assert_eq!(names(), rest(&[".blob_x.1", ".d", ".d.1", &other]));
    }
}
