//! What the client does with URLs: origins, relative `Location`s, and how they are shown.

use percent_encoding::AsciiSet;
use ureq::http::Uri;

use crate::error::{Error, Result};

/// Scheme, host and port: what a secret is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin {
    /// `http` or `https`.
    pub scheme: String,
    /// Lower case; an IPv6 address has its brackets.
    pub host: String,
    /// Also when it is the scheme's default.
    pub port: u16,
}

impl WebOrigin {
    /// Reads an absolute http or https URL.
    pub fn of(url: &str) -> Result<WebOrigin> {
        let bad = |why: &str| Error::invalid(format_args!("'{}' is not a usable URL: {why}", shown(url)));
        let uri: Uri = url.parse().map_err(|_| bad("it cannot be parsed"))?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let default_port = match &*scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(bad("it is neither http nor https")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| bad("it has no host"))?;
        let port = uri.port_u16().unwrap_or(default_port);
        Ok(WebOrigin { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// `localhost`, `*.localhost` (RFC 6761), 127.0.0.0/8, `::1`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether a host, without its port, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

/// What a URI may not hold as it is (RFC 3986, section 2); `%` stays, for the rest may be encoded already. Beside these
/// every byte beyond ASCII.
const UNSAFE: &AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A URL as people and some servers write it, with blanks and letters of any language, encoded as browsers do. The host
/// is left alone. A fragment is dropped.
pub fn encoded(url: &str) -> String {
    let url = url.trim().split('#').next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let path_at = if scheme.is_empty() { 0 } else { rest.find(['/', '?']).unwrap_or(rest.len()) };
    let (host, path) = rest.split_at(path_at);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{host}{}", percent_encoding::utf8_percent_encode(path, UNSAFE))
}

/// A `Location` (RFC 3986, section 5.2), absolute or relative to `base`, encoded as [`encoded`] says.
pub fn join(base: &str, location: &str) -> Result<String> {
    let location = &*encoded(location);
    if location.split_once("://").is_some_and(|(scheme, _)| scheme.bytes().all(|b| b.is_ascii_alphanumeric()))
    {
        return Ok(location.to_owned());
    }
    let (scheme, rest) = base
        .split_once("://")
        .ok_or_else(|| Error::invalid(format_args!("'{}' is not a URL", shown(base))))?;
    if let Some(network_path) = location.strip_prefix("//") {
        return Ok(format!("{scheme}://{network_path}"));
    }
    let path_at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let path = path.split('?').next().unwrap_or_default();
    Ok(match location.chars().next() {
        Some('/') => format!("{scheme}://{authority}{location}"),
        Some('?') => format!("{scheme}://{authority}{path}{location}"),
        _ => {
            let directory = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
            let directory = if directory.is_empty() { "/" } else { directory };
            format!("{scheme}://{authority}{directory}{location}")
        }
    })
}

/// For messages: without user, password and query (a presigned query is a secret), and without control characters.
pub fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{authority}{path}").chars().filter(|c| !c.is_control()).collect()
}

/// Takes `user:password@` out of a URL, decoded.
pub fn split_userinfo(url: &str) -> (String, Option<(String, String)>) {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rsplit_once('@') {
        None => (url.to_owned(), None),
        Some((userinfo, host)) => {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            (format!("{scheme}://{host}{}", &rest[authority_end..]), Some((decode(user), decode(password))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        for (location, joined) in [
            ("https://b/c?d#e", "https://b/c?d"),
            ("//b/c", "http://b/c"),
            ("/c?x=http://y/", "http://a:1/c?x=http://y/"),
            ("?q", "http://a:1/p/r?q"),
            ("s", "http://a:1/p/s"),
            (" /a b/ü?c=d|e ", "http://a:1/a%20b/%C3%BC?c=d%7Ce"),
            ("https://b/a b%20c#d e", "https://b/a%20b%20c"),
        ] {
            assert_eq!(join("http://a:1/p/r?old", location).unwrap(), joined);
        }
        assert_eq!(join("http://a", "s").unwrap(), "http://a/s");
    }

    #[test]
    fn messages_show_no_secret() {
        assert_eq!(shown("https://u:p@h:1/a?sig=x"), "https://h:1/a");
        assert_eq!(shown("https://u:p%40@h?sig=x"), "https://h");
        let (url, user) = split_userinfo("https://u:p%40@h/a@b");
        assert_eq!((url.as_str(), user), ("https://h/a@b", Some(("u".into(), "p@".into()))));
        assert_eq!(split_userinfo("https://h/a@b").1, None);
    }

    #[test]
    fn origins() {
        assert_eq!(WebOrigin::of("https://H/").unwrap(), WebOrigin::of("https://h:443/x").unwrap());
        assert_ne!(WebOrigin::of("http://h/").unwrap(), WebOrigin::of("https://h/").unwrap());
        for bad in ["ftp://h/", "h", "http:///x", "http://a b/"] {
            assert!(WebOrigin::of(bad).is_err(), "{bad}");
        }
        for (host, loopback) in [
            ("localhost", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("a.localhost", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }
}
