//! The tree of a base image: unpacked once, kept for all builds.

use super::chain::chain;
use crate::error::{Attempt, Error, Result};
use crate::image::{Layer, again, open_blob};
use crate::layer::{Index, Options, Recording, RootfsTarget, Target, Trust, apply};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::store::{KeptTree, Store};

/// The tree that these layers make, and its index.
pub fn base(store: &Store, layers: &[Layer], report: &dyn Report) -> Result<(KeptTree, Index)> {
    let kept = store.kept_tree(&chain(layers), &mut |root| unpack(store, layers, root, report), report)?;
    let index = Index::from_bytes(&kept.index()?)?;
    Ok((kept, index))
}

/// The index of what these layers make, without laying them out. That of the first `base` of them, the base image's, is kept
/// for other builds.
pub fn index(store: &Store, layers: &[Layer], base: usize) -> Result<Index> {
    let (below, above) = layers.split_at(base.min(layers.len()));
    let chain = chain(below);
    let known = store.kept_index(&chain)?.and_then(|bytes| Index::from_bytes(&bytes).ok());
    let mut index = match known {
        Some(index) => index,
        None => {
            let mut index = Index::new();
            below.iter().try_for_each(|layer| apply_layer(store, layer, &mut index))?;
            store.put_index(&chain, &index.to_bytes())?;
            index
        }
    };
    above.iter().try_for_each(|layer| apply_layer(store, layer, &mut index))?;
    Ok(index)
}

/// Applies layers to an empty root; its index with stamps, as bytes.
fn unpack(store: &Store, layers: &[Layer], root: &Rootfs, report: &dyn Report) -> Result<Vec<u8>> {
    let mut index = Index::new();
    let mut tree = RootfsTarget::new(root, report);
    for layer in layers {
        apply_layer(store, layer, &mut Recording::new(&mut tree, &mut index))?;
    }
    tree.finish()?;
    let opened = root.dir("").attempt("open the base image's root")?;
    index.settle(opened, Trust::Metadata, &[])?;
    Ok(index.to_bytes())
}

/// Applies one layer whose blob is here. Contents that are not what its diff_id says are an error, and the blob is taken
/// out of the cache.
pub fn apply_layer(store: &Store, layer: &Layer, target: &mut dyn Target) -> Result<()> {
    let options = Options { whiteouts: true, ..Options::default() };
    let attempt = format_args!("layer {}", layer.blob.short());
    let applied = apply(open_blob(store, &layer.blob).attempt(attempt)?, target, &options);
    let wrong = match &applied {
        Ok(applied) => {
            applied.diff_id.algorithm() == layer.diff_id.algorithm() && applied.diff_id != layer.diff_id
        }
        Err(error) => error.kind() == crate::error::Kind::Invalid,
    };
    if wrong {
        store.discard_blob(&layer.blob.digest)?;
        let library = store.library();
        let hint = match library.has(&layer.blob.digest, layer.blob.size) {
            true => again(&library, &layer.blob.digest),
            false => "try again: it will be fetched or made anew".to_owned(),
        };
        let damaged = Error::invalid("its contents are not what its digest says");
        return Err(applied.err().unwrap_or(damaged).hint(hint)).attempt(attempt);
    }
    applied.map(drop).attempt(attempt)
}
