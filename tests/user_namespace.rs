//! `--isolated --userns auto`: root of the container is a user without rights outside, and its files keep their owners.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use crate::support::command::Running;
use crate::support::prelude::*;
use crate::support::sandbox::sandbox_on;

const OWN: [&str; 3] = ["--isolated", "--userns", "auto"];

/// The first of the users of a process, seen from outside.
fn first_user(pid: u32) -> u32 {
    let map = fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap();
    map.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A session in `name` that goes on, and the number of its program outside.
fn stay(s: &Sandbox, name: &str, options: &[&str]) -> (Running, u32) {
    let words = [&["login"], options, &[name, "--", "sh", "-c", "echo > /root/stays; exec sleep 1000"]];
    let session = s.cd(words.concat()).spawn();
    appears(&s.rootfs(name).join("root/stays"));
    let told = s.cd(["ps", "--json"]).run().ok().out();
    let sessions: serde_json::Value = serde_json::from_str(&told).unwrap();
    let sessions = sessions.as_array().unwrap().iter();
    let pid = sessions.filter(|one| one["container"] == name).find_map(|one| one["pid"].as_u64());
    (session, u32::try_from(pid.unwrap()).unwrap())
}

#[test]
fn root_is_a_user_without_rights_outside_and_files_keep_their_owners() {
    need!(Root, Tool("busybox"), Kernel(6, 3));
    sandbox(|s| {
        make(s);
        let (root, shadow) = (s.rootfs("c").join("root"), s.rootfs("c").join("root/shadow"));
        fs::write(&shadow, "x").unwrap();
        chown(&shadow, Some(0), Some(42)).unwrap();
        let modes: [&[&str]; 3] = [&[], &OWN, &["--isolated"]];
        for (at, options) in modes.into_iter().enumerate() {
            let script =
                format!("id -u; busybox stat -c %u:%g /root/shadow; echo > /root/{at}; chown 7:8 /root/{at}");
            login(s, options, &script).run().ok().prints("0\n0:42\n");
            let made = fs::metadata(root.join(at.to_string())).unwrap();
            assert_eq!((made.uid(), made.gid()), (7, 8));
        }
        let ran = login(s, &OWN, "echo > /root/own; chown 65535 /root/0 && ! chown 65536 /root/0").run();
        ran.ok();
        assert_eq!(fs::metadata(root.join("0")).unwrap().uid(), 65535);
        assert_eq!(fs::metadata(root.join("own")).unwrap().uid(), 0);
        // Outside, its processes are another user's, the first one too.
        let (session, pid) = stay(s, "c", &OWN);
        let first = first_user(pid);
        assert!(first > 65535, "{first}");
        assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), first);
        let init = s.processes().into_iter().map(i32::unsigned_abs).filter(|&pid| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(": init"))
        });
        assert_eq!(init.map(first_user).collect::<Vec<_>>(), [first]);
        end(session);
        assert!(s.settles());
    });
}

#[test]
fn two_containers_have_users_that_do_not_meet_and_names_take_them_along() {
    need!(Root, Tool("busybox"), Kernel(6, 3));
    sandbox(|s| {
        make(s);
        make_named(s, "b");
        let firsts = |name: &str| {
            let _ = fs::remove_file(s.rootfs(name).join("root/stays"));
            let (session, pid) = stay(s, name, &OWN);
            let first = first_user(pid);
            end(session);
            assert!(s.settles());
            first
        };
        let (b, c) = (firsts("b"), firsts("c"));
        assert!(b.abs_diff(c) >= 65536, "{b} {c}");
        s.cd(["rename", "b", "d"]).run().ok();
        assert_eq!(firsts("d"), b);
        s.cd(["clone", "d", "e"]).run().ok();
        let e = firsts("e");
        assert!(e.abs_diff(b) >= 65536 && e.abs_diff(c) >= 65536, "{e} {b} {c}");
        s.cd(["remove", "d"]).run().ok();
        make_named(s, "d");
        assert_eq!(firsts("c"), c);
    });
}

#[test]
fn others_join_it_are_seen_and_ended_and_bring_binds() {
    need!(Root, Tool("busybox"), Kernel(6, 3));
    sandbox(|s| {
        make(s);
        let shared = s.path("shared");
        fs::create_dir(&shared).unwrap();
        fs::write(shared.join("mine"), "x").unwrap();
        fs::set_permissions(shared.join("mine"), fs::Permissions::from_mode(0o600)).unwrap();
        let look = "id -u; cat /mnt/mine; echo > /mnt/made; busybox stat -c %u /mnt/made";
        let bind = "/tmp/shared:/mnt";
        login(s, &[&OWN[..], &["--bind", bind]].concat(), look).run().ok().prints("0\nx0\n");
        assert_eq!(fs::metadata(shared.join("made")).unwrap().uid(), 0);
        // As it is on the host, it is nobody's.
        let as_it_is = [&OWN[..], &["--bind", "/tmp/shared:/mnt:noidmap"]].concat();
        login(s, &as_it_is, "cat /mnt/mine || busybox stat -c %u /mnt/mine").run().ok().prints("65534\n");
        let (session, pid) = stay(s, "c", &OWN);
        // A session that joins need not say it again.
        login(s, &["--isolated", "--bind", bind], look).run().ok().prints("0\nx0\n");
        let map = login(s, &["--isolated"], "cat /proc/self/uid_map").run().ok().out();
        assert!(map.contains(&first_user(pid).to_string()), "{map}");
        let (ps, list) = (s.cd(["ps"]).run().ok().out(), s.cd(["list", "-v"]).run().ok().out());
        assert!(ps.contains("sleep 1000") && list.contains("Isolation: full"), "{ps}{list}");
        s.cd(["backup", "c", "-o", "/tmp/c.tar"]).run().ok();
        s.cd(["kill", "c"]).run().ok();
        session.wait();
        assert!(s.settles());
    });
}

#[test]
fn a_network_of_its_own_is_its_root_s_and_the_hosts_is_not() {
    need!(Root, Tool("busybox"), Kernel(6, 3));
    sandbox(|s| {
        make(s);
        let own = [&OWN[..], &["--network", "none"]].concat();
        login(s, &own, "busybox ping -c 1 -W 5 127.0.0.1 >/dev/null").run().ok();
        login(s, &[&OWN[..], &["-u", "7:8"]].concat(), "id -u; id -g; echo > /dev/stdout")
            .run()
            .ok()
            .prints("7\n8\n\n");
    });
}

#[test]
fn where_it_cannot_be_had_the_session_goes_without_or_is_refused() {
    need!(Root, Tool("busybox"));
    sandbox_on(Kernel::Old, |s| {
        make(s);
        let ran = login(s, &OWN, "echo in").run().ok().prints("in\n");
        ran.says(&["user namespace", "goes without"]);
        login(s, &[&OWN[..], &["--strict"]].concat(), "true").run().code(125).says(&["user namespace"]);
        login(s, &["--userns", "auto"], "true").run().code(2).says(&["--isolated"]);
        login(s, &["--isolated", "--userns", "x"], "true").run().code(2).says(&["auto or host"]);
    });
}
