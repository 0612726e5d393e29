//! What tools of this kind did to their users, and what must never come back. Each test is named by what broke.

use std::fs;

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};

use crate::support::prelude::*;

/// CD#5, MM#17, MM#117: the phone's storage was bound into the container, and went with it.
#[test]
fn removing_a_container_wiped_the_phones_storage() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        for mode in MODES {
            make(s);
            // Bound by a session that runs and by another that left a server behind, and on the host by the Python tool.
            let script = "sleep 1000 > /dev/null 2>&1 < /dev/null & : > /root/in; exec sleep 1000";
            let bound = ["--bind", "/tmp/canary:/sdcard", "c", "--", "/bin/sh", "-c", script];
            let running = s.cd([&["login"], mode, &bound].concat()).spawn();
            appears(&s.rootfs("c").join("root/in"));
            fs::create_dir_all(s.rootfs("c").join("sdcard")).unwrap();
            mount_bind("/tmp/canary", s.rootfs("c").join("sdcard")).unwrap();
            s.cd(["remove", "c"]).run().ok();
            running.wait();
            s.assert_canaries();
            assert_eq!(s.names(), Vec::<String>::new(), "{mode:?}");
            assert!(s.processes().is_empty(), "{mode:?}: {:?}", s.processes());
        }
    });
}

/// MM#33, CD#28: an unmount in the container took the host's own mounts along.
#[test]
fn the_end_of_a_session_unmounted_what_was_the_hosts() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        // As systemd has all mounts: shared.
        fs::create_dir("/tmp/host").unwrap();
        mount("host", "/tmp/host", "tmpfs", MountFlags::empty(), None).unwrap();
        fs::create_dir("/tmp/host/inner").unwrap();
        mount("inner", "/tmp/host/inner", "tmpfs", MountFlags::empty(), None).unwrap();
        mount_change("/tmp", MountPropagationFlags::SHARED | MountPropagationFlags::REC).unwrap();
        let before = mounts();
        for mode in MODES {
            let script =
                "umount /mnt/inner; umount /mnt; mount -t tmpfs x /mnt; : > /root/in; exec sleep 1000";
            let bound = ["--bind", "/tmp/host:/mnt", "c", "--", "/bin/sh", "-c", script];
            let running = s.cd([&["login"], mode, &bound].concat()).spawn();
            appears(&s.rootfs("c").join("root/in"));
            assert_eq!(mounts(), before, "{mode:?}: while it runs");
            s.cd(["unmount", "c"]).run().ok();
            running.wait();
            assert_eq!(mounts(), before, "{mode:?}: afterwards");
            fs::remove_file(s.rootfs("c").join("root/in")).unwrap();
        }
        mount_change("/tmp", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        unmount("/tmp/host/inner", UnmountFlags::empty()).unwrap();
        unmount("/tmp/host", UnmountFlags::empty()).unwrap();
    });
}

/// CD#101, MM#55, MM#93, MM#121: "target is busy", and a container that could not be left.
#[test]
fn a_process_that_stood_on_a_mount_kept_it_busy() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let before = mounts();
        for mode in MODES {
            for end in ["unmount", "kill"] {
                let deaf =
                    "cd /mnt; exec 3> open; trap '' TERM HUP INT; : > /root/in; while :; do sleep 1; done";
                let script =
                    format!("setsid sh -c '{}' > /dev/null 2>&1 < /dev/null &", deaf.replace('\'', "'\\''"));
                fs::create_dir_all("/tmp/shared").unwrap();
                let bound = ["--bind", "/tmp/shared:/mnt", "c", "--", "/bin/sh", "-c", &script];
                let ran = s.cd([&["login"], mode, &bound].concat()).run().ok();
                assert_eq!(ran.err(), "", "{mode:?}");
                if mode != ["--isolated"] {
                    appears(&s.rootfs("c").join("root/in"));
                    s.cd([end, "c", "-t", "0"]).run().ok();
                }
                // An isolated container ends with its last session, whatever that left.
                assert!(s.settles(), "{mode:?}: {:?}", s.processes());
                assert_eq!(mounts(), before, "{mode:?}");
                let _ = fs::remove_file(s.rootfs("c").join("root/in"));
                fs::remove_dir_all("/tmp/shared").unwrap();
            }
        }
    });
}
