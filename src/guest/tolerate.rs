//! What becomes of a fix-up that an image has no room for: it is left out, with a warning.

use std::io;

use crate::error::{Attempt, Result};
use crate::report::Report;

/// A strange image is not a reason to refuse it; a full disk is.
pub(super) fn tolerate(result: io::Result<()>, path: &str, report: &dyn Report) -> Result<()> {
    use io::ErrorKind::{FileTooLarge, InvalidInput, IsADirectory, NotADirectory, NotFound};
    match result {
        Err(error)
            if matches!(
                error.kind(),
                FileTooLarge | InvalidInput | IsADirectory | NotADirectory | NotFound
            ) =>
        {
            report.warn(&format!("the image's '{path}' is left as it is: {error}"));
            Ok(())
        }
        result => result.attempt(format_args!("write the container's '{path}'")),
    }
}
