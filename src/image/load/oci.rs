//! An OCI layout (image-layout.md): whole indexes as far as their parts are there.

use serde_json::Value;

use super::parts::Place;
use super::ready::Ready;
use crate::error::{Attempt, Error, Result};
use crate::image::below::{Below, Found};
use crate::image::description::diff_ids;
use crate::image::destination::Destination;
use crate::image::layout::NAMES;
use crate::image::pull::Keeping;
use crate::oci::{Descriptor, ImageConfig, Reference};
use crate::report::Report;

/// Brings all images of the index, which get no names yet.
pub(super) fn load(
    place: &Place<'_>,
    index: &[u8],
    keeping: &Keeping<'_>,
    report: &dyn Report,
) -> Result<Vec<Ready>> {
    let images = images(index)?;
    let mut wholes = Vec::new();
    let mut blobs: Vec<Descriptor> = Vec::new();
    for image in &images {
        let below =
            below(place, &image.image, keeping).attempt(format_args!("image {}", image.image.short()))?;
        blobs.extend(below.manifests.iter().flat_map(Found::blobs).filter(|blob| place.has(blob)).cloned());
        wholes.push(below);
    }
    place.bring(&blobs, keeping, report)?;
    for below in &wholes {
        for found in &below.manifests {
            check(found, keeping).attempt(format_args!("image {}", found.descriptor.short()))?;
            keeping.put(&found.descriptor.digest, &found.bytes)?;
        }
        // A document is never here before what it names: inner ones first.
        for (descriptor, bytes) in below.indexes.iter().rev() {
            keeping.put(&descriptor.digest, bytes)?;
        }
    }
    Ok(images)
}

/// What is there of an image, in the layout or in the library.
fn below(place: &Place<'_>, image: &Descriptor, keeping: &Keeping<'_>) -> Result<Below> {
    let mut below = Below::of(image, &|descriptor| place.document(descriptor))?;
    below.keep_complete(&|blob| Ok(place.has(blob) || keeping.has(blob)?))?;
    if below.indexes.is_empty() {
        below.manifests.iter().try_for_each(|found| found.manifest.refuse_artifact())?;
    }
    Ok(below)
}

/// Whether the parts of an image fit each other. An index may hold other things too, such as signatures.
fn check(found: &Found, keeping: &Keeping<'_>) -> Result<()> {
    if found.manifest.refuse_artifact().is_err() {
        return Ok(());
    }
    diff_ids(&found.manifest, &ImageConfig::parse(&keeping.document(&found.manifest.config)?)?).map(drop)
}

/// The entries of an index, those of one digest together.
fn images(index: &[u8]) -> Result<Vec<Ready>> {
    let index: Value = serde_json::from_slice(index)
        .map_err(|error| Error::invalid(format_args!("its 'index.json' is not JSON: {error}")))?;
    let mut images: Vec<Ready> = Vec::new();
    for (n, entry) in index["manifests"].as_array().into_iter().flatten().enumerate() {
        let image = Descriptor::parse(entry, &format!("entry {} of its 'index.json'", n + 1))?;
        let names = name(entry);
        match images.iter_mut().find(|known| known.image.digest == image.digest) {
            Some(known) => known.names.extend(names.filter(|name| !known.names.contains(name))),
            None => images.push(Ready { image, names: names.into_iter().collect() }),
        }
    }
    match images.is_empty() {
        true => Err(Error::invalid("its 'index.json' lists no image")),
        false => Ok(images),
    }
}

/// containerd's annotation, or the specification's where it is more than a tag.
fn name(entry: &Value) -> Option<Reference> {
    let annotation = |key: &str| entry["annotations"][key].as_str();
    let [containerd, spec] = NAMES;
    let full = annotation(spec).filter(|name| name.contains(['/', ':']));
    let parsed =
        [annotation(containerd), full].into_iter().flatten().find_map(|name| Reference::parse(name).ok());
    // A digest names itself.
    parsed.filter(|name| name.digest.is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oci::Digest;

    fn entry(text: &str, annotations: Value) -> Value {
        json!({"digest": Digest::of(text.as_bytes()).to_string(), "size": 1, "annotations": annotations})
    }

    #[test]
    fn names_are_complete_ones_and_entries_of_one_digest_are_one_image() {
        let [containerd, spec] = NAMES;
        let entries = [
            entry("a", json!({ containerd: "docker.io/library/a:1", spec: "1" })),
            entry("b", json!({ spec: "latest" })),
            entry("a", json!({ spec: "quay.io/x/a:2" })),
            entry("a", json!({ spec: "a:1" })),
            entry("c", json!({ containerd: "Not A Name", spec: "c:3" })),
            entry("d", Value::Null),
            entry("e", json!({ containerd: format!("x@{}", Digest::of(b"e")) })),
        ];
        let images = images(json!({"manifests": entries}).to_string().as_bytes()).unwrap();
        let names: Vec<Vec<String>> =
            images.iter().map(|image| image.names.iter().map(Reference::to_string).collect()).collect();
        assert_eq!(names, [vec!["a:1", "quay.io/x/a:2"], vec![], vec!["c:3"], vec![], vec![]]);
    }

    #[test]
    fn odd_indexes_are_errors() {
        for text in ["", "{}", r#"{"manifests": []}"#, r#"{"manifests": [{}]}"#] {
            assert!(images(text.as_bytes()).is_err(), "{text}");
        }
    }
}
