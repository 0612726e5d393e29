//! What the store promises, on a real filesystem.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use super::layout::Layout;
use super::*;
use crate::error::Kind;
use crate::host::Paths;
use crate::oci::{Arch, Digest, Provenance, Reference};

/// A directory of one test; deleted with it. Nothing is ever mounted below it.
pub(super) struct Scene(PathBuf);

impl Scene {
    pub(super) fn new() -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cd-store-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Scene(path)
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn layout(&self) -> Layout {
        Layout::new(Paths::below(&self.0))
    }

    fn store(&self) -> Store {
        Store { layout: self.layout() }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn list(store: &Store) -> Vec<String> {
    store.containers().unwrap().iter().map(|container| container.name().to_string()).collect()
}

#[test]
fn nothing_is_listed_before_its_commit() {
    let scene = Scene::new();
    let store = scene.store();
    assert!(list(&store).is_empty());
    let staged = store.stage(&name("a"), "install").unwrap();
    assert!(list(&store).is_empty());
    assert_eq!(store.stage(&name("a"), "install").unwrap_err().kind(), Kind::Busy);
    staged.rootfs().create_dir_all("etc", 0o755).unwrap();
    staged.put_index(b"index").unwrap();
    let container = staged.commit(Some(&Provenance::parse(br#"{"image_ref": "a"}"#).unwrap())).unwrap();
    assert_eq!(list(&store), ["a"]);
    assert_eq!(container.provenance().unwrap().unwrap().image_ref(), Some("a"));
    assert!(container.size().unwrap() > 0);
    let directory = scene.layout().container(&name("a"));
    for (file, mode) in [("", 0o755), ("rootfs", 0o755), ("manifest.json", 0o644)] {
        let found = fs::metadata(directory.join(file)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, mode, "{file}");
    }
    assert!(files::names(&scene.layout().staging()).unwrap().is_empty());
    assert_eq!(store.stage(&name("a"), "install").unwrap_err().kind(), Kind::Exists);
}

#[test]
fn a_dropped_one_leaves_nothing_and_a_killed_one_is_swept() {
    let scene = Scene::new();
    let store = scene.store();
    drop(store.stage(&name("a"), "install").unwrap());
    assert!(files::names(&scene.layout().staging()).unwrap().is_empty());
    fs::create_dir_all(scene.layout().staging().join("a.1.0/a/rootfs")).unwrap();
    let mut staged = store.stage(&name("a"), "install").unwrap();
    assert_eq!(files::names(&scene.layout().staging()).unwrap().len(), 1);
    staged.rootfs().create_dir_all("x", 0o755).unwrap();
    staged.clear().unwrap();
    assert!(staged.rootfs().dir("/").unwrap().names().unwrap().is_empty());
    // What an interrupted Python tool leaves: a directory without a root.
    fs::create_dir_all(scene.layout().container(&name("a")).join("junk")).unwrap();
    staged.commit(None).unwrap();
    assert_eq!(list(&store), ["a"]);
}

#[test]
fn removes_what_it_was_asked_to_and_suggests_otherwise() {
    let scene = Scene::new();
    let store = scene.store();
    for text in ["debian", "alpine"] {
        store.stage(&name(text), "install").unwrap().commit(None).unwrap();
    }
    let error = store.container(&name("debain")).unwrap_err();
    assert_eq!((error.kind(), error.hint_text()), (Kind::NotFound, Some("did you mean 'debian'?")));
    let container = store.container(&name("debian")).unwrap();
    container.rootfs().unwrap().write("/f", b"x", 0).unwrap();
    let state = scene.layout().session_state(&name("debian"));
    fs::create_dir_all(&state).unwrap();
    let mut seen = Vec::new();
    container.remove(&mut |path| seen.push(path.to_owned())).unwrap();
    assert!(seen.contains(&PathBuf::from("debian/rootfs/f")), "{seen:?}");
    assert!(!state.exists());
    assert_eq!(list(&store), ["alpine"]);
    assert!(files::names(&scene.layout().staging()).unwrap().is_empty());
}

#[test]
fn a_size_is_remembered_until_it_is_touched() {
    let scene = Scene::new();
    let container = scene.store().stage(&name("a"), "install").unwrap().commit(None).unwrap();
    let small = container.size().unwrap();
    container.rootfs().unwrap().write("/f", &[1; 100_000], 0o644).unwrap();
    assert_eq!(container.size().unwrap(), small);
    container.touch().unwrap();
    assert!(container.size().unwrap() >= small + 100_000);
}

#[test]
fn an_image_is_remembered_by_its_bytes() {
    let scene = Scene::new();
    let store = scene.store();
    let reference = Reference::parse("localhost:5000/a/b:1").unwrap();
    assert!(store.image(&reference, Arch::Aarch64).unwrap().is_none());
    let image = CachedImage {
        manifest_raw: b"{ \"layers\" :[]}".to_vec(),
        config: json!({"os": "linux"}),
        resolved: Some(Digest::of(b"x")),
    };
    store.put_image(&reference, Arch::Aarch64, &image).unwrap();
    let found = store.image(&reference, Arch::Aarch64).unwrap().unwrap();
    assert_eq!(found.manifest_raw, image.manifest_raw);
    assert_eq!(found.resolved, image.resolved);
    assert!(store.image(&reference, Arch::Arm).unwrap().is_none());
    // As 3.2.0 of the Python tool names and fills it.
    let theirs = scene.layout().image("localhost:5000/a/b:1_linux/riscv64");
    fs::write(theirs, r#"{"manifest": {"layers": []}, "repo": "a/b", "image_config": {}}"#).unwrap();
    assert_eq!(store.image(&reference, Arch::Riscv64).unwrap().unwrap().manifest_raw, b"{\"layers\":[]}");
}

#[test]
fn clearing_the_cache_spares_what_is_being_fetched() {
    let scene = Scene::new();
    let store = scene.store();
    assert_eq!(store.clear_cache(&mut |_| ()).unwrap(), 0);
    let blobs = scene.layout().blobs();
    files::make_dir(&blobs).unwrap();
    fs::write(blobs.join("sha256_aa"), [1; 5000]).unwrap();
    fs::write(blobs.join("sha256_bb.partial"), "x").unwrap();
    fs::write(scene.layout().cache().join("build_cache_index.json"), "{}").unwrap();
    let fetched = store.blob(&Digest::of(b"x"), 1, &crate::report::Silent).unwrap();
    let mut seen = Vec::new();
    let freed = store.clear_cache(&mut |name| seen.push(name.to_owned())).unwrap();
    assert!(freed >= 5000);
    assert_eq!(seen, ["build_cache_index.json", "oci_layers/sha256_aa", "oci_layers/sha256_bb.partial"]);
    assert_eq!(files::names(&blobs).unwrap().len(), 1);
    drop(fetched);
    store.clear_cache(&mut |_| ()).unwrap();
    assert!(files::names(scene.layout().cache()).unwrap().is_empty());
}
