//! What our own resolver takes from a resolv.conf(5): name servers with the index of their interface, `search` and `domain`,
//! and the options `ndots`, `timeout` and `attempts`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::netdevice::name_to_index;

use crate::host::resolv_conf::{self, NameServer};

/// Where no file names a server: an Android phone without Termux, a container's bare root.
const PUBLIC: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
];

/// How to ask, and whom.
#[derive(Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// Their port is 0: it is the caller's.
    pub servers: Vec<SocketAddr>,
    /// How long to wait for one answer.
    pub timeout: Duration,
    /// How many times all servers are asked.
    pub attempts: u32,
    search: Vec<String>,
    ndots: usize,
}

impl ResolvConf {
    /// The first file that names a server, or else the public ones.
    pub fn first_of(paths: &[PathBuf]) -> ResolvConf {
        let read = |path: &PathBuf| Some(ResolvConf::parse(&fs::read_to_string(path).ok()?));
        let found = paths.iter().filter_map(read).find(|conf| !conf.servers.is_empty());
        found.unwrap_or_else(|| ResolvConf {
            servers: PUBLIC.map(|address| SocketAddr::new(address, 0)).into(),
            ..ResolvConf::parse("")
        })
    }

    fn parse(text: &str) -> ResolvConf {
        let file = resolv_conf::ResolvConf::parse(text);
        let domains = file.search.map(|search| search.domains).unwrap_or_default();
        let mut conf = ResolvConf {
            servers: file.servers.iter().filter_map(socket).collect(),
            timeout: Duration::from_secs(5),
            attempts: 2,
            search: domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
            ndots: 1,
        };
        file.options.iter().for_each(|option| conf.option(option));
        conf
    }

    /// The man page's limits.
    fn option(&mut self, option: &str) {
        let Some((name, Ok(value))) =
            option.split_once(':').map(|(name, value)| (name, value.parse::<u32>()))
        else {
            return;
        };
        match name {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30).into()),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// What to ask for, in order: a name of enough dots is tried as it stands first, another one last.
    pub fn candidates(&self, name: &str, absolute: bool) -> Vec<String> {
        let mut names = vec![name.to_owned()];
        if !absolute {
            let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
            let at = if name.matches('.').count() >= self.ndots { 1 } else { 0 };
            names.splice(at..at, searched);
        }
        names
    }
}

/// Where a server listens: a link-local one by the number of its interface. An interface that is not there: nowhere.
fn socket(server: &NameServer) -> Option<SocketAddr> {
    match (server.address, &server.zone) {
        (IpAddr::V6(address), Some(zone)) => {
            let index = match zone.parse() {
                Ok(index) => index,
                Err(_) => name_to_index(UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).ok()?, zone).ok()?,
            };
            Some(SocketAddrV6::new(address, 0, 0, index).into())
        }
        (address, _) => Some(SocketAddr::new(address, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file() {
        let conf = ResolvConf::parse(
            "# c\nnameserver 10.0.0.1 ; x\nnameserver ::1\nnameserver fe80::1%3\nnameserver bad\n\
             domain a.b\nsearch C.d e\noptions ndots:2 timeout:99 attempts:0 rotate edns0\nsortlist x\n",
        );
        let servers: Vec<String> = conf.servers.iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:0", "[::1]:0", "[fe80::1%3]:0"]);
        assert_eq!((conf.timeout.as_secs(), conf.attempts), (30, 1));
        assert_eq!(conf.candidates("x.y", false), ["x.y.c.d", "x.y.e", "x.y"]);
        assert_eq!(conf.candidates("x.y.z", false), ["x.y.z", "x.y.z.c.d", "x.y.z.e"]);
        assert_eq!(conf.candidates("x", true), ["x"]);
    }

    #[test]
    fn without_a_server_the_public_ones() {
        assert_eq!(ResolvConf::first_of(&["/nonexistent".into()]).servers.len(), 3);
    }
}
