//! The time zone that the caller lives in: `TZ`, Android's property, or `/etc/localtime` (localtime(5)).

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::snapshot::Host;
use super::tzif::{in_android_file, is_name, name_of_link, rule};

/// Where the C libraries look for zones, glibc first, then what musl has besides.
pub const ZONES: [&str; 3] = ["/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo"];

/// Android's files of all zones, the newest first.
const ANDROID_ZONES: [&str; 3] = [
    "/apex/com.android.tzdata/etc/tz/tzdata",
    "/data/misc/zoneinfo/current/tzdata",
    "/system/usr/share/zoneinfo/tzdata",
];

/// Bytes; Android's file has less than one million.
const LIMIT: u64 = 4 << 20;

/// A time zone, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeZone {
    /// `Europe/Berlin`
    pub name: Option<String>,
    /// What POSIX writes for it: `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub rule: Option<String>,
}

impl Host {
    /// The caller's time zone; nothing where the host says nothing, and so has universal time.
    pub fn time_zone(&self) -> TimeZone {
        let own = self.var("TZ").and_then(|zone| zone.to_str()).map(|zone| self.zone_of_variable(zone));
        own.unwrap_or_else(|| if self.is_android() { self.android_zone() } else { self.local_zone() })
    }

    /// `TZ` as tzset(3) reads it: a name, a file, or a rule.
    fn zone_of_variable(&self, value: &str) -> TimeZone {
        let zone = value.strip_prefix(':').unwrap_or(value);
        if zone.starts_with('/') {
            let name = name_of_link(Path::new(zone)).map(str::to_owned);
            return TimeZone { name, rule: self.read(zone).as_deref().and_then(rule) };
        }
        let found = Some(zone).filter(|zone| is_name(zone)).and_then(|zone| self.rule_of(zone));
        // No rule has a slash before its first comma; what is no file's name else is one.
        let is_rule = found.is_none() && !zone.split(',').next().unwrap_or_default().contains('/');
        match is_rule {
            true => TimeZone { name: None, rule: Some(zone.to_owned()) },
            false => TimeZone { name: Some(zone.to_owned()).filter(|zone| is_name(zone)), rule: found },
        }
    }

    fn android_zone(&self) -> TimeZone {
        let properties = self.properties();
        let line = properties.lines().find_map(|line| line.strip_prefix("[persist.sys.timezone]: ["));
        let name = line.and_then(|line| line.strip_suffix(']')).filter(|name| is_name(name));
        name.map(|name| TimeZone { name: Some(name.to_owned()), rule: self.rule_of(name) })
            .unwrap_or_default()
    }

    /// `/etc/localtime` is a link into the zones, or a copy of one; then Debian's `/etc/timezone` may have the name.
    fn local_zone(&self) -> TimeZone {
        let path = self.file("/etc/localtime");
        let Some(rule) = self.read("/etc/localtime").as_deref().map(rule) else {
            // The link says what it is, also where this host has no zones.
            let target = fs::read_link(path).unwrap_or_default();
            return TimeZone { name: name_of_link(&target).map(str::to_owned), rule: None };
        };
        // A link may lead to another one first.
        let targets = [fs::read_link(&path).ok(), fs::canonicalize(&path).ok()];
        let linked = targets.iter().flatten().find_map(|target| name_of_link(target)).map(str::to_owned);
        let written = || {
            let text = fs::read_to_string(self.file("/etc/timezone")).unwrap_or_default();
            Some(text.trim().to_owned()).filter(|name| is_name(name) && self.rule_of(name) == rule)
        };
        TimeZone { name: linked.or_else(written), rule }
    }

    /// The rule of a zone by its name, from this host's files.
    fn rule_of(&self, name: &str) -> Option<String> {
        let termux = self.termux().map(|termux| termux.prefix.join("share/zoneinfo"));
        let directories = ZONES.iter().map(PathBuf::from).chain(termux);
        let mut files = directories.filter_map(|directory| self.read(directory.join(name)));
        let mut all = ANDROID_ZONES.iter().filter_map(|path| self.read(path));
        files
            .find_map(|file| rule(&file))
            .or_else(|| all.find_map(|file| rule(in_android_file(&file, name)?)))
    }

    fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let path = self.file(path);
        let mut contents = Vec::new();
        fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        File::open(path).ok()?.take(LIMIT).read_to_end(&mut contents).ok()?;
        Some(contents)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::testing::TempDir;

    const BERLIN: &[u8] = b"TZif2\0\0\nCET-1CEST,M3.5.0,M10.5.0/3\n";

    fn tree(files: &[(&str, &[u8])]) -> TempDir {
        let tree = TempDir::new();
        for (path, contents) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        tree
    }

    fn zone(tree: &TempDir, variables: &[(&str, &str)]) -> String {
        let TimeZone { name, rule } = Host::at(tree.path(), variables.iter().copied()).time_zone();
        format!("{} {}", name.unwrap_or("-".into()), rule.unwrap_or("-".into()))
    }

    #[test]
    fn localtime_is_a_link_or_a_copy() {
        let berlin = "Europe/Berlin CET-1CEST,M3.5.0,M10.5.0/3";
        for (target, found) in [
            ("../usr/share/zoneinfo/Europe/Berlin", berlin),
            ("zone", berlin),
            ("../usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo -"),
            ("../nothing", "- -"),
        ] {
            let tree = tree(&[("usr/share/zoneinfo/Europe/Berlin", BERLIN), ("etc/x", b"")]);
            symlink("../usr/share/zoneinfo/Europe/Berlin", tree.path().join("etc/zone")).unwrap();
            symlink(target, tree.path().join("etc/localtime")).unwrap();
            assert_eq!(zone(&tree, &[]), found, "{target}");
        }
        let copy = tree(&[("usr/share/zoneinfo/Europe/Berlin", BERLIN), ("etc/localtime", BERLIN)]);
        assert_eq!(zone(&copy, &[]), "- CET-1CEST,M3.5.0,M10.5.0/3");
        fs::write(copy.path().join("etc/timezone"), "Europe/Berlin\n").unwrap();
        assert_eq!(zone(&copy, &[]), berlin);
        // A name that is not that of the file is out of date.
        fs::write(copy.path().join("etc/timezone"), "Asia/Tokyo\n").unwrap();
        assert_eq!(zone(&copy, &[]), "- CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(zone(&tree(&[]), &[]), "- -");
    }

    #[test]
    fn the_variable_is_a_name_a_file_or_a_rule() {
        let tree = tree(&[("usr/share/zoneinfo/Europe/Berlin", BERLIN)]);
        let zone = |value| zone(&tree, &[("TZ", value)]);
        for value in ["Europe/Berlin", ":Europe/Berlin"] {
            assert_eq!(zone(value), "Europe/Berlin CET-1CEST,M3.5.0,M10.5.0/3");
        }
        assert_eq!(zone("/usr/share/zoneinfo/Europe/Berlin"), "Europe/Berlin CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(zone("Asia/Tokyo"), "Asia/Tokyo -");
        assert_eq!(zone("EST5EDT,M3.2.0/2,M11.1.0/2"), "- EST5EDT,M3.2.0/2,M11.1.0/2");
        assert_eq!(zone("<+03>-3"), "- <+03>-3");
        assert_eq!(zone("../../x"), "- -");
    }

    #[test]
    fn a_phone_has_a_property_and_one_file_of_zones() {
        let mut all = b"tzdata2026a\0\0\0\0\x18\0\0\0\x4c\0\0\0\0".to_vec();
        let mut entry = b"Europe/Berlin".to_vec();
        entry.resize(44, 0);
        all.extend(
            [&entry[..], &u32::try_from(BERLIN.len()).unwrap().to_be_bytes(), &[0; 4], BERLIN].concat(),
        );
        let tree = tree(&[("system/usr/share/zoneinfo/tzdata", &all), ("system/build.prop", b"")]);
        let getprop = tree.path().join("system/bin/getprop");
        fs::create_dir_all(getprop.parent().unwrap()).unwrap();
        fs::write(&getprop, "#!/bin/sh\necho '[persist.sys.timezone]: [Europe/Berlin]'\n").unwrap();
        fs::set_permissions(&getprop, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(zone(&tree, &[]), "Europe/Berlin CET-1CEST,M3.5.0,M10.5.0/3");
    }
}
