//! The guest's own side: its accounts, the terminals it knows, what is written into it at login.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use crate::support::command::Ran;
use crate::support::prelude::*;

const IDS: &str = "echo $(id -u):$(id -g):$(id -G | tr ' ' ,):$HOME";

#[test]
fn who_is_not_there_is_named_with_who_may_be_meant() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let fails = |user: &str| login(s, &["--user", user], "true").run().code(125);
        fails("usr").says(&["no user 'usr'", "did you mean 'user'"]);
        fails("user:staf").says(&["no group 'staf'", "did you mean 'staff'"]);
        fails("4294967295").says(&["no user"]);
        login(s, &["--user", ":"], "true").run().code(2);
        login(s, &["-w", "/nowhere"], "true").run().code(125).says(&["/nowhere"]);
        login(s, &["-b", "/nowhere:/mnt"], "true").run().code(125).says(&["/nowhere"]);
        s.cd(["login", "c", "--", "/bin/nothing"]).run().code(127).says(&["/bin/nothing"]);
        s.cd(["login", "c", "--", "/etc"]).run().code(126).says(&["/etc"]);
    });
}

#[test]
fn root_gets_into_a_guest_whose_accounts_are_spoilt() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let passwd = s.rootfs("c").join("etc/passwd");
        let spoil: [(&str, &dyn Fn()); 6] = [
            ("missing", &|| {}),
            ("a directory", &|| fs::create_dir(&passwd).unwrap()),
            ("a link out", &|| symlink("/tmp/canary/secret", &passwd).unwrap()),
            ("a loop", &|| symlink("passwd", &passwd).unwrap()),
            ("binary", &|| fs::write(&passwd, [0, 255, b':', b'\n'].repeat(10_000)).unwrap()),
            ("huge", &|| fs::File::create(&passwd).unwrap().set_len(5 << 30).unwrap()),
        ];
        for (what, spoil) in spoil {
            let _ = fs::remove_file(&passwd).or_else(|_| fs::remove_dir(&passwd));
            spoil();
            // The guest's own id(1) would read what is huge to its end.
            let ran = login(s, &[], "grep ^Uid /proc/self/status").run();
            assert_eq!((ran.code, ran.out().as_str()), (Some(0), "Uid:\t0\t0\t0\t0\n"), "{what}: {ran:?}");
            let ran = login(s, &["--user", "user"], "true").run();
            assert!(ran.code == Some(125) && !ran.err().contains("TOPSECRET"), "{what}: {ran:?}");
            s.assert_canaries();
        }
        // A link inside is followed, as some distributions have it.
        let _ = fs::remove_file(&passwd);
        fs::write(s.rootfs("c").join("etc/accounts"), "me:x:5:6::/:/bin/absent\n").unwrap();
        symlink("/etc/accounts", &passwd).unwrap();
        login(s, &["-u", "me"], IDS).run().ok().prints("5:6:6:/\n");
        // The shell that is not there gives way to one that is.
        s.cd(["login", "-u", "me", "c"]).stdin("echo still\n").run().ok().prints("still\n");
    });
}

/// As sudo runs it for this user.
fn for_user(cd: Cd, uid: &str, home: &str) -> Cd {
    cd.env("SUDO_UID", uid).env("SUDO_GID", uid).env("SUDO_HOME", home)
}

#[test]
fn who_shares_a_home_has_its_owners_number() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let home = s.path("me");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("theirs"), "").unwrap();
        chown(&home, Some(1234), Some(1234)).unwrap();
        fs::write(s.rootfs("c").join("home/user/own"), "").unwrap();
        chown(s.rootfs("c").join("home/user/own"), Some(1000), Some(1001)).unwrap();
        let shared = |user: &'static str| -> Ran {
            for_user(login(s, &["--shared-home", "--user", user], "id -u; id -g"), "1234", "/tmp/me").run()
        };
        // Who is asked for by number, root, and who shares nothing keep theirs.
        shared("1000").ok().prints("1000\n1001\n");
        shared("root").ok().prints("0\n0\n");
        for_user(login(s, &["--user", "user"], "id -u"), "1234", "/tmp/me").run().ok().prints("1000\n");
        // While somebody is inside nobody changes.
        let mut inside = login(s, &[], "echo $$ > /root/in; exec sleep 100").spawn();
        while !s.rootfs("c").join("root/in").exists() {
            assert!(inside.is_running());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let ran = shared("user").says(&["keeps the user id 1000", "1234"]);
        // An old kernel cannot bring the home into a running container either.
        assert!(ran.out() == "1000\n1001\n" || s.kernel == Kernel::Old, "{ran:?}");
        inside.signal(rustix::process::Signal::KILL);
        inside.wait();
        assert!(s.settles());

        shared("user").ok().prints("1234\n1234\n").says(&["'user'", "1234"]);
        assert_eq!(shared("user").ok().prints("1234\n1234\n").err(), "", "once is enough");
        login(s, &["--user", "user"], "id -u").run().ok().prints("1234\n");
        let owner = |path: std::path::PathBuf| fs::metadata(path).map(|f| (f.uid(), f.gid())).unwrap();
        assert_eq!(owner(s.rootfs("c").join("home/user")), (1234, 1234));
        assert_eq!(owner(s.rootfs("c").join("home/user/own")), (1234, 1234));
        assert_eq!(owner(home.clone()), (1234, 1234));
        assert_eq!(owner(home.join("theirs")), (0, 0));
        let group = fs::read_to_string(s.rootfs("c").join("etc/group")).unwrap();
        assert!(group.contains("user:x:1234:"), "{group}");

        // A number that is somebody else's in there stays theirs.
        fs::write(
            s.rootfs("c").join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nother:x:1234:1::/:\nuser:x:1000:1001::/home/user:/bin/sh\n",
        )
        .unwrap();
        shared("user").ok().prints("1000\n1001\n").says(&["'other'", "1234"]);
    });
}

#[test]
fn a_terminal_that_the_guest_does_not_know_is_a_common_one() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let term = |host: &str, options: &[&'static str]| {
            login(s, options, "echo $TERM").env("TERM", host).run().ok().out()
        };
        assert_eq!(term("alacritty", &[]), "alacritty\n", "a guest without terminfo");
        for entry in ["usr/share/terminfo/x/xterm", "lib/terminfo/74/tmux"] {
            let path = s.rootfs("c").join(entry);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(term("alacritty", &[]), "xterm\n");
        assert_eq!(term("alacritty", &["--minimal"]), "xterm\n");
        assert_eq!(term("tmux-256color", &["--isolated"]), "tmux\n");
        assert_eq!(term("xterm", &[]), "xterm\n");
        login(s, &[], "echo $TERM").run().ok().prints("xterm\n");
    });
}

#[test]
fn the_guest_finds_its_name_and_its_name_servers() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let hosts = || fs::read_to_string(s.rootfs("c").join("etc/hosts")).unwrap();
        login(s, &["--hostname", "box"], "true").run().ok();
        assert!(hosts().contains("127.0.1.1 box #"), "{}", hosts());
        login(s, &["--hostname", "other"], "true").run().ok();
        assert!(hosts().contains("127.0.1.1 other #") && !hosts().contains("box"), "{}", hosts());
        login(s, &["--isolated"], "true").run().ok();
        assert!(!hosts().contains("127.0.1.1"), "{}", hosts());
        let resolv = s.rootfs("c").join("etc/resolv.conf");
        let ours = fs::read_to_string(&resolv).unwrap();
        let first = ours.lines().next().unwrap();
        fs::write(&resolv, format!("{first}\nnameserver 192.0.2.1\n")).unwrap();
        login(s, &[], "true").run().ok();
        assert_eq!(fs::read_to_string(&resolv).unwrap(), ours);
        fs::write(&resolv, "nameserver 192.0.2.1\n").unwrap();
        login(s, &[], "true").run().ok();
        assert_eq!(fs::read_to_string(&resolv).unwrap(), "nameserver 192.0.2.1\n");
    });
}

#[test]
fn a_phones_guest_has_its_groups_and_its_profile() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        // What Termux says of itself, and its tree.
        let home = s.path("termux/home");
        for directory in ["termux/usr/bin", "termux/home"] {
            fs::create_dir_all(s.path(directory)).unwrap();
        }
        chown(&home, Some(10_123), Some(10_123)).unwrap();
        let phone = |cd: Cd| {
            cd.env("ANDROID_ROOT", "/system")
                .env("ANDROID_DATA", "it's $HOME")
                .env("TERMUX_VERSION", "0.118")
                .env("TERMUX__PREFIX", "/tmp/termux/usr")
                .env("TERMUX__HOME", "/tmp/termux/home")
        };
        Image::busybox().write_layout(&s.path("layout"), "latest");
        phone(s.cd(["install", "-q", "-n", "c", "/tmp/layout"])).run().ok();
        let rootfs = s.path("termux/usr/var/lib/chroot-distro/containers/c/rootfs");
        let read = |path: &str| fs::read_to_string(rootfs.join(path)).unwrap();
        assert!(read("etc/passwd").contains("\naid_u0_a123:x:10123:10123:"), "{}", read("etc/passwd"));
        for group in [
            "aid_inet:x:3003:root,aid_u0_a123",
            "aid_net_raw:x:3004:",
            "aid_net_admin:x:3005:",
            "aid_all_a123:x:50123:",
            "aid_u0_a123_cache:x:20123:",
        ] {
            assert!(read("etc/group").contains(group), "{group} in {}", read("etc/group"));
        }
        let groups = |user: &'static str| phone(login(s, &["-u", user], "id -G")).run().ok().out();
        // By the last of them the kernel gives CAP_NET_ADMIN (ANDROID_PARANOID_NETWORK).
        for (user, admin) in [("root", true), ("user", false), ("4242", false)] {
            let groups = groups(user);
            let has = |gid| groups.split_whitespace().any(|group| group == gid);
            assert_eq!((has("3003"), has("3004"), has("3005")), (true, true, admin), "{user}: {groups}");
        }

        let snippet = "etc/profile.d/termux-profile.sh";
        assert!(!rootfs.join(snippet).exists());
        fs::create_dir(rootfs.join("etc/profile.d")).unwrap();
        let profile = "export PATH=/usr/bin:/bin\nunset ANDROID_DATA\n. /etc/profile.d/termux-profile.sh\n";
        fs::write(rootfs.join("etc/profile"), profile).unwrap();
        let script = "echo \"$PATH|$ANDROID_DATA|$SECRET\"\n";
        let ran = phone(s.cd(["login", "-e", "SECRET=x", "c"])).stdin(script).run().ok();
        ran.prints("/usr/bin:/bin:/tmp/termux/usr/bin|it's $HOME|x\n");
        assert!(!read(snippet).contains("SECRET"), "{}", read(snippet));
        assert_eq!(fs::metadata(rootfs.join(snippet)).unwrap().permissions().mode() & 0o7777, 0o644);
        phone(login(s, &["--isolated"], "test ! -e /etc/profile.d/termux-profile.sh")).run().ok();
        fs::write(rootfs.join(snippet), "# mine\n").unwrap();
        phone(login(s, &[], "true")).run().ok();
        assert_eq!(read(snippet), "# mine\n");
        assert_eq!(fs::metadata(&home).unwrap().uid(), 10_123);
    });
}

#[test]
fn what_login_writes_stays_inside() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let etc = s.rootfs("c").join("etc");
        let to = |name: &str, target: &str| {
            let path = etc.join(name);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            symlink(target, path).unwrap();
        };
        let run = || {
            let cd = login(s, &["--shared-home", "-u", "user", "--hostname", "box"], "true");
            let cd = cd.env("ANDROID_ROOT", "/system").env("TERMUX_VERSION", "1").env("SUDO_UID", "1234");
            let cd = cd.env("XDG_DATA_HOME", "/tmp/data").env("TERMUX__PREFIX", "/tmp/prefix");
            // On Termux the store is below the prefix: the same one.
            cd.env("TERMUX__HOME", "/tmp/me").env("SUDO_HOME", "/tmp/me").run()
        };
        fs::create_dir_all(s.path("prefix/var/lib")).unwrap();
        fs::create_dir(s.path("me")).unwrap();
        chown(s.path("me"), Some(1234), Some(1234)).unwrap();
        symlink(s.data(), s.path("prefix/var/lib/chroot-distro")).unwrap();
        fs::create_dir(s.rootfs("c").join("home/user/d")).unwrap();
        symlink("/tmp/canary", s.rootfs("c").join("home/user/d/out")).unwrap();
        let escapes = ["/tmp/canary/secret", "../../../../../../../../tmp/canary/secret"];
        for target in escapes {
            for name in ["hosts", "resolv.conf", "group"] {
                to(name, target);
            }
            to("profile.d", "/tmp/canary/dir");
            run().ok();
            s.assert_canaries();
            // The whole of /etc elsewhere.
            fs::rename(&etc, s.rootfs("c").join("kept")).unwrap();
            symlink("/tmp/canary", &etc).unwrap();
            run().code(125);
            fs::remove_file(&etc).unwrap();
            fs::rename(s.rootfs("c").join("kept"), &etc).unwrap();
            s.assert_canaries();
        }
        fs::remove_file(s.path("prefix/var/lib/chroot-distro")).unwrap();
    });
}
