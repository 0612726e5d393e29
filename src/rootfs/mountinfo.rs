//! Reading /proc/PID/mountinfo (proc_pid_mountinfo(5)), as far as it tells what is mounted where. Pure: bytes
//! in, lines out. Lines that do not parse are skipped.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount: a line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountLine {
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
    /// The filesystem's type, as mount(8) knows it.
    pub kind: String,
    /// The filesystem's own options, as `a,b=c`.
    pub options: String,
}

/// The mounts, in the file's order.
pub fn parse(text: &[u8]) -> Vec<MountLine> {
    text.split(|&byte| byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<MountLine> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let [id, parent, dev, root, mount_point, _options, ..] = fields[..] else { return None };
    let text = |field| std::str::from_utf8(field).ok();
    let (major, minor) = text(dev)?.split_once(':')?;
    // Optional fields stand before the `-`, as many as there are.
    let mut last = fields.iter().skip_while(|field| **field != b"-").skip(1).map(|field| text(field));
    let kind = last.next().flatten().unwrap_or_default().to_owned();
    Some(MountLine {
        id: text(id)?.parse().ok()?,
        parent: text(parent)?.parse().ok()?,
        dev: (major.parse().ok()?, minor.parse().ok()?),
        root: unescape(root).into(),
        mount_point: unescape(mount_point).into(),
        kind,
        options: last.nth(1).flatten().unwrap_or_default().to_owned(),
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
        assert_eq!((entry.kind.as_str(), entry.options.as_str()), ("ext3", "rw,errors=continue"));
    }

    #[test]
    fn skips_what_is_no_mount() {
        let text = b"\n1 2 3\n36 35 98:0 / /\n36 35 98 / / rw - a b c\n1 0 0:1 / / rw - tmpfs tmpfs rw\n";
        assert_eq!(parse(text).len(), 1);
    }

    #[test]
    fn finds_the_root_of_this_machine() {
        let text = std::fs::read("/proc/self/mountinfo").unwrap();
        let lines = text.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(parse(&text).len(), lines);
    }
}
