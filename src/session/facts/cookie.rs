//! The cookies by which servers of the caller's desktop know their clients: where they are, and whether the guest's user
//! can use them as they are.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::share::Shares;
use super::xauthority::for_any_hostname;
use crate::guest::accounts::User;
use crate::guest::guest_file::GuestFile;
use crate::guest::written::{PULSE_COPY, X11_COPY};
use crate::host::Host;

/// Bytes; a cookie takes about 50.
const LIMIT: u64 = 1 << 20;

/// What becomes of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cookie {
    /// Where the guest finds it.
    pub path: Option<PathBuf>,
    /// To be written there.
    pub copy: Option<GuestFile>,
}

/// X11's: the host's own file, at its own place; or a copy, where `user` may not read that, or would not find their hostname in
/// it.
pub fn x11(sources: &mut Shares<'_>, caller: &User, runtime: &Path, user: &User, renamed: bool) -> Cookie {
    let Some(path) = find(sources, caller, runtime) else { return Cookie::default() };
    let seen = sources.is_seen(&path, &path);
    // On a mount point of our own making only the file itself is in the way.
    let along = if seen { path.ancestors().count() } else { 1 };
    let host = sources.host;
    let readable =
        path.ancestors().take(along).enumerate().all(|(up, path)| permits(user, &host.file(path), up > 0));
    if readable && !renamed {
        sources.show_there(&path);
        return Cookie { path: Some(path), copy: None };
    }
    let hostname = rustix::system::uname();
    let contents = read(host, &path).and_then(|file| for_any_hostname(&file, hostname.nodename().to_bytes()));
    contents.map(|contents| Cookie::copied(X11_COPY, contents, user)).unwrap_or_default()
}

/// PulseAudio's, for a user who is not the caller: to them it answers without. (PipeWire does to all.)
pub fn pulse(host: &Host, caller: &User, user: &User) -> Cookie {
    if user.uid == caller.uid {
        return Cookie::default();
    }
    let known = host.var("PULSE_COOKIE").map(PathBuf::from).into_iter();
    let mut known = known.chain([".config/pulse/cookie", ".pulse-cookie"].map(|name| caller.home.join(name)));
    let contents = known.find(|path| host.file(path).is_file()).and_then(|path| read(host, &path));
    contents.map(|contents| Cookie::copied(PULSE_COPY, contents, user)).unwrap_or_default()
}

impl Cookie {
    fn copied(path: &str, contents: Vec<u8>, user: &User) -> Cookie {
        let copy = GuestFile { path: path.into(), contents, uid: user.uid, gid: user.gid };
        Cookie { path: Some(path.into()), copy: Some(copy) }
    }
}

/// `XAUTHORITY`, the one at home, or that of a display manager or an Xwayland in the runtime directory.
fn find(sources: &Shares<'_>, caller: &User, runtime: &Path) -> Option<PathBuf> {
    let host = sources.host;
    let known = host.var("XAUTHORITY").map(PathBuf::from).into_iter();
    let known = known.chain([caller.home.join(".Xauthority"), runtime.join("gdm/Xauthority")]);
    let is_file = |path: &PathBuf| host.file(path).is_file();
    let xwayland = |name: &String| name.starts_with(".mutter-Xwaylandauth.") || name.starts_with("xauth_");
    let age = |path: &PathBuf| {
        std::fs::metadata(host.file(path))
            .and_then(|found| found.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    };
    known.into_iter().find(is_file).or_else(|| {
        let names = sources.names(runtime);
        let paths = names.iter().filter(|name| xwayland(name)).map(|name| runtime.join(name));
        paths.filter(is_file).max_by_key(age)
    })
}

fn read(host: &Host, path: &Path) -> Option<Vec<u8>> {
    let mut contents = Vec::new();
    std::fs::File::open(host.file(path)).ok()?.take(LIMIT).read_to_end(&mut contents).ok()?;
    Some(contents)
}

/// Whether the permission bits let `user` read a file, or pass through a directory.
fn permits(user: &User, path: &Path, pass: bool) -> bool {
    let Ok(found) = std::fs::metadata(path) else { return false };
    let bit = if pass { 0o1 } else { 0o4 };
    let class = match () {
        () if user.uid == 0 => return true,
        () if found.uid() == user.uid => 6,
        () if found.gid() == user.gid || user.groups.contains(&found.gid()) => 3,
        () => 0,
    };
    found.mode() & (bit << class) != 0
}

/// The group that may use a device node, if it is not root's.
pub fn group(node: &Path) -> Option<u32> {
    let found = std::fs::metadata(node).ok()?;
    (found.gid() != 0 && found.mode() & 0o060 == 0o060).then(|| found.gid())
}
