//! Time zones as files have them: TZif (RFC 9636), Android's file of all zones, and links into a tree of zones. Pure.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The rule at the end of a TZif file, as POSIX writes it in `TZ`: `CET-1CEST,M3.5.0,M10.5.0/3`. Version 1 has none.
pub fn rule(file: &[u8]) -> Option<String> {
    file.strip_prefix(b"TZif")?.first().filter(|&&version| version >= b'2')?;
    let footer = file.strip_suffix(b"\n")?;
    let start = footer.iter().rposition(|&byte| byte == b'\n')? + 1;
    let rule = std::str::from_utf8(&footer[start..]).ok()?;
    let fits = !rule.is_empty() && rule.len() < 128 && rule.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| rule.to_owned())
}

/// The zone that a link into a tree of zones means: what follows `zoneinfo/`.
pub fn name_of_link(target: &Path) -> Option<&str> {
    let target = std::str::from_utf8(target.as_os_str().as_bytes()).ok()?;
    let (_, name) = target.rsplit_once("zoneinfo/")?;
    let name = name.strip_prefix("posix/").or(name.strip_prefix("right/")).unwrap_or(name);
    is_name(name).then_some(name)
}

/// Whether it is a zone's name, which may be looked for below a directory: `Europe/Berlin`.
pub fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte))
    };
    text.len() < 128
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.split('/').all(part)
}

/// Whether a name or a rule is that of universal time: what an image has when nobody chose.
pub fn is_utc(zone: &str) -> bool {
    let zone = zone.trim_start_matches(':').trim_start_matches("Etc/");
    ["UTC", "UCT", "GMT", "Universal", "Zulu", "Greenwich"]
        .iter()
        .any(|name| zone.strip_prefix(name).is_some_and(|offset| matches!(offset, "" | "0" | "+0" | "-0")))
}

/// The TZif data of the zone `name` in Android's file of all zones (bionic's libc/tzcode/bionic.cpp): a head of 12 bytes of
/// version and three offsets, then an index of entries of 52 bytes: a name of 40, an offset, a length, and 4 that are not used.
/// Numbers are big-endian.
pub fn in_android_file<'a>(file: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let number = |at: usize| {
        let bytes = file.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
    };
    if !file.starts_with(b"tzdata") {
        return None;
    }
    let (index, data) = (number(12)?, number(16)?);
    let entries = file.get(index..data)?.chunks_exact(52);
    let at = entries.into_iter().position(|entry| {
        let (entry_name, _) = entry.split_at(40);
        entry_name
            .strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.first().is_none_or(|&byte| byte == 0))
    })?;
    let entry = index + at * 52;
    let start = data.checked_add(number(entry + 40)?)?;
    file.get(start..start.checked_add(number(entry + 44)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_the_last_line() {
        let file =
            |version: &str, end: &str| [b"TZif", version.as_bytes(), b"\0\0\nx\0", end.as_bytes()].concat();
        assert_eq!(rule(&file("2", "\nCET-1CEST,M3.5.0,M10.5.0/3\n")).unwrap(), "CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(rule(&file("4", "\n<+0530>-5:30\n")).unwrap(), "<+0530>-5:30");
        for (version, end) in
            [("\0", "\nUTC0\n"), ("2", "\n\n"), ("2", "\nUTC0"), ("2", "\na b\n"), ("2", "")]
        {
            assert_eq!(rule(&file(version, end)), None, "{end:?}");
        }
        assert_eq!(rule(b""), None);
        assert_eq!(rule(b"TZif2\n"), None);
    }

    #[test]
    fn a_link_names_its_zone() {
        let name = |target: &str| name_of_link(Path::new(target)).map(str::to_owned);
        for target in [
            "/usr/share/zoneinfo/Europe/Berlin",
            "../usr/share/zoneinfo/Europe/Berlin",
            "/etc/zoneinfo/Europe/Berlin",
            "/usr/share/zoneinfo/posix/Europe/Berlin",
        ] {
            assert_eq!(name(target).as_deref(), Some("Europe/Berlin"), "{target}");
        }
        for target in
            ["/usr/share/zoneinfo/../../etc/passwd", "/etc/x", "zoneinfo/", "/zoneinfo//a", "zoneinfo/-x"]
        {
            assert_eq!(name(target), None, "{target}");
        }
        assert!(is_name("America/Argentina/Buenos_Aires") && is_name("Etc/GMT+5") && !is_name("<+03>-3"));
    }

    #[test]
    fn universal_time_has_many_names() {
        for zone in ["UTC", "Etc/UTC", "UTC0", "GMT", "Etc/Zulu", ":UTC", "GMT+0"] {
            assert!(is_utc(zone), "{zone}");
        }
        for zone in ["GMT0BST,M3.5.0/1,M10.5.0", "Etc/GMT+5", "Europe/London", "UTC-2", ""] {
            assert!(!is_utc(zone), "{zone}");
        }
    }

    #[test]
    fn androids_file_has_all_zones() {
        let mut file = b"tzdata2026a\0".to_vec();
        let zones = [("Europe/Berlin", &b"berlin"[..]), ("Europe/Ber", b"ber")];
        let data = 24 + 52 * zones.len();
        for offset in [24, data, 0] {
            file.extend(u32::try_from(offset).unwrap().to_be_bytes());
        }
        let mut offset = 0;
        for (name, contents) in zones {
            let mut entry = name.as_bytes().to_vec();
            entry.resize(40, 0);
            let length = u32::try_from(contents.len()).unwrap();
            file.extend([&entry[..], &u32::to_be_bytes(offset), &length.to_be_bytes(), &[0; 4]].concat());
            offset += length;
        }
        file.extend(b"berlinber");
        assert_eq!(in_android_file(&file, "Europe/Berlin"), Some(&b"berlin"[..]));
        assert_eq!(in_android_file(&file, "Europe/Ber"), Some(&b"ber"[..]));
        assert_eq!(in_android_file(&file, "Europe"), None);
        for length in 0..file.len() {
            // Cut short anywhere, it has less, and nothing panics.
            let _ = in_android_file(&file[..length], "Europe/Ber");
        }
        let mut wrong = file.clone();
        wrong[16..20].fill(0xff);
        assert_eq!(in_android_file(&wrong, "Europe/Berlin"), None);
    }
}
