//! Android's resolver daemon, which knows the carrier's and the Wi-Fi's name servers and private DNS, where no file
//! does. Programs reach it by `/dev/socket/dnsproxyd`, as bionic's own `getaddrinfo` does
//! (bionic, libc/dns/net/getaddrinfo.c).

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The daemon's code for an answer that follows.
const QUERY_RESULT: &[u8] = b"222";

/// A `sockaddr_storage`, in bytes.
const ADDRESS_MAX: usize = 128;

/// No more addresses than this are read.
const ENTRIES_MAX: usize = 64;

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

/// The addresses of a name. An error where there is no daemon, where it may not be asked, or where it does not find
/// the name: it tells these apart by a number of its C library's.
pub fn look_up(socket: &Path, name: &str, wait: Duration) -> io::Result<Vec<IpAddr>> {
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut daemon = UnixStream::connect(socket)?;
    daemon.set_read_timeout(Some(wait))?;
    daemon.set_write_timeout(Some(wait))?;
    // Name, service, then hints: no flags, any family, SOCK_STREAM, any protocol; and the default network.
    daemon.write_all(format!("getaddrinfo {name} ^ 0 0 1 0 0\0").as_bytes())?;
    read(&mut daemon)
}

fn read(daemon: &mut impl Read) -> io::Result<Vec<IpAddr>> {
    let mut code = [0; 4];
    daemon.read_exact(&mut code)?;
    if !code.starts_with(QUERY_RESULT) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut addresses = Vec::new();
    for _ in 0..ENTRIES_MAX {
        if number(daemon)? == 0 {
            return Ok(addresses);
        }
        let [_flags, family, _type, _protocol] =
            [number(daemon)?, number(daemon)?, number(daemon)?, number(daemon)?];
        let address = bytes(daemon)?;
        let _canonical_name = bytes(daemon)?;
        // Behind family and port; IPv6 has its flow label there too.
        addresses.extend(match family {
            AF_INET => address.get(4..8).and_then(|a| <[u8; 4]>::try_from(a).ok()).map(IpAddr::from),
            AF_INET6 => address.get(8..24).and_then(|a| <[u8; 16]>::try_from(a).ok()).map(IpAddr::from),
            _ => None,
        });
    }
    Ok(addresses)
}

fn number(daemon: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    daemon.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

/// Bytes behind their length; a name may be longer than an address.
fn bytes(daemon: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = number(daemon)? as usize;
    if length > 8 * ADDRESS_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    daemon.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(family: u32, address: &[u8]) -> Vec<u8> {
        let numbers = [1, 0, family, 1, 6, address.len() as u32];
        [&numbers.map(u32::to_be_bytes).concat(), address, &[0; 4]].concat()
    }

    #[test]
    fn answers_as_netd_gives_them() {
        let v4 = entry(AF_INET, &[2, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let v6 = entry(AF_INET6, &[&[10, 0, 0, 0, 0, 0, 0, 0][..], &[0xfd; 16], &[0; 4]].concat());
        let answer = [&b"222\0"[..], &v6, &v4, &[0; 4]].concat();
        let found = read(&mut &answer[..]).unwrap();
        assert_eq!(found, [IpAddr::from([0xfd; 16]), IpAddr::from([10, 0, 0, 1])]);
        for length in 0..answer.len() {
            assert!(read(&mut &answer[..length]).is_err(), "cut at {length}");
        }
        assert_eq!(read(&mut &b"401\0\0\0\0\x04\0\0\0\x07"[..]).unwrap_err().kind(), io::ErrorKind::NotFound);
        let huge = [b"222\0", &[1u32, 0, 2, 1, 6, u32::MAX].map(u32::to_be_bytes).concat()[..]].concat();
        assert_eq!(read(&mut &huge[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(
            look_up(Path::new("/x"), "a b", Duration::ZERO).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
