//! Why a registry said no, and what to try. An unknown image may show as 401 or 403 (Docker Hub tells nobody
//! which private repositories exist), bad credentials as 400.

use std::fmt;
use std::time::SystemTime;

use ureq::http::StatusCode;

use super::endpoint::{Answer, Endpoint};
use crate::error::{Error, Kind};
use crate::net::body;
use crate::net::retry::{self, Failure, Retry, WAIT_MAX};
use crate::oci::{Digest, Reference};

/// What a registry was asked for.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// A manifest, by what the user named.
    Image(&'a Reference),
    /// A blob that a manifest names.
    Blob(&'a Digest),
    /// What is written into the repository of this reference.
    Push(&'a Reference),
    /// The tags of its repository.
    Tags(&'a Reference),
    /// That it is deleted.
    Deletion(&'a Reference),
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Image(reference) => write!(f, "image '{reference}'"),
            What::Blob(digest) => write!(f, "blob {}", digest.short()),
            What::Push(at) => write!(f, "upload to '{}/{}'", at.registry, at.repository),
            What::Tags(at) => write!(f, "list of tags of '{}/{}'", at.registry, at.repository),
            What::Deletion(at) => write!(f, "deletion of '{at}'"),
        }
    }
}

/// The failure that a response's status means.
pub fn status(mut answer: Answer, endpoint: &Endpoint, what: What<'_>) -> Failure {
    let status = answer.response.status();
    let said = match body::error_message(&mut answer.response) {
        said if said.is_empty() => answer.said,
        said => said,
    };
    let after = retry::retry_after(answer.response.headers(), SystemTime::now());
    match status {
        StatusCode::NOT_FOUND => Failure::fatal(absent(endpoint, what, &said)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let error = refusal(endpoint, what, answer.refused, &said);
            Failure::fatal(match answer.unsent {
                Some(source) => error.hint_instead(format_args!(
                    "'{endpoint}' does not say how to log in, so the credentials from {source} were not sent"
                )),
                None => error,
            })
        }
        status if retry::is_passing(status) => passing(endpoint, status, after, &said),
        status => {
            Failure::fatal(Error::network(format_args!("'{endpoint}' answers {status} for the {what}{said}")))
        }
    }
}

fn absent(endpoint: &Endpoint, what: What<'_>, said: &str) -> Error {
    match what {
        What::Image(reference) => Error::not_found(format_args!("no such image: {reference}{said}")).hint(
            match reference.tag.as_deref() {
                Some("latest") => {
                    "check the image's name; without a tag, 'latest' is asked for, which not every image has"
                }
                _ => "check the image's name and tag",
            },
        ),
        // The manifest names it, so only whoever keeps the registry can help.
        What::Blob(_) => {
            Error::not_found(format_args!("the registry '{endpoint}' has lost this part of the image{said}"))
                .hint("try another tag; or ask the publisher to push the image again")
        }
        What::Tags(at) => {
            Error::not_found(format_args!("'{endpoint}' has no image '{}'{said}", at.repository))
                .hint("check the name")
        }
        What::Deletion(at) => Error::not_found(format_args!("'{endpoint}' has no '{at}'{said}"))
            .hint("check the name and the tag"),
        What::Push(_) => Error::not_found(format_args!("'{endpoint}' knows nothing of the {what}{said}"))
            .hint("check the destination; some registries want the repository to be made first"),
    }
}

fn refusal(endpoint: &Endpoint, what: What<'_>, refused: Option<String>, said: &str) -> Error {
    let may = match what {
        What::Push(_) => "write there",
        What::Deletion(_) => "delete there",
        _ => "pull this image",
    };
    match refused {
        Some(source) => {
            Error::new(Kind::Denied, format_args!("'{endpoint}' refuses the credentials from {source}{said}"))
                .hint(format_args!("check user and password in {source}, and that they may {may}; CD_DOCKER_AUTH=user:password goes before files"))
        }
        None if matches!(what, What::Push(_) | What::Deletion(_)) => {
            Error::new(Kind::Denied, format_args!("'{endpoint}' refuses the {what}{said}"))
                .hint(format_args!("log in: 'chroot-distro auth add {endpoint}', or set CD_DOCKER_AUTH=user:password"))
        }
        None => Error::new(
            Kind::Denied,
            format_args!("the {what} does not exist on '{endpoint}', or it is private{said}"),
        )
        .hint(format_args!("check the name; for a private image log in: 'chroot-distro auth add {endpoint}', or set CD_DOCKER_AUTH=user:password")),
    }
}

fn passing(
    endpoint: &Endpoint,
    status: StatusCode,
    after: Option<std::time::Duration>,
    said: &str,
) -> Failure {
    if status != StatusCode::TOO_MANY_REQUESTS {
        let error =
            Error::network(format_args!("'{endpoint}' answers {status}{said}")).hint("try again later");
        return Failure { error, retry: Retry::After(after) };
    }
    let wait = after.map_or(String::new(), |after| format!("; it asks to wait {} s", after.as_secs()));
    let error = Error::network(format_args!("'{endpoint}' limits the rate of requests{wait}{said}"))
        .hint("log in (CD_DOCKER_AUTH=user:password) for a higher limit, name a mirror in CD_REGISTRY_MIRRORS, or wait");
    match after {
        Some(after) if after > WAIT_MAX => Failure::fatal(error),
        after => Failure { error, retry: Retry::After(after) },
    }
}
