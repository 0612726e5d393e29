//! What a failed handshake means, and what to try.

use std::io;

use rustls::{CertificateError, InvalidMessage};

use crate::error::{Error, Kind};

/// Our error inside ureq's, where a TLS handshake failed; anything else comes back as it was.
pub fn failure(error: ureq::Error) -> Result<Error, ureq::Error> {
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Error>() {
            Ok(ours) => Ok(*ours),
            Err(inner) => Err(ureq::Error::Other(inner)),
        },
        error => Err(error),
    }
}

/// rustls reports through `io::Error`; `None` if the connection itself failed.
pub(super) fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// `problems` tells what went wrong with the roots: it matters once an issuer is unknown.
pub(super) fn explain(host: &str, error: &rustls::Error, problems: &[String]) -> Error {
    const CLOCK: &str =
        "check this device's clock ('date'); if it is right, the server needs a new certificate";
    let (reason, hint) = match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::UnknownIssuer => (
                format!("the certificate of '{host}' comes from an unknown authority"),
                match problems {
                    [] => "name a file with that authority's certificate in SSL_CERT_FILE, \
                           or use --allow-insecure"
                        .to_owned(),
                    problems => problems.join("; "),
                },
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                (format!("the certificate of '{host}' has expired"), CLOCK.to_owned())
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                (format!("the certificate of '{host}' is not valid yet"), CLOCK.to_owned())
            }
            CertificateError::NotValidForNameContext { presented, .. } => (
                format!("the certificate of '{host}' is for {}", names(presented)),
                "use a name that the certificate has, or --allow-insecure".to_owned(),
            ),
            reason => (
                format!("the certificate of '{host}' is not acceptable: {reason}"),
                "use --allow-insecure if you trust this server all the same".to_owned(),
            ),
        },
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => (
            format!("'{host}' does not speak TLS on this port"),
            "for a plain HTTP registry use --allow-insecure".to_owned(),
        ),
        error => return Error::network(format_args!("TLS handshake with '{host}' failed: {error}")),
    };
    Error::new(Kind::Denied, reason).hint(hint)
}

/// `presented` are Debug forms: `DnsName("example.org")`, `IpAddress(192.0.2.1)`, `Unsupported(0x01)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let (kind, rest) = name.split_once('(')?;
        let inner = rest.trim_end_matches(')').trim_matches('"');
        (kind != "Unsupported").then(|| format!("'{inner}'"))
    };
    let names: Vec<String> = presented.iter().filter_map(bare).collect();
    if names.is_empty() { "no host at all".to_owned() } else { names.join(", ") }
}
