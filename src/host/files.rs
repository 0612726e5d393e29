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
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(contents)?;
        sync(&file)?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.attempt(|| format!("write '{}'", path.display()))
}

/// Deletes what [`beside`] has named in a directory for a process that was killed.
pub fn clear_of(directory: &Path, process: i32) {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let end = format!(".{process}");
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') && name.to_string_lossy().ends_with(&end) {
            // What cannot be deleted is only litter.
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

/// A hidden name in the same directory, this process's own.
pub fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_a_killed_process_has_left_goes() {
        let temp = TempDir::new();
        let path = |name: &str| temp.path().join(name);
        let own = i32::try_from(process::id()).unwrap();
        fs::create_dir_all(beside(&path("d")).join("sub")).unwrap();
        fs::write(beside(&path("f")), "").unwrap();
        for other in ["d", "f", ".d", ".d.1"] {
            fs::write(path(other), "").unwrap();
        }
        clear_of(temp.path(), own);
        let mut names: Vec<_> =
            fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".d", ".d.1", "d", "f"]);
    }
}
