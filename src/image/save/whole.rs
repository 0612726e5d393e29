//! An image that is saved, and what of it docker's list can tell.

use serde_json::Value;

use crate::image::below::Below;
use crate::oci::Reference;
use crate::store::Named;

/// An image with what is below it.
pub(super) struct Whole {
    pub(super) named: Named,
    pub(super) below: Below,
}

/// Its name in full, which podman and docker take for the same one; none for what has a digest in it, or no name at all.
pub(super) fn repo_tags(named: &Named) -> Vec<Value> {
    let is_tagged = |name: &&String| Reference::parse(name).is_ok_and(|reference| reference.digest.is_none());
    named.name.as_ref().filter(is_tagged).map(|name| Value::from(name.as_str())).into_iter().collect()
}
