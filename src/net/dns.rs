//! DNS messages (RFC 1035, section 4): a question for one name's addresses, and what a server answers.
//!
//! An answer counts only if it repeats the question and its id. Names are compared without regard to case;
//! compression pointers go backwards only, so no message can make a parser loop.

use std::net::IpAddr;

/// The two types of address records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordType {
    /// IPv4
    A = 1,
    /// IPv6 (RFC 3596)
    Aaaa = 28,
}

const CNAME: u16 = 5;
const CLASS_IN: u16 = 1;
const HEADER: usize = 12;

/// A server's answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name's addresses; perhaps none of this type.
    Addresses(Vec<IpAddr>),
    /// The name is an alias of this one, whose addresses are to be asked for.
    Alias(String),
    /// There is no such name.
    NoName,
    /// Too long for UDP: ask by TCP.
    Truncated,
    /// The server cannot or will not tell (its response code).
    Failed(u8),
}

/// A recursive question. `None`: the name cannot be asked for (empty or overlong labels).
pub fn question(id: u16, name: &str, record_type: RecordType) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(HEADER + name.len() + 6);
    message.extend(id.to_be_bytes());
    // Recursion desired; one question.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend((record_type as u16).to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    (name.len() <= 253).then_some(message)
}

/// Reads the answer to a question; `None` if it is not one.
pub fn answer(message: &[u8], id: u16, name: &str, record_type: RecordType) -> Option<Answer> {
    let flags = message.get(2..4)?;
    if u16_at(message, 0)? != id || flags[0] & 0x80 == 0 || u16_at(message, 4)? != 1 {
        return None;
    }
    let (asked, at) = read_name(message, HEADER)?;
    if !same(&asked, name)
        || u16_at(message, at)? != record_type as u16
        || u16_at(message, at + 2)? != CLASS_IN
    {
        return None;
    }
    match flags[1] & 0x0f {
        _ if flags[0] & 0x02 != 0 => Some(Answer::Truncated),
        0 => records(message, at + 4, name, record_type),
        3 => Some(Answer::NoName),
        code => Some(Answer::Failed(code)),
    }
}

/// The addresses at the end of the chain of aliases that begins at `name`, in whatever order the records stand.
fn records(message: &[u8], mut at: usize, name: &str, record_type: RecordType) -> Option<Answer> {
    let (mut aliases, mut addresses) = (Vec::new(), Vec::new());
    for _ in 0..u16_at(message, 6)? {
        let (owner, after) = read_name(message, at)?;
        let (record, class) = (u16_at(message, after)?, u16_at(message, after + 2)?);
        let start = after + 10;
        let length = usize::from(u16_at(message, after + 8)?);
        let data = message.get(start..start + length)?;
        at = start + length;
        if class != CLASS_IN {
            continue;
        }
        if record == CNAME {
            aliases.push((owner, read_name(message, start)?.0));
        } else if record == record_type as u16 {
            let address = match record_type {
                RecordType::A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
                RecordType::Aaaa => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
            };
            addresses.push((owner, address?));
        }
    }
    let mut last = name.to_owned();
    // As many steps as there are aliases: a loop of them ends.
    for _ in 0..aliases.len() {
        match aliases.iter().find(|(owner, _)| same(owner, &last)) {
            Some((_, target)) => last = target.clone(),
            None => break,
        }
    }
    let found: Vec<IpAddr> =
        addresses.into_iter().filter(|(owner, _)| same(owner, &last)).map(|(_, address)| address).collect();
    if found.is_empty() && !same(&last, name) {
        Some(Answer::Alias(last))
    } else {
        Some(Answer::Addresses(found))
    }
}

/// A name and where it ends.
fn read_name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut name, mut at, mut end, mut lowest) = (Vec::new(), start, None, start);
    loop {
        let length = usize::from(*message.get(at)?);
        match length >> 6 {
            0 if length == 0 => break,
            0 => {
                if !name.is_empty() {
                    name.push(b'.');
                }
                name.extend(message.get(at + 1..at + 1 + length)?);
                at += 1 + length;
            }
            3 => {
                let target = usize::from(u16_at(message, at)? & 0x3fff);
                end.get_or_insert(at + 2);
                if target >= lowest {
                    return None;
                }
                (at, lowest) = (target, target);
            }
            _ => return None,
        }
        if name.len() > 255 {
            return None;
        }
    }
    Some((String::from_utf8(name).ok()?, end.unwrap_or(at + 1)))
}

fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A response to `question` with these records: owner, type, data. Names in owners point at the question's if
    /// equal to it.
    pub fn response(question: &[u8], code: u8, records: &[(&str, u16, Vec<u8>)]) -> Vec<u8> {
        let mut message = question.to_vec();
        message[2] |= 0x80;
        message[3] = 0x80 | code;
        message[7] = records.len() as u8;
        let (asked, _) = read_name(question, HEADER).unwrap();
        for (owner, record_type, data) in records {
            if same(owner, &asked) {
                message.extend([0xc0, HEADER as u8])
            } else {
                message.extend(encoded(owner))
            }
            message.extend(record_type.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend((data.len() as u16).to_be_bytes());
            message.extend(data);
        }
        message
    }

    pub fn encoded(name: &str) -> Vec<u8> {
        let question = question(0, name, RecordType::A).unwrap();
        question[HEADER..question.len() - 4].to_vec()
    }

    #[test]
    fn addresses_through_a_chain_in_any_order() {
        let asked = question(7, "a.example", RecordType::A).unwrap();
        let records = [
            ("c.example", 1, vec![10, 0, 0, 1]),
            ("b.EXAMPLE", CNAME, encoded("c.example")),
            ("a.example", CNAME, encoded("B.example")),
            ("evil.example", 1, vec![6, 6, 6, 6]),
        ];
        let message = response(&asked, 0, &records);
        let found = Answer::Addresses(vec!["10.0.0.1".parse().unwrap()]);
        assert_eq!(answer(&message, 7, "A.example.", RecordType::A), Some(found));
        let message = response(&asked, 0, &records[1..]);
        assert_eq!(answer(&message, 7, "a.example", RecordType::A), Some(Answer::Alias("c.example".into())));
        let message = response(&asked, 0, &records[3..]);
        assert_eq!(answer(&message, 7, "a.example", RecordType::A), Some(Answer::Addresses(vec![])));
    }

    #[test]
    fn other_answers() {
        let asked = question(7, "a.example", RecordType::Aaaa).unwrap();
        let read = |message: &[u8]| answer(message, 7, "a.example", RecordType::Aaaa);
        let v6 = response(&asked, 0, &[("a.example", 28, [0xfd; 16].to_vec())]);
        assert!(
            matches!(read(&v6), Some(Answer::Addresses(found)) if found.len() == 1 && found[0].is_ipv6())
        );
        assert_eq!(read(&response(&asked, 3, &[])), Some(Answer::NoName));
        assert_eq!(read(&response(&asked, 2, &[])), Some(Answer::Failed(2)));
        let mut truncated = response(&asked, 0, &[]);
        truncated[2] |= 2;
        assert_eq!(read(&truncated), Some(Answer::Truncated));
    }

    #[test]
    fn what_is_not_the_answer() {
        let asked = question(7, "a.example", RecordType::A).unwrap();
        let good = response(&asked, 0, &[("a.example", 1, vec![1, 2, 3, 4])]);
        assert!(answer(&good, 7, "a.example", RecordType::A).is_some());
        assert_eq!(answer(&good, 8, "a.example", RecordType::A), None);
        assert_eq!(answer(&good, 7, "b.example", RecordType::A), None);
        assert_eq!(answer(&good, 7, "a.example", RecordType::Aaaa), None);
        assert_eq!(answer(&asked, 7, "a.example", RecordType::A), None);
        for length in 0..good.len() {
            assert_eq!(answer(&good[..length], 7, "a.example", RecordType::A), None, "cut at {length}");
        }
        let mut looping = good.clone();
        let owner = asked.len();
        looping[owner + 1] = owner as u8;
        assert_eq!(answer(&looping, 7, "a.example", RecordType::A), None);
        for name in ["", "a..b", &"x".repeat(64), &"x.".repeat(130)] {
            assert_eq!(question(0, name, RecordType::A), None, "{name}");
        }
    }
}
