//! Maps of sparse files: which extents of a file an archive holds; the rest are holes.
//!
//! GNU's old format keeps the map in the header and blocks behind it, PAX 0.0 and 0.1 in PAX records, PAX 1.0 as
//! text in front of the data (tar manual, "Storing Sparse Files").

use std::io::{self, BufRead};

use super::header::{BLOCK, number};
use super::read_error::read_error;
use crate::error::{Error, Result};

/// The map may have this many extents: 1 MiB of memory, far more than filesystems make of real files.
const MAX_EXTENTS: usize = 65_536;

/// A run of data in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Checks that extents ascend, do not overlap and fit in `size`, and hold exactly the archived `data` bytes.
/// Empty ones (GNU tar ends its maps with one) are dropped.
pub(super) fn check(mut map: Vec<Extent>, size: u64, data: u64) -> Result<Vec<Extent>> {
    let mut end = 0u64;
    let mut total = 0u64;
    for extent in &map {
        let next =
            extent.offset.checked_add(extent.length).filter(|&next| extent.offset >= end && next <= size);
        end = next.ok_or_else(bad)?;
        total += extent.length;
    }
    if total != data {
        return Err(bad());
    }
    map.retain(|extent| extent.length > 0);
    Ok(map)
}

fn bad() -> Error {
    Error::invalid("malformed map of a sparse file")
}

/// PAX 0.1: `offset,length,offset,length...`.
pub(super) fn parse_list(text: &[u8]) -> Option<Vec<Extent>> {
    let mut numbers = text.split(|&byte| byte == b',').map(decimal);
    let mut map = Vec::new();
    while let Some(offset) = numbers.next() {
        if map.len() == MAX_EXTENTS {
            return None;
        }
        map.push(Extent { offset: offset?, length: numbers.next()?? });
    }
    Some(map)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

/// The extents of a GNU header or extension block: pairs of numeric fields of 12 bytes, an empty one ends them.
pub(super) fn parse_fields(fields: &[u8], map: &mut Vec<Extent>) -> Result<()> {
    for pair in fields.chunks_exact(24) {
        if pair[0] == 0 {
            break;
        }
        let field = |field| number(field).and_then(|value| u64::try_from(value).ok()).ok_or_else(bad);
        map.push(Extent { offset: field(&pair[..12])?, length: field(&pair[12..])? });
    }
    if map.len() > MAX_EXTENTS { Err(bad()) } else { Ok(()) }
}

/// PAX 1.0: lines with the number of extents, then offset and length of each, padded to a block. Returns the map
/// and how many bytes of the body it took.
pub(super) fn read_lines(body: &mut impl BufRead) -> Result<(Vec<Extent>, u64)> {
    let mut taken = 0u64;
    let mut line = || -> Result<u64> {
        let mut value = 0u64;
        let mut digits = 0;
        loop {
            let mut byte = [0];
            body.read_exact(&mut byte).map_err(read_error)?;
            taken += 1;
            match byte[0] {
                b'\n' if digits > 0 => return Ok(value),
                digit @ b'0'..=b'9' => {
                    let next =
                        value.checked_mul(10).and_then(|value| value.checked_add((digit - b'0').into()));
                    value = next.ok_or_else(bad)?;
                    digits += 1;
                }
                _ => return Err(bad()),
            }
            if digits > 20 {
                return Err(bad());
            }
        }
    };
    let count = line()?;
    if count > MAX_EXTENTS as u64 {
        return Err(bad());
    }
    let mut map = Vec::new();
    for _ in 0..count {
        map.push(Extent { offset: line()?, length: line()? });
    }
    let padding = taken.next_multiple_of(BLOCK as u64) - taken;
    let skipped = io::copy(&mut io::Read::take(body, padding), &mut io::sink()).map_err(read_error)?;
    if skipped < padding {
        return Err(bad());
    }
    Ok((map, taken + padding))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(offset: u64, length: u64) -> Extent {
        Extent { offset, length }
    }

    #[test]
    fn maps_that_overlap_or_overflow_are_refused() {
        assert_eq!(check(vec![at(0, 5), at(10, 5), at(20, 0)], 20, 10).unwrap(), [at(0, 5), at(10, 5)]);
        assert!(check(vec![at(10, 5), at(12, 5)], 20, 10).is_err());
        assert!(check(vec![at(10, 5), at(0, 5)], 20, 10).is_err());
        assert!(check(vec![at(u64::MAX, 5)], u64::MAX, 5).is_err());
        assert!(check(vec![at(0, 21)], 20, 21).is_err());
        assert!(check(vec![at(0, 5)], 20, 6).is_err());
    }

    #[test]
    fn lines_take_whole_blocks() {
        let mut body = b"2\n0\n3\n1024\n4\n".to_vec();
        body.resize(512, 0);
        body.extend_from_slice(b"data");
        let mut rest = &body[..];
        assert_eq!(read_lines(&mut rest).unwrap(), (vec![at(0, 3), at(1024, 4)], 512));
        assert_eq!(rest, b"data");
        assert!(read_lines(&mut &b"99999999\n"[..]).is_err());
        assert!(read_lines(&mut &b"1\n\n3\n"[..]).is_err());
        assert!(read_lines(&mut &b"1\n2\n"[..]).is_err());
        assert_eq!(parse_list(b"0,3,1024,4"), Some(vec![at(0, 3), at(1024, 4)]));
        assert_eq!(parse_list(b"0,3,1024"), None);
    }
}
