//! Whether a clone has room, asked before it begins.

use crate::error::{Error, Kind, Result};
use crate::store::{Container, Store};

/// Filesystems that may share blocks between files, so that a clone takes next to nothing.
const SHARING: [&str; 3] = ["btrfs", "xfs", "zfs"];

/// `System` when the files of `source`, of `size` bytes on disk, do not fit beside it.
pub(super) fn check(store: &Store, source: &Container, size: u64) -> Result<()> {
    let place = store.place()?;
    if size <= place.free || SHARING.contains(&place.filesystem.as_str()) {
        return Ok(());
    }
    Err(Error::new(
        Kind::System,
        format_args!(
            "'{}' takes {} MiB on disk, and {} MiB are free",
            source.name(),
            size.div_ceil(1 << 20),
            place.free >> 20
        ),
    )
    .hint("free some space ('chroot-distro clear-cache' drops downloads) and try again"))
}
