//! Android gives out rights by group number: the guest's users need the numbers, and the numbers names.
//!
//! Only account files that the image has are edited; mode and owner stay.

use std::io;
use std::os::unix::fs::MetadataExt;

use super::tolerate::tolerate;
use crate::error::Result;
use crate::host::Host;
use crate::report::Report;
use crate::rootfs::Rootfs;

/// android_filesystem_config.h. The kernel's "paranoid network" asks for those from 3000 on; the others own what lies on
/// the shared storage.
const GROUPS: [(&str, u32); 7] = [
    ("aid_inet", 3003),
    ("aid_net_raw", 3004),
    ("aid_net_admin", 3005),
    ("aid_sdcard_rw", 1015),
    ("aid_media_rw", 1023),
    ("aid_ext_data_rw", 1078),
    ("aid_everybody", 9997),
];

/// Registers the groups and, on Termux, the app's user; lets apt's downloader use the network.
pub fn accounts(root: &Rootfs, host: &Host, report: &dyn Report) -> Result<()> {
    let owner = host.termux().and_then(|termux| std::fs::metadata(host.file(&termux.home)).ok());
    // Root owns it when Termux was never started, or on a test host: it has an account already.
    let user = owner.map(|owner| owner.uid()).filter(|&uid| uid != 0).map(|uid| (user_name(uid), uid));
    let member = user.as_ref().map(|(name, _)| format!(",{name}")).unwrap_or_default();
    let mut entries: [Vec<String>; 4] = Default::default();
    let [passwd, shadow, group, gshadow] = &mut entries;
    if let Some((name, uid)) = &user {
        passwd.push(format!("{name}:x:{uid}:{uid}:Android:/:/sbin/nologin"));
        shadow.push(format!("{name}:*:::::::"));
        for (name, gid) in [(name.clone(), *uid)].into_iter().chain(app_groups(*uid)) {
            group.push(format!("{name}:x:{gid}:"));
            gshadow.push(format!("{name}:*::"));
        }
    }
    for (name, gid) in GROUPS {
        group.push(format!("{name}:x:{gid}:root{member}"));
        gshadow.push(format!("{name}:*::root{member}"));
    }
    let files = ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"];
    for (path, entries) in files.into_iter().zip(&entries) {
        let edit = |text: &[u8]| {
            let text = std::str::from_utf8(text).map_err(|_| io::ErrorKind::InvalidInput)?;
            Ok(downloader(append(text.to_owned(), entries), path).into_bytes())
        };
        tolerate(root.rewrite(path, edit).map(drop), path, report)?;
    }
    Ok(())
}

/// What Android calls the user of an app: 100,000 numbers a device user, apps from 10,000 on.
fn user_name(uid: u32) -> String {
    match (uid / 100_000, uid % 100_000) {
        (user, app @ 10_000..=19_999) => format!("aid_u{user}_a{}", app - 10_000),
        _ => format!("aid_{uid}"),
    }
}

/// The groups of an app's cache, and of what its copies for all device users share.
fn app_groups(uid: u32) -> Vec<(String, u32)> {
    match uid % 100_000 {
        app @ 10_000..=19_999 => vec![
            (format!("{}_cache", user_name(uid)), uid + 10_000),
            (format!("aid_all_a{}", app - 10_000), app + 40_000),
        ],
        _ => Vec::new(),
    }
}

/// Adds the lines whose name is not there yet.
fn append(mut text: String, entries: &[String]) -> String {
    for entry in entries {
        let name = entry.split_inclusive(':').next().unwrap_or(entry);
        if !text.lines().any(|line| line.starts_with(name)) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(entry);
            text.push('\n');
        }
    }
    text
}

/// apt drops all supplementary groups when it becomes `_apt`: the network group must be its primary one.
fn downloader(text: String, path: &str) -> String {
    if path != "/etc/passwd" {
        return text;
    }
    let line = |line: &str| match line.split(':').collect::<Vec<_>>()[..] {
        ["_apt", password, uid, _, ref rest @ ..] => {
            format!("_apt:{password}:{uid}:3003:{}\n", rest.join(":"))
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_an_app_as_android_does() {
        assert_eq!(user_name(10_123), "aid_u0_a123");
        assert_eq!(user_name(1_010_007), "aid_u10_a7");
        assert_eq!(user_name(2000), "aid_2000");
        let groups = [("aid_u10_a7_cache".to_owned(), 1_020_007), ("aid_all_a7".to_owned(), 50_007)];
        assert_eq!(app_groups(1_010_007), groups);
        assert_eq!(app_groups(2000), []);
    }

    #[test]
    fn adds_once_and_moves_the_downloader() {
        let entries = ["aid_inet:x:3003:root".to_owned()];
        let once = append("root:x:0:".to_owned(), &entries);
        assert_eq!(once, "root:x:0:\naid_inet:x:3003:root\n");
        assert_eq!(append(once.clone(), &entries), once);
        let passwd = "root:x:0:0::/root:/bin/sh\n_apt:x:100:65534::/nonexistent:/usr/sbin/nologin\n";
        let moved = downloader(passwd.to_owned(), "/etc/passwd");
        assert_eq!(moved, passwd.replace(":65534:", ":3003:"));
    }
}
