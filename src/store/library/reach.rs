//! Which blobs the images need: from each entry of the index down to configs and layers.

use std::collections::HashSet;

use super::index::Index;
use crate::error::Result;
use crate::oci::{Descriptor, Digest, Document};

/// All digests that can be reached from the index. `read` reads a document; none when it is not here: of an index
/// for many platforms few are. A document that cannot be understood needs nothing but itself.
pub(super) fn reachable(
    index: &Index,
    read: &dyn Fn(&Descriptor) -> Result<Option<Vec<u8>>>,
) -> Result<HashSet<Digest>> {
    let mut found = HashSet::new();
    let mut waiting: Vec<Descriptor> = index.entries()?.into_iter().map(|entry| entry.descriptor).collect();
    while let Some(descriptor) = waiting.pop() {
        if !found.insert(descriptor.digest.clone()) {
            continue;
        }
        let Some(bytes) = read(&descriptor)? else { continue };
        match Document::parse(&bytes, Some(&descriptor.media_type)) {
            Ok(Document::Index(entries)) => waiting.extend(entries.into_iter().map(|entry| entry.descriptor)),
            Ok(Document::Manifest(manifest)) => {
                found.insert(manifest.config.digest);
                found.extend(manifest.layers.into_iter().map(|layer| layer.digest));
            }
            Err(_) => {}
        }
    }
    Ok(found)
}
