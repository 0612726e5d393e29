//! `--shared-display`: X11, Wayland, sound and the session bus of the caller's desktop, and the variables by which
//! programs find them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::cookie::{self, Cookie};
use super::share::Shares;
use crate::guest::accounts::User;
use crate::guest::guest_file::GuestFile;
use crate::host::{Host, Termux};

/// Where X servers listen.
const X11: &str = "/tmp/.X11-unix";

/// Where WSLg keeps what the usual places only link to.
const WSLG: &str = "/mnt/wslg";

/// Of the desktop, passed on as they are.
const DESKTOP: [&str; 3] = ["XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP", "DESKTOP_SESSION"];

/// What it takes, besides sources.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Display {
    /// Variables for the guest.
    pub env: Vec<(OsString, OsString)>,
    /// The runtime directory, where the guest does not see the host's: to be made for its user.
    pub runtime_dir: Option<PathBuf>,
    /// The cookies of those who cannot use the host's.
    pub cookies: Vec<GuestFile>,
    /// The groups to which the host gives its GPU nodes.
    pub groups: Vec<u32>,
}

/// Adds what there is of the desktop of `caller` for `user`. `renamed`: they will have another hostname.
pub fn share(sources: &mut Shares<'_>, caller: &User, user: &User, renamed: bool) -> Display {
    let mut display = Display { groups: gpu_nodes(sources), ..Display::default() };
    match sources.host.termux().cloned() {
        Some(termux) => on_termux(&mut display, sources, &termux),
        None => on_linux(&mut display, sources, caller, user, renamed),
    }
    display
}

/// termux-x11 and virglrenderer listen below `$PREFIX/tmp`. PulseAudio is on loopback, and the guest is told so anyway.
fn on_termux(display: &mut Display, sources: &mut Shares<'_>, termux: &Termux) {
    for name in [".X11-unix", ".virgl_test"] {
        sources.show(&termux.prefix.join("tmp").join(name), &Path::new("/tmp").join(name), false);
    }
    display.set("DISPLAY", own(sources.host, "DISPLAY").unwrap_or_else(|| ":0".into()));
}

fn on_linux(display: &mut Display, sources: &mut Shares<'_>, caller: &User, user: &User, renamed: bool) {
    let host = sources.host;
    sources.show_there(X11);
    sources.show_there(WSLG);
    display.set("DISPLAY", own(host, "DISPLAY").unwrap_or_else(|| ":0".into()));
    for key in DESKTOP {
        display.pass_on(host, key);
    }
    let runtime = own(host, "XDG_RUNTIME_DIR")
        .map_or_else(|| PathBuf::from(format!("/run/user/{}", caller.uid)), PathBuf::from);
    display.use_cookie("XAUTHORITY", cookie::x11(sources, caller, &runtime, user, renamed));
    display.use_cookie("PULSE_COOKIE", cookie::pulse(host, caller, user));
    if !host.file(&runtime).is_dir() {
        display.pass_on(host, "PULSE_SERVER");
        display.pass_on(host, "DBUS_SESSION_BUS_ADDRESS");
        return;
    }
    if !sources.is_seen(&runtime, &runtime) {
        display.runtime_dir = Some(runtime.clone());
    }
    display.set("XDG_RUNTIME_DIR", runtime.clone());
    let mut sockets = Vec::new();
    let mut found = |key: &str, socket: &str, value: &dyn Fn(&Path) -> OsString| {
        let socket = runtime.join(socket);
        let fallback = || host.file(&socket).exists().then(|| value(&socket));
        if let Some(value) = own(host, key).or_else(fallback) {
            sockets.extend(unix_paths(&value).map(|path| runtime.join(path)));
            display.set(key, value);
        }
    };
    found("WAYLAND_DISPLAY", "wayland-0", &|_| "wayland-0".into());
    found("PULSE_SERVER", "pulse/native", &|socket| address("unix:", socket));
    found("DBUS_SESSION_BUS_ADDRESS", "bus", &|socket| address("unix:path=", socket));
    // Its programs look in the runtime directory themselves.
    let pipewire = own(host, "PIPEWIRE_REMOTE").unwrap_or_else(|| "pipewire-0".into());
    sockets.extend([runtime.join(&pipewire), runtime.join("pipewire-0-manager")]);
    for socket in sockets {
        sources.show_there(socket);
    }
}

/// Where the guest has a /dev of its own, the nodes of the GPU are put there. The groups that the host lets at them.
fn gpu_nodes(sources: &mut Shares<'_>) -> Vec<u32> {
    let dri = Path::new("/dev/dri");
    let mut nodes: Vec<PathBuf> = ["/dev/kgsl-3d0", "/dev/mali0"].map(PathBuf::from).into();
    let is_node = |name: &String| name.starts_with("card") || name.starts_with("renderD");
    nodes.extend(sources.names(dri).iter().filter(|name| is_node(name)).map(|name| dri.join(name)));
    let mut groups = Vec::new();
    for node in nodes {
        groups.extend(cookie::group(&sources.host.file(&node)));
        sources.show_there(node);
    }
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn own(host: &Host, key: &str) -> Option<OsString> {
    host.var(key).map(OsString::from)
}

fn address(scheme: &str, path: &Path) -> OsString {
    let mut address = OsString::from(scheme);
    address.push(path);
    address
}

/// The socket files in an address of Wayland (a name or a path), PulseAudio (`{machine}unix:/path`, several with
/// spaces between) or D-Bus (`unix:path=/path,guid=...`, several with semicolons between).
fn unix_paths(address: &OsStr) -> impl Iterator<Item = PathBuf> {
    let parts = address.as_bytes().split(|byte| b"; ".contains(byte));
    parts.filter_map(|part| {
        let part = match part.first() {
            Some(b'{') => part.splitn(2, |&byte| byte == b'}').nth(1)?,
            _ => part,
        };
        let path = match part.strip_prefix(b"unix:") {
            Some(path) if path.starts_with(b"/") => path,
            Some(keys) => keys.split(|&byte| byte == b',').find_map(|key| key.strip_prefix(b"path="))?,
            None if part.is_empty() || part.contains(&b':') => return None,
            None => part,
        };
        Some(OsString::from_vec(path.to_vec()).into())
    })
}

impl Display {
    fn set(&mut self, key: &str, value: impl Into<OsString>) {
        self.env.push((key.into(), value.into()));
    }

    fn use_cookie(&mut self, key: &str, cookie: Cookie) {
        self.env.extend(cookie.path.map(|path| (key.into(), path.into())));
        self.cookies.extend(cookie.copy);
    }

    fn pass_on(&mut self, host: &Host, key: &str) {
        self.env.extend(own(host, key).map(|value| (key.into(), value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_found_in_addresses() {
        let paths = |address: &str| {
            unix_paths(OsStr::new(address)).map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(paths("wayland-1"), ["wayland-1"]);
        assert_eq!(paths("/run/w"), ["/run/w"]);
        assert_eq!(paths("{5a}unix:/run/p tcp:host:4713 /q"), ["/run/p", "/q"]);
        assert_eq!(paths("unix:path=/run/user/7/bus,guid=1;unix:abstract=/tmp/x"), ["/run/user/7/bus"]);
        assert!(paths("127.0.0.1:4713").is_empty() && paths("tcp:h").is_empty() && paths("").is_empty());
    }
}
