//! What the program asks of the kernel: nothing younger than Linux 3.10 without a way round, and nothing without
//! privileges that an Android app would be killed for.

use std::collections::BTreeMap;
use std::fs;

use crate::support::prelude::*;
use crate::support::sys::FIRST_AFTER_3_10;

/// Every younger call on the way through `selftest`, and what is done where it is missing. (That this works is seen
/// by all the tests on both kernels: on the old one every call of a later number answers ENOSYS.)
const WAYS_ROUND: &[(&str, &str)] = &[
    ("clone3", "asked for by a probe alone"),
    ("close_range", "close(2), one by one"),
    ("copy_file_range", "std reads and writes"),
    ("execveat", "asked for by a probe alone"),
    ("faccessat2", "asked for by a probe alone"),
    ("fchmodat2", "chmod(2) of /proc/self/fd"),
    ("fsconfig", "mount(2)"),
    ("fsmount", "mount(2)"),
    ("fsopen", "mount(2)"),
    ("getrandom", "/dev/urandom"),
    ("listxattrat", "llistxattr(2) of a name in /proc/self/fd"),
    ("memfd_create", "programs of a related CPU are taken to run"),
    ("mount_setattr", "mount(2) with MS_REMOUNT"),
    ("move_mount", "mount(2)"),
    ("open_tree", "mount(2) with MS_BIND"),
    ("openat2", "a walk with O_PATH"),
    ("pidfd_open", "asked for by a probe alone"),
    ("renameat2", "asked for by a probe alone"),
    ("rseq", "glibc does without"),
    ("statx", "fstatat(2)"),
    ("syscall_0x1c4", "fchmodat2, to an older strace"),
    ("syscall_0x1d1", "listxattrat, to an older strace"),
];

#[test]
fn every_call_younger_than_linux_3_10_has_a_way_round() {
    need!(Root, Tool("strace"));
    sandbox(|s| {
        let traced = [
            "-f",
            "-n",
            "-qq",
            "-e",
            "signal=none",
            "-o",
            "/tmp/trace",
            "/tmp/bin/chroot-distro",
            "selftest",
        ];
        Cd::new("strace").args(traced).env("HOME", "/tmp/home").run().ok();
        let trace = fs::read_to_string(s.path("trace")).unwrap();
        // "4711  [257] openat(AT_FDCWD, ..."
        let call = |line: &'static str| {
            let (number, rest) = line.split_once('[')?.1.split_once("] ")?;
            let name = rest.split_once('(')?.0;
            // "<... read resumed>" has been there before.
            (!name.starts_with('<')).then_some((name, number.trim().parse::<u32>().ok()?))
        };
        let calls: BTreeMap<_, _> = trace.leak().lines().filter_map(call).collect();
        assert!(calls.contains_key("openat") && calls.contains_key("pivot_root"), "{calls:?}");
        let young = calls.iter().filter(|(_, number)| **number >= FIRST_AFTER_3_10).map(|(name, _)| *name);
        let unknown: Vec<_> =
            young.filter(|name| !WAYS_ROUND.iter().any(|(known, _)| known == name)).collect();
        assert!(
            unknown.is_empty(),
            "younger than Linux 3.10, and nothing is said of a way round: {unknown:?}"
        );
    });
}

#[test]
fn an_app_is_not_killed_for_what_needs_no_root() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        Image::busybox().write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        // What the filter is for: it does kill.
        let killed = Cd::new("busybox").args(["chroot", "/", "/bin/true"]).in_an_app_sandbox().run();
        killed.status(128 + libc::SIGSYS);
        for line in
            [&["list"][..], &["list", "--json"], &["list", "-q"], &["ps"], &["help"], &["login", "--help"]]
        {
            s.cd(line).in_an_app_sandbox().run().ok();
            s.cd(line).uid(1000).in_an_app_sandbox().run().ok();
        }
        // One that needs root, and mistakes, are refused in words.
        s.cd(["login", "c"]).in_an_app_sandbox().run().code(125).says(&["root is needed"]);
        s.cd(["lsit"]).in_an_app_sandbox().run().code(2);
        for line in [
            &["info"][..],
            &["images"],
            &["selftest"],
            &["build", "."],
            &["install", "/tmp/layout"],
            &["remove", "c"],
            &["kill", "c"],
        ] {
            let ran = s.cd(line).uid(1000).in_an_app_sandbox().run();
            assert!(
                ran.signal.is_none() && ran.code != Some(0) && ran.err().contains("root"),
                "{line:?}: {ran:?}"
            );
        }
    });
}
