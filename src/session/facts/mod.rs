//! What a plan is made from: the host and the container as they are now. Gathering reads; it changes nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde_json::Value;

use super::bind::{Bind, Restrict};
use super::emulator;
use super::environment::is_android;
use super::steps::{CORE, shares};
use super::{Mode, Namespaces, Request};
use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::host::binfmt::Emulator;
use crate::rootfs::accounts::{self, User};
use crate::rootfs::{FileType, Follow, Rootfs};

/// A host path to bind, known to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Source {
    /// On the host, absolute.
    pub path: PathBuf,
    /// In the guest, absolute.
    pub target: PathBuf,
    pub directory: bool,
    pub restrict: Restrict,
    /// There is no session without it.
    pub required: bool,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Resolved in the guest's accounts.
    pub user: User,
    /// The first shell of the guest's that can be executed, looked for only when no command is given.
    pub shell: Option<PathBuf>,
    /// `Env` of the image.
    pub image_env: Vec<(OsString, OsString)>,
    /// Android's variables, on Termux.
    pub android_env: Vec<(OsString, OsString)>,
    /// `TERM` of the host.
    pub term: Option<OsString>,
    /// `COLORTERM` of the host.
    pub colorterm: Option<OsString>,
    /// On Termux.
    pub termux_prefix: Option<PathBuf>,
    /// The kernel is Android's.
    pub android: bool,
    /// Those of the mode's shared host paths that are there.
    pub shared: Vec<Source>,
    /// The user's binds.
    pub binds: Vec<Source>,
    /// Those that the kernel has.
    pub namespaces: Namespaces,
    /// What is to run the guest's programs, where neither the CPU nor a registered one does.
    pub emulator: Option<Emulator>,
}

/// Looks.
pub fn gather(request: &Request, rootfs: &Rootfs, manifest: Option<&Value>, host: &Host) -> Result<Facts> {
    let termux = host.termux();
    let user = account(request, rootfs)?;
    let own = |key: &str| host.var(key).map(OsString::from);
    let android_env = match termux {
        Some(_) => {
            host.vars().filter(|(key, _)| is_android(key)).map(|(k, v)| (k.into(), v.into())).collect()
        }
        None => Vec::new(),
    };
    Ok(Facts {
        shell: if request.command.is_empty() { shell(&user, rootfs) } else { None },
        user,
        image_env: manifest.map(image_env).unwrap_or_default(),
        android_env,
        term: own("TERM"),
        colorterm: own("COLORTERM"),
        termux_prefix: termux.map(|termux| termux.prefix.clone()),
        android: host.is_android(),
        shared: shares(request.mode, termux).into_iter().filter_map(|path| shared(path, host)).collect(),
        binds: request.binds.iter().map(source).collect::<Result<_>>()?,
        namespaces: namespaces(request),
        emulator: emulator::needed(request, rootfs, manifest, host)?,
    })
}

/// Who was asked for; root, whom an image without accounts has too.
fn account(request: &Request, rootfs: &Rootfs) -> Result<User> {
    let Some(spec) = &request.user else {
        let root = accounts::lookup(rootfs, "0")?;
        return Ok(if root.name == "0" { User { name: "root".into(), ..root } } else { root });
    };
    let spec =
        spec.to_str().ok_or_else(|| Error::usage(format!("--user '{}' is not text", spec.display())))?;
    accounts::lookup(rootfs, spec)
}

/// A namespace type that the kernel was built without has no file there (namespaces(7)).
fn namespaces(request: &Request) -> Namespaces {
    if request.mode != Mode::Isolated && request.hostname.is_none() {
        return Namespaces::default();
    }
    let has = |name: &str| access(Path::new("/proc/self/ns").join(name), Access::EXISTS).is_ok();
    Namespaces { pid: has("pid"), uts: has("uts"), ipc: has("ipc") }
}

/// The host's `path` at the same place in the guest, if it is there and readable.
fn shared(path: PathBuf, host: &Host) -> Option<Source> {
    let source = host.file(&path);
    access(&source, Access::READ_OK).ok()?;
    let directory = std::fs::metadata(&source).ok()?.is_dir();
    let required = CORE.iter().any(|core| path == Path::new(core));
    Some(Source { path: source, target: path, directory, restrict: Restrict::NONE, required })
}

/// Absolute, and there.
fn source(bind: &Bind) -> Result<Source> {
    let attempt = || format!("bind '{}'", bind.source.display());
    let path = std::path::absolute(&bind.source).attempt(attempt)?;
    let directory = std::fs::metadata(&path).attempt(attempt)?.is_dir();
    let target = bind.target.clone().unwrap_or_else(|| path.clone());
    Ok(Source { path, target, directory, restrict: bind.restrict, required: true })
}

/// `Env` of the image's config, as the Python tool saved it too.
fn image_env(manifest: &Value) -> Vec<(OsString, OsString)> {
    let entries = manifest["image_config"]["config"]["Env"].as_array().into_iter().flatten();
    entries
        .filter_map(Value::as_str)
        .filter_map(|entry| entry.split_once('='))
        .filter(|(key, value)| !key.is_empty() && !key.contains('\0') && !value.contains('\0'))
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

/// The user's own shell, then the usual ones.
fn shell(user: &User, rootfs: &Rootfs) -> Option<PathBuf> {
    const USUAL: [&str; 6] = ["/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/ash", "/bin/zsh"];
    let executable = |path: &PathBuf| {
        rootfs
            .metadata(path, Follow::Yes)
            .is_ok_and(|found| found.file_type == FileType::Regular && found.mode & 0o111 != 0)
    };
    user.shell.iter().cloned().chain(USUAL.iter().map(PathBuf::from)).find(executable)
}

#[cfg(test)]
impl Default for Facts {
    /// A bare Linux host, and root without an account.
    fn default() -> Facts {
        let home = "/root".into();
        Facts {
            user: User { name: "root".into(), uid: 0, gid: 0, groups: Vec::new(), home, shell: None },
            shell: None,
            image_env: Vec::new(),
            android_env: Vec::new(),
            term: None,
            colorterm: None,
            termux_prefix: None,
            android: false,
            shared: Vec::new(),
            binds: Vec::new(),
            namespaces: Namespaces::default(),
            emulator: None,
        }
    }
}
