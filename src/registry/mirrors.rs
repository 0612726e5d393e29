//! `CD_REGISTRY_MIRRORS`: where to look before the registry itself.
//!
//! Items separated by commas or blanks, each `[REGISTRY=]URL`; without a registry it is for Docker Hub. The URL is
//! `[SCHEME://]HOST[:PORT][/PREFIX]`; the prefix goes in front of repository names, as caching proxies want it:
//! `docker.io=https://harbor.lan/hub` fetches `ubuntu` from `harbor.lan/hub/library/ubuntu`. Mirrors are tried in
//! the order given. Plain http has to be written out, and is refused where it would be for a registry.

use super::endpoint::Endpoint;
use crate::net::url::{self, WebOrigin};
use crate::oci::Reference;

/// The mirrors of one registry that `text` lists, and what is wrong with the items left out.
pub fn parse(text: &str, registry: &str, insecure: bool) -> (Vec<Endpoint>, Vec<String>) {
    let (mut mirrors, mut problems) = (Vec::new(), Vec::new());
    for item in text.split([',', ' ', '\t', '\n']).filter(|item| !item.is_empty()) {
        let (of, address) = match item.split_once('=') {
            Some((of, address)) => (canonical(of), address),
            None => ("docker.io".to_owned(), item),
        };
        if of != registry {
            continue;
        }
        match mirror(address, insecure) {
            Ok(mirror) => mirrors.push(mirror),
            Err(why) => problems.push(format!("CD_REGISTRY_MIRRORS: '{}' {why}", url::shown(address))),
        }
    }
    (mirrors, problems)
}

fn mirror(address: &str, insecure: bool) -> Result<Endpoint, &'static str> {
    let (scheme, rest) = match address.split_once("://") {
        None => (None, address),
        Some(("https", rest)) => (Some("https"), rest),
        Some(("http", rest)) => (Some("http"), rest),
        Some(_) => return Err("is neither http nor https"),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let origin = WebOrigin::of(&format!("https://{authority}")).map_err(|_| "is not a usable address")?;
    if authority.contains('@') {
        return Err("has a user in it; credentials belong into Docker's config.json");
    }
    if scheme == Some("http") && !insecure && !origin.is_loopback() {
        return Err("is plain http: that takes --allow-insecure");
    }
    let path = path.trim_matches('/');
    let path =
        path.strip_prefix("v2").filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path);
    let path = path.trim_matches('/');
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    Ok(Endpoint::mirror(authority, scheme, &prefix))
}

/// A registry's name as references have it.
fn canonical(registry: &str) -> String {
    Reference::parse(&format!("{registry}/x/x")).map_or_else(|_| registry.to_owned(), |r| r.registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn repository(text: &str, registry: &str) -> Option<String> {
        let (mirrors, _) = parse(text, registry, false);
        mirrors.first().map(|mirror| format!("{mirror} {}", mirror.repository("a/b")))
    }

    #[test]
    fn the_syntax() {
        let hub = "docker.io";
        assert_eq!(repository("mirror.gcr.io", hub).unwrap(), "mirror.gcr.io a/b");
        assert_eq!(repository("https://m.io/", hub).unwrap(), "m.io a/b");
        assert_eq!(repository("index.docker.io=m.io:5/v2/hub", hub).unwrap(), "m.io:5 hub/a/b");
        assert_eq!(repository("ghcr.io=m.io,http://127.0.0.1:1", hub).unwrap(), "127.0.0.1:1 a/b");
        assert_eq!(repository("ghcr.io=m.io/x/y/", "ghcr.io").unwrap(), "m.io x/y/a/b");
        assert_eq!(repository("m.io", "ghcr.io"), None);
        assert_eq!(parse("a.io b.io,  c.io", hub, false).0.len(), 3);
    }

    #[test]
    fn unusable_ones_are_named() {
        for bad in ["http://m.io", "ftp://m.io", "https://u:secret@m.io", "https://"] {
            let (mirrors, problems) = parse(bad, "docker.io", false);
            assert!(mirrors.is_empty() && problems.len() == 1, "{bad}");
            assert!(!problems[0].contains("secret"));
        }
        assert_eq!(parse("http://m.io", "docker.io", true).0.len(), 1);
    }
}
