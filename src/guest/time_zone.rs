//! The time zone of a guest: whether somebody chose one, and how to tell its programs another.

use std::path::Path;

use crate::host::time_zone::{TimeZone, ZONES};
use crate::host::tzif;
use crate::rootfs::{FileType, Follow, Rootfs};

/// Bytes of a file that names a zone, or is one.
const LIMIT: u64 = 1 << 20;

/// What `TZ` is to be in the guest so that its programs show the time of `zone`: the name where it has the files of zones,
/// else the rule, which needs none. Nothing where that is not known, where somebody has chosen a zone for the guest, and for
/// universal time, which it then has anyway.
pub fn variable(rootfs: &Rootfs, zone: &TimeZone) -> Option<String> {
    let is_utc = [&zone.rule, &zone.name].into_iter().flatten().next().is_none_or(|zone| tzif::is_utc(zone));
    if is_utc || is_chosen(rootfs) {
        return None;
    }
    zone.name.as_ref().filter(|name| has(rootfs, name)).or(zone.rule.as_ref()).cloned()
}

fn has(rootfs: &Rootfs, name: &str) -> bool {
    ZONES.iter().any(|directory| {
        let found = rootfs.metadata(Path::new(directory).join(name), Follow::Yes);
        found.is_ok_and(|found| found.file_type == FileType::Regular)
    })
}

/// Whether the image or a user of the guest set a zone. Images have universal time when nobody did.
fn is_chosen(rootfs: &Rootfs) -> bool {
    let other = |zone: &str| !zone.is_empty() && !tzif::is_utc(zone);
    let text =
        |path: &str| String::from_utf8_lossy(&rootfs.read(path, LIMIT).unwrap_or_default()).trim().to_owned();
    let environment = text("/etc/environment");
    let mut variables = environment.lines().map(|line| line.trim_start().trim_start_matches("export "));
    let linked = rootfs.read_link("/etc/localtime").ok();
    match linked.as_ref().and_then(|target| tzif::name_of_link(Path::new(target))) {
        Some(name) if other(name) => return true,
        Some(_) => {}
        // A copy of a zone's file.
        None => {
            let copy = rootfs.read("/etc/localtime", LIMIT).unwrap_or_default();
            if tzif::rule(&copy).is_some_and(|rule| other(&rule)) {
                return true;
            }
        }
    }
    // Debian's and Alpine's name of it, that of uClibc, and PAM's variables.
    ["/etc/timezone", "/etc/TZ"].iter().any(|path| other(&text(path)))
        || variables.any(|line| line.starts_with("TZ="))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::TempDir;

    const BERLIN: &[u8] = b"TZif2\0\0\nCET-1CEST,M3.5.0,M10.5.0/3\n";

    /// A guest's files, and where its /etc/localtime leads.
    type Case<'a> = (&'a [(&'a str, &'a [u8])], Option<&'a str>);

    fn guest(files: &[(&str, &[u8])], localtime: Option<&str>) -> (TempDir, Rootfs) {
        let tree = TempDir::new();
        fs::create_dir(tree.path().join("etc")).unwrap();
        for (path, contents) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        if let Some(target) = localtime {
            symlink(target, tree.path().join("etc/localtime")).unwrap();
        }
        let rootfs = Rootfs::new(tree.open());
        (tree, rootfs)
    }

    fn told(files: &[(&str, &[u8])], localtime: Option<&str>) -> Option<String> {
        let (_tree, rootfs) = guest(files, localtime);
        let zone = TimeZone { name: Some("Asia/Tokyo".into()), rule: Some("JST-9".into()) };
        variable(&rootfs, &zone)
    }

    #[test]
    fn a_name_where_the_guest_has_its_file_and_else_the_rule() {
        let file: (&str, &[u8]) = ("usr/share/zoneinfo/Asia/Tokyo", b"TZif");
        assert_eq!(told(&[file], None).as_deref(), Some("Asia/Tokyo"));
        assert_eq!(told(&[], None).as_deref(), Some("JST-9"));
        let (_tree, rootfs) = guest(&[file], None);
        assert_eq!(variable(&rootfs, &TimeZone::default()), None);
        let named = |name: &str, rule: Option<&str>| {
            variable(&rootfs, &TimeZone { name: Some(name.into()), rule: rule.map(str::to_owned) })
        };
        assert_eq!(named("Asia/Seoul", None), None);
        assert_eq!(named("Etc/UTC", Some("UTC0")), None);
        assert_eq!(named("Asia/Tokyo", None).as_deref(), Some("Asia/Tokyo"));
    }

    #[test]
    fn a_zone_that_somebody_chose_stays() {
        let nobody: [Case; 5] = [
            (&[], Some("/usr/share/zoneinfo/Etc/UTC")),
            (&[("etc/timezone", b"Etc/UTC\n")], Some("/usr/share/zoneinfo/UTC")),
            (&[("etc/localtime", b"TZif2\0\0\nUTC0\n")], None),
            (&[("etc/localtime", b"")], None),
            (&[("etc/TZ", b"UTC0\n"), ("etc/environment", b"PATH=/bin\n")], None),
        ];
        for (files, localtime) in nobody {
            assert!(told(files, localtime).is_some(), "{files:?} {localtime:?}");
        }
        let somebody: [Case; 6] = [
            (&[], Some("/usr/share/zoneinfo/Europe/Berlin")),
            (&[], Some("../usr/share/zoneinfo/Europe/Berlin")),
            (&[("etc/localtime", BERLIN)], None),
            (&[("etc/timezone", b"Europe/Berlin\n")], None),
            (&[("etc/TZ", b"CET-1CEST\n")], None),
            (&[("etc/environment", b"A=1\nTZ=Europe/Berlin\n")], None),
        ];
        for (files, localtime) in somebody {
            assert_eq!(told(files, localtime), None, "{files:?} {localtime:?}");
        }
    }
}
