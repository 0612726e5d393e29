use serde_json::json;

use super::*;
use crate::report::Silent;
use crate::store::Store;
use crate::store::tests::Scene;

fn library(scene: &Scene) -> Library {
    Store { layout: scene.layout() }.library()
}

/// An image of one layer; its descriptor.
fn image(library: &Library, holding: &Holding, layer: &str) -> Descriptor {
    let add = |bytes: &[u8]| {
        library.put(holding, &Digest::of(bytes), bytes).unwrap();
        json!({"mediaType": "x", "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
    };
    let (config, layer) = (add(b"{}"), add(layer.as_bytes()));
    let manifest = json!({"config": config, "layers": [layer]}).to_string();
    Descriptor::parse(&add(manifest.as_bytes()), "it").unwrap()
}

fn blobs(library: &Library) -> usize {
    names(&library.path().join("blobs/sha256")).unwrap().len()
}

#[test]
fn what_has_a_name_or_had_one_stays_and_the_rest_is_freed() {
    let scene = Scene::new();
    let library = library(&scene);
    assert!(library.images().unwrap().is_empty());
    assert_eq!(library.collect(&Silent).unwrap(), Some(Freed::default()));
    let holding = library.hold(&Silent).unwrap();
    let (one, two) = (image(&library, &holding, "1"), image(&library, &holding, "2"));
    library.tag(&holding, "docker.io/library/a:1", false, &one).unwrap();
    library.tag(&holding, "docker.io/library/a:2", true, &two).unwrap();
    library.put(&holding, &Digest::of(b"stray"), b"stray").unwrap();
    assert_eq!(library.collect(&Silent).unwrap(), None, "somebody may be adding blobs");
    drop(holding);
    assert!(library.collect(&Silent).unwrap().unwrap().bytes > 0);
    assert_eq!(blobs(&library), 5, "two manifests, two layers, a config");
    let named = library.named("docker.io/library/a:1").unwrap().unwrap();
    assert_eq!(named.descriptor.digest, one.digest);
    library.remove(&[named]).unwrap();
    assert_eq!(library.images().unwrap().len(), 1);
    library.collect(&Silent).unwrap();
    assert_eq!(blobs(&library), 3);
    assert!(library.named("docker.io/library/a:2").unwrap().unwrap().pulled);
    assert!(library.named("docker.io/library/a:1").unwrap().is_none());
    assert_eq!(fs::read(library.path().join("oci-layout")).unwrap(), MARK);
}

#[test]
fn damage_is_told_and_mended() {
    let scene = Scene::new();
    let library = library(&scene);
    let holding = library.hold(&Silent).unwrap();
    let descriptor = image(&library, &holding, "1");
    assert!(library.document(&descriptor).unwrap().is_some());
    fs::write(library.blob(&descriptor.digest), "other").unwrap();
    assert_eq!(library.document(&descriptor).unwrap_err().kind(), Kind::Invalid);
    image(&library, &holding, "1");
    assert!(library.document(&descriptor).unwrap().is_some());
    fs::remove_file(library.blob(&descriptor.digest)).unwrap();
    assert!(library.document(&descriptor).unwrap().is_none());
}
