//! What the guest's program has as its standard streams: pipes that it may open by name, a log that it cannot harm.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use serde_json::json;

use crate::support::prelude::*;

/// The modes, and namespaces of its own with the host's paths.
fn each(body: impl Fn(&Sandbox, &[&str], &str) + Send + Sync) {
    on_both_kernels(|s| {
        make_of(s, "c", &Image::busybox().with("Entrypoint", json!(["/bin/sh", "-c"])));
        for (mode, namespaces) in [(MODES[0], "0"), (MODES[1], "0"), (MODES[2], "0"), (MODES[0], "1")] {
            body(s, mode, namespaces);
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
        }
    });
}

/// As nginx's image has its logs.
const BY_NAME: &str =
    "echo out; echo one >/dev/stdout; echo two >/dev/stderr; echo more >>/dev/stdout; echo err >&2";
const PRINTED: &str = "out\none\ntwo\nmore\nerr\n";

#[test]
fn a_detached_program_opens_its_output_by_name() {
    need!(Root, Tool("busybox"));
    each(|s, mode, namespaces| {
        for user in ["root", "user"] {
            let run = [&["run", "-d", "-u", user], mode, &["c", "--", BY_NAME]].concat();
            s.cd(run).env("CD_USE_NS", namespaces).run().ok();
            s.cd(["logs", "-f", "c"]).run().ok().prints(PRINTED);
        }
    });
}

#[test]
fn a_program_in_a_pipe_opens_its_output_by_name() {
    need!(Root, Tool("busybox"));
    each(|s, mode, namespaces| {
        for user in ["root", "user"] {
            let run = [&["run", "-u", user], mode, &["c", "--", BY_NAME]].concat();
            let ran = s.cd(run).env("CD_USE_NS", namespaces).run().ok().prints("out\none\nmore\n");
            assert!(ran.err().contains("two\nerr\n"), "{ran:?}");
        }
    });
}

#[test]
fn files_and_fifos_keep_their_owners() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let (file, fifo) = (s.path("file"), s.path("fifo"));
        File::create(&file).unwrap();
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _reader = open(&fifo, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        for path in [&file, &fifo] {
            let script = format!("\"$@\" </dev/null >{0} 2>{0}", path.display());
            let login = ["/tmp/bin/chroot-distro", "login", "-u", "user", "c", "--", "/bin/echo", "x"];
            s.world("/bin/sh").args(["-c", &script, "sh"]).args(login).run().ok();
            assert_eq!(fs::metadata(path).unwrap().uid(), 0, "{}", path.display());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "x\n");
    });
}

#[test]
fn a_full_log_is_begun_anew_and_read_as_one() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let script = "seq 1 1700000; until test -e /root/stop; do sleep 0.05; done; echo end";
        let wanted: String = (1..=1_700_000).map(|number| format!("{number}\n")).collect();
        let log = |name: &str| fs::metadata(s.data().join("logs").join(name)).unwrap();
        for _ in 0..2 {
            s.cd(["run", "-d", "--entrypoint", "/bin/sh", "c", "--", "-c", script]).run().ok();
            let follower = s.cd(["logs", "-f", "c"]).spawn();
            while s.cd(["logs", "-n", "1", "c"]).run().ok().out() != "1700000\n" {}
            assert!(s.cd(["logs", "c"]).run().ok().out() == wanted);
            let (now, before) = (log("c.log"), log("c.log.1"));
            assert_eq!((now.len() + before.len()) as usize, wanted.len());
            assert!(before.len() >= 10 << 20 && before.len() < (10 << 20) + (64 << 10));
            assert_eq!((now.permissions().mode() & 0o7777, now.uid()), (0o600, 0));
            let tail = s.cd(["logs", "-n", "700000", "c"]).run().ok().out();
            assert!(wanted.ends_with(&tail) && tail.starts_with("1000001\n"));
            fs::write(s.rootfs("c").join("root/stop"), "").unwrap();
            assert!(follower.wait().ok().out() == wanted.clone() + "end\n");
            assert!(s.settles());
            fs::remove_file(s.rootfs("c").join("root/stop")).unwrap();
        }
        // The part of another run is nothing of this one's.
        s.cd(["run", "-d", "--entrypoint", "/bin/echo", "c", "--", "next"]).run().ok();
        s.cd(["logs", "-f", "c"]).run().ok().prints("next\n");
    });
}

#[test]
fn what_goes_on_after_the_program_is_written_and_followed() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let script = "(until test -e /root/stop; do sleep 0.05; done; echo late) & echo early";
        s.cd(["run", "-d", "--entrypoint", "/bin/sh", "c", "--", "-c", script]).run().ok();
        let follower = s.cd(["logs", "-f", "c"]).spawn();
        while s.cd(["logs", "c"]).run().ok().out() != "early\n" {}
        fs::write(s.rootfs("c").join("root/stop"), "").unwrap();
        follower.wait().ok().prints("early\nlate\n");
        assert!(s.settles());
    });
}
