//! What a session shares of the host when asked to, or by itself: home, temporary files, display, GPU drivers.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use serde_json::{Value, json};

use crate::support::prelude::*;

fn with<'a>(mode: &[&'a str], options: &[&'a str]) -> Vec<&'a str> {
    mode.iter().chain(options).copied().collect()
}

/// Owner, group and mode.
fn owner(machine: &Machine, path: &str) -> (u32, u32, u32) {
    let found = fs::metadata(machine.path(path)).unwrap();
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

/// What the guest's probe sees, as `user`, with options.
fn probe(machine: &Machine, options: &[&str], args: &[&str]) -> Value {
    let args = ["login"].iter().chain(options).chain(&["c", "--", "/bin/cd-probe"]).chain(args);
    serde_json::from_slice(&machine.cd(args).env("SUDO_UID", "1000").run().ok().stdout).unwrap()
}

#[test]
fn the_callers_home_is_shown_at_the_users() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = Machine::linux(s);
        m.file("/home/me/note", "mine\n");
        m.file("/root/note", "root's\n");
        let before = owner(&m, "/home/me");
        for mode in MODES {
            let shared = with(mode, &["--shared-home"]);
            let me = |options: &[&str], script: &str| m.login(options, script).env("SUDO_UID", "1000").run();
            me(&shared, "cat /root/note").ok().prints("mine\n");
            me(&with(&shared, &["-u", "user"]), "cat /home/user/note; echo x > /home/user/new; pwd")
                .ok()
                .prints("mine\n/home/user\n");
            assert_eq!(owner(&m, "/home/me/new"), (1000, 1001, 0o644), "{mode:?}");
            fs::remove_file(m.path("/home/me/new")).unwrap();
            m.login(&shared, "cat /root/note").run().ok().prints("root's\n");
            // Our own elevation and sudo pass on where the caller's home is.
            m.login(&shared, "cat /root/note")
                .env("SUDO_UID", "77")
                .env("SUDO_HOME", "/home/me")
                .run()
                .ok()
                .prints("mine\n");
            m.login(&shared, "true").env("SUDO_UID", "77").run().code(125).says(&["77", "no home"]);
            m.login(&shared, "true")
                .env("SUDO_UID", "77")
                .env("SUDO_HOME", "/home/gone")
                .run()
                .code(125)
                .says(&["'/home/gone' is not there"]);
            me(&with(&shared, &["-u", "4242"]), "true").code(125).says(&["4242", "--bind"]);
            me(mode, "test -e /root/note").code(1);
        }
        assert_eq!(owner(&m, "/home/me"), before);
    });
}

#[test]
fn temporary_files_are_shared_where_asked_for() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = Machine::linux(s);
        m.file("/tmp/on-host", "seen\n");
        for mode in MODES {
            m.login(&with(mode, &["--shared-tmp"]), "cat /tmp/on-host; echo x > /tmp/new")
                .run()
                .ok()
                .prints("seen\n");
            assert_eq!(fs::read_to_string(m.path("/tmp/new")).unwrap(), "x\n", "{mode:?}");
            fs::remove_file(m.path("/tmp/new")).unwrap();
        }
        m.login(&[], "cat /tmp/on-host").run().ok().prints("seen\n");
        for mode in ["--isolated", "--minimal"] {
            m.login(&[mode], "test -e /tmp/on-host").run().code(1);
        }
    });
}

/// A record of an X authority file for this machine's display 0.
fn cookie(family: u16, hostname: &[u8]) -> Vec<u8> {
    let mut record = family.to_be_bytes().to_vec();
    for string in [hostname, b"0", b"MIT-MAGIC-COOKIE-1", b"0123456789abcdef"] {
        record.extend_from_slice(&u16::try_from(string.len()).unwrap().to_be_bytes());
        record.extend_from_slice(string);
    }
    record
}

fn hostname() -> Vec<u8> {
    rustix::system::uname().nodename().to_bytes().to_vec()
}

#[test]
fn the_desktop_is_found_and_reached() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = Machine::linux(s);
        let runtime = "/run/user/1000";
        let sockets = ["/tmp/.X11-unix/X0", "bus", "pipewire-0", "pulse/native", "wayland-0"]
            .map(|name| if name.starts_with('/') { name.to_owned() } else { format!("{runtime}/{name}") });
        let _listening = sockets.each_ref().map(|path| m.socket(path, 1000));
        fs::set_permissions(m.path(runtime), fs::Permissions::from_mode(0o700)).unwrap();
        chown(m.path(runtime), Some(1000), Some(1000)).unwrap();
        m.file("/run/user/1000/secret", "");
        m.file("/home/me/.config/pulse/cookie", "pulse");
        m.file("/home/me/.Xauthority", cookie(256, &hostname()));
        fs::set_permissions(m.path("/home/me/.Xauthority"), fs::Permissions::from_mode(0o600)).unwrap();
        chown(m.path("/home/me/.Xauthority"), Some(1000), Some(1000)).unwrap();
        for mode in MODES {
            let shared = with(mode, &["--shared-display"]);
            let get = m.env_of(m.login(&shared, "env").env("SUDO_UID", "1000"));
            let want = [
                ("DISPLAY", Some(":0")),
                ("WAYLAND_DISPLAY", Some("wayland-0")),
                ("XDG_RUNTIME_DIR", Some(runtime)),
                ("PULSE_SERVER", Some("unix:/run/user/1000/pulse/native")),
                ("DBUS_SESSION_BUS_ADDRESS", Some("unix:path=/run/user/1000/bus")),
                ("XDG_SESSION_TYPE", None),
            ];
            for (key, value) in want {
                assert_eq!(get(key).as_deref(), value, "{mode:?} {key}");
            }
            let args: Vec<&str> = sockets.iter().flat_map(|path| ["--socket", path]).collect();
            // Their uid in the guest is the same as on the host: then nothing is in the way.
            for user in ["root", "user"] {
                let seen = probe(&m, &with(&shared, &["-u", user]), &args);
                for path in &sockets {
                    assert_eq!(seen["sockets"][path], true, "{mode:?} {user} {path}");
                }
            }
            // Root is somebody else to PulseAudio; the caller is not.
            let pulse = m
                .login(&shared, "cat $PULSE_COOKIE; stat -c ' %u:%a' $PULSE_COOKIE")
                .env("SUDO_UID", "1000")
                .run();
            pulse.ok().prints("pulse 0:600\n");
            let own = m.env_of(m.login(&with(&shared, &["-u", "user"]), "env").env("SUDO_UID", "1000"));
            assert_eq!(own("PULSE_COOKIE"), None, "{mode:?}");
            let path = if mode == ["--isolated"] {
                "/var/tmp/.chroot-distro-xauthority"
            } else {
                "/home/me/.Xauthority"
            };
            assert_eq!(get("XAUTHORITY").as_deref(), Some(path), "{mode:?}");
            let read = m
                .login(&with(&shared, &["-u", "user"]), "cat $XAUTHORITY")
                .env("SUDO_UID", "1000")
                .run()
                .ok();
            let family = if mode == ["--isolated"] { 0xffff } else { 256 };
            assert_eq!(read.stdout, cookie(family, &hostname()), "{mode:?}");
        }
        // Under another hostname the cookie counts too.
        for named in [
            m.login(&["--shared-display", "--hostname", "h"], "env"),
            m.login(&["--shared-display"], "env").env("CD_USE_NS", "1"),
        ] {
            let get = m.env_of(named.env("SUDO_UID", "1000"));
            assert_eq!(get("XAUTHORITY").as_deref(), Some("/var/tmp/.chroot-distro-xauthority"));
        }
        // Nothing else of the host's comes along, and the directory is the user's own.
        let isolated = ["--isolated", "--shared-display", "-u", "user"];
        m.login(
            &isolated,
            "test ! -e $XDG_RUNTIME_DIR/secret && stat -c %u:%a $XDG_RUNTIME_DIR && touch $XDG_RUNTIME_DIR/x",
        )
        .env("SUDO_UID", "1000")
        .run()
        .ok()
        .prints("1000:700\n");
        assert!(!m.path("/run/user/1000/x").exists());
        // Not asked for, not told.
        let get = m.env_of(m.login(&[], "env").env("SUDO_UID", "1000").env("DISPLAY", ":7"));
        assert_eq!((get("DISPLAY"), get("XDG_RUNTIME_DIR"), get("XAUTHORITY")), (None, None, None));
    });
}

#[test]
fn another_user_gets_a_copy_of_the_cookie() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = Machine::linux(s);
        m.socket("/tmp/.X11-unix/X0", 1000);
        m.file("/run/user/1000/.mutter-Xwaylandauth.ABC", cookie(256, &hostname()));
        fs::set_permissions(m.path("/run/user/1000"), fs::Permissions::from_mode(0o700)).unwrap();
        let passwd = "root:x:0:0::/root:/bin/sh\nother:x:1234:1235::/:/bin/sh\n";
        fs::write(m.rootfs().join("etc/passwd"), passwd).unwrap();
        // Who is asked for by number keeps it, so is not given the caller's.
        let script = "id -u; stat -c '%u:%g %a' $XAUTHORITY; cat $XAUTHORITY > /dev/null; echo $XAUTHORITY";
        for mode in MODES {
            let options = with(mode, &["--shared-x11", "-u", "1234"]);
            m.login(&options, script)
                .env("SUDO_UID", "1000")
                .run()
                .ok()
                .prints("1234\n1234:1235 600\n/var/tmp/.chroot-distro-xauthority\n");
        }
        let copy = m.rootfs().join("var/tmp/.chroot-distro-xauthority");
        assert_eq!(fs::read(&copy).unwrap(), cookie(0xffff, &hostname()));
        // A link that waits in its place is replaced, and what it leads to is left alone.
        fs::remove_file(&copy).unwrap();
        std::os::unix::fs::symlink("../../../../../../../../tmp/canary/secret", &copy).unwrap();
        m.login(&["--shared-display", "-u", "1234"], "true").env("SUDO_UID", "1000").run().ok();
        assert!(fs::symlink_metadata(&copy).unwrap().is_file());
        s.assert_canaries();
    });
}

#[test]
fn the_desktops_own_variables_win_over_what_is_found_and_the_users_over_all() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let m = Machine::linux(s);
        m.dir("/run/user/1000");
        let elsewhere = m.socket("/srv/wl", 0);
        let login = |options: &[&str]| {
            m.login(options, "env")
                .env("SUDO_UID", "1000")
                .env("DISPLAY", "host:1.0")
                .env("WAYLAND_DISPLAY", "/srv/wl")
                .env("XDG_SESSION_TYPE", "wayland")
                .env("XDG_CURRENT_DESKTOP", "GNOME")
                .env("DESKTOP_SESSION", "gnome")
                .env("PULSE_SERVER", "tcp:host:4713")
        };
        let get = m.env_of(login(&["--shared-display", "-e", "PULSE_SERVER=none"]));
        assert_eq!(get("DISPLAY").as_deref(), Some("host:1.0"));
        assert_eq!(get("WAYLAND_DISPLAY").as_deref(), Some("/srv/wl"));
        assert_eq!(get("XDG_CURRENT_DESKTOP").as_deref(), Some("GNOME"));
        assert_eq!(get("XDG_SESSION_TYPE").as_deref(), Some("wayland"));
        assert_eq!(get("DESKTOP_SESSION").as_deref(), Some("gnome"));
        assert_eq!(get("PULSE_SERVER").as_deref(), Some("none"));
        assert_eq!((get("XAUTHORITY"), get("DBUS_SESSION_BUS_ADDRESS")), (None, None));
        // A socket out of the usual places is bound where it is.
        login(&["--shared-display"]).run().ok();
        let args = ["login", "--shared-display", "c", "--", "/bin/cd-probe", "--socket", "/srv/wl"];
        let ran = m.cd(args).env("SUDO_UID", "1000").env("WAYLAND_DISPLAY", "/srv/wl").run().ok();
        let seen: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(seen["sockets"]["/srv/wl"], true);
        drop(elsewhere);
    });
}

#[test]
fn who_shares_the_display_may_use_the_gpu() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let m = Machine::linux(s);
        for (name, group, mode) in [("renderD128", 105, 0o660), ("card0", 44, 0o660), ("card1", 77, 0o600)] {
            let path = format!("/dev/dri/{name}");
            m.node(&path, 1, 3);
            chown(m.path(&path), None, Some(group)).unwrap();
            fs::set_permissions(m.path(&path), fs::Permissions::from_mode(mode)).unwrap();
        }
        m.file("/dev/dri/by-path", "");
        let ids = "id -G; ls /dev/dri; echo > /dev/dri/renderD128 && echo drawn";
        for mode in MODES {
            let options = with(mode, &["--shared-display", "-u", "user"]);
            let nodes = if mode == ["--isolated"] { "" } else { "by-path\n" };
            m.login(&options, ids)
                .run()
                .ok()
                .prints(&format!("1001 44 50 105\n{nodes}card0\ncard1\nrenderD128\ndrawn\n"));
        }
        m.login(&["-u", "user"], "id -G").run().ok().prints("1001 50\n");
    });
}

/// While a first session with these options waits.
fn beside(s: &Sandbox, m: &Machine, options: &[&str], body: impl FnOnce()) {
    let in_it = m.rootfs().join("root/in");
    // Written where only the guest itself can be: its home may be another by then.
    let script = "echo > /root/in; exec sleep 100";
    let first = m.login(options, script).env("SUDO_UID", "1000").spawn();
    let home = m.path("/home/me/in");
    while !in_it.exists() && !home.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    body();
    first.signal(rustix::process::Signal::KILL);
    first.wait();
    assert!(s.settles());
    let _ = fs::remove_file(in_it).or_else(|_| fs::remove_file(home));
}

#[test]
fn a_later_session_brings_what_it_shares() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let m = Machine::linux(s);
        m.file("/home/me/note", "mine\n");
        m.file("/tmp/on-host", "seen\n");
        m.dir("/srv/shared");
        let _x = m.socket("/tmp/.X11-unix/X0", 1000);
        let _bus = m.socket("/run/user/1000/bus", 1000);
        m.node("/dev/dri/renderD128", 1, 3);
        for mode in ["--isolated", "--minimal"] {
            beside(s, &m, &[mode], || {
                m.login(&[mode, "--shared-home", "--shared-tmp"], "cat /root/note /tmp/on-host")
                    .env("SUDO_UID", "1000")
                    .run()
                    .ok()
                    .prints("mine\nseen\n");
            });
            beside(s, &m, &[mode], || {
                let sockets = ["--socket", "/tmp/.X11-unix/X0", "--socket", "/run/user/1000/bus"];
                for _ in 0..2 {
                    let seen = probe(&m, &[mode, "--shared-display"], &sockets);
                    assert_eq!(
                        seen["sockets"],
                        json!({"/tmp/.X11-unix/X0": true, "/run/user/1000/bus": true})
                    );
                }
                m.login(&[mode], "test -c /dev/dri/renderD128").run().ok();
            });
        }
        // Into a /dev of the container's own, though a host path stands in it by now: nothing is made below that.
        beside(s, &m, &["--isolated"], || {
            m.login(&["--isolated", "-b", "/srv/shared:/dev/a/b"], "ls /dev/a").run().ok().prints("b\n");
            m.login(&["--isolated", "-b", "/tmp:/dev/a/b/c"], "true").run().code(125).says(&["/dev/a/b/c"]);
        });
        assert_eq!(fs::read_dir(m.path("/srv/shared")).unwrap().count(), 0);
    });
}

#[test]
fn what_the_container_has_already_needs_no_new_kernel() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = Machine::linux(s);
        m.file("/home/me/note", "mine\n");
        for mode in [&[][..], &["--isolated"], &["--minimal"]] {
            let options = with(mode, &["--shared-home", "--shared-tmp", "--shared-display"]);
            beside(s, &m, &options, || {
                m.login(&options, "cat /root/note").env("SUDO_UID", "1000").run().ok().prints("mine\n");
            });
        }
    });
}

#[test]
fn an_image_says_nothing_of_displays() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let env = json!([
            "PATH=/bin",
            "DISPLAY=:9",
            "PULSE_SERVER=x",
            "GALLIUM_DRIVER=x",
            "__NV_PRIME_RENDER_OFFLOAD=0"
        ]);
        Image::busybox().with("Env", env).write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        let out = s.cd(["login", "c", "--", "/bin/env"]).run().ok().out();
        for key in ["DISPLAY=", "PULSE_SERVER=", "GALLIUM_DRIVER=", "__NV_PRIME_RENDER_OFFLOAD="] {
            assert!(!out.contains(key), "{out}");
        }
        // The user's own word is the last, also on who they are.
        s.cd([
            "login",
            "-e",
            "HOME=/h",
            "-e",
            "USER=u",
            "-e",
            "TERM=t",
            "c",
            "--",
            "/bin/sh",
            "-c",
            "echo $HOME $USER $TERM",
        ])
        .run()
        .ok()
        .prints("/h u t\n");
    });
}
