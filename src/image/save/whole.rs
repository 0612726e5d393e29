//! An image that is saved, and what of it docker's list can tell.

use serde_json::Value;

use crate::image::below::{Below, Found};
use crate::oci::{Offered, Platform, Reference};
use crate::store::Named;

/// An image with what is below it.
pub(super) struct Whole {
    pub(super) named: Named,
    pub(super) below: Below,
}

/// The image for this machine, or the first that is one.
pub(super) fn suitable(image: &Whole) -> Option<&Found> {
    let images = || image.below.manifests.iter().filter(|found| found.manifest.refuse_artifact().is_ok());
    let host = Platform::host();
    let is_host =
        |found: &&Found| matches!(&found.platform, Offered::Runs(platform) if platform.arch == host.arch);
    images().find(is_host).or_else(|| images().next())
}

/// Its name in full, which podman and docker take for the same one; none for what has a digest in it, or no name at all.
pub(super) fn repo_tags(named: &Named) -> Vec<Value> {
    let is_tagged = |name: &&String| Reference::parse(name).is_ok_and(|reference| reference.digest.is_none());
    named.name.as_ref().filter(is_tagged).map(|name| Value::from(name.as_str())).into_iter().collect()
}
