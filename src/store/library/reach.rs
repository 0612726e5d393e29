//! Which blobs the images need: from each entry of the index down to configs and layers.

use std::collections::HashSet;

use super::index::{Index, Named};
use crate::error::Result;
use crate::oci::{Descriptor, Digest, Document};

/// All digests that can be reached from the index. `read` reads a document; none when it is not here: of an index
/// for many platforms few are. A document that cannot be understood needs nothing but itself.
///
/// # Errors
///
/// An entry or a document that cannot be read: nobody knows what it needs.
pub(super) fn reachable(
    index: &Index,
    read: &dyn Fn(&Descriptor) -> Result<Option<Vec<u8>>>,
) -> Result<HashSet<Digest>> {
    let mut found = HashSet::new();
    for entry in index.entries() {
        let Named { name, descriptor, .. } = entry?;
        let called = name.unwrap_or_else(|| descriptor.digest.to_string());
        add(&mut found, descriptor, read).map_err(|error| {
            error.context(format_args!("image '{called}'")).hint_instead(format_args!(
                "get it again by 'pull', 'load' or 'build', or delete it: chroot-distro rmi {called}"
            ))
        })?;
    }
    Ok(found)
}

fn add(
    found: &mut HashSet<Digest>,
    top: Descriptor,
    read: &dyn Fn(&Descriptor) -> Result<Option<Vec<u8>>>,
) -> Result<()> {
    let mut waiting = vec![top];
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
    Ok(())
}
