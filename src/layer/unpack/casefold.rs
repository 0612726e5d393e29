//! Directories that ignore case (casefold: ext4 and f2fs since Linux 5.2, as on Android's `/data/media`): there an entry
//! would silently take the place of another one. Two entries that differ in case alone are an error.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::ioctl_getflags;

use crate::error::{Attempt, Error, Kind, Result};
use crate::layer::name::Escaped;
use crate::rootfs::Dir;

/// `FS_CASEFOLD_FL` (linux/fs.h); rustix does not name it.
const CASEFOLD: u32 = 0x4000_0000;

/// Called where `leaf` is to be made and something answers to that name. `Unsupported`: it is spelled otherwise.
pub(super) fn refuse_another(dir: &Dir, leaf: &OsStr) -> Result<()> {
    // Most filesystems know no flags, or not this one.
    if !ioctl_getflags(dir).is_ok_and(|flags| flags.bits() & CASEFOLD != 0) {
        return Ok(());
    }
    let names = dir.names().attempt(|| "list its directory")?;
    let Some(other) = other(&names, leaf) else { return Ok(()) };
    let (one, two) = (Escaped(leaf.as_bytes()), Escaped(other.as_bytes()));
    Err(Error::new(
        Kind::Unsupported,
        format!("'{one}' and '{two}' are one name here: the filesystem ignores case (casefold)"),
    )
    .hint("keep the containers in a directory that does not: XDG_DATA_HOME moves them"))
}

/// The name by which `leaf` is found; none when it is there under its own.
fn other<'a>(names: &'a [OsString], leaf: &OsStr) -> Option<&'a OsStr> {
    let folded = |name: &OsStr| name.to_string_lossy().to_lowercase();
    if names.iter().any(|name| name == leaf) {
        return None;
    }
    names.iter().map(OsString::as_os_str).find(|name| folded(name) == folded(leaf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_differs_in_case_alone() {
        let names = ["Case", "other", "ÄÖ"].map(OsString::from);
        assert_eq!(other(&names, OsStr::new("case")), Some(OsStr::new("Case")));
        assert_eq!(other(&names, OsStr::new("äÖ")), Some(OsStr::new("ÄÖ")));
        assert_eq!(other(&names, OsStr::new("Case")), None);
        assert_eq!(other(&names, OsStr::new("absent")), None);
    }
}
