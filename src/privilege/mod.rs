//! Root: who has it, and how to get it.

use crate::error::{Error, Kind, Result};

/// Makes sure that this process is root.
pub fn require_root(elevate: bool) -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let hint = if elevate { "run it as root" } else { "run it as root, or leave '--no-elevate' out" };
    Err(Error::new(Kind::Denied, "this needs root").hint(hint))
}
