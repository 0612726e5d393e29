//! Sessions on a terminal: the guest has one of its own, keys and sizes reach it, nothing is lost, and the one outside
//! is given back as it was on every way out.

use std::fs;

use rustix::process::Signal;

use crate::support::prelude::*;
use crate::support::pty::Terminal;

/// `login`, options, the container, and a shell script, on a terminal.
fn login(s: &Sandbox, options: &[&str], script: &str) -> Terminal {
    s.on_terminal([&["login"], options, &["c", "--", "/bin/sh", "-c", script]].concat())
}

fn in_every_mode(body: impl Fn(&Sandbox, &'static [&'static str]) + Send + Sync) {
    on_both_kernels(|s| {
        make(s);
        for mode in MODES {
            body(s, mode);
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
        }
    });
}

#[test]
fn the_guest_has_a_terminal_of_its_own_that_is_like_the_one_outside() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let script =
            "tty; busybox stty size; busybox stty -a | grep -o 'intr = ..'; busybox stat -c %u:%a $(tty);
            test -t 2 && : < /dev/tty && echo controls; exit 3";
        let mut t = login(s, &[mode, &["-u", "user"]].concat(), script);
        let name = t.expect("\r\n");
        assert!(name.starts_with("/dev/pts/"), "{mode:?}: {name}");
        t.expect("24 80\r\n");
        t.expect("intr = ^C\r\n");
        t.expect("1000:620\r\n");
        t.expect("controls\r\n");
        assert_eq!(t.ends(), 3, "{mode:?}");
    });
}

#[test]
fn a_new_size_reaches_the_guest() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let script = "trap 'busybox stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done";
        let mut t = login(s, mode, script);
        t.expect("ready");
        t.resize(50, 132);
        t.expect("50 132");
        assert_eq!(t.ends(), 0);
    });
}

#[test]
fn keys_mean_what_the_guests_terminal_says() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let mut t = s.on_terminal([&["login"], mode, &["c"]].concat());
        t.types("PS1='> '; echo on-$((20+1))\r");
        t.expect("on-21");
        t.until("raw", Terminal::is_raw);
        // Each key is for what is known to be in the foreground by now.
        let job = "trap 'echo on-$((20+3))' CONT; echo up-$((20+2)); while :; do sleep 0.05; done";
        fs::write(s.rootfs("c").join("root/job"), job).unwrap();
        t.types("sh job\r");
        t.expect("up-22");
        t.types("\x03");
        t.expect("> ");
        // 128+2: the guest's foreground group was interrupted, and neither its shell nor the login was.
        t.types("echo now-$?\r");
        t.expect("now-130");
        t.types("sh job\r");
        t.expect("up-22");
        t.types("\x1a");
        t.expect("Stopped");
        t.expect("> ");
        t.types("fg\r");
        t.expect("on-23");
        t.types("\x03");
        t.expect("> ");
        t.types("echo then-$?\r");
        t.expect("then-130");
        t.expect("> ");
        t.types("(exit 9)\r");
        t.expect("(exit 9)\r\n");
        t.expect("> ");
        // Ctrl-D
        t.types("\x04");
        assert_eq!(t.ends(), 9, "{mode:?}");
    });
}

#[test]
fn the_terminal_is_given_back_on_every_way_out() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let run = |program: &str| s.on_terminal([&["login"], mode, &["c", "--", program]].concat());
        let mut t = run("/bin/absent");
        t.expect("chroot-distro: cannot run '/bin/absent'");
        assert_eq!(t.ends(), 127, "{mode:?}");
        assert_eq!(run("/etc/passwd").ends(), 126, "{mode:?}");
        for (signal, code) in
            [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129), (Signal::USR1, 138)]
        {
            let mut t = login(s, mode, "echo ready; exec sleep 1000");
            t.expect("ready");
            t.until("raw", Terminal::is_raw);
            t.signal(signal);
            assert_eq!(t.ends(), code, "{mode:?}");
        }
        assert_eq!(login(s, mode, "kill -9 $$").ends(), 137, "{mode:?}");
    });
}

#[test]
fn a_login_in_the_background_waits_for_the_terminal_and_a_stopped_one_gives_it_back() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let script = ["c", "--", "/bin/sh", "-c", "read word; echo got $word; read word; busybox stty size"];
        let mut t = s.in_background([&["login"], mode, &script].concat());
        t.expect("<stopped>");
        t.until("raw", Terminal::is_raw);
        t.types("it\r");
        t.expect("got it");
        t.signal(Signal::TSTP);
        t.expect("<stopped>");
        t.assert_restored();
        t.resize(30, 90);
        t.types("\n");
        t.until("raw again", Terminal::is_raw);
        t.types("\r");
        t.expect("30 90");
        assert_eq!(t.ends(), 0, "{mode:?}");
    });
}

#[test]
fn where_nobody_could_let_it_go_on_a_login_does_not_stop() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        // The shell that leads is no job of another: the kernel lets no terminal's signal stop what is in its group.
        let mut t = login(s, &[], "echo ready; read word; echo got $word");
        t.expect("ready");
        t.until("raw", Terminal::is_raw);
        t.signal(Signal::TSTP);
        t.types("it\r");
        t.expect("got it");
        assert_eq!(t.ends(), 0);
    });
}

#[test]
fn closing_the_terminal_ends_the_session() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let mut t =
            login(s, mode, "trap 'echo > /root/hup; exit' HUP; echo ready; while :; do sleep 0.05; done");
        t.expect("ready");
        t.close();
        assert!(s.settles(), "{mode:?} left {:?}", s.processes());
        fs::remove_file(s.rootfs("c").join("root/hup")).expect("the guest heard of it");
    });
}

#[test]
fn a_killed_login_ends_the_session() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let mut t = login(s, mode, "echo ready; exec sleep 1000");
        t.expect("ready");
        t.signal(Signal::KILL);
        t.expect("<exit=137>");
        t.close();
        assert!(s.settles(), "{mode:?} left {:?}", s.processes());
    });
}

#[test]
fn no_byte_is_lost_either_way() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let mut t = login(s, mode, "busybox stty -onlcr; seq 1 60000");
        let out = t.expect("60000\n");
        assert_eq!(out.lines().count(), 59_999, "{mode:?}");
        assert_eq!(t.ends(), 0);
        // More than a terminal's buffers hold, while its reader sleeps.
        let lines: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
        let mut t = login(s, mode, "busybox stty -echo; echo ready; sleep 1; cat > /root/pasted; echo done");
        t.expect("ready");
        t.types(&lines);
        t.types("\x04");
        t.expect("done");
        assert_eq!(t.ends(), 0);
        assert!(fs::read_to_string(s.rootfs("c").join("root/pasted")).unwrap() == lines, "{mode:?}");
    });
}

#[test]
fn a_flood_is_interrupted_and_silence_is_not_the_end() {
    need!(Root, Tool("busybox"));
    in_every_mode(|s, mode| {
        let mut t = login(s, mode, "exec busybox yes");
        t.expect("y\r\ny");
        t.types("\x03");
        assert_eq!(t.ends(), 130, "{mode:?}");
        // Nobody inside has the terminal open for a while.
        let script =
            "exec <&- >&- 2>&-; sleep 0.3; echo back > /dev/tty; read word < /dev/tty; echo $word > /dev/tty";
        let mut t = login(s, mode, script);
        t.expect("back");
        t.types("typed\r");
        t.expect("typed\r\ntyped");
        assert_eq!(t.ends(), 0, "{mode:?}");
    });
}

#[test]
fn a_background_process_does_not_hold_the_login_up() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        for mode in MODES {
            let mut t = login(s, mode, "trap '' HUP; sleep 2 & echo last words");
            t.expect("last words");
            assert_eq!(t.ends(), 0, "{mode:?}");
        }
    });
}

#[test]
fn a_terminal_is_forced_or_refused() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        for mode in MODES {
            let script = |options: &[&'static str], script: &'static str| {
                s.cd([&["login"], mode, options, &["c", "--", "/bin/sh", "-c", script]].concat())
            };
            // The end of input is a key there; what is typed is echoed.
            let ran = script(&["-t"], "tty; cat; echo end >&2").stdin("one\ntwo").run().ok();
            assert!(ran.out().contains("/dev/pts/"), "{ran:?}");
            assert!(ran.out().matches("two").count() == 2, "{ran:?}");
            assert_eq!(ran.err(), "end\n", "a standard error that is no terminal stays what it is");
            script(&["-t"], "kill -9 $$").run().code(137);
            // Refused: the terminal outside is not touched.
            let mut t = login(s, &[mode, &["-T"]].concat(), "echo ready; read word; echo got $word");
            t.expect("ready");
            assert!(!t.is_raw());
            t.types("it\n");
            t.expect("got it");
            assert_eq!(t.ends(), 0, "{mode:?}");
        }
        s.cd(["login", "-t", "-T", "c"]).run().code(2);
    });
}

#[test]
fn what_stands_where_the_multiplexer_should_be_is_not_believed() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let script =
            "busybox mount -t tmpfs t /dev; mknod /dev/null c 1 3; mkdir /dev/pts; busybox mkfifo /dev/ptmx;
            busybox ln -s /dev/null /dev/pts/ptmx; echo > /root/ready; exec sleep 1000";
        let first = s.cd(["login", "c", "--", "/bin/sh", "-c", script]).spawn();
        while !s.rootfs("c").join("root/ready").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        s.cd(["login", "-t", "c", "--", "/bin/true"]).run().code(125).says(&["terminal"]);
        let mut t = login(s, &[], "echo still; exit 4");
        t.expect("one of its own");
        t.expect("still");
        assert_eq!(t.ends(), 4);
        first.signal(Signal::TERM);
        first.wait();
    });
}
