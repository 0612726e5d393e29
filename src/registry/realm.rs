//! Where credentials may go: never over plain http but on this machine, and not without a word to a stranger.

use super::token::Refusal;
use crate::error::{Error, Kind};
use crate::net::retry::Failure;
use crate::net::url::WebOrigin;

/// Registries whose token server has a name of its own.
const KNOWN: [(&str, &str); 3] = [
    ("docker.io", "auth.docker.io"),
    ("lscr.io", "ghcr.io"),
    ("docker.elastic.co", "docker-auth.elastic.co"),
];

/// Whether a registry is known to have its token server there: the same host and port, one above or below it, or [`KNOWN`].
pub(super) fn is_expected(registry: &str, own: &WebOrigin, realm: &WebOrigin) -> bool {
    let below = |host: &str, domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    // Above a host stands a domain, not a suffix such as `io`.
    let above = realm.host.contains('.') && below(&own.host, &realm.host);
    (own.host == realm.host && own.port == realm.port)
        || below(&realm.host, &own.host)
        || above
        || KNOWN.iter().any(|(of, host)| *of == registry && *host == realm.host)
}

/// An error where credentials would be readable on the network.
pub(super) fn refuse_plain(to: &WebOrigin) -> Result<(), Refusal> {
    if to.scheme == "https" || to.is_loopback() {
        return Ok(());
    }
    let error = format!("credentials are not sent over plain http, and '{}' speaks nothing else", to.host);
    let error = Error::new(Kind::Denied, error).hint("use https, or a tunnel to a port of this machine");
    Err(Refusal::Failed(Failure::fatal(error)))
}

/// An error where a registry that is spoken to by TLS has its token server without: whoever listens there, on this machine
/// too, would read what the registry's clients keep secret.
pub(super) fn refuse_downgrade(own: &WebOrigin, to: &WebOrigin) -> Result<(), Refusal> {
    if own.scheme != "https" || to.scheme == "https" {
        return Ok(());
    }
    let error = format_args!(
        "'{}' uses https, and wants the credentials sent over plain http to '{}'",
        own.host, to.host
    );
    let error = Error::new(Kind::Denied, error).hint("the registry's token server must use https too");
    Err(Refusal::Failed(Failure::fatal(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected() {
        let https = |host: &str| WebOrigin::of(&format!("https://{host}/")).unwrap();
        // Another server may listen at another port.
        assert!(is_expected("r.io:5000", &https("r.io:5000"), &https("r.io:5000")));
        assert!(!is_expected("r.io:5000", &https("r.io:5000"), &https("r.io:5001")));
        for (registry, own, realm, expected) in [
            ("docker.io", "registry-1.docker.io", "auth.docker.io", true),
            ("ghcr.io", "ghcr.io", "ghcr.io", true),
            ("registry.gitlab.com", "registry.gitlab.com", "gitlab.com", true),
            ("r.io:5000", "r.io:5000", "auth.r.io", true),
            ("ghcr.io", "ghcr.io", "auth.docker.io", false),
            ("r.io", "r.io", "evil-r.io", false),
            ("r.io", "r.io", "io", false),
            ("r.io", "r.io", "r.io.evil.com", false),
        ] {
            assert_eq!(is_expected(registry, &https(own), &https(realm)), expected, "{registry} {realm}");
        }
    }

    #[test]
    fn a_registry_with_tls_has_a_token_server_with_tls() {
        let origin = |url: &str| WebOrigin::of(url).unwrap();
        for (own, realm, allowed) in [
            ("https://r.io/", "https://auth.r.io/", true),
            ("https://localhost:5000/", "http://localhost:5001/", false),
            ("https://r.io/", "http://127.0.0.1/", false),
            ("http://localhost:5000/", "http://localhost:5001/", true),
        ] {
            assert_eq!(refuse_downgrade(&origin(own), &origin(realm)).is_ok(), allowed, "{own} {realm}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for (url, allowed) in [
            ("http://localhost:5000/", true),
            ("http://[::1]/", true),
            ("https://r.io/", true),
            ("http://r.io/", false),
        ] {
            assert_eq!(refuse_plain(&WebOrigin::of(url).unwrap()).is_ok(), allowed, "{url}");
        }
    }
}
