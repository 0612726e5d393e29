//! Sessions on a phone. It is a made-up one: Android's directories and variables on this machine's kernel.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

use serde_json::json;

use crate::support::prelude::*;

const PREFIX: &str = "/data/data/com.termux/files/usr";

/// A file to be seen at each documented place.
const SHARED: [&str; 16] = [
    "/apex/com.android.art/x",
    "/data/app/x",
    "/data/dalvik-cache/x",
    "/data/misc/apexdata/com.android.art/dalvik-cache/x",
    "/data/data/com.termux/files/usr/bin/pkg",
    "/linkerconfig/com.android.art/ld.config.txt",
    "/linkerconfig/ld.config.txt",
    "/odm/x",
    "/plat_property_contexts",
    "/product/x",
    "/property_contexts",
    "/storage/emulated/0/photo",
    "/system/bin/sh",
    "/system_ext/x",
    "/vendor/x",
    "/sdcard/photo",
];

fn phone(s: &Sandbox, image: &Image) -> Machine {
    let m = Machine::phone(s, image);
    m.dir("/storage/self");
    symlink("/storage/emulated/0", m.path("/storage/self/primary")).unwrap();
    symlink("/storage/self/primary", m.path("/sdcard")).unwrap();
    m.dir("/storage/emulated/0");
    for path in SHARED {
        // The last is a link.
        if path != "/sdcard/photo" {
            m.file(path, path);
        }
    }
    m
}

#[test]
fn androids_own_is_seen_unless_isolated_or_minimal() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = phone(s, &Image::busybox());
        let seen: String =
            SHARED.iter().map(|path| path.replace("/sdcard", "/storage/emulated/0") + "\n").collect();
        let script = format!("for path in {}; do cat $path && echo; done", SHARED.join(" "));
        m.login(&[], &script).run().ok().prints(&seen);
        m.login(&[], "cat /storage/self/primary/photo").run().ok().prints("/storage/emulated/0/photo");
        for mode in ["--isolated", "--minimal"] {
            // An empty file may be left, for the other mode's mount.
            let script = format!("for path in {}; do test ! -s $path || echo $path; done", SHARED.join(" "));
            m.login(&[mode], &script).run().ok().prints("");
        }
        // The container is below what it sees, and its own mounts are not repeated there.
        m.login(&[], "grep -c ' /data/data/com.termux/files/usr/var/' /proc/mounts").run().ok().prints("1\n");
    });
}

#[test]
fn the_environment_is_androids_and_termuxs() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = phone(s, &Image::busybox());
        let get = m.env_of(m.login(&[], "env"));
        assert_eq!(get("PATH").unwrap(), format!("/usr/bin:/bin:{PREFIX}/bin"));
        assert_eq!(get("PULSE_SERVER").as_deref(), Some("127.0.0.1"));
        assert_eq!(get("ANDROID_DATA").as_deref(), Some("/data"));
        assert_eq!(get("BOOTCLASSPATH").as_deref(), Some("/apex/a.jar"));
        assert_eq!((get("TERMUX_VERSION"), get("PREFIX")), (None, None));
        // This phone has no cgroup that could keep the limit of processes, and would say so.
        let get = m.env_of(m.login(&["--isolated"], "env"));
        assert_eq!((get("ANDROID_DATA"), get("PATH").as_deref()), (None, Some("/usr/bin:/bin")));
        let get = m.env_of(m.login(&["--minimal"], "env"));
        assert_eq!((get("ANDROID_DATA"), get("PULSE_SERVER")), (None, None));
        let get = m.env_of(m.login(&["-e", "ANDROID_DATA=/mine"], "env"));
        assert_eq!(get("ANDROID_DATA").as_deref(), Some("/mine"));
    });
}

#[test]
fn shared_memory_is_there_though_the_phone_has_none() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = phone(s, &Image::busybox());
        m.node("/dev/kgsl-3d0", 1, 3);
        m.node("/dev/block/sda", 1, 3);
        m.link("/dev/ion", "null");
        let _logger = m.socket("/dev/socket/logd", 0);
        for mode in [&[][..], &["--minimal"]] {
            let script = "stat -c %a /dev/shm; echo x > /dev/shm/x; cat /dev/shm/x; echo x > /dev/null;
                test -c /dev/kgsl-3d0 && test -c /dev/block/sda && test -c /dev/ion && test -S /dev/socket/logd;
                grep -c ' /dev/shm ' /proc/mounts; readlink /dev/fd; touch /dev/new";
            m.login(mode, script).run().ok().prints("1777\nx\n1\n/proc/self/fd\n");
            // As it was: the guest's own /dev is another one, but what is in the directories is shared.
            assert!(!m.path("/dev/shm").exists() && !m.path("/dev/new").exists(), "{mode:?}");
            m.login(mode, "mknod /dev/block/sdb b 1 0").run().ok();
            assert!(fs::metadata(m.path("/dev/block/sdb")).unwrap().file_type().is_block_device());
            fs::remove_file(m.path("/dev/block/sdb")).unwrap();
        }
        m.login(&["--isolated"], "test -d /dev/shm && test ! -e /dev/kgsl-3d0").run().ok();
        m.login(&["--isolated", "--shared-display"], "test -c /dev/kgsl-3d0").run().ok();
    });
}

#[test]
fn termuxs_home_temporary_files_and_display_are_shared_when_asked_for() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = phone(s, &Image::busybox());
        m.file("/data/data/com.termux/files/home/note", "mine");
        m.file(&format!("{PREFIX}/tmp/on-host"), "tmp");
        let _x = m.socket(&format!("{PREFIX}/tmp/.X11-unix/X0"), 10_123);
        let _virgl = m.socket(&format!("{PREFIX}/tmp/.virgl_test"), 10_123);
        let home = m.path("/data/data/com.termux/files/home");
        let sockets = ["/tmp/.X11-unix/X0", "/tmp/.virgl_test"];
        for mode in [&[][..], &["--isolated"], &["--minimal"]] {
            let run = |options: &[&str], script: &str| m.login(&[mode, options].concat(), script).run();
            run(&["--shared-home"], "cat /root/note").ok().prints("mine");
            run(&["--shared-home", "-u", "user"], "cat /home/user/note").ok().prints("mine");
            assert_eq!(fs::metadata(&home).unwrap().uid(), 10_123, "{mode:?}");
            run(&["--shared-tmp"], "cat /tmp/on-host").ok().prints("tmp");
            run(&[], "test -e /tmp/on-host").code(1);
            run(&["--shared-display"], "echo $DISPLAY").ok().prints(":0\n");
            for tmp in [&[][..], &["--shared-tmp"]] {
                let probe = ["c", "--", "/bin/cd-probe", "--socket", sockets[0], "--socket", sockets[1]];
                let args = [&["login"], mode, tmp, &["--shared-display"], &probe].concat();
                let seen: serde_json::Value = serde_json::from_slice(&m.cd(args).run().ok().stdout).unwrap();
                for path in sockets {
                    assert_eq!(seen["sockets"][path], true, "{mode:?} {tmp:?} {path}");
                }
            }
        }
        assert!(m.login(&["--shared-display"], "true").env("DISPLAY", ":3").run().ok().err().is_empty());
    });
}

#[test]
fn a_guest_that_is_a_termux_has_its_own_prefix() {
    need!(Root, Tool("busybox"));
    let busybox = fs::read(crate::support::need::program("busybox").unwrap()).unwrap();
    let mut entries: Vec<Entry> = Vec::new();
    for dir in ["dev", "proc", "sys", "system/bin", "data/data/com.termux/files/home"] {
        entries.push(Entry::dir(dir));
    }
    let bin = format!("{}/bin", &PREFIX[1..]);
    entries.push(Entry::dir(&bin));
    entries.push(Entry::file(format!("{bin}/busybox"), busybox).mode(0o755));
    for name in ["sh", "env", "cat", "id", "pwd"] {
        entries.push(Entry::symlink(format!("{bin}/{name}"), "busybox"));
    }
    let bash = format!("#!{PREFIX}/bin/sh\necho bash $@\n");
    entries.push(Entry::file(format!("{bin}/bash"), bash).mode(0o755));
    let image = Image::of(entries).with("Env", json!([]));
    on_both_kernels(|s| {
        let m = phone(s, &image);
        m.file(&format!("{PREFIX}/bin/of-the-host"), "");
        let run = |script: &str| m.cd(["login", "c", "--", "sh", "-c", script]).run();
        run("id -u; pwd; echo $HOME $PREFIX $PATH $TMPDIR; echo ${LD_PRELOAD-none}").ok().prints(&format!(
            "0\n/data/data/com.termux/files/home\n/data/data/com.termux/files/home {PREFIX} {PREFIX}/bin {PREFIX}/tmp\nnone\n"
        ));
        run("test -e $PREFIX/bin/of-the-host").code(1);
        run("cat /system/bin/sh").ok().prints("/system/bin/sh");
        // Without a command it is its own shell.
        m.cd(["login", "c"]).run().ok().prints("bash -l\n");
        // On a plain Linux host too.
        let layout = s.path("layout");
        image.write_layout(&layout, "latest");
        s.cd(["install", "-q", "-n", "t", "/tmp/layout"]).run().ok();
        s.cd(["login", "t", "--", "sh", "-c", "echo $HOME"])
            .run()
            .ok()
            .prints("/data/data/com.termux/files/home\n");
    });
    // A distribution is none, though an earlier session made room for the host's prefix in it.
    on_both_kernels(|s| {
        let m = phone(s, &Image::busybox());
        m.login(&[], "true").run().ok();
        m.login(&[], "echo $HOME ${PREFIX-none}").run().ok().prints("/root none\n");
    });
}

#[test]
fn termux_is_where_its_variables_say() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let m = phone(s, &Image::busybox());
        m.file("/data/data/org.other/files/note", "of the other app\n");
        m.file("/data/elsewhere/at-home", "of its home\n");
        let script = "cat /data/data/org.other/files/note ~/at-home";
        let variables = [("TERMUX_APP__PACKAGE_NAME", "org.other"), ("TERMUX__HOME", "/data/elsewhere")];
        let with = |cd: Cd| variables.iter().fold(cd, |cd, (name, value)| cd.env(name, value));
        m.login(&["--shared-home"], script).run().code(1).prints("");
        with(m.login(&["--shared-home"], script)).run().ok().prints("of the other app\nof its home\n");
    });
}
