//! Credentials. Secrets are never printed, and have no `Debug`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What to show to a registry.
#[derive(Clone)]
pub struct Credential {
    /// The secret itself.
    pub secret: Secret,
    /// Where it was found, for messages.
    pub source: String,
}

/// The two kinds of secrets.
#[derive(Clone)]
pub enum Secret {
    /// A user and a password or personal access token.
    Password(String, String),
    /// A refresh token of an OAuth2 login.
    Identity(String),
}

impl Secret {
    /// `Authorization: Basic` (RFC 7617).
    pub fn basic(user: &str, password: &str) -> String {
        format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
    }

    /// From a helper's or file's user and secret; Docker marks an identity token by the user `<token>`.
    pub fn new(user: &str, secret: &str) -> Secret {
        match user {
            "<token>" => Secret::Identity(secret.to_owned()),
            user => Secret::Password(user.to_owned(), secret.to_owned()),
        }
    }
}
