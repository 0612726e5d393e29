//! How names are found here now: what the host uses itself, before any public service that the carrier may block.

use std::net::IpAddr;

use super::resolv_conf::{MOST, NameServer, ResolvConf};
use super::snapshot::Host;

impl Host {
    /// The host's name servers and what goes with them, from the first place that names a server: `/etc/resolv.conf`,
    /// Termux's own, Android's `net.dns*` properties (Android 7 and older). Loopback ones too: the network is shared.
    pub fn resolv_conf(&self) -> ResolvConf {
        let files =
            [Some("/etc/resolv.conf".into()), self.termux().map(|t| t.prefix.join("etc/resolv.conf"))];
        for file in files.into_iter().flatten() {
            let text = std::fs::read(self.file(file)).unwrap_or_default();
            let conf = ResolvConf::parse(&String::from_utf8_lossy(&text));
            if !conf.servers.is_empty() {
                return conf;
            }
        }
        let servers = if self.is_android() { from_properties(&self.properties()) } else { Vec::new() };
        ResolvConf { servers: servers.into_iter().map(NameServer::from).collect(), ..ResolvConf::default() }
    }
}

/// `[net.dns1]: [ADDRESS]` lines of getprop.
fn from_properties(text: &str) -> Vec<IpAddr> {
    let servers = text.lines().filter_map(|line| {
        let (key, value) = line.split_once("]: [")?;
        key.strip_prefix("[net.dns")?;
        value.strip_suffix(']')?.parse().ok()
    });
    servers.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_that_names_a_server_is_taken() {
        let tree = crate::testing::TempDir::new();
        let conf = || Host::at(tree.path(), [("", ""); 0]).resolv_conf().text(true);
        assert_eq!(conf(), "");
        std::fs::create_dir(tree.path().join("etc")).unwrap();
        std::fs::write(tree.path().join("etc/resolv.conf"), b"search \xff a\nnameserver 127.0.0.53\n")
            .unwrap();
        assert_eq!(conf(), "nameserver 127.0.0.53\nsearch \u{FFFD} a\n");
        let text = "[net.dns1]: [10.0.0.1]\n[net.dns2]: []\n[ro.x]: [1.1.1.1]\n[net.dns3]: [10.0.0.2]\n";
        assert_eq!(from_properties(text).len(), 2);
        assert_eq!(from_properties(&"[net.dns1]: [1.1.1.1]\n".repeat(9)).len(), MOST);
    }
}
