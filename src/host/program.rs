//! This program's own file, as something that root may be told to run by itself.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Error, Kind, Result};

/// Where this program is installed, for rules and services that run it as root: an absolute path that needs no quoting,
/// and that nobody but root can put another file at. Refuses any other.
pub fn installed() -> Result<PathBuf> {
    let path = std::env::current_exe().attempt("find this program's file")?;
    check(&path).map(|()| path)
}

fn check(path: &Path) -> Result<()> {
    let refuse = |why: String| {
        Err(Error::new(Kind::Denied, why).hint(
            "install it where only root can write: sudo install -m 755 chroot-distro /usr/local/bin/, then run that one",
        ))
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    if !path.as_os_str().as_encoded_bytes().iter().copied().all(plain) {
        return refuse(format!("'{}' has characters that would need quoting", path.display()));
    }
    for part in path.ancestors() {
        let file = fs::symlink_metadata(part).attempt(format_args!("look at '{}'", part.display()))?;
        if file.uid() != 0 || file.mode() & 0o022 != 0 {
            return refuse(format!(
                "others than root can replace '{}': '{}' is theirs to write",
                path.display(),
                part.display()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roots_own_path_will_do() {
        check(Path::new("/proc/version")).unwrap();
        assert!(check(Path::new("/tmp")).unwrap_err().hint_text().unwrap().contains("/usr/local/bin"));
        assert!(check(Path::new("/usr/a b")).is_err());
    }
}
