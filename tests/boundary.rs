//! Where the world of an isolated guest ends: the roots above it, the mounts below it, and the nodes that it makes.

use std::fs;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::isolation::{INSIDE, make_with_probe};
use crate::support::prelude::*;
use crate::support::sys::disk;

/// Climbs out of a root below its own, as far as it goes; what is seen from there.
const CLIMBING: &str = "isolation::there_is_no_way_out";

#[test]
fn a_start_in_a_chroot_ends_in_no_root_above() {
    need!(Root, Tool("busybox"), Tool("unshare"), Tool("chroot"));
    on_both_kernels(|s| {
        make_with_probe(s);
        let node = Mode::from_raw_mode(0o666);
        let disk = makedev(disk().0, disk().1);
        mknodat(CWD, s.rootfs("c").join("disk"), FileType::BlockDevice, node, disk).unwrap();
        fs::create_dir(s.path("jail")).unwrap();
        let login = |options: &str, program: &str| {
            format!(
                "mount --rbind / /tmp/jail && cd /tmp/jail &&
                 exec chroot /tmp/jail /tmp/bin/chroot-distro login {options} c -- {program}"
            )
        };
        let jailed =
            |script: &str| s.world("unshare").args(["-m", "--propagation", "private", "sh", "-c", script]);
        let ran =
            jailed(&login(&format!("--isolated -e {INSIDE}=1"), &format!("/bin/probe --exact {CLIMBING}")))
                .run();
        assert!(ran.code == Some(0) && ran.out().contains("1 passed"), "{ran:?}");
        // The default mode starts there too.
        jailed(&login("", "/bin/true")).run().ok();
    });
}

#[test]
fn what_others_mounted_below_the_root_stays_outside() {
    need!(Root, Tool("busybox"), Tool("unshare"));
    on_both_kernels(|s| {
        make(s);
        let mnt = s.rootfs("c").join("mnt");
        fs::create_dir_all(&mnt).unwrap();
        let script = format!(
            "mount -t tmpfs x {0} && echo > {0}/host && mknod {0}/null c 1 3 && exec \"$@\"",
            mnt.display()
        );
        let login = |options: &[&str], look: &str| {
            let command =
                [&["/tmp/bin/chroot-distro", "login"], options, &["c", "--", "/bin/sh", "-c", look]].concat();
            let unshare = ["-m", "--propagation", "private", "sh", "-c", &script, "sh"];
            s.world("unshare").args(unshare).args(command).run()
        };
        login(&[], "test -e /mnt/host && : < /mnt/null").ok();
        login(&["--isolated"], "test ! -e /mnt/host && test ! -e /mnt/null").ok();
    });
}

#[test]
fn a_node_that_a_guest_makes_opens_nothing() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let (major, minor) = disk();
        let script = format!(
            "for dir in / /dev /dev/shm /tmp; do
                busybox mknod $dir/disk b {major} {minor} && busybox mknod $dir/other c 1 3 || exit 3
                for node in disk other; do (: < $dir/$node) 2>/dev/null && echo $dir/$node opens; done
            done
            for node in null zero full random urandom; do : < /dev/$node || echo no $node; done
            echo x > /dev/null && busybox mount | busybox grep -c ' /dev/null '"
        );
        let ran = login(s, &["--isolated", "--cap-add", "MKNOD"], &script).run().ok().prints("1\n");
        ran.says(&["warning", "MKNOD"]);
        let ran = login(s, &["--isolated", "--cap-add", "ALL"], "true").run().ok();
        assert_eq!(ran.err().lines().count(), 1, "{ran:?}");
        let ran = login(s, &["--isolated", "--cap-add", "SYS_NICE"], "true").run().ok();
        assert_eq!(ran.err(), "");
    });
}
