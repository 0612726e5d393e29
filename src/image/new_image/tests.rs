use serde_json::json;

use super::super::local::find;
use super::super::new_layer::NewLayer;
use super::super::open::open;
use super::*;
use crate::host::Paths;
use crate::layer::{Entry, EntryKind, NoContent, Target};
use crate::oci::Platform;
use crate::testing::TempDir;

fn store(temp: &TempDir) -> Store {
    Store::open(Paths::below(temp.path()))
}

fn layer(store: &Store, name: &str) -> Layer {
    let mut layer = NewLayer::new(store, None).unwrap();
    layer.put(&Entry::new(name, EntryKind::File { size: 0 }).unwrap(), &mut NoContent).unwrap();
    layer.finish().unwrap()
}

fn config() -> Value {
    json!({"os": "linux", "architecture": Platform::host().arch.oci(), "config": {"Cmd": ["x"]}})
}

#[test]
fn an_image_of_new_layers_has_names_or_its_digest() {
    let temp = TempDir::new();
    let store = store(&temp);
    let layers = [layer(&store, "a"), layer(&store, "b")];
    let names = ["x:1", "localhost:5000/y"].map(|name| Reference::parse(name).unwrap());
    let named = keep_new(&store, &config(), &layers, &names, &Silent).unwrap();
    let other = keep_new(&store, &config(), &layers[..1], &[], &Silent).unwrap();
    let library = store.library();
    for name in ["x:1", "localhost:5000/y:latest", named.digest.hex()] {
        let found = find(&library, name).unwrap();
        let image = open(&library, &found[0], &Platform::host()).unwrap();
        assert_eq!(image.config.cmd(), ["x"]);
        assert_eq!(Layer::all_of(&image)[1].diff_id, layers[1].diff_id);
    }
    let found = find(&library, other.digest.hex()).unwrap();
    assert_eq!((found.len(), found[0].name.as_deref()), (1, None));
    // The cache may vanish; the image is whole.
    store.clear_cache(&mut |_| ()).unwrap();
    library.collect(&Silent).unwrap();
    assert!(layers.iter().all(|layer| library.has(&layer.blob.digest, layer.blob.size)));
    let again = keep_new(&store, &config(), &layers, &names, &Silent).unwrap();
    assert_eq!(again.digest, named.digest);
}

#[test]
fn without_a_layer_there_is_no_image() {
    let temp = TempDir::new();
    let store = store(&temp);
    let layer = layer(&store, "a");
    store.clear_cache(&mut |_| ()).unwrap();
    let name = Reference::parse("x").unwrap();
    let error = keep_new(&store, &config(), &[layer], &[name], &Silent).unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::NotFound);
    assert!(store.library().images().unwrap().is_empty());
}

#[test]
fn several_platforms_are_one_index() {
    let temp = TempDir::new();
    let store = store(&temp);
    let images = NewImages::new(&store, &Silent).unwrap();
    let image = images.add(&config(), &[layer(&store, "a")]).unwrap();
    let arch = Platform::host().arch.oci();
    let index = images.index(&[(image, json!({"os": "linux", "architecture": arch}))]).unwrap();
    images.name(&index, &[Reference::parse("x").unwrap()]).unwrap();
    let found = find(&store.library(), "x").unwrap();
    assert!(open(&store.library(), &found[0], &Platform::host()).is_ok());
}
