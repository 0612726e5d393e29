//! What is found on hosts that this machine is not: trees with the files that count.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::gather::{Facts, gather};
use super::gpu;
use super::share::Shares;
use crate::host::Host;
use crate::rootfs::Rootfs;
use crate::session::request::{Mode, Request};
use crate::testing::TempDir;

/// A host of these files (a directory where the name ends in a slash) and variables, and what a session with a guest
/// of those sees of it.
fn facts(host: &[&str], env: &[(&str, &str)], guest: &[&str], request: Request) -> (TempDir, Facts) {
    let tree = |paths: &[&str]| {
        let tree = TempDir::new();
        for path in paths {
            let path = tree.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if path.to_str().unwrap().ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::write(path, ELF).unwrap();
            }
        }
        tree
    };
    let (host_tree, guest) = (tree(host), tree(guest));
    let host = Host::at(host_tree.path(), env.iter().copied());
    let facts = gather(&request, &Rootfs::new(guest.open()), None, &host).unwrap();
    (host_tree, facts)
}

/// The beginning of an x86_64 library.
const ELF: [u8; 20] = [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0];

fn request(mode: Mode) -> Request {
    Request { mode, command: vec!["true".into()], ..Request::default() }
}

/// The targets of sources whose path ends so.
fn targets(facts: &Facts, end: &str) -> Vec<PathBuf> {
    let all = facts.shared.iter().chain(&facts.binds);
    all.filter(|source| source.path.ends_with(end)).map(|source| source.target.clone()).collect()
}

fn env<'a>(facts: &'a Facts, key: &str) -> Option<&'a OsStr> {
    facts.shared_env.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_os_str())
}

#[test]
fn a_phone() {
    let host = [
        "/system/build.prop",
        "/dev/null",
        "/dev/socket/",
        "/sys/",
        "/proc/",
        "/run/",
        "/apex/",
        "/sdcard/x",
    ];
    let termux = ["/data/data/com.termux/files/usr/tmp/.X11-unix/", "/data/data/com.termux/files/home/"];
    let vars =
        [("ANDROID_ROOT", "/system"), ("ANDROID_DATA", "/data"), ("HOME", "/"), ("LD_PRELOAD", "/x.so")];
    let host: Vec<&str> = host.into_iter().chain(termux).collect();
    let shared = Request { shared_home: true, shared_display: true, ..request(Mode::Default) };
    let (tree, facts) = facts(&host, &vars, &["/bin/"], shared);
    assert_eq!(
        facts.shared[0].target,
        Path::new("/data/data/com.termux"),
        "before what is mounted in the container"
    );
    for path in ["/apex", "/sdcard", "/system"] {
        assert!(facts.shared.iter().any(|source| source.target == Path::new(path)), "{path}");
    }
    assert_eq!(targets(&facts, "com.termux/files/home"), [Path::new("/root")]);
    assert_eq!(targets(&facts, "tmp/.X11-unix"), [Path::new("/tmp/.X11-unix")]);
    let names: Vec<_> = facts.android_env.iter().map(|(key, _)| key.to_str().unwrap()).collect();
    assert_eq!(names, ["ANDROID_DATA", "ANDROID_ROOT"]);
    // It has no /dev/shm: the regular file that stands for a node here is no device, so only the directory counts.
    let entries: Vec<_> = facts.dev.unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(entries, [Path::new("/dev/socket")]);
    assert!(!tree.path().join("dev/shm").exists());
}

#[test]
fn a_desktop() {
    let host = ["/dev/shm/", "/sys/", "/proc/", "/run/user/7/gdm/Xauthority", "/tmp/.X11-unix/", "/home/u/"];
    let vars = [("SUDO_UID", "7"), ("SUDO_HOME", "/home/u"), ("XDG_SESSION_TYPE", "wayland")];
    let shared = |mode| Request { shared_display: true, ..request(mode) };
    let (_tree, seen) = facts(&host, &vars, &[], shared(Mode::Default));
    assert_eq!(seen.dev, None);
    assert_eq!(seen.binds, [], "the host's /run and /tmp show it all");
    assert_eq!(env(&seen, "XAUTHORITY"), Some("/run/user/7/gdm/Xauthority".as_ref()));
    assert_eq!(env(&seen, "XDG_RUNTIME_DIR"), Some("/run/user/7".as_ref()));
    assert_eq!(env(&seen, "XDG_SESSION_TYPE"), Some("wayland".as_ref()));
    assert_eq!((env(&seen, "WAYLAND_DISPLAY"), &seen.runtime_dir), (None, &None));
    let (_tree, alone) = facts(&host, &vars, &[], shared(Mode::Isolated));
    assert_eq!(alone.runtime_dir.as_deref(), Some(Path::new("/run/user/7")));
    assert_eq!(targets(&alone, "tmp/.X11-unix"), [Path::new("/tmp/.X11-unix")]);
    // What stands there is no authority file.
    assert_eq!((env(&alone, "XAUTHORITY"), &*alone.files), (None, &[][..]));
}

#[test]
fn the_sockets_of_a_desktop() {
    let tree = TempDir::new();
    fs::create_dir_all(tree.path().join("run/user/7/pulse")).unwrap();
    let names = ["bus", "pulse/native", "wayland-0", "pipewire-0"];
    let listening = names.map(|name| UnixListener::bind(tree.path().join("run/user/7").join(name)).unwrap());
    let host = Host::at(tree.path(), [("SUDO_UID", "7")]);
    let guest = TempDir::new();
    let request = Request { shared_display: true, ..request(Mode::Isolated) };
    let facts = gather(&request, &Rootfs::new(guest.open()), None, &host).unwrap();
    let seen: Vec<_> =
        facts.binds.iter().map(|source| source.target.strip_prefix("/run/user/7").unwrap()).collect();
    assert_eq!(seen, ["wayland-0", "pulse/native", "bus", "pipewire-0"].map(Path::new));
    assert!(facts.binds.iter().all(|source| !source.required && !source.directory));
    assert_eq!(env(&facts, "DBUS_SESSION_BUS_ADDRESS"), Some("unix:path=/run/user/7/bus".as_ref()));
    drop(listening);
}

#[test]
fn a_box_with_an_nvidia_card() {
    let host = ["/usr/lib64/libcuda.so.1", "/usr/lib64/libc.so.6", "/usr/bin/nvidia-smi", "/dev/shm/"];
    let guest = ["/usr/lib/x86_64-linux-gnu/"];
    let (tree, seen) = facts(&host, &[], &guest, request(Mode::Default));
    let target = Path::new("/usr/lib/x86_64-linux-gnu/libcuda.so.1");
    assert_eq!(targets(&seen, "libcuda.so.1"), [target]);
    assert_eq!(targets(&seen, "nvidia-smi"), [Path::new("/usr/bin/nvidia-smi")]);
    assert!(targets(&seen, "libc.so.6").is_empty());
    assert_eq!(env(&seen, "__GLX_VENDOR_LIBRARY_NAME"), Some("nvidia".as_ref()));
    drop(tree);
    for mode in [Mode::Isolated, Mode::Minimal] {
        let (_tree, seen) = facts(&host, &[], &guest, request(mode));
        assert!(targets(&seen, "libcuda.so.1").is_empty() && seen.shared_env.is_empty(), "{mode:?}");
    }
    // A guest for another CPU cannot load them.
    let tree = TempDir::new();
    fs::create_dir_all(tree.path().join("usr/lib64")).unwrap();
    fs::write(tree.path().join("usr/lib64/libcuda.so.1"), ELF).unwrap();
    let host = Host::at(tree.path(), [("", ""); 0]);
    for (is_native, found) in [(true, 1), (false, 0)] {
        let mut sources = Shares::new(&host, &[]);
        gpu::share(&mut sources, &Rootfs::new(tree.open()), &|| is_native);
        assert_eq!(sources.into_added().len(), found);
    }
}

#[test]
fn who_is_nobody_on_the_host_is_told_so() {
    let guest = TempDir::new();
    let request = Request { shared_display: true, ..request(Mode::Default) };
    let host = Host::at("/nonexistent", [("DOAS_USER", "ghost")]);
    let error = gather(&request, &Rootfs::new(guest.open()), None, &host).unwrap_err();
    assert!(error.to_string().contains("host's /etc/passwd has no user 'ghost'"), "{error}");
}
