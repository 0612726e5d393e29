//! What a failure to read an archive means: whose fault it is.

use std::io;

use crate::error::Error;

/// A failure to read an archive. Damage is the archive's fault; the rest is the system's or the network's.
pub(super) fn read_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::invalid("the archive is cut short"),
        _ if error.raw_os_error().is_some() => Error::io("read the archive", error),
        _ => match error.downcast::<Error>() {
            Ok(ours) => ours,
            Err(error) => Error::invalid(format_args!("the archive is damaged: {error}")),
        },
    }
}
