//! X authority files (Xau(3)): records of a family, an address, a display number, the name of a method, and data,
//! each string with a big-endian length of two bytes before it. Pure.

/// This machine, the address being its hostname.
const LOCAL: u16 = 256;
/// Any address.
const WILD: u16 = 65535;

/// The same cookies, for clients that have another hostname: those of this machine count everywhere. They come
/// first, because the first that matches is taken. `None` when there is no record.
pub fn for_any_hostname(file: &[u8], hostname: &[u8]) -> Option<Vec<u8>> {
    let mut rest = file;
    let records: Vec<Record<'_>> = std::iter::from_fn(|| Record::take(&mut rest)).collect();
    let ours = |record: &Record<'_>| record.family == LOCAL && record.address == hostname;
    // The hostname may have changed since the server wrote them.
    let renamed = !records.iter().any(ours);
    let is_wild = |record: &Record<'_>| ours(record) || (renamed && record.family == LOCAL);
    let mut made = Vec::with_capacity(file.len());
    for record in records.iter().filter(|record| is_wild(record)) {
        made.extend_from_slice(&WILD.to_be_bytes());
        made.extend_from_slice(record.after_family);
    }
    for record in records.iter().filter(|record| !is_wild(record)) {
        made.extend_from_slice(&record.family.to_be_bytes());
        made.extend_from_slice(record.after_family);
    }
    Some(made).filter(|made| !made.is_empty())
}

struct Record<'a> {
    family: u16,
    address: &'a [u8],
    after_family: &'a [u8],
}

impl<'a> Record<'a> {
    /// The next one; `None` at the end, and where the rest is none.
    fn take(rest: &mut &'a [u8]) -> Option<Record<'a>> {
        let mut at = *rest;
        let family = number(&mut at)?;
        let after_family = at;
        let address = string(&mut at)?;
        let (_number, _name, _data) = (string(&mut at)?, string(&mut at)?, string(&mut at)?);
        *rest = at;
        let length = after_family.len() - at.len();
        Some(Record { family, address, after_family: after_family.get(..length)? })
    }
}

fn number(at: &mut &[u8]) -> Option<u16> {
    let (digits, rest) = at.split_first_chunk::<2>()?;
    *at = rest;
    Some(u16::from_be_bytes(*digits))
}

fn string<'a>(at: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(number(at)?);
    let (string, rest) = at.split_at_checked(length)?;
    *at = rest;
    Some(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(family: u16, address: &str, display: &str, data: &[u8]) -> Vec<u8> {
        let mut made = family.to_be_bytes().to_vec();
        for string in [address.as_bytes(), display.as_bytes(), b"MIT-MAGIC-COOKIE-1", data] {
            made.extend_from_slice(&u16::try_from(string.len()).unwrap().to_be_bytes());
            made.extend_from_slice(string);
        }
        made
    }

    #[test]
    fn our_own_cookies_count_everywhere_and_come_first() {
        let [old, tcp, new] = [
            record(LOCAL, "before", "0", b"o"),
            record(0, "\x7f\0\0\x01", "0", b"t"),
            record(LOCAL, "here", "0", b"n"),
        ];
        let file = [old.clone(), tcp.clone(), new].concat();
        let made = for_any_hostname(&file, b"here").unwrap();
        assert_eq!(made, [record(WILD, "here", "0", b"n"), old.clone(), tcp.clone()].concat());
        // A name that none of them has: then all of this machine's.
        let made = for_any_hostname(&[old, tcp.clone()].concat(), b"here").unwrap();
        assert_eq!(made, [record(WILD, "before", "0", b"o"), tcp].concat());
    }

    #[test]
    fn what_is_cut_off_is_left_out() {
        let whole = record(LOCAL, "here", "", &[7; 16]);
        let wild = record(WILD, "here", "", &[7; 16]);
        for cut in 1..whole.len() {
            let file = [&whole[..], &whole[..cut]].concat();
            assert_eq!(for_any_hostname(&file, b"here").unwrap(), wild, "{cut}");
            assert_eq!(for_any_hostname(&whole[..cut], b"here"), None);
        }
        assert_eq!(for_any_hostname(b"", b"here"), None);
    }
}
