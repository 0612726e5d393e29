//! The ports of EXPOSE, as Docker writes them into a config: `80/tcp`. Pure.

use crate::error::{Error, Result};

/// Every port that these words name: `80`, `80/udp`, `8000-8010`, in any case. A host's port in front (`8080:80`) is not
/// kept.
pub fn all(words: &[String]) -> Result<Vec<String>> {
    let mut ports = Vec::new();
    for word in words {
        let invalid = || {
            Error::invalid(format_args!("'{word}' is no port to expose"))
                .hint("a port is a number from 0 to 65535 or a range, perhaps with a protocol: 80, 53/udp, 8000-8010")
        };
        let (numbers, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
        let protocol = if protocol.is_empty() { "tcp" } else { protocol };
        let protocol = protocol.to_ascii_lowercase();
        let numbers = numbers.rsplit(':').next().unwrap_or_default();
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            return Err(invalid());
        };
        if first > last || !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
            return Err(invalid());
        }
        ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_and_protocols() {
        let of = |word: &str| all(&[word.to_owned()]);
        assert_eq!(of("80").unwrap(), ["80/tcp"]);
        assert_eq!(of("80/").unwrap(), ["80/tcp"]);
        assert_eq!(of("0").unwrap(), ["0/tcp"]);
        assert_eq!(of("53/UDP").unwrap(), ["53/udp"]);
        assert_eq!(of("127.0.0.1:8080:80").unwrap(), ["80/tcp"]);
        assert_eq!(of("1-3/sctp").unwrap(), ["1/sctp", "2/sctp", "3/sctp"]);
        for bad in ["", "65536", "x", "3-1", "80/x", "80-", "-80", "80/tcp/udp"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
