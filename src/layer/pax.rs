//! PAX extended headers (POSIX.1-2001, pax, "pax Extended Header"): `LENGTH KEY=VALUE\n` records that override
//! fields of the next header (`x`) or of all that follow (`g`).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode;

use super::name::Escaped;
use super::sparse::{self, Extent};
use crate::error::{Error, Result};
use crate::rootfs::Timestamp;

/// XATTR_SIZE_MAX (linux/limits.h): the kernel takes no larger value.
const XATTR_LIMIT: usize = 64 << 10;

/// What the records said, those that we know.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) xattrs: Vec<(OsString, Vec<u8>)>,
    pub(super) sparse: Sparse,
}

/// GNU's sparse files in PAX: versions 0.0 and 0.1 keep the map here, 1.0 in front of the data.
#[derive(Debug, Clone, Default)]
pub(super) struct Sparse {
    pub(super) major: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) map: Option<Vec<Extent>>,
    offset: Option<u64>,
}

impl Records {
    /// Adds a header's records; later ones win.
    pub(super) fn extend(&mut self, mut body: &[u8]) -> Result<()> {
        while !body.is_empty() {
            let (key, value, rest) = record(body).ok_or_else(|| Error::invalid("malformed PAX header"))?;
            body = rest;
            self.set(key, value).ok_or_else(|| {
                Error::invalid(format_args!(
                    "PAX header has a bad value for '{}'",
                    Escaped(&key[..key.len().min(64)])
                ))
            })?;
        }
        Ok(())
    }

    /// The records of a global header: names and sizes of single files make no sense in them.
    pub(super) fn extend_globally(&mut self, body: &[u8]) -> Result<()> {
        self.extend(body)?;
        (self.path, self.link, self.size, self.sparse) = (None, None, None, Sparse::default());
        Ok(())
    }

    /// An empty value takes back what a global header set; keys that we do not know are skipped.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let given = (!value.is_empty()).then_some(value);
        let bytes = || given.map(<[u8]>::to_vec);
        match key {
            b"path" => self.path = bytes(),
            b"linkpath" => self.link = bytes(),
            b"size" => self.size = perhaps(given, parse)?,
            b"uid" => self.uid = perhaps(given, parse)?,
            b"gid" => self.gid = perhaps(given, parse)?,
            b"mtime" => self.mtime = perhaps(given, timestamp)?,
            b"GNU.sparse.major" => self.sparse.major = Some(parse(value)?),
            b"GNU.sparse.name" => self.sparse.name = bytes(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(parse(value)?),
            b"GNU.sparse.map" => self.sparse.map = Some(sparse::parse_list(value)?),
            b"GNU.sparse.offset" => self.sparse.offset = Some(parse(value)?),
            b"GNU.sparse.numbytes" => {
                let offset = self.sparse.offset.take()?;
                self.sparse.map.get_or_insert_default().push(Extent { offset, length: parse(value)? });
            }
            _ => match (key.strip_prefix(b"SCHILY.xattr."), key.strip_prefix(b"LIBARCHIVE.xattr.")) {
                (Some(name), _) => self.set_xattr(name.to_vec(), value.to_vec())?,
                (_, Some(name)) => {
                    let value = BASE64.decode(value.trim_ascii_end()).ok()?;
                    self.set_xattr(percent_decode(name).collect(), value)?;
                }
                _ => {}
            },
        }
        Some(())
    }

    /// libarchive writes each attribute in both spellings; one is enough.
    fn set_xattr(&mut self, name: Vec<u8>, value: Vec<u8>) -> Option<()> {
        if name.is_empty() || name.contains(&0) || value.len() > XATTR_LIMIT {
            return None;
        }
        let name = OsString::from_vec(name);
        match self.xattrs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.xattrs.push((name, value)),
        }
        Some(())
    }
}

/// `None` where nothing is given, parsed where something is; fails where it does not parse.
fn perhaps<T>(given: Option<&[u8]>, parse: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
    given.map_or(Some(None), |value| parse(value).map(Some))
}

/// The first record: key, value, and what follows it. The length counts the whole record, its own digits too.
fn record(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = body.iter().take(20).position(|&byte| byte == b' ')?;
    let length: usize = parse(&body[..space])?;
    let (record, rest) = body.split_at_checked(length)?;
    let pair = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    Some((&pair[..equals], &pair[equals + 1..], rest))
}

fn parse<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

/// Decimal seconds, perhaps negative, perhaps with a fraction; digits beyond nanoseconds are cut.
fn timestamp(value: &[u8]) -> Option<Timestamp> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(value) => (true, value),
        None => (false, value),
    };
    let point = value.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = value.split_at(point.unwrap_or(value.len()));
    let whole: i64 = parse(whole)?;
    let mut nanoseconds = 0;
    for at in 1..10 {
        let digit = match fraction.get(at) {
            Some(digit @ b'0'..=b'9') => u32::from(digit - b'0'),
            Some(_) => return None,
            None => 0,
        };
        nanoseconds = nanoseconds * 10 + digit;
    }
    Some(match (negative, nanoseconds) {
        (false, _) => Timestamp { seconds: whole, nanoseconds },
        (true, 0) => Timestamp { seconds: -whole, nanoseconds: 0 },
        // -1.25 is 0.75 after -2.
        (true, _) => {
            Timestamp { seconds: (-whole).checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds }
        }
    })
}

/// RFC 4648, with or without padding: libarchive writes none.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn records(body: &[u8]) -> Result<Records> {
        let mut records = Records::default();
        records.extend(body).map(|()| records)
    }

    #[test]
    fn records_are_cut_by_length_not_by_line() {
        let parsed = records(b"28 SCHILY.xattr.user.k=a\nb\n\n12 path=a=b\n").unwrap();
        assert_eq!(parsed.xattrs, [(OsString::from("user.k"), b"a\nb\n".to_vec())]);
        assert_eq!(parsed.path.as_deref(), Some(&b"a=b"[..]));
        for bad in [
            "11 path=a=b\n",
            "99 path=a\n",
            "0 path=a\n",
            "path=a\n",
            "5 abc",
            "-1 a=b\n",
            "9999999999999999999999 a=b\n",
        ] {
            assert!(records(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(records(b"11 uid=-12\n").is_err());
    }

    #[test]
    fn times_before_the_epoch_count_forward() {
        let at = |text: &str| timestamp(text.as_bytes()).map(|time| (time.seconds, time.nanoseconds));
        assert_eq!(at("1700000000.123456"), Some((1_700_000_000, 123_456_000)));
        assert_eq!(at("-1.25"), Some((-2, 750_000_000)));
        assert_eq!(at("-86400"), Some((-86400, 0)));
        assert_eq!(at("-86400.0"), Some((-86400, 0)));
        assert_eq!(at("1.1234567899"), Some((1, 123_456_789)));
        assert_eq!(at("1,5"), None);
        assert_eq!(at("--1"), None);
    }

    #[test]
    fn libarchive_spells_attributes_in_base64() {
        let parsed = records(b"36 LIBARCHIVE.xattr.user.k%3Dt=dmFs\n").unwrap();
        assert_eq!(parsed.xattrs, [(OsString::from("user.k=t"), b"val".to_vec())]);
        assert_eq!(BASE64.decode("dmE").unwrap(), b"va");
        assert_eq!(BASE64.decode("dg==").unwrap(), b"v");
        let error = records(b"29 LIBARCHIVE.xattr.user.k=d\n").unwrap_err().to_string();
        assert!(error.contains("bad value for 'LIBARCHIVE.xattr.user.k'"), "{error}");
    }

    #[test]
    fn an_empty_value_takes_back_and_globals_name_no_file() {
        let mut global = Records::default();
        global.extend_globally(b"10 path=x\n9 uid=12\n").unwrap();
        assert_eq!((global.path.as_deref(), global.uid), (None, Some(12)));
        global.extend(b"7 uid=\n").unwrap();
        assert_eq!(global.uid, None);
    }
}
