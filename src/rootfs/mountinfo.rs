//! Reading /proc/PID/mountinfo (proc_pid_mountinfo(5)). Pure: bytes in, lines out. Lines that do not parse are
//! skipped.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The mount's id.
    pub id: u64,
    /// The id of the mount that it is mounted on; of a mount not listed, for the topmost.
    pub parent: u64,
    /// The filesystem: major, minor.
    pub dev: (u32, u32),
    /// Which directory or file of the filesystem it shows.
    pub root: PathBuf,
    /// Where, from the reading process's root.
    pub mount_point: PathBuf,
    /// Per-mount options, such as `rw,nosuid,relatime`.
    pub options: String,
    /// `shared:N`, `master:N` and so on, separated by blanks.
    pub propagation: String,
    /// Such as `ext4`.
    pub file_system: String,
    /// What was mounted: a device, or any word.
    pub source: OsString,
    /// The filesystem's own options.
    pub super_options: String,
}

/// The mounts, in the file's order.
pub fn parse(text: &[u8]) -> Vec<Entry> {
    text.split(|&byte| byte == b'\n').filter_map(entry).collect()
}

fn entry(line: &[u8]) -> Option<Entry> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    // Any number of propagation fields, then a lone hyphen.
    let hyphen = 6 + fields.get(6..)?.iter().position(|field| *field == b"-")?;
    let text = |at: usize| fields.get(at).and_then(|field| std::str::from_utf8(field).ok());
    let (major, minor) = text(2)?.split_once(':')?;
    Some(Entry {
        id: text(0)?.parse().ok()?,
        parent: text(1)?.parse().ok()?,
        dev: (major.parse().ok()?, minor.parse().ok()?),
        root: unescape(fields[3]).into(),
        mount_point: unescape(fields[4]).into(),
        options: text(5)?.to_owned(),
        propagation: String::from_utf8_lossy(&fields[6..hyphen].join(&b' ')).into_owned(),
        file_system: text(hyphen + 1)?.to_owned(),
        source: unescape(fields.get(hyphen + 2)?),
        super_options: String::from_utf8_lossy(fields.get(hyphen + 3)?).into_owned(),
    })
}

/// The kernel writes blank, tab, line feed, backslash and `#` as three octal digits (`mangle` in fs/proc).
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let escape = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                Some(((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), after))
            }
            _ => None,
        };
        let (byte, after) = escape.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_manual_shows() {
        let line = b"36 35 98:0 /mnt1 /m\\040nt\\1342 rw,noatime master:1 shared:4 - ext3 /dev/ro\xffot rw,errors=continue\n";
        let entry = &parse(line)[0];
        assert_eq!((entry.id, entry.parent, entry.dev), (36, 35, (98, 0)));
        assert_eq!(entry.root, PathBuf::from("/mnt1"));
        assert_eq!(entry.mount_point, PathBuf::from("/m nt\\2"));
        assert_eq!(entry.propagation, "master:1 shared:4");
        assert_eq!((&*entry.file_system, &*entry.super_options), ("ext3", "rw,errors=continue"));
        assert_eq!(entry.source, OsString::from_vec(b"/dev/ro\xffot".to_vec()));
    }

    #[test]
    fn skips_what_is_no_mount() {
        let text = b"\n1 2 3\n36 35 98:0 / / rw\n36 35 98 / / rw - a b c\n1 0 0:1 / / rw - tmpfs tmpfs rw\n";
        assert_eq!(parse(text).len(), 1);
    }

    #[test]
    fn finds_the_root_of_this_machine() {
        let text = std::fs::read("/proc/self/mountinfo").unwrap();
        let lines = text.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(parse(&text).len(), lines);
    }
}
