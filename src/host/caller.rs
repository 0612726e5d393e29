//! Who asked: the user whom sudo, doas, pkexec or our own elevation made root, or else root itself.

use std::path::{Path, PathBuf};

use rustix::process::getuid;

use super::snapshot::Host;

impl Host {
    /// The caller's user id, or where only that is known (doas) their name.
    pub fn caller(&self) -> String {
        ["SUDO_UID", "PKEXEC_UID", "DOAS_USER"]
            .iter()
            .find_map(|key| self.var(key).and_then(|value| value.to_str()))
            .map_or_else(|| getuid().as_raw().to_string(), str::to_owned)
    }

    /// The caller's home as they have it, where that came through: our own elevation and sudo 1.9.14 pass it on.
    /// Root's own is `HOME`.
    pub fn caller_home(&self) -> Option<PathBuf> {
        let key = if self.caller() == "0" { "HOME" } else { "SUDO_HOME" };
        self.var(key).map(PathBuf::from).filter(|home| home.is_absolute() && home != Path::new("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_made_us_root_says_for_whom() {
        let caller = |env: &[(&str, &str)]| {
            let host = Host::at("/nonexistent", env.iter().copied());
            (host.caller(), host.caller_home())
        };
        let home = |path: &str| Some(PathBuf::from(path));
        let sudo = [("SUDO_UID", "1000"), ("HOME", "/root"), ("SUDO_HOME", "/home/u")];
        assert_eq!(caller(&sudo), ("1000".into(), home("/home/u")));
        assert_eq!(caller(&[("PKEXEC_UID", "7"), ("HOME", "/root")]), ("7".into(), None));
        assert_eq!(caller(&[("DOAS_USER", "u")]), ("u".into(), None));
        assert_eq!(caller(&[("SUDO_UID", "0"), ("HOME", "/r")]), ("0".into(), home("/r")));
    }
}
