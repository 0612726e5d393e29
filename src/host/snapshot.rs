//! The host as one process found it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where Termux keeps its files when nothing says otherwise.
const TERMUX_PREFIX: &str = "/data/data/com.termux/files/usr";
const TERMUX_HOME: &str = "/data/data/com.termux/files/home";
/// Where we keep ours on Android without Termux: encrypted for the device, so there from the start.
const ANDROID_DATA: &str = "/data/local/chroot-distro";
/// Root managers have their directory there; apps cannot look into it.
const ANDROID_TRUSTED: &str = "/data/adb/chroot-distro";
const TERMUX_PACKAGE: &str = "com.termux";

/// Either file is there on every Android, also in the mount namespace of an app.
const ANDROID_MARKERS: [&str; 2] = ["/system/build.prop", "/system/bin/app_process"];

/// The host, as one process found it.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    env: BTreeMap<OsString, OsString>,
    caller_env: Option<BTreeMap<OsString, OsString>>,
    android: bool,
    termux: Option<Termux>,
}

/// The Termux app that we run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termux {
    /// `$TERMUX__PREFIX`: what `/usr` is elsewhere.
    pub prefix: PathBuf,
    /// `$TERMUX__HOME`.
    pub home: PathBuf,
    /// `$TERMUX_APP__PACKAGE_NAME`.
    pub package: String,
}

/// Where the two trees are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// `$RUNTIME_DIR`: `$TERMUX__PREFIX/var/lib/chroot-distro` or `$XDG_DATA_HOME/chroot-distro`.
    pub data: PathBuf,
    /// `$BASE_CACHE_DIR`: `$RUNTIME_DIR/cache` on Termux, else `$XDG_CACHE_HOME/chroot-distro`.
    pub cache: PathBuf,
    /// Where only root writes: `$RUNTIME_DIR`, but on Android `/data/adb/chroot-distro`, for Termux's prefix is the app's.
    pub trusted: PathBuf,
}

#[cfg(test)]
impl Paths {
    /// All of them, below a directory of a test's.
    pub fn below(directory: &Path) -> Paths {
        let data = directory.join("data");
        Paths { trusted: data.clone(), cache: directory.join("cache"), data }
    }
}

impl Host {
    /// This host.
    pub fn detect() -> Host {
        Host::at("/", std::env::vars_os())
    }

    /// The host whose files stand below `root` and whose environment is `env`.
    pub fn at<K, V>(root: impl Into<PathBuf>, env: impl IntoIterator<Item = (K, V)>) -> Host
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let env = env.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let mut host = Host { root: root.into(), env, caller_env: None, android: false, termux: None };
        host.android =
            host.var("ANDROID_ROOT").is_some() || ANDROID_MARKERS.iter().any(|path| host.exists(path));
        host.termux = host.detect_termux();
        host
    }

    /// Two of three must speak for Termux: an Android marker, a variable that the app sets, its prefix. Any one
    /// alone misleads: a guest sees `/system`, `su` drops the variables, another user cannot read the prefix.
    fn detect_termux(&self) -> Option<Termux> {
        let path = |key, default: &str| self.var(key).map_or_else(|| PathBuf::from(default), PathBuf::from);
        let termux = Termux {
            prefix: path("TERMUX__PREFIX", TERMUX_PREFIX),
            home: path("TERMUX__HOME", TERMUX_HOME),
            package: self
                .var("TERMUX_APP__PACKAGE_NAME")
                .and_then(OsStr::to_str)
                .unwrap_or(TERMUX_PACKAGE)
                .to_owned(),
        };
        let app = self.var("TERMUX_APP__APP_VERSION_NAME").or(self.var("TERMUX_VERSION")).is_some();
        let prefix = std::fs::read_dir(self.file(&termux.prefix)).is_ok();
        (u8::from(self.android) + u8::from(app) + u8::from(prefix) >= 2).then_some(termux)
    }

    /// Whether the kernel and the system around us are Android's.
    pub fn is_android(&self) -> bool {
        self.android
    }

    /// The Termux app around us, if that is where we run.
    pub fn termux(&self) -> Option<&Termux> {
        self.termux.as_ref()
    }

    /// A variable of our own environment; an empty one counts as unset.
    pub fn var(&self, key: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(key)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The same, but an empty one is empty: it says "none" where a missing one says nothing.
    pub fn var_or_empty(&self, key: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(key)).map(OsString::as_os_str)
    }

    /// This host, with the variables of who called us where that is not our own environment: they were handed over.
    #[must_use]
    pub fn called_with(self, variables: Vec<(OsString, OsString)>) -> Host {
        Host { caller_env: Some(variables.into_iter().collect()), ..self }
    }

    /// A variable as who called us has it. Of a process that was made root it is known only if it was handed over.
    pub fn caller_var(&self, key: &OsStr) -> Option<&OsStr> {
        self.caller_env.as_ref().unwrap_or(&self.env).get(key).map(OsString::as_os_str)
    }

    /// Our whole environment.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.env.iter().map(|(key, value)| (key.as_os_str(), value.as_os_str()))
    }

    /// Where the host's `path` is to be opened: itself, unless this host is a faked tree.
    pub fn file(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    pub(super) fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.file(path).exists()
    }

    /// Where temporary files may be made.
    pub fn temp_dir(&self) -> PathBuf {
        match (self.var("TMPDIR"), &self.termux) {
            (Some(directory), _) => directory.into(),
            (None, Some(termux)) => termux.prefix.join("tmp"),
            (None, None) if self.android => "/data/local/tmp".into(),
            (None, None) => "/tmp".into(),
        }
    }

    /// Where our two trees are.
    pub fn paths(&self) -> Paths {
        if let Some(termux) = &self.termux {
            let data = termux.prefix.join("var/lib/chroot-distro");
            return Paths { cache: data.join("cache"), data, trusted: ANDROID_TRUSTED.into() };
        }
        if self.android && self.var("XDG_DATA_HOME").is_none() {
            // Root's home is the read-only root directory there.
            let data = PathBuf::from(ANDROID_DATA);
            return Paths { cache: data.join("cache"), data, trusted: ANDROID_TRUSTED.into() };
        }
        let data = self.xdg("XDG_DATA_HOME", ".local/share").join("chroot-distro");
        Paths {
            trusted: data.clone(),
            data,
            cache: self.xdg("XDG_CACHE_HOME", ".cache").join("chroot-distro"),
        }
    }

    /// A base directory. The XDG specification has relative values ignored.
    fn xdg(&self, key: &str, below_home: &str) -> PathBuf {
        match self.var(key).map(PathBuf::from) {
            Some(path) if path.is_absolute() => path,
            _ => PathBuf::from(self.var("HOME").unwrap_or(OsStr::new("/root"))).join(below_home),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux(env: &[(&str, &str)]) -> Host {
        Host::at("/nonexistent", env.iter().copied())
    }

    #[test]
    fn plain_linux_follows_xdg() {
        let paths = linux(&[("HOME", "/home/u")]).paths();
        assert_eq!(paths.data, Path::new("/home/u/.local/share/chroot-distro"));
        assert_eq!(paths.cache, Path::new("/home/u/.cache/chroot-distro"));
        let paths = linux(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_CACHE_HOME", "relative")]).paths();
        assert_eq!(paths.data, Path::new("/d/chroot-distro"));
        assert_eq!(paths.cache, Path::new("/h/.cache/chroot-distro"));
    }

    #[test]
    fn termux_needs_two_of_three_signs() {
        let app = ("TERMUX_VERSION", "0.118");
        let android = ("ANDROID_ROOT", "/system");
        assert!(linux(&[app]).termux().is_none());
        assert!(linux(&[android]).termux().is_none());
        assert_eq!(linux(&[android]).paths().data, Path::new("/data/local/chroot-distro"));
        let host = linux(&[app, android, ("TERMUX__PREFIX", "/p")]);
        assert_eq!(host.paths().data, Path::new("/p/var/lib/chroot-distro"));
        assert_eq!(host.paths().cache, Path::new("/p/var/lib/chroot-distro/cache"));
    }

    #[test]
    fn a_faked_tree_is_a_phone() {
        let temporary = crate::testing::TempDir::new();
        let tree = temporary.path();
        std::fs::create_dir_all(tree.join("system/bin")).unwrap();
        std::fs::create_dir_all(tree.join(&TERMUX_PREFIX[1..])).unwrap();
        std::fs::write(tree.join("system/build.prop"), "").unwrap();
        let host = Host::at(tree, [("TERMUX_APP__PACKAGE_NAME", "com.other")]);
        assert!(host.is_android());
        assert_eq!(host.termux().unwrap().package, "com.other");
        assert_eq!(host.paths().data, Path::new(TERMUX_PREFIX).join("var/lib/chroot-distro"));
    }
}
