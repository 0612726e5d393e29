//! `diff`: what has changed in a container since it was installed, and from one container to another.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::support::listing::{Listing, Numbers, change, letters, listing, set_time};
use crate::support::prelude::*;

/// What sessions mount something on.
const EXCLUDED: &[&str] = &["dev", "proc", "run", "sys", "tmp"];

fn list(s: &Sandbox, name: &str) -> Listing {
    listing(&s.rootfs(name), EXCLUDED)
}

/// Directories in each other, with a file in the innermost: the path is longer than a system call takes.
fn deep(root: &Path, levels: usize) {
    use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
    let mut dir = open(root, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..levels {
        mkdirat(&dir, "d", Mode::RWXU).unwrap();
        dir = openat(&dir, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    openat(&dir, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap();
}

/// An image with something of everything, in two layers.
fn rich() -> Image {
    let mut lower = vec![
        Entry::dir("etc"),
        Entry::file("etc/hosts", ""),
        Entry::dir("etc/profile.d"),
        Entry::symlink("etc/resolv.conf", "../run/resolv.conf"),
        Entry::dir("bin"),
        Entry::file("bin/tool", "tool").mode(0o4755).owner(0, 5),
        Entry::hard_link("bin/other", "bin/tool"),
        Entry::file("bin/ping", "ping").pax("SCHILY.xattr.trusted.t", "value"),
        Entry::symlink("bin/sh", "tool"),
        Entry::fifo("bin/fifo"),
        Entry::device("bin/null", 1, 3),
        Entry::file("fraction", "").pax("mtime", "1600000000.123456789"),
        Entry::file("gone", ""),
        Entry::dir("tmp").mode(0o1777),
        Entry::file("tmp/installed", ""),
        Entry::dir("implied"),
    ];
    for number in 0..60 {
        lower.push(Entry::file(format!("lib/{}/{number}", number % 7), format!("contents {number}")));
    }
    lower.push(Entry::hard_link("lib/0/link", "lib/3/3"));
    let upper = vec![Entry::file(".wh.gone", ""), Entry::file("implied/parent/x", "x"), Entry::dir("bin")];
    Image::new(&[(tar(lower), Encoding::Gzip), (tar(upper), Encoding::Gzip)])
}

#[test]
fn a_new_container_has_no_changes() {
    need!(Root);
    on_both_kernels(|s| {
        make_of(s, "c", &rich());
        s.cd(["diff", "c"]).run().ok().prints("");
        s.cd(["diff", "--json", "c"]).run().ok().prints("[]\n");
        make_of(s, "d", &rich());
        s.cd(["diff", "c", "d"]).run().ok().prints("");
        let archive = tar([Entry::dir("etc"), Entry::dir("bin"), Entry::file("bin/sh", "sh")]);
        fs::write(s.path("rootfs.tar"), archive).unwrap();
        s.cd(["install", "-q", "-n", "bare", "/tmp/rootfs.tar"]).run().ok();
        s.cd(["diff", "bare"]).run().ok().prints("");
        fs::write(s.rootfs("bare").join("bin/sh"), "ah").unwrap();
        s.cd(["diff", "bare"]).run().ok().prints("C /bin/sh\n");
        s.cd(["reset", "-q", "c"]).run().ok();
        s.cd(["diff", "c"]).run().ok().prints("");
    });
}

/// Without what each installation writes anew, so that its time is not the other's.
fn apart(told: &str) -> String {
    let written = ["C /", "C /etc/hosts", "C /etc/resolv.conf"];
    told.lines().filter(|line| !written.contains(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn two_hundred_changes_are_told_as_a_comparison_of_all_files_tells_them() {
    need!(Root);
    on_both_kernels(|s| {
        for seed in 1..6 {
            let name = format!("c{seed}");
            make_of(s, &name, &rich());
            let before = list(s, &name);
            let mut numbers = Numbers(seed);
            for _ in 0..200 {
                change(&s.rootfs(&name), &mut numbers);
            }
            let told = letters(&before, &list(s, &name));
            assert!(told.lines().count() > 20, "too little has changed: {told}");
            s.cd(["diff", &name]).run().ok().prints(&told);
            s.cd(["clear-cache"]).run().ok();
            s.cd(["diff", &name]).run().ok().prints(&told);
            // The other way round: what the first has is missing in the second.
            make_of(s, "fresh", &rich());
            let between = |old: &str, new: &str| apart(&s.cd(["diff", old, new]).run().ok().out());
            assert_eq!(between("fresh", &name), apart(&told));
            assert_eq!(between(&name, "fresh"), apart(&letters(&list(s, &name), &before)));
            s.cd(["remove", "-q", "fresh"]).run().ok();
        }
    });
}

#[test]
fn a_copy_of_the_tree_is_read_and_found_the_same() {
    need!(Root);
    sandbox(|s| {
        make_of(s, "c", &rich());
        let root = s.rootfs("c");
        fs::write(root.join("lib/0/0"), "CONTENTS 0").unwrap();
        set_time(&root.join("lib/0/0"), 1_600_000_000, 0);
        let containers = root.parent().unwrap().parent().unwrap();
        tool("cp", ["-a".as_ref(), containers.join("c").as_os_str(), containers.join("copy").as_os_str()]);
        for name in ["c", "copy"] {
            s.cd(["diff", name]).run().ok().prints("C /lib/0/0\n");
        }
        s.cd(["diff", "c", "copy"]).run().ok().prints("");
    });
}

#[test]
fn what_the_program_writes_is_no_change_until_somebody_changes_it() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let root = s.rootfs("c");
        // Mount points that the image lacks, the hosts line, the resolv.conf of another network.
        fs::write("/tmp/file", "").unwrap();
        let binds = ["--bind", "/tmp/home:/mnt/deep/home", "--bind", "/tmp/file:/mnt/deep/file"];
        login(s, &[&["--isolated"], &binds[..]].concat(), "true").run().ok();
        login(s, &binds, "true").run().ok();
        assert!(root.join("mnt/deep/home").is_dir() && root.join("mnt/deep/file").is_file());
        assert!(fs::read_to_string(root.join("etc/hosts")).unwrap().contains("# chroot-distro\n"));
        s.cd(["diff", "c"]).run().ok().prints("");
        let resolv = fs::read_to_string(root.join("etc/resolv.conf")).unwrap();
        fs::write(root.join("etc/resolv.conf"), format!("{resolv}nameserver 192.0.2.7\n")).unwrap();
        s.cd(["diff", "c"]).run().ok().prints("");

        fs::create_dir(root.join("mnt/deep/own")).unwrap();
        s.cd(["diff", "c"]).run().ok().prints("A /mnt\nA /mnt/deep\nA /mnt/deep/own\n");
        fs::remove_dir_all(root.join("mnt")).unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        fs::write(root.join("etc/resolv.conf"), format!("{resolv}# mine\n")).unwrap();
        let hosts = fs::read_to_string(root.join("etc/hosts")).unwrap();
        fs::write(root.join("etc/hosts"), format!("{hosts}192.0.2.1 mine\n")).unwrap();
        let told = "C /\nA /empty\nC /etc/hosts\nC /etc/resolv.conf\n";
        s.cd(["diff", "c"]).run().ok().prints(told);
        fs::remove_file(root.join("etc/resolv.conf")).unwrap();
        s.cd(["diff", "c"]).run().ok().prints("C /\nA /empty\nC /etc\nC /etc/hosts\nD /etc/resolv.conf\n");
    });
}

#[test]
fn without_an_index_the_layers_tell_or_the_error_says_what_is_missing() {
    need!(Root);
    sandbox(|s| {
        make_of(s, "c", &rich());
        let root = s.rootfs("c");
        let index = root.parent().unwrap().join(".index");
        fs::remove_file(&index).unwrap();
        s.cd(["diff", "c"]).run().ok().prints("").says(&["no index", "layers"]);
        fs::write(root.join("lib/1/1"), "CONTENTS 1").unwrap();
        set_time(&root.join("lib/1/1"), 1_600_000_000, 0);
        s.cd(["diff", "c"]).run().ok().prints("C /lib/1/1\n");
        s.cd(["clear-cache"]).run().ok();
        let words = ["no index", "2 of the 2 layers", "install", "--name", "diff NEW c"];
        s.cd(["diff", "c"]).run().fails(&words);
        fs::remove_file(root.parent().unwrap().join("manifest.json")).unwrap();
        s.cd(["diff", "c"]).run().fails(&["no index", "no image", "diff OTHER c"]);
        fs::write(&index, "chroot-distro index\n2garbage").unwrap();
        s.cd(["diff", "c"]).run().fails(&["index", "'c'", "damaged"]);
    });
}

#[test]
fn a_damaged_layer_in_the_cache_is_not_believed() {
    need!(Root);
    sandbox(|s| {
        make_of(s, "c", &rich());
        fs::remove_file(s.rootfs("c").parent().unwrap().join(".index")).unwrap();
        let blob = fs::read_dir(s.cache().join("oci_layers")).unwrap().flatten().next().unwrap().path();
        let mut bytes = fs::read(&blob).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&blob, bytes).unwrap();
        s.cd(["diff", "c"]).run().fails(&["layer", "damaged"]);
        assert!(!blob.exists());
        s.cd(["diff", "c"]).run().fails(&["1 of the 2 layers"]);
    });
}

#[test]
fn results_are_for_scripts_and_names_are_any_bytes() {
    need!(Root);
    sandbox(|s| {
        make_of(s, "c", &rich());
        let root = s.rootfs("c");
        let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"b\xff");
        fs::write(root.join("lib").join(odd), "").unwrap();
        fs::write(root.join("lib/a\nD x"), "").unwrap();
        fs::remove_file(root.join("bin/sh")).unwrap();
        let document: Value =
            serde_json::from_slice(&s.cd(["diff", "--json", "c"]).run().ok().stdout).unwrap();
        let told: Vec<_> = document.as_array().unwrap().iter().map(|c| (&c["change"], &c["path"])).collect();
        let paths = told.iter().map(|(_, path)| path.as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(paths, ["/bin", "/bin/sh", "/lib", "/lib/a\nD x", "/lib/b\u{fffd}"]);
        assert_eq!(document[0]["what"], serde_json::json!(["time"]));
        assert_eq!(document[4]["path_base64"], "L2xpYi9i/w==");
        assert_eq!(document[1]["change"], "D");
        let text = s.cd(["diff", "c"]).run().ok().out();
        assert_eq!(text.lines().count(), 5, "a name forges no line: {text}");
        let quiet = s.cd(["diff", "-q", "c"]).run().ok().out();
        assert!(quiet.starts_with("/bin\n/bin/sh\n/lib\n"), "{quiet}");
        s.cd(["diff", "-q", "--json", "c"]).run().code(2);
        s.cd(["diff", "none"]).run().fails(&["there is no container 'none'"]);
        s.cd(["diff", "c", "none"]).run().fails(&["there is no container 'none'"]);
    });
}

#[test]
fn links_and_mounts_lead_nowhere_else() {
    need!(Root);
    on_both_kernels(|s| {
        make_of(s, "c", &rich());
        let root = s.rootfs("c");
        for path in ["etc/hosts", "etc/resolv.conf", "etc/profile.d/termux-profile.sh"] {
            let _ = fs::remove_file(root.join(path));
            symlink("/tmp/canary/secret", root.join(path)).unwrap();
        }
        fs::remove_dir_all(root.join("lib")).unwrap();
        symlink("/tmp/canary", root.join("lib")).unwrap();
        fs::create_dir(root.join("usb")).unwrap();
        rustix::mount::mount_bind(Path::new("/tmp/canary"), root.join("usb")).unwrap();
        let ran = s.cd(["diff", "c"]).run().ok().says(&["mounted on '/usb'", "left out"]);
        rustix::mount::unmount(root.join("usb"), rustix::mount::UnmountFlags::DETACH).unwrap();
        let text = ran.out();
        assert!(text.contains("C /lib\nD /lib/0\nD /lib/0/0\n"), "{text}");
        assert!(
            text.contains("C /etc/hosts\nC /etc/profile.d\nA /etc/profile.d/termux-profile.sh\n"),
            "{text}"
        );
        assert!(!text.contains("secret") && !text.contains("/usb"), "{text}");
    });
}

#[test]
fn a_running_container_is_compared_too() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let session =
            login(s, &[], "echo x > /root/made; while :; do echo > /tmp/a; echo > /root/b; rm /root/b; done")
                .spawn();
        appears(&s.rootfs("c").join("root/made"));
        for _ in 0..20 {
            let text = s.cd(["diff", "c"]).run().ok().out().replace("A /root/b\n", "");
            assert_eq!(text, "C /root\nA /root/made\n");
        }
        end(session);
    });
}

#[test]
fn depth_has_no_limit() {
    need!(Root);
    sandbox(|s| {
        make_of(s, "c", &rich());
        let root = s.rootfs("c");
        deep(&root, 5000);
        let text = s.cd(["diff", "c"]).run().ok().out();
        assert_eq!(text.lines().count(), 5002);
        make_of(s, "fresh", &rich());
        let text = s.cd(["diff", "c", "fresh"]).run().ok().out();
        assert_eq!(text.lines().filter(|line| line.starts_with("D /d")).count(), 5001);
        s.cd(["remove", "-q", "c"]).run().ok();
    });
}
