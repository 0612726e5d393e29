//! Whether a path of the host's is a program.

use std::path::Path;

use rustix::fs::{Access, access};

/// Whether it is a regular file, through links, that this process may execute (access(2), `X_OK`).
pub fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_the_bit() {
        assert!(is_executable(Path::new("/proc/self/exe")));
        for other in ["/proc/version", "/proc", "/proc/no-such-file"] {
            assert!(!is_executable(Path::new(other)), "{other}");
        }
    }
}
