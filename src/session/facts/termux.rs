//! Termux on either side: Android's variables on the host, and guests that are themselves a Termux, a prefix of its
//! packages instead of a distribution.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::guest::accounts::User;
use crate::host::{Host, Termux};
use crate::rootfs::{FileType, Follow, Rootfs};

/// What Android's own programs need, besides `ANDROID_*`.
const ANDROID: [&str; 6] = [
    "ASEC_MOUNTPOINT",
    "BOOTCLASSPATH",
    "DEX2OATBOOTCLASSPATH",
    "EXTERNAL_STORAGE",
    "LOOP_MOUNTPOINT",
    "SYSTEMSERVERCLASSPATH",
];

/// Whether a variable of the host is one of Android's.
fn is_android(key: &OsStr) -> bool {
    key.as_bytes().starts_with(b"ANDROID_") || ANDROID.iter().any(|name| key == *name)
}

/// The app whose packages nearly every such image has.
const PACKAGE: &str = "com.termux";

/// Android's own variables, where this is Termux.
pub fn android_env(host: &Host) -> Vec<(OsString, OsString)> {
    match host.termux() {
        Some(_) => {
            host.vars().filter(|(key, _)| is_android(key)).map(|(k, v)| (k.into(), v.into())).collect()
        }
        None => Vec::new(),
    }
}

/// The prefix of a guest that is a Termux: it has one with programs, and no /usr.
pub fn guest_prefix(rootfs: &Rootfs, termux: Option<&Termux>) -> Option<PathBuf> {
    let has = |path: &Path| {
        rootfs.metadata(path, Follow::Yes).is_ok_and(|found| found.file_type == FileType::Directory)
    };
    let prefix = |package: &str| Path::new("/data/data").join(package).join("files/usr");
    let package = termux.map_or(PACKAGE, |termux| &termux.package);
    let found = [PACKAGE, package].into_iter().map(prefix).find(|prefix| has(&prefix.join("bin")))?;
    (!has(Path::new("/usr/bin"))).then_some(found)
}

/// A user of such a guest lives beside the prefix, unless its accounts say otherwise.
pub fn settle(user: &mut User, prefix: &Path) {
    if user.home == Path::new("/") {
        user.home = prefix.with_file_name("home");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn androids_variables_are_known() {
        assert!(is_android(OsStr::new("BOOTCLASSPATH")) && !is_android(OsStr::new("PATH")));
        assert!(is_android(OsStr::new("ANDROID_ROOT")));
    }
}
