//! What a registry has of a repository, and how it is deleted there (distribution spec, "Content Discovery" and "Content
//! Management"). Only the registry itself is asked: a mirror may know an older state.

use std::collections::BTreeSet;

use serde_json::Value;
use ureq::ResponseExt;
use ureq::http::{Method, StatusCode};

use super::client::{Client, Fetched};
use super::referrers;
use super::repository::Repository;
use super::scope::{DELETE, PULL};
use crate::error::{Attempt, Error, Kind, Result};
use crate::net::http::Response;
use crate::net::retry::Failure;
use crate::net::{body, url};
use crate::oci::{Digest, Reference};

/// The largest page of tags that is read, in bytes.
const PAGE_MAX: u64 = 8 << 20;

/// How many pages are read. The spec bounds neither their size nor their number.
const PAGES: usize = 1000;

/// The tags of a repository, in lexical order; at most `limit` of them, where that is given.
///
/// # Errors
///
/// [`Kind::NotFound`] when the registry has no such repository, [`Kind::Denied`] when it shows it to others.
pub fn tags(client: &Client<'_>, repository: &Reference, limit: Option<usize>) -> Result<Vec<String>> {
    let at = Repository::with(client, repository, PULL);
    let (mut tags, mut next) = (BTreeSet::new(), None);
    let query = limit.map_or(String::new(), |limit| format!("?n={limit}"));
    for number in 1..=PAGES {
        let page = at.patiently(None, &mut || match &next {
            Some(url) => page(&at, String::clone(url)),
            None => page(&at, at.url(&format!("tags/list{query}"))?),
        })?;
        let before = tags.len();
        tags.extend(page.tags);
        // Some registries name a next page for ever: one that brings nothing new is the last.
        if page.next.is_none() || tags.len() == before || limit.is_some_and(|limit| tags.len() >= limit) {
            break;
        }
        next = page.next;
        if number == PAGES {
            client
                .report()
                .warn(&format!("the list of tags has more than {PAGES} pages; the rest is left out"));
        }
    }
    Ok(tags.into_iter().take(limit.unwrap_or(usize::MAX)).collect())
}

struct Page {
    tags: Vec<String>,
    /// Where the rest is.
    next: Option<String>,
}

fn page(at: &Repository<'_, '_>, url: String) -> Result<Page, Failure> {
    let mut answer = at.call(Method::GET, url.clone(), None)?;
    if answer.response.status() != StatusCode::OK {
        return Err(at.refused(answer));
    }
    let next = match next(&answer.response)? {
        Some(url) => at.allowed(url)?,
        None => None,
    };
    let bytes = body::read(&mut answer.response, &url, PAGE_MAX)?;
    let json: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::network(format_args!("the list of tags is not JSON: {error}")))?;
    let list = json["tags"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(Page { tags: list.iter().filter_map(Value::as_str).map(str::to_owned).collect(), next })
}

/// The link of `rel="next"` (RFC 8288), as an absolute URL.
fn next(response: &Response) -> Result<Option<String>> {
    let links = response.headers().get_all("link").into_iter().filter_map(|value| value.to_str().ok());
    let target = |link: &str| {
        let (target, rest) = link.split_once('>')?;
        let is_next = rest.split([';', ',']).any(|part| matches!(part.trim(), "rel=next" | "rel=\"next\""));
        is_next.then(|| target.to_owned())
    };
    // An address has a comma perhaps, but never such a bracket.
    let found = links.flat_map(|links| links.split('<').skip(1)).find_map(target);
    found.map(|target| url::join(&response.get_uri().to_string(), &target)).transpose()
}

/// Deletes a tag, or the manifest of a digest with all tags that lead to it. A manifest that belongs to another image is
/// taken from the list that clients keep of those.
///
/// # Errors
///
/// [`Kind::NotFound`] when there is none, [`Kind::Unsupported`] when the registry does not delete this way.
pub fn delete(client: &Client<'_>, reference: &Reference) -> Result<()> {
    let belongs_to = subject(client, reference);
    let at = Repository::with(client, reference, DELETE);
    let deleted = at.patiently(None, &mut || {
        let url = at.url(&format!("manifests/{}", reference.target()))?;
        let answer = at.call(Method::DELETE, url, None)?;
        match answer.response.status() {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => Ok(true),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => Ok(false),
            _ => Err(at.refused(answer)),
        }
    })?;
    match (deleted, &reference.digest, belongs_to) {
        (false, ..) => Err(undeletable(client, reference)),
        (true, Some(digest), Some(subject)) => {
            referrers::unlist(&Repository::new(client, reference), digest, &subject).attempt(format_args!(
                "it is deleted; take it from the list of what belongs to {}",
                subject.short()
            ))
        }
        _ => Ok(()),
    }
}

/// What the manifest of this digest belongs to. A tag is not looked at: its manifest stays.
fn subject(client: &Client<'_>, reference: &Reference) -> Option<Digest> {
    reference.digest.as_ref()?;
    match client.manifest(reference, None).ok()? {
        Fetched::Document { bytes, .. } => referrers::subject(&bytes),
        Fetched::Unchanged => None,
    }
}

/// Many registries delete by digest alone; some not at all.
fn undeletable(client: &Client<'_>, reference: &Reference) -> Error {
    let error = |what: &str| {
        Error::new(Kind::Unsupported, format_args!("'{}' does not delete {what}", reference.registry))
    };
    let digest = match &reference.digest {
        None => client.manifest(reference, None),
        Some(_) => return error("images by this interface").hint("its own pages or program may do it"),
    };
    match digest {
        Ok(Fetched::Document { digest, .. }) => error("single tags").hint(format_args!(
            "delete the image with all its tags: chroot-distro rmi --remote {}",
            Reference { tag: None, ..reference.at(&digest) }
        )),
        Ok(Fetched::Unchanged) => error("single tags"),
        Err(error) => error,
    }
}
