//! Files of the guest's and the kernel's.

use chroot_distro::guest::accounts;
use chroot_distro::host::tzif;

use super::Target;

/// Private to its block, and pure: compiled here too, since nothing should be public for fuzzing alone.
#[path = "../../../../src/rootfs/mountinfo.rs"]
#[allow(dead_code)]
mod mountinfo;

pub const ACCOUNTS: Target = Target {
    name: "accounts",
    seeds: || {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nu:x:1000:1000::/home/u:\n#c\n";
        let group = "root:x:0:\nusers:x:100:u,v\nu:x:1000:\n";
        let specs = ["u", "1000", "u:users", "7:100", ":100"];
        specs.map(|spec| format!("{spec}\0{passwd}\0{group}").into_bytes()).into()
    },
    words: &[
        ":",
        ",",
        "\n",
        "u",
        "x",
        "0",
        "1000",
        "4294967295",
        "4294967294",
        "-1",
        "/bin/sh",
        "#",
        "\u{0}",
    ],
    longest: 2 << 10,
    run: |input| {
        let [spec, passwd, group] = super::parts(input);
        let Ok(spec) = std::str::from_utf8(spec) else { return };
        if let Ok(user) = accounts::find(passwd, group, spec) {
            // "Leave it as it is" to setresuid(2): it would leave root.
            assert!(user.uid != u32::MAX && user.gid != u32::MAX && !user.groups.contains(&u32::MAX));
        }
    },
};

pub const MOUNTINFO: Target = Target {
    name: "mountinfo",
    seeds: || {
        let lines = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n23 22 0:5 /a\\040b /m\\134\\011 rw shared:2 - tmpfs none rw\n";
        vec![lines.as_bytes().to_vec()]
    },
    words: &["\\040", "\\134", "\\3", " - ", " / ", "8:1", ":", "\n", "//deleted"],
    longest: 2 << 10,
    run: |input| {
        for mount in mountinfo::parse(input) {
            assert!(mount.mount_point.as_os_str().len() <= input.len());
        }
    },
};

pub const ZONES: Target = Target {
    name: "zones",
    seeds: || {
        let file = b"TZif2\0\0\0\nCET-1CEST,M3.5.0,M10.5.0/3\n";
        let mut all = b"tzdata2026a\0\0\0\0\x18\0\0\0\x4c\0\0\0\0Europe/Berlin".to_vec();
        all.resize(0x18 + 40, 0);
        all.extend([0, 0, 0, 0, 0, 0, 0, file.len() as u8, 0, 0, 0, 0]);
        all.extend(file);
        vec![all, file.to_vec()]
    },
    words: &["TZif", "2", "\n", "tzdata", "Europe/Berlin", "\u{0}\u{0}\u{0}\u{18}"],
    longest: 1 << 10,
    run: |input| {
        for file in [Some(input), tzif::in_android_file(input, "Europe/Berlin")].into_iter().flatten() {
            if let Some(rule) = tzif::rule(file) {
                // It becomes a variable of the guest's.
                assert!(!rule.contains(['\0', '\n', ' ']), "{rule:?}");
            }
        }
    },
};
