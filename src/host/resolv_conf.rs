//! resolv.conf(5) as a text: who is asked for names, and how. Anything else in it is ignored, as the man page has it. Pure.

use std::net::IpAddr;

/// More servers are not asked (`MAXNS` of resolv.h).
pub const MOST: usize = 3;

/// What a resolv.conf says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// All of them, in order.
    pub servers: Vec<NameServer>,
    /// Names that are tried behind a short one.
    pub search: Option<Search>,
    /// `ndots:2`, `rotate`: of all lines of options, as they are written.
    pub options: Vec<String>,
}

/// The address of a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    /// Where it is.
    pub address: IpAddr,
    /// The interface of a link-local address, by name or number (`fe80::1%wlan0`, RFC 4007).
    pub zone: Option<String>,
}

/// A `search` or a `domain` line. The last line of either kind is the one that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Which of the two it is.
    pub keyword: &'static str,
    /// In the order in which they are tried.
    pub domains: Vec<String>,
}

impl ResolvConf {
    /// Reads one.
    pub fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let keyword = words.next().unwrap_or_default();
            let mut words = words.map(str::to_owned);
            match keyword {
                "nameserver" => conf.servers.extend(words.next().and_then(|word| NameServer::parse(&word))),
                "search" => conf.search = Some(Search { keyword: "search", domains: words.collect() }),
                "domain" => {
                    conf.search = Some(Search { keyword: "domain", domains: words.take(1).collect() })
                }
                "options" => conf.options.extend(words),
                _ => {}
            }
        }
        conf.search = conf.search.filter(|search| !search.domains.is_empty());
        conf
    }

    /// The text of it, at most as many servers as are asked. `scoped`: those too whose address means something on the links
    /// of the host's network alone.
    pub fn text(&self, scoped: bool) -> String {
        let servers = self.servers.iter().filter(|server| scoped || server.zone.is_none()).take(MOST);
        let mut text: String = servers.map(|server| format!("nameserver {server}\n")).collect();
        if let Some(Search { keyword, domains }) = &self.search {
            text.push_str(&format!("{keyword} {}\n", domains.join(" ")));
        }
        if !self.options.is_empty() {
            text.push_str(&format!("options {}\n", self.options.join(" ")));
        }
        text
    }
}

impl NameServer {
    fn parse(text: &str) -> Option<NameServer> {
        let (address, zone) = match text.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (text, None),
        };
        // An interface has any name but these (dev_valid_name of the kernel).
        let fits = zone.is_none_or(|zone| !zone.is_empty() && !zone.contains('/') && zone.len() < 16);
        let address: IpAddr = address.parse().ok().filter(|_| fits)?;
        Some(NameServer { address, zone: zone.map(str::to_owned).filter(|_| address.is_ipv6()) })
    }
}

impl From<IpAddr> for NameServer {
    fn from(address: IpAddr) -> NameServer {
        NameServer { address, zone: None }
    }
}

impl std::fmt::Display for NameServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.address),
            None => self.address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_kept_and_the_rest_is_ignored() {
        let conf = ResolvConf::parse(
            "# c\ndomain a.b\nsearch C.d e\nnameserver 10.0.0.1 ; x\n nameserver\t::1 # c\nnameserver fe80::1%wlan0\n\
             nameserver bad\nnameserverx 1.1.1.1\nnameserver 10.0.0.2\noptions ndots:2 rotate\noptions edns0\nsortlist x\n",
        );
        let lines = "search C.d e\noptions ndots:2 rotate edns0\n";
        let scoped = "nameserver 10.0.0.1\nnameserver ::1\nnameserver fe80::1%wlan0\n";
        assert_eq!(conf.text(true), format!("{scoped}{lines}"));
        let others = "nameserver 10.0.0.1\nnameserver ::1\nnameserver 10.0.0.2\n";
        assert_eq!(conf.text(false), format!("{others}{lines}"));
        assert_eq!(ResolvConf::parse(&conf.text(true)).text(true), conf.text(true));
    }

    #[test]
    fn the_last_of_search_and_domain_counts() {
        let text = |text: &str| ResolvConf::parse(text).text(true);
        assert_eq!(text("search a b\ndomain c d\n"), "domain c\n");
        assert_eq!(text("domain c\nsearch a b\n"), "search a b\n");
        assert_eq!(text("search a\nsearch\n"), "");
        for odd in ["nameserver fe80::1%\n", "nameserver fe80::1%a/b\n", "nameserver\n", "options\n", ""] {
            assert_eq!(text(odd), "", "{odd}");
        }
        assert_eq!(text("nameserver 10.0.0.1%eth0\n"), "nameserver 10.0.0.1\n");
    }
}
