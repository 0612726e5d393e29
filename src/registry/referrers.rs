//! What refers to an image: signatures, attestations, lists of its parts. A manifest with a `subject` says what it belongs
//! to. A registry that does not list such manifests by itself has their list under a tag, which clients keep (distribution
//! spec, "Pushing Manifests with Subject" and "Referrers Tag Schema").

use serde_json::{Value, json};
use ureq::http::{Method, StatusCode};

use super::repository::Repository;
use crate::error::{Attempt, Error, Result};
use crate::net::body;
use crate::net::http::Request;
use crate::oci::{Descriptor, Digest, media_type};

/// Bytes; an index has a few hundred for each entry.
const LIST_MAX: u64 = 4 << 20;

/// Puts a manifest or an index into a repository: under its digest, or under `tag`.
pub fn manifest(
    to: &Repository<'_, '_>,
    document: &Descriptor,
    bytes: &[u8],
    tag: Option<&str>,
) -> Result<()> {
    let is_listed = to.manifest(document, bytes, tag)?;
    match subject(bytes).filter(|_| !is_listed) {
        Some(subject) => list(to, document, bytes, &subject)
            .attempt(format_args!("list the manifest with what belongs to {}", subject.short())),
        None => Ok(()),
    }
}

/// What a document belongs to.
pub(super) fn subject(bytes: &[u8]) -> Option<Digest> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    Digest::parse(json["subject"]["digest"].as_str()?).ok()
}

/// Adds a manifest to the list of what belongs to `subject`.
fn list(to: &Repository<'_, '_>, document: &Descriptor, bytes: &[u8], subject: &Digest) -> Result<()> {
    let tag = tag_of(subject);
    let mut index = there(to, &tag)?;
    let entry = entry(document, bytes);
    let Some(entries) = index["manifests"]
        .as_array_mut()
        .filter(|entries| entries.iter().all(|other| other["digest"] != entry["digest"]))
    else {
        return Ok(());
    };
    entries.push(entry);
    put(to, &tag, &index)
}

/// Takes a manifest that was deleted from the list of what belongs to `subject`, where there is such a list (distribution
/// spec, "Deleting Manifests").
pub(super) fn unlist(to: &Repository<'_, '_>, deleted: &Digest, subject: &Digest) -> Result<()> {
    let (tag, deleted) = (tag_of(subject), deleted.to_string());
    let mut index = there(to, &tag)?;
    let Some(entries) = index["manifests"].as_array_mut() else { return Ok(()) };
    let before = entries.len();
    entries.retain(|entry| entry["digest"] != *deleted);
    if entries.len() == before {
        return Ok(());
    }
    put(to, &tag, &index)
}

/// The tag of the list: at most 32 and 64 letters.
fn tag_of(subject: &Digest) -> String {
    let (algorithm, hex) = (subject.algorithm().name(), subject.hex());
    format!("{algorithm}-{}", &hex[..hex.len().min(64)])
}

fn put(to: &Repository<'_, '_>, tag: &str, index: &Value) -> Result<()> {
    let bytes = index.to_string().into_bytes();
    let descriptor = Descriptor {
        media_type: media_type::OCI_INDEX.to_owned(),
        digest: Digest::of(&bytes),
        size: bytes.len() as u64,
        urls: Vec::new(),
        data: None,
    };
    to.manifest(&descriptor, &bytes, Some(tag)).map(drop)
}

/// The list as it is; an empty one where there is none.
fn there(to: &Repository<'_, '_>, tag: &str) -> Result<Value> {
    let found = to.patiently(None, &mut || {
        let url = to.url(&format!("manifests/{tag}"))?;
        // Some registries hide what is not named here.
        let accept =
            Some([media_type::OCI_INDEX, media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST].join(", "));
        let request = Request { method: Method::GET, accept, ..Request::get(url.clone()) };
        let mut answer = to.send(&[to.scope()], &request)?;
        match answer.response.status() {
            StatusCode::OK => body::read(&mut answer.response, &url, LIST_MAX).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(to.refused(answer)),
        }
    })?;
    let Some(bytes) = found else {
        return Ok(json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": []}));
    };
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match json["manifests"].is_array()
        && json["mediaType"].as_str().is_none_or(|kind| kind == media_type::OCI_INDEX)
    {
        true => Ok(json),
        false => Err(Error::invalid(format_args!(
            "the tag '{tag}' has something else than the list of what belongs to an image"
        ))),
    }
}

/// What the list says of a manifest.
fn entry(document: &Descriptor, bytes: &[u8]) -> Value {
    let json: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let mut entry = json!({
        "mediaType": document.media_type,
        "digest": document.digest.to_string(),
        "size": document.size,
    });
    let kind = json["artifactType"].as_str().filter(|kind| !kind.is_empty());
    if let Some(kind) = kind.or(json["config"]["mediaType"].as_str()) {
        entry["artifactType"] = kind.into();
    }
    if json["annotations"].is_object() {
        entry["annotations"] = json["annotations"].clone();
    }
    entry
}
