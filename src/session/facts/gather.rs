//! What a plan is made from: the host and the container as they are now. Gathering reads; it changes nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::dev::{self, DevEntry};
use super::display::{self, Display};
use super::gpu::{self, Gpu};
use super::share::{Share, Shares};
use super::{home, termux};
use crate::error::{Error, Result};
use crate::guest::accounts::{self, User};
use crate::guest::guest_file::GuestFile;
use crate::guest::{ldconfig, terminfo, time_zone};
use crate::host::{Host, binfmt, device};
use crate::oci::Provenance;
use crate::rootfs::{Follow, Rootfs};
use crate::running::SessionKind;
use crate::session::bind::Restrict;
use crate::session::emulator::{self, Machine};
use crate::session::namespaces::Namespaces;
use crate::session::plan::entrypoint::Entrypoint;
use crate::session::plan::steps::{CORE, shares};
use crate::session::request::{Mode, Request};
use crate::sys::seccomp;

/// When the host tells no terminal type.
pub const DEFAULT_TERM: &str = "xterm-256color";

/// What a plan depends on besides the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Resolved in the guest's accounts.
    pub user: User,
    /// The first shell of the guest's that can be executed, looked for only for a login.
    pub shell: Option<PathBuf>,
    /// What its image says is to run, looked for only when that is asked for.
    pub entry: Option<Entrypoint>,
    /// `Env` of the image.
    pub image_env: Vec<(OsString, OsString)>,
    /// `TZ` for the guest, where it gets the host's time zone.
    pub time_zone: Option<String>,
    /// Android's variables, on Termux.
    pub android_env: Vec<(OsString, OsString)>,
    /// `TERM` of the host, or the nearest that the guest knows.
    pub term: Option<OsString>,
    /// `COLORTERM` of the host.
    pub colorterm: Option<OsString>,
    /// Of the desktop and the GPU that the guest sees.
    pub shared_env: Vec<(OsString, OsString)>,
    /// The host's `$PREFIX`, on Termux.
    pub termux_prefix: Option<PathBuf>,
    /// Of a guest that is a Termux itself.
    pub guest_prefix: Option<PathBuf>,
    /// The kernel is Android's.
    pub android: bool,
    /// Those of the mode's shared host paths that are there.
    pub shared: Vec<Share>,
    /// What makes up the guest's /dev, where the host's will not do.
    pub dev: Option<Vec<DevEntry>>,
    /// What the user asked for on top.
    pub binds: Vec<Share>,
    /// To be made for the user, for the sockets of a desktop.
    pub runtime_dir: Option<PathBuf>,
    /// To be written into the guest.
    pub files: Vec<GuestFile>,
    /// The guest's program that lists libraries for its loader, if the host brings some.
    pub ldconfig: Option<PathBuf>,
    /// Besides the user's own: those that the host lets at its GPU, where that is shared.
    pub device_groups: Vec<u32>,
    /// Those that the kernel has.
    pub namespaces: Namespaces,
    /// The first of the host's users that are the container's own, where it has some.
    pub users: Option<u32>,
    /// How the guest's programs run on this CPU.
    pub machine: Machine,
    /// Whether the kernel has seccomp filters.
    pub seccomp: bool,
    /// Whether a tracer cannot change a call that the filter has let through: since Linux 4.8.
    pub filters_tracers: bool,
    /// Whether the kernel has terminals that the host does not see.
    pub private_terminals: bool,
}

/// Reads what a plan depends on. An error names what the request asks for and is not there.
pub fn gather(
    request: &Request,
    rootfs: &Rootfs,
    provenance: Option<&Provenance>,
    host: &Host,
) -> Result<Facts> {
    let termux = host.termux();
    let entry = match request.kind {
        SessionKind::Run => Entrypoint::of(provenance, request.user.is_none())?,
        SessionKind::Login => None,
    };
    let guest_prefix = termux::guest_prefix(rootfs, termux);
    let mut user = account(request, entry.as_ref(), rootfs)?;
    if let Some(prefix) = &guest_prefix {
        termux::settle(&mut user, prefix);
    }
    let own = |key: &str| host.var(key).map(OsString::from);
    let is_native = || emulator::guest(rootfs, provenance).is_none_or(binfmt::is_native);
    let sharing = share(request, rootfs, host, &user, guest_prefix.is_some(), &is_native)?;
    let image_env = provenance.map(image_env).unwrap_or_default();
    let is_login = request.kind == SessionKind::Login;
    Ok(Facts {
        shell: is_login.then(|| shell(&user, rootfs, guest_prefix.as_deref())).flatten(),
        user,
        entry,
        time_zone: time_zone(request, rootfs, &image_env, host),
        image_env,
        android_env: termux::android_env(host),
        term: Some(terminfo::nearest(rootfs, own("TERM").unwrap_or_else(|| DEFAULT_TERM.into()))),
        colorterm: own("COLORTERM"),
        termux_prefix: termux.map(|termux| termux.prefix.clone()),
        guest_prefix,
        android: host.is_android(),
        namespaces: namespaces(request),
        machine: emulator::machine(request, rootfs, provenance, host)?,
        seccomp: request.is_isolated() && seccomp::is_supported(),
        filters_tracers: device::kernel_is((4, 8)),
        private_terminals: !request.mode.is_private() || host.has_private_terminals(),
        ..sharing
    })
}

/// What of the host is seen: by the mode, and by the options in the order in which one may lie in another.
fn share(
    request: &Request,
    rootfs: &Rootfs,
    host: &Host,
    user: &User,
    prefixed: bool,
    is_native: &dyn Fn() -> bool,
) -> Result<Facts> {
    let termux = host.termux();
    let mut facts = Facts::empty(user);
    let paths = shares(request.mode, termux, prefixed);
    facts.shared = paths.into_iter().filter_map(|path| shared(path, host)).collect();
    if !request.mode.is_private() {
        facts.dev = dev::entries(host);
    }
    let mut gpu = Gpu::default();
    if request.mode == Mode::Default && termux.is_none() {
        let mut sources = Shares::new(host, &facts.shared);
        gpu = gpu::share(&mut sources, rootfs, is_native);
        let found = sources.into_added();
        facts.shared.extend(found);
    }
    let mut sources = Shares::new(host, &facts.shared);
    if request.shared_home {
        home::share(&mut sources, user)?;
    }
    if request.shared_tmp {
        let path = termux.map_or_else(|| PathBuf::from("/tmp"), |termux| termux.prefix.join("tmp"));
        if !sources.show(&path, Path::new("/tmp"), true) {
            return Err(Error::not_found(format_args!("the host has no '{}'", path.display())));
        }
    }
    let mut display = Display::default();
    if request.shared_display {
        let renamed = request.mode == Mode::Isolated || request.namespaces || request.hostname.is_some();
        display = display::share(&mut sources, &home::caller(host)?, user, renamed);
        if request.mode == Mode::Isolated && termux.is_none() {
            gpu = gpu::share(&mut sources, rootfs, is_native);
        }
    }
    facts.binds = sources.into_added();
    facts.binds.extend(request.binds.iter().map(Share::asked_for).collect::<Result<Vec<_>>>()?);
    facts.shared_env = display.env;
    facts.shared_env.extend(gpu.env.iter().map(|(key, value)| (key.into(), value.into())));
    facts.runtime_dir = display.runtime_dir;
    facts.files.extend(display.cookies);
    facts.device_groups = display.groups;
    if gpu.libraries {
        facts.ldconfig = ldconfig::find(rootfs);
    }
    Ok(facts)
}

/// Who was asked for, or is by what is to run; else root, whom an image without accounts has too.
fn account(request: &Request, entry: Option<&Entrypoint>, rootfs: &Rootfs) -> Result<User> {
    let Some(spec) = request.user.as_ref().or(entry.and_then(|entry| entry.user.as_ref())) else {
        // Root gets in to mend an /etc/passwd that cannot be read.
        let root = accounts::lookup(rootfs, "0").or_else(|_| accounts::find(b"", b"", "0"))?;
        return Ok(if root.name == "0" { User { name: "root".into(), ..root } } else { root });
    };
    let spec =
        spec.to_str().ok_or_else(|| Error::usage(format_args!("--user '{}' is not text", spec.display())))?;
    accounts::lookup(rootfs, spec)
}

/// A namespace type that the kernel was built without has no file there (namespaces(7)).
fn namespaces(request: &Request) -> Namespaces {
    if Namespaces::wanted(request) == Namespaces::default() {
        return Namespaces::default();
    }
    let has = |name: &str| access(Path::new("/proc/self/ns").join(name), Access::EXISTS).is_ok();
    Namespaces { pid: has("pid"), uts: has("uts"), ipc: has("ipc"), cgroup: has("cgroup"), net: has("net") }
}

/// The host's `path` at the same place in the guest, if it is there and readable.
fn shared(path: PathBuf, host: &Host) -> Option<Share> {
    let source = host.file(&path);
    access(&source, Access::READ_OK).ok()?;
    let directory = std::fs::metadata(&source).ok()?.is_dir();
    let required = CORE.iter().any(|core| path == Path::new(core));
    Some(Share { path: source, target: path, directory, restrict: Restrict::NONE, required })
}

/// `Env` of the image's config, as the Python tool saved it too.
fn image_env(provenance: &Provenance) -> Vec<(OsString, OsString)> {
    let entries = provenance.config().env();
    entries
        .iter()
        .filter_map(|entry| entry.split_once('='))
        .filter(|(key, value)| !key.is_empty() && !key.contains('\0') && !value.contains('\0'))
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

/// `TZ` of a login that shall show the host's time: nobody has chosen another, also not the image or the user.
fn time_zone(
    request: &Request,
    rootfs: &Rootfs,
    image_env: &[(OsString, OsString)],
    host: &Host,
) -> Option<String> {
    let wanted = request.kind == SessionKind::Login && request.mode != Mode::Minimal && !request.no_time_zone;
    let is_set = image_env.iter().chain(&request.env).any(|(name, _)| name == "TZ");
    if wanted && !is_set { time_zone::variable(rootfs, &host.time_zone()) } else { None }
}

/// The user's own shell, then those of a Termux, then the usual ones.
fn shell(user: &User, rootfs: &Rootfs, prefix: Option<&Path>) -> Option<PathBuf> {
    let executable =
        |path: &PathBuf| rootfs.metadata(path, Follow::Yes).is_ok_and(|found| found.is_program());
    let termux = prefix.into_iter().flat_map(|prefix| ["bin/bash", "bin/sh"].map(|name| prefix.join(name)));
    user.shell
        .iter()
        .cloned()
        .chain(termux)
        .chain(accounts::SHELLS.iter().map(PathBuf::from))
        .find(executable)
}

impl Facts {
    /// A bare Linux host that shares nothing.
    fn empty(user: &User) -> Facts {
        Facts {
            user: user.clone(),
            shell: None,
            entry: None,
            image_env: Vec::new(),
            time_zone: None,
            android_env: Vec::new(),
            term: None,
            colorterm: None,
            shared_env: Vec::new(),
            termux_prefix: None,
            guest_prefix: None,
            android: false,
            shared: Vec::new(),
            dev: None,
            binds: Vec::new(),
            runtime_dir: None,
            files: Vec::new(),
            ldconfig: None,
            device_groups: Vec::new(),
            namespaces: Namespaces::default(),
            seccomp: true,
            filters_tracers: true,
            private_terminals: true,
            users: None,
            machine: Machine::default(),
        }
    }
}

#[cfg(test)]
impl Default for Facts {
    /// A bare Linux host, and root without an account.
    fn default() -> Facts {
        let home = "/root".into();
        Facts::empty(&User { name: "root".into(), uid: 0, gid: 0, groups: Vec::new(), home, shell: None })
    }
}
