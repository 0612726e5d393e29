//! Command lines, knowing no command by name: GNU syntax over argh, help layout, suggestions.

use std::ffi::OsString;

/// argh takes only UTF-8: the normaliser writes each byte of an argument that is not, as one private-use
/// character; this restores the argument.
pub fn os_string(argument: &str) -> OsString {
    todo!()
}
