//! Archives to begin with, made by code.

use tar::{EntryType, Header};

/// A tar entry with a right checksum.
pub struct Seed {
    pub name: &'static str,
    pub kind: u8,
    pub link: &'static str,
    pub body: Vec<u8>,
}

impl Seed {
    pub fn new(name: &'static str, kind: u8, body: impl Into<Vec<u8>>) -> Seed {
        Seed { name, kind, link: "", body: body.into() }
    }

    pub fn link(name: &'static str, kind: u8, link: &'static str) -> Seed {
        Seed { name, kind, link, body: Vec::new() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..self.name.len()].copy_from_slice(self.name.as_bytes());
        header.as_old_mut().linkname[..self.link.len()].copy_from_slice(self.link.as_bytes());
        header.set_entry_type(EntryType::new(self.kind));
        header.set_mode(0o644);
        header.set_uid(1000);
        header.set_gid(1000);
        header.set_mtime(1_600_000_000);
        header.set_size(self.body.len() as u64);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(&self.body);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

pub fn tar(entries: impl IntoIterator<Item = Seed>) -> Vec<u8> {
    entries.into_iter().flat_map(|entry| entry.bytes()).chain([0; 1024]).collect()
}

/// Records of a PAX header.
pub fn records(records: &[(&str, &str)]) -> String {
    let record = |(key, value): &(&str, &str)| {
        let rest = key.len() + value.len() + 3;
        let length = (rest..).find(|length| length.to_string().len() + rest == *length).unwrap_or(rest);
        format!("{length} {key}={value}\n")
    };
    records.iter().map(record).collect()
}

/// Layers of all kinds of entries.
pub fn layers() -> Vec<Vec<u8>> {
    let pax = |kind, fields: &[(&str, &str)]| Seed::new("pax", kind, records(fields));
    vec![
        tar([Seed::new("d/", b'5', ""), Seed::new("d/f", b'0', "text"), Seed::new("e", b'0', "")]),
        tar([Seed::new("f", b'0', "1"), Seed::link("l", b'2', "../f"), Seed::link("h", b'1', "f")]),
        tar([
            Seed::new("d/.wh.x", b'0', ""),
            Seed::new("d/.wh..wh..opq", b'0', ""),
            Seed::new("d/x", b'0', "2"),
        ]),
        tar([Seed::new("p", b'6', ""), Seed::new("c", b'3', ""), Seed::new("b", b'4', "")]),
        tar([Seed::new("L", b'L', "a/long/name\0"), Seed::new("short", b'0', "x")]),
        tar([
            pax(b'x', &[("path", "ä/b"), ("mtime", "1.5"), ("uid", "70000"), ("SCHILY.xattr.user.a", "v")]),
            Seed::new("s", b'0', "x"),
        ]),
        tar([
            pax(b'g', &[("gid", "9")]),
            Seed::new("s", b'0', "x"),
            pax(b'x', &[("size", "3")]),
            Seed::new("t", b'0', "xyz"),
        ]),
        tar([
            pax(
                b'x',
                &[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", "n"),
                    ("GNU.sparse.realsize", "2000"),
                ],
            ),
            Seed::new("s", b'0', sparse("2\n0\n512\n1024\n512\n")),
        ]),
        tar([
            pax(
                b'x',
                &[("GNU.sparse.size", "2000"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "0,4")],
            ),
            Seed::new("s", b'0', "data"),
        ]),
    ]
}

/// A map, and the data for it.
fn sparse(map: &str) -> Vec<u8> {
    let mut body = map.as_bytes().to_vec();
    body.resize(512, 0);
    body.resize(512 + 1024, b'x');
    body
}
