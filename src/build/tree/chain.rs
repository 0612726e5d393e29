//! What names the tree that some layers make.

use crate::image::Layer;
use crate::oci::Digest;

/// The ChainID of layers, bottom first (OCI image-spec, config.md, "Layer ChainID"). Of no layers: the digest of nothing.
pub fn chain(layers: &[Layer]) -> Digest {
    let mut ids = layers.iter().map(|layer| &layer.diff_id);
    let Some(first) = ids.next() else { return Digest::of(b"") };
    ids.fold(first.clone(), |chain, id| Digest::of(format!("{chain} {id}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oci::Descriptor;

    #[test]
    fn depends_on_all_layers_in_their_order() {
        let layer = |text: &str| {
            let diff_id = Digest::of(text.as_bytes());
            let blob = json!({"digest": diff_id.to_string(), "size": 1});
            Layer { blob: Descriptor::parse(&blob, "x").unwrap(), diff_id }
        };
        let (a, b) = (layer("a"), layer("b"));
        assert_eq!(chain(std::slice::from_ref(&a)), Digest::of(b"a"));
        let both = format!("{} {}", Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(chain(&[a.clone(), b.clone()]), Digest::of(both.as_bytes()));
        assert_ne!(chain(&[b, a]), Digest::of(both.as_bytes()));
    }
}
