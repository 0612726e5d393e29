//! What this host is: platform, paths, feature probes.

use std::path::PathBuf;

/// Where the two trees are.
#[derive(Debug, Clone)]
pub struct Paths {
    /// `$RUNTIME_DIR`: `$TERMUX__PREFIX/var/lib/chroot-distro` or `$XDG_DATA_HOME/chroot-distro`.
    pub data: PathBuf,
    /// `$BASE_CACHE_DIR`: `$RUNTIME_DIR/cache` on Termux, else `$XDG_CACHE_HOME/chroot-distro`.
    pub cache: PathBuf,
}
impl Paths {
    /// From the environment.
    pub fn detect() -> Paths {
        todo!()
    }
}
