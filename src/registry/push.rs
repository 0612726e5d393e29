//! A blob into a repository: from another repository of the registry ("mount"), or by sending it.
//!
//! A mount needs the other repository's `pull` too, and has a token of its own. Whatever is said to it, the blob can be sent.

use ureq::http::{Method, StatusCode};

use super::part::Source;
use super::repository::{Repository, Session};
use super::scope::{PULL, Scope};
use super::upload::Upload;
use crate::error::Result;
use crate::net::http::Request;
use crate::net::retry::Failure;
use crate::oci::Descriptor;
use crate::store::UploadRecord;

/// How a blob came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The registry had it in another repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// Brings a blob that is not there: from one of the repositories `neighbours` of the same registry, or by sending it.
pub fn push(to: &Repository<'_, '_>, source: &Source<'_>, neighbours: &[String]) -> Result<Put> {
    let begun = source.record.as_ref().and_then(UploadRecord::place);
    let mut session = begun.and_then(|place| Session::again(to, place));
    // What was begun before was not to be had of them.
    let neighbours = if session.is_some() { &[] } else { neighbours };
    for from in neighbours {
        match mount(to, source.blob, from) {
            Ok(None) => return Ok(Put::Mounted),
            // It wants the bytes, and has begun to take them.
            Ok(Some(begun)) => {
                session = Some(begun);
                break;
            }
            Err(failure) => {
                let told = format!("'{from}' gives no {}: {}", source.blob.short(), failure.error);
                to.client.report().detail(&told);
            }
        }
    }
    Upload::new(to, source, session).run().map(|()| Put::Sent)
}

/// Asks for a blob of the repository `from`: `None` when it is there now, else the upload that the registry began.
fn mount(to: &Repository<'_, '_>, blob: &Descriptor, from: &str) -> Result<Option<Session>, Failure> {
    let url = to.url(&format!("blobs/uploads/?mount={}&from={from}", blob.digest))?;
    let scopes = [to.scope(), Scope::new(from, PULL)];
    let answer = to.send(&scopes, &Request { method: Method::POST, ..Request::get(url) })?;
    match answer.response.status() {
        StatusCode::CREATED => Ok(None),
        StatusCode::ACCEPTED => to.session(&answer).map(Some),
        _ => Err(to.refused(answer)),
    }
}
