//! Proxies by environment, as curl and Go read it: `https_proxy` and `http_proxy` by the URL's scheme, then
//! `all_proxy`, lower case before upper; `no_proxy` lists what is reached directly. Loopback always is.
//!
//! `HTTP_PROXY` in upper case is not read where we answer a web request (CVE-2016-5385).

use std::net::IpAddr;

use ureq::Proxy;

use super::url::{WebOrigin, shown};
use crate::error::{Error, Result};
use crate::host::Host;

/// The environment's proxies.
pub struct Proxies {
    http: Option<String>,
    https: Option<String>,
    exceptions: Vec<String>,
}

impl Proxies {
    /// Reads the environment; nothing is checked until a proxy is used.
    pub fn of(host: &Host) -> Proxies {
        let var = |key: &str| {
            let either = host.var(key).or_else(|| host.var(&key.to_ascii_uppercase()));
            either.and_then(|value| value.to_str()).map(str::trim).map(str::to_owned)
        };
        let in_cgi = host.var("REQUEST_METHOD").is_some();
        let http = if in_cgi { None } else { var("http_proxy") };
        let list = var("no_proxy").unwrap_or_default().to_ascii_lowercase();
        let exceptions = list.split([',', ' ']).filter(|item| !item.is_empty()).map(str::to_owned).collect();
        Proxies {
            http: http.or(var("all_proxy")),
            https: var("https_proxy").or(var("all_proxy")),
            exceptions,
        }
    }

    /// The proxy for requests to `origin`.
    pub fn of_origin(&self, origin: &WebOrigin) -> Result<Option<Proxy>> {
        let proxy = if origin.scheme == "https" { &self.https } else { &self.http };
        match proxy {
            Some(url) if !origin.is_loopback() && !self.is_exception(origin) => parse(url).map(Some),
            _ => Ok(None),
        }
    }

    fn is_exception(&self, origin: &WebOrigin) -> bool {
        let host = origin.host.trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        self.exceptions.iter().any(|item| {
            if item == "*" {
                return true;
            }
            if let (Some((network, bits)), Some(address)) = (item.split_once('/'), address) {
                return in_network(address, network, bits);
            }
            let name = match item.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
                    if port.parse() != Ok(origin.port) {
                        return false;
                    }
                    name
                }
                _ => item,
            };
            let name = name.trim_start_matches("*.").trim_start_matches('.').trim_matches(['[', ']']);
            host == name
                || (address.is_none() && host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')))
        })
    }
}

/// `socks5://` is read as `socks5h://`: where such a proxy is needed, there is often no other resolver, or none to
/// be trusted.
fn parse(url: &str) -> Result<Proxy> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "socks" | "socks5" | "socks5h" => "socks5h",
        "https" => "https",
        "http" => "http",
        _ => "",
    };
    Proxy::new(&format!("{scheme}://{rest}")).map_err(|_| {
        Error::invalid(format_args!("the proxy of the environment, '{}', is not usable", shown(url)))
            .hint("set https_proxy (http_proxy, all_proxy) like http://host:port or socks5://host:port, or unset it")
    })
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (a, b, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    bits <= width && (a ^ b).checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(env: &[(&str, &str)], url: &str) -> Option<String> {
        let proxies = Proxies::of(&Host::at("/nonexistent", env.iter().copied()));
        proxies.of_origin(&WebOrigin::of(url).unwrap()).unwrap().map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn by_scheme_then_for_all() {
        let env =
            [("https_proxy", "http://s:1"), ("HTTPS_PROXY", "http://upper:1"), ("ALL_PROXY", "http://all:1")];
        assert_eq!(proxied(&env, "https://r.io/").as_deref(), Some("s"));
        assert_eq!(proxied(&env, "http://r.io/").as_deref(), Some("all"));
        assert_eq!(proxied(&env, "https://localhost:5000/"), None);
        assert_eq!(proxied(&env[1..2], "http://r.io/"), None);
        assert_eq!(proxied(&[("http_proxy", "h:8"), ("REQUEST_METHOD", "GET")], "http://r.io/"), None);
    }

    #[test]
    fn exceptions() {
        let direct = |list: &str, url: &str| {
            proxied(&[("all_proxy", "http://p:1"), ("NO_PROXY", list)], url).is_none()
        };
        for list in ["r.io", ".io", "*.io", "x, r.io", "*", "R.IO:443"] {
            assert!(direct(list, "https://r.io/"), "{list}");
        }
        for list in ["", "o", "x.r.io", "r.io:80", "1.2.3.0/24"] {
            assert!(!direct(list, "https://r.io/"), "{list}");
        }
        assert!(direct("10.0.0.0/8", "https://10.1.2.3/"));
        assert!(direct("0.0.0.0/0", "https://10.1.2.3/"));
        assert!(direct("fd00::/8,x", "https://[fd01::1]:5/"));
        assert!(direct("fd01::1", "https://[fd01::1]:5/"));
        assert!(!direct("11.0.0.0/8,10.0.0.0/33", "https://10.1.2.3/"));
    }
}
