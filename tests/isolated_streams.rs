//! An isolated guest's standard streams: nothing of the host's is in its hands, and what goes through is as it was.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::process::Signal;

use crate::support::command::{Ran, Running};
use crate::support::prelude::*;
use crate::support::pty::Terminal;

/// `login --isolated` in a shell outside, which joins `$CD` to files.
fn outside(s: &Sandbox, options: &str, line: &str) -> Cd {
    let cd = format!("/tmp/bin/chroot-distro login --isolated {options} c -- /bin/sh -c");
    s.world("/bin/sh").args(["-c", line]).env("CD", cd)
}

fn run(s: &Sandbox, line: &str) -> Ran {
    outside(s, "", line).run()
}

/// Whether this word is on the process's command line.
fn runs(pid: i32, word: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(word))
}

/// A first session that goes on, so that others join it.
fn stay(s: &Sandbox) -> Running {
    let session = login(s, &["--isolated"], "echo > /root/stays; exec sleep 1000").spawn();
    written(s, "root/stays");
    session
}

/// In a first session and in one that joins.
fn first_and_joining(s: &Sandbox, body: impl Fn(&Sandbox)) {
    body(s);
    assert!(s.settles(), "{:?}", s.processes());
    let first = stay(s);
    body(s);
    end(first);
    assert!(s.settles(), "{:?}", s.processes());
}

/// What a guest tries on each of its streams. It says what they are.
const ATTACK: &str = "for fd in 0 1 2; do seen=\"$seen $(busybox readlink /proc/$$/fd/$fd)\"; done
    for to in /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /dev/null; do chmod 4777 $to; chown 12:34 $to; done 2>&-
    (: < /dev/tty) 2>&- && seen=\"$seen a terminal\"
    (echo written >&0; echo more > /proc/self/fd/0) 2>&-
    echo $seen done > /root/seen";

#[test]
fn no_stream_is_a_file_of_the_hosts() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let (file, fifo) = (s.path("file"), s.path("fifo"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _fifo = open(&fifo, OFlags::RDWR, Mode::empty()).unwrap();
        let null = || fs::metadata("/dev/null").unwrap();
        let before = (null().mode(), null().uid());
        first_and_joining(s, |s| {
            for (streams, lines) in [
                ("</tmp/file >/tmp/file 2>/tmp/file", 3),
                ("</tmp/file >>/tmp/file 2>&1", 3),
                ("</tmp/fifo >/tmp/fifo 2>/tmp/fifo", 3),
                ("</dev/null >/dev/null 2>/dev/null", 0),
                ("</tmp/file >/dev/full 2>/tmp/file", 3),
                ("<&- >&- 2>&-", 0),
            ] {
                fs::write(&file, "secret\n").unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
                let seen = s.rootfs("c").join("root/seen");
                let _ = fs::remove_file(&seen);
                // Its own messages are nobody's to see.
                outside(s, "", &format!("$CD '{ATTACK}' {streams}; :")).run().ok();
                let text = fs::read_to_string(&seen).unwrap();
                assert_eq!(text.matches("pipe:[").count(), lines, "{streams}: {text}");
                assert_eq!(text.matches("/dev/null").count(), 3 - lines, "{streams}: {text}");
                assert!(text.ends_with("done\n") && !text.contains("a terminal"), "{streams}: {text}");
                for path in [&file, &fifo] {
                    let found = fs::metadata(path).unwrap();
                    assert_eq!((found.mode() & 0o7777, found.uid()), (0o600, 0), "{streams}");
                }
            }
            // What is open to be read is not written.
            fs::write(&file, "secret\n").unwrap();
            outside(s, "", &format!("$CD '{ATTACK}' </tmp/file 2>/dev/null >/dev/null")).run().ok();
            assert_eq!(fs::read_to_string(&file).unwrap(), "secret\n");
        });
        assert_eq!((null().mode(), null().uid()), before);
    });
}

#[test]
fn a_terminal_on_one_stream_is_not_the_guests() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let on = |line: &str| {
            let cd = "CD='/tmp/bin/chroot-distro login --isolated c -- /bin/sh -c'";
            Terminal::run(s.world("/bin/sh"), "/bin/sh", ["-c", &format!("{cd}; {line}")])
        };
        first_and_joining(s, |s| {
            let look = "for fd in 0 1 2; do busybox readlink /proc/$$/fd/$fd; done; tty; (: </dev/tty) 2>&- || echo none";
            for streams in ["</dev/null", "2>/tmp/errors | cat", ">/tmp/out; cat /tmp/out"] {
                let mut t = on(&format!("$CD '{look}' {streams}"));
                let seen = t.expect("none\r\n");
                assert!(!seen.contains("/dev/pts/") && !seen.contains("/dev/tty"), "{streams}: {seen}");
                assert_eq!(t.ends(), 0, "{streams}");
            }
            // On its own terminal it complains elsewhere.
            let mut t = on(
                "$CD 'busybox readlink /proc/$$/fd/1; echo complaint >&2; chmod 777 /proc/self/fd/2' 2>/tmp/errors",
            );
            t.expect("/dev/pts/");
            assert_eq!(t.ends(), 0);
            let errors = fs::metadata("/tmp/errors").unwrap();
            assert_eq!(
                (errors.mode() & 0o777, fs::read_to_string("/tmp/errors").unwrap().as_str()),
                (0o644, "complaint\n")
            );
            // Ctrl-C reaches all of it, whoever has the terminal.
            let mut t = on("$CD 'echo ready; busybox sleep 1234; echo > /root/after' 2>&1 | cat");
            t.expect("ready");
            t.types("\x03");
            while s.processes().iter().any(|pid| runs(*pid, "1234")) {
                std::thread::yield_now();
            }
            assert!(!s.rootfs("c").join("root/after").exists());
            t.close();
        });
    });
}

#[test]
fn places_are_refused() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let disk = s.path("disk");
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, &disk, FileType::BlockDevice, mode, rustix::fs::makedev(7, 0)).unwrap();
        first_and_joining(s, |s| {
            let refused = |line: &str, words: &[&str]| {
                run(s, line).code(125).says(words);
            };
            refused("$CD true </tmp", &["standard input", "directory", "pipe"]);
            refused("$CD true 9</tmp >&9", &["standard output", "directory"]);
            if File::open(&disk).is_ok() {
                refused("$CD true </tmp/disk", &["standard input", "block device"]);
            }
            // In the background they are not used.
            run(s, "/tmp/bin/chroot-distro run -d --isolated --entrypoint /bin/true c </tmp").ok();
        });
    });
}

#[test]
fn every_byte_goes_through_in_order() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let numbers: String = (1..=300_000).map(|number| format!("{number}\n")).collect();
        fs::write(s.path("numbers"), &numbers).unwrap();
        first_and_joining(s, |s| {
            for (line, times) in [
                ("cat /tmp/numbers | $CD cat | cat", 1),
                ("$CD cat </tmp/numbers", 1),
                ("$CD cat </tmp/numbers >/tmp/out; cat /tmp/out", 1),
                (": >/tmp/out; for i in 1 2; do $CD cat </tmp/numbers >>/tmp/out; done; cat /tmp/out", 2),
                ("$CD 'cat >&2' </tmp/numbers 2>&1 >/dev/null", 1),
            ] {
                let ran = run(s, line).ok();
                assert!(ran.out() == numbers.repeat(times), "{line}: {} bytes", ran.out().len());
            }
            // One file is one order.
            let script = "for i in 1 2 3 4 5 6 7 8 9; do echo out; echo err >&2; done";
            run(s, &format!("$CD '{script}' 2>&1")).ok().prints(&"out\nerr\n".repeat(9));
            let ran = run(s, &format!("$CD '{script}'")).ok().prints(&"out\n".repeat(9));
            assert_eq!(ran.err(), "err\n".repeat(9));
        });
    });
}

#[test]
fn what_a_guest_does_not_read_is_left_there() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        fs::write(s.path("lines"), "one\ntwo\nthree\n").unwrap();
        let line = "while read word; do $CD \"echo in $word\"; done </tmp/lines";
        run(s, line).ok().prints("in one\nin two\nin three\n");
        run(s, "{ $CD 'read word; echo $word'; cat; } </tmp/lines").ok().prints("one\ntwo\nthree\n");
        // Of a pipe too.
        run(s, &format!("cat /tmp/lines | {line}").replace("</tmp/lines", ""))
            .ok()
            .prints("in one\nin two\nin three\n");
        run(s, "cat /tmp/lines | { $CD 'read word; echo $word'; cat; }").ok().prints("one\ntwo\nthree\n");
        run(s, "cat /tmp/lines | { $CD 'exec <&-; busybox sleep 0.2'; cat; }")
            .ok()
            .prints("one\ntwo\nthree\n");
        run(s, "(echo one; sleep 0.2; echo two) | { $CD 'read a; read b; echo $b $a'; cat; }")
            .ok()
            .prints("two one\n");
    });
}

#[test]
fn ends_are_told_both_ways() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        first_and_joining(s, |s| {
            run(s, "printf x | $CD 'cat; echo -end'").ok().prints("x-end\n");
            // The guest closes its output, and goes on.
            let script = "exec >&- 2>&-; until test -e /root/stop; do busybox sleep 0.05; done; exit 7";
            let line = format!("$CD '{script}' </dev/null 2>/dev/null | {{ cat; : >/tmp/cat-ended; }}");
            let stop = s.rootfs("c").join("root/stop");
            let _ = fs::remove_file(&stop);
            let session = outside(s, "", &line).spawn();
            appears(&s.path("cat-ended"));
            fs::write(&stop, "").unwrap();
            session.wait().ok();
            fs::remove_file(s.path("cat-ended")).unwrap();
            // Nobody reads it any more: SIGPIPE, as ever.
            let script = "busybox yes; echo $? >/root/code";
            run(s, &format!("$CD '{script}' | busybox head -n 1")).ok().prints("y\n");
            assert_eq!(written(s, "root/code"), "141\n");
            fs::remove_file(s.rootfs("c").join("root/code")).unwrap();
            // Codes and signals.
            run(s, "$CD 'exit 3'").status(3);
            run(s, "$CD 'kill -TERM $$' | cat; $CD 'kill -KILL $$'").status(137);
            run(s, "$CD 'exec /bin/absent' >/dev/null").status(127);
        });
    });
}

#[test]
fn what_goes_on_after_the_program_goes_through() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let first = stay(s);
        let script = "(until test -e /root/stop; do busybox sleep 0.05; done; echo late) & echo early";
        let session = outside(s, "", &format!("{{ $CD '{script}'; : >/tmp/login-ended; }} | cat")).spawn();
        appears(&s.path("login-ended"));
        fs::write(s.rootfs("c").join("root/stop"), "").unwrap();
        session.wait().ok().prints("early\nlate\n");
        end(first);
    });
}

#[test]
fn a_killed_login_takes_its_pumps_along() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        first_and_joining(s, |s| {
            let _ = fs::remove_file(s.rootfs("c").join("root/in"));
            let mut session = login(s, &["--isolated"], "echo > /root/in; exec busybox yes").spawn();
            written(s, "root/in");
            session.kill();
            session.wait();
            while s.processes().iter().any(|pid| runs(*pid, "yes")) {
                std::thread::yield_now();
            }
        });
    });
}

#[test]
fn signals_reach_the_program_alone() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        first_and_joining(s, |s| {
            for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
                let _ = fs::remove_file(s.rootfs("c").join("root/in"));
                let session = login(s, &["--isolated"], "echo > /root/in; exec busybox sleep 1000").spawn();
                written(s, "root/in");
                session.signal(signal);
                session.wait().status(code);
            }
        });
    });
}
