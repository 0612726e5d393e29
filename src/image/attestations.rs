//! Attestations: what BuildKit says of how an image was made. They stand in its index beside it, for a platform that is
//! unknown (BuildKit, docs/attestations/attestation-storage.md). An index cannot be pushed without them.

use serde_json::Value;

use crate::oci::{Descriptor, Digest};

/// Those that an index has of the manifest `of`. What is no index has none.
pub(super) fn attestations(index: &[u8], of: &Digest) -> Vec<Descriptor> {
    let json: Value = serde_json::from_slice(index).unwrap_or_default();
    let of = of.to_string();
    let is_one = |entry: &&Value| {
        let annotations = &entry["annotations"];
        annotations["vnd.docker.reference.type"] == "attestation-manifest"
            && annotations["vnd.docker.reference.digest"] == *of
    };
    let entries = json["manifests"].as_array().into_iter().flatten().filter(is_one);
    entries.filter_map(|entry| Descriptor::parse(entry, "an attestation").ok()).collect()
}
