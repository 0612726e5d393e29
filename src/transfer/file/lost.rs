//! What the destination's filesystem cannot keep. That is no reason to keep nothing: it is told once, at the end.

use std::collections::BTreeSet;
use std::io;

use crate::error::Error;

/// What a filesystem cannot keep, each said once.
pub(crate) type Lost = BTreeSet<&'static str>;

/// Filesystems such as vfat refuse what they cannot keep: it goes into `lost`.
pub(crate) fn tolerate(result: io::Result<()>, what: &'static str, lost: &mut Lost) -> io::Result<()> {
    match result {
        Err(error) if is_unable(&error) => {
            lost.insert(what);
            Ok(())
        }
        result => result,
    }
}

/// Whether the destination cannot have such a thing at all.
pub(crate) fn cannot_have(error: &Error) -> bool {
    error.errno().is_some_and(|errno| is_unable(&io::Error::from_raw_os_error(errno)))
}

/// Whether the filesystem, or this process, can never do such a thing.
fn is_unable(error: &io::Error) -> bool {
    let unable = [libc::EPERM, libc::EACCES, libc::ENOTSUP, libc::EINVAL, libc::ENOSYS];
    error.raw_os_error().is_some_and(|errno| unable.contains(&errno))
}
