use std::fs;
use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::report::Silent;
use crate::store::Store;
use crate::store::tests::Scene;

struct Cache {
    scene: Scene,
    store: Store,
}

impl Cache {
    fn new() -> Cache {
        let scene = Scene::new();
        let store = Store { layout: scene.layout() };
        Cache { scene, store }
    }

    /// A blob of so many bytes, used as many seconds after 1970 by a step.
    fn step(&self, key: &str, text: &str, size: usize, used: u64) -> Digest {
        let mut blob = self.store.new_blob().unwrap();
        blob.write_all(text.repeat(size).as_bytes()).unwrap();
        let (digest, size) = blob.commit().unwrap();
        let record = json!({"digest": digest.to_string(), "size": size});
        let key = Digest::of(key.as_bytes());
        self.store.put_step(&key, &record).unwrap();
        let file = fs::File::open(self.scene.layout().step(&key)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(used)).unwrap();
        digest
    }

    fn tree(&self, name: &str, used: u64) {
        let path = self.scene.layout().build_trees().join(name);
        fs::create_dir_all(path.join("rootfs")).unwrap();
        fs::write(path.join("rootfs/file"), vec![1; 40_000]).unwrap();
        let file = fs::File::open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(used)).unwrap();
    }

    fn clear(&self, keep: u64) -> Vec<String> {
        let mut deleted = Vec::new();
        self.store.clear_build_cache(keep, &mut |name| deleted.push(name.to_owned())).unwrap();
        deleted
    }

    fn has(&self, digest: &Digest) -> bool {
        self.scene.layout().blob(digest).exists()
    }
}

#[test]
fn what_was_used_last_stays() {
    let cache = Cache::new();
    let old = cache.step("old", "o", 100_000, 10);
    let middle = cache.step("middle", "m", 100_000, 20);
    let new = cache.step("new", "n", 100_000, 30);
    // Small, but used before all others.
    let small = cache.step("small", "s", 10, 5);
    cache.tree("tree", 25);
    assert_eq!(cache.clear(10 << 20), Vec::<String>::new());
    assert_eq!(cache.clear(200_000).len(), 6);
    let left = [&old, &middle, &new, &small].map(|digest| cache.has(digest));
    assert_eq!(left, [false, false, true, false]);
    assert!(cache.scene.layout().build_trees().join("tree").exists());
    assert!(cache.store.step(&Digest::of(b"new")).unwrap().is_some());
    assert!(cache.store.step(&Digest::of(b"old")).unwrap().is_none());
    cache.clear(0);
    assert!(!cache.has(&new) && !cache.scene.layout().build_trees().join("tree").exists());
}

#[test]
fn a_layer_of_two_steps_counts_once() {
    let cache = Cache::new();
    let digest = cache.step("one", "x", 100_000, 10);
    cache.step("two", "x", 100_000, 20);
    assert_eq!(cache.clear(150_000), Vec::<String>::new());
    assert!(cache.has(&digest));
    assert_eq!(cache.clear(50_000).len(), 3);
}

#[test]
fn layers_of_containers_and_of_remembered_images_stay() {
    let cache = Cache::new();
    let layout = cache.scene.layout();
    let [mine, remembered, orphan] = ["a", "b", "c"].map(|text| cache.step(text, text, 1000, 1));
    let document = |digest: &Digest| {
        json!({"manifest": {"layers": [{"digest": digest.to_string(), "size": 1}]}}).to_string()
    };
    for (path, digest) in [
        (layout.containers().join("x/manifest.json"), &mine),
        (layout.images().join("0123456789abcdef.json"), &remembered),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, document(digest)).unwrap();
    }
    fs::write(layout.blobs().join("sha256_0.partial"), "half").unwrap();
    fs::write(layout.cache().join(FOREIGN_INDEX), "{}").unwrap();
    cache.clear(0);
    assert_eq!([&mine, &remembered, &orphan].map(|digest| cache.has(digest)), [true, true, false]);
    assert_eq!(files::names(&layout.blobs()).unwrap().len(), 2);
    assert!(files::names(&layout.steps()).unwrap().is_empty());
    assert!(!layout.cache().join(FOREIGN_INDEX).exists());
}

#[test]
fn nothing_is_cleared_while_it_is_needed() {
    let cache = Cache::new();
    cache.step("one", "x", 10, 1);
    let clear = || cache.store.clear_build_cache(0, &mut |_| ());
    let building = cache.store.building(&Silent).unwrap();
    assert_eq!(clear().unwrap_err().kind(), Kind::Busy);
    assert_eq!(cache.store.clear_cache(&mut |_| ()).unwrap_err().kind(), Kind::Busy);
    drop(building);
    let staged = cache.store.stage(&crate::store::Name::parse("c").unwrap(), "install").unwrap();
    let error = clear().unwrap_err();
    assert!(error.to_string().contains("working on 'c'"), "{error}");
    drop(staged);
    clear().unwrap();
}
