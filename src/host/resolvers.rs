//! The name servers that work here now: what the host uses itself, before any public service that the carrier may
//! block.

use std::net::IpAddr;

use super::snapshot::Host;

/// More are not asked (`MAXNS` of resolv.h).
const MOST: usize = 3;

impl Host {
    /// The host's name servers, at most three, from the first place that names any: `/etc/resolv.conf`, Termux's
    /// own, Android's `net.dns*` properties (Android 7 and older). Loopback ones too: the network is shared.
    pub fn name_servers(&self) -> Vec<IpAddr> {
        let files =
            [Some("/etc/resolv.conf".into()), self.termux().map(|t| t.prefix.join("etc/resolv.conf"))];
        for file in files.into_iter().flatten() {
            let servers =
                std::fs::read_to_string(self.file(file)).map(|text| from_file(&text)).unwrap_or_default();
            if !servers.is_empty() {
                return servers;
            }
        }
        if self.is_android() { from_properties(&self.properties()) } else { Vec::new() }
    }
}

/// `nameserver ADDRESS` lines (resolv.conf(5)); a scoped address (`fe80::1%eth0`) means something on one link only.
fn from_file(text: &str) -> Vec<IpAddr> {
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse().ok()
    });
    servers.take(MOST).collect()
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
    fn reads_both_syntaxes() {
        let text = "# c\nsearch x\nnameserver 127.0.0.53\n nameserver\t::1 # c\nnameserver fe80::1%e\nnameserverx 1.1.1.1\n";
        assert_eq!(from_file(text), ["127.0.0.53".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        let text = "[net.dns1]: [10.0.0.1]\n[net.dns2]: []\n[ro.x]: [1.1.1.1]\n[net.dns3]: [10.0.0.2]\n";
        assert_eq!(from_properties(text).len(), 2);
        assert_eq!(from_file(&"nameserver 1.1.1.1\n".repeat(9)).len(), MOST);
    }
}
