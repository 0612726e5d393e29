//! A stamp tells, without reading a file, that nothing has changed it since: a hash of its inode number and of its
//! change time, which the kernel sets at every change and no program can set (inode(7)).
//!
//! Whoever sets the clock back and then makes a change has another change time all the same, but for one in a
//! thousand million. A copy of the tree has other inodes and times: there the contents must be read.

use std::time::{SystemTime, UNIX_EPOCH};

use twox_hash::XxHash3_64;

use crate::rootfs::{Metadata, Timestamp};

/// Never 0.
pub(super) fn stamp(metadata: &Metadata) -> u64 {
    let Timestamp { seconds, nanoseconds } = metadata.ctime;
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&metadata.inode.to_le_bytes());
    bytes[8..16].copy_from_slice(&seconds.to_le_bytes());
    bytes[16..].copy_from_slice(&nanoseconds.to_le_bytes());
    XxHash3_64::oneshot(&bytes).max(1)
}

/// Whether the next change might come at the same change time: the kernel's clock for files goes on in steps of up to
/// 10 ms (CONFIG_HZ), 2 s on filesystems that store no fractions. Such a file has no stamp that is worth anything.
pub(super) fn is_recent(metadata: &Metadata) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let Timestamp { seconds, nanoseconds } = metadata.ctime;
    let milliseconds = i128::from(now.as_millis() as u64)
        - (i128::from(seconds) * 1000 + i128::from(nanoseconds / 1_000_000));
    milliseconds < if nanoseconds == 0 { 2000 } else { 50 }
}
