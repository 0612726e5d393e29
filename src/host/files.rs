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

/// A hidden name in the same directory, this process's own.
pub fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", process::id()))
}
