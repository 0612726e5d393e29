use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::*;
use crate::host::Paths;
use crate::image::{Layer, NewLayer};
use crate::layer::{BytesContent, Entry, EntryKind, Index, Name, NoContent, Target};
use crate::report::Silent;
use crate::store::Store;
use crate::testing::{TempDir, in_mount_namespace};

/// A store on a tmpfs of its own.
struct Scene {
    temp: TempDir,
    store: Store,
}

impl Scene {
    /// `overlaid`: the cache is on an overlay, where the kernel mounts no other one.
    fn new(overlaid: bool) -> Scene {
        let temp = TempDir::new();
        mount("x", temp.path(), "tmpfs", MountFlags::empty(), None).unwrap();
        let cache = temp.path().join("cache");
        fs::create_dir(&cache).unwrap();
        if overlaid {
            for name in ["l", "u", "w"] {
                fs::create_dir(temp.path().join(name)).unwrap();
            }
            let at = temp.path().display();
            let options = format!("lowerdir={at}/l,upperdir={at}/u,workdir={at}/w");
            let options = std::ffi::CString::new(options).unwrap();
            mount("x", &cache, "overlay", MountFlags::empty(), &*options).unwrap();
        }
        let store = Store::open(Paths { cache, ..Paths::below(temp.path()) });
        Scene { temp, store }
    }

    fn tree(&self, layers: &[Layer]) -> Tree<'_> {
        Tree::new(&self.store, layers, &[], &Silent).unwrap()
    }

    fn scratch(&self) -> usize {
        fs::read_dir(self.temp.path().join("cache/build_scratch")).unwrap().count()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = unmount(self.temp.path().join("cache"), UnmountFlags::DETACH);
        let _ = unmount(self.temp.path(), UnmountFlags::DETACH);
    }
}

fn new_layer(scene: &Scene, fill: &dyn Fn(&mut NewLayer)) -> Layer {
    let mut layer = NewLayer::new(&scene.store, Some(1000)).unwrap();
    fill(&mut layer);
    layer.finish().unwrap()
}

fn put(layer: &mut NewLayer, name: &str, text: &str) {
    let size = text.len() as u64;
    let entry = Entry::new(name, EntryKind::File { size }).unwrap().mtime(500, 0);
    layer.put(&entry, &mut BytesContent::new(text.as_bytes())).unwrap();
}

fn link(layer: &mut NewLayer, name: &str, to: &str) {
    let kind = EntryKind::HardLink(Name::parse(to.as_bytes()).unwrap());
    layer.put(&Entry::new(name, kind).unwrap(), &mut NoContent).unwrap();
}

fn base_layers(scene: &Scene) -> Vec<Layer> {
    let lower = new_layer(scene, &|layer| {
        for name in ["etc", "usr", "usr/bin", "var", "var/lib"] {
            let entry = Entry::new(name, EntryKind::Directory).unwrap().mtime(400, 0);
            layer.put(&entry, &mut NoContent).unwrap();
        }
        put(layer, "etc/passwd", "root");
        put(layer, "usr/bin/perl", "perl");
        link(layer, "usr/bin/perl5", "usr/bin/perl");
        link(layer, "var/lib/perl", "usr/bin/perl");
        put(layer, "var/lib/a", "a");
        put(layer, "var/lib/b", "b");
        put(layer, "gone", "x");
    });
    let upper = new_layer(scene, &|layer| layer.hide(&Name::parse(b"gone").unwrap()).unwrap());
    vec![lower, upper]
}

/// What stands behind a tree's root.
fn at(tree: &mut Tree<'_>, name: &str) -> PathBuf {
    let root = tree.root().unwrap().as_fd().as_raw_fd();
    Path::new("/proc/self/fd").join(root.to_string()).join(name)
}

type Change = fn(&dyn Fn(&str) -> PathBuf);

/// What steps do, and the names that their layers must have.
const STEPS: [(Change, &[&str]); 10] = [
    (|_| (), &[]),
    // One name of three, written to.
    (
        |at| fs::write(at("usr/bin/perl5"), "changed").unwrap(),
        &["usr/", "usr/bin/", "usr/bin/perl", "usr/bin/perl5", "var/", "var/lib/", "var/lib/perl"],
    ),
    // Opened for writing, and left as it was: overlayfs copies it up.
    (|at| drop(fs::OpenOptions::new().append(true).open(at("etc/passwd")).unwrap()), &[]),
    // Another name of three: mode alone.
    (
        |at| fs::set_permissions(at("var/lib/perl"), fs::Permissions::from_mode(0o700)).unwrap(),
        &["usr/", "usr/bin/", "usr/bin/perl", "usr/bin/perl5", "var/", "var/lib/", "var/lib/perl"],
    ),
    (|at| chown(at("etc"), Some(5), Some(6)).unwrap(), &["etc/"]),
    // Deleted and made anew, with one of its files.
    (
        |at| {
            fs::remove_dir_all(at("var/lib")).unwrap();
            fs::create_dir(at("var/lib")).unwrap();
            fs::write(at("var/lib/a"), "a").unwrap();
        },
        &["var/", "var/lib/", "var/lib/.wh.b", "var/lib/.wh.perl", "var/lib/a"],
    ),
    // A directory of the base is renamed: EXDEV, as programs expect and work around.
    (
        |at| {
            fs::rename(at("usr/bin"), at("usr/bin")).unwrap();
            fs::create_dir(at("usr/sbin")).unwrap();
            for name in ["perl", "perl5"] {
                fs::rename(at("usr/bin").join(name), at("usr/sbin").join(name)).unwrap();
            }
            fs::remove_dir(at("usr/bin")).unwrap();
            symlink("sbin", at("usr/bin")).unwrap();
        },
        &["usr/", "usr/bin", "usr/sbin/", "usr/sbin/perl", "usr/sbin/perl5"],
    ),
    (
        |at| {
            let attribute =
                rustix::fs::setxattr(at("etc/passwd"), "user.x", b"1", rustix::fs::XattrFlags::empty());
            attribute.unwrap();
        },
        &["etc/", "etc/passwd"],
    ),
    // Made and deleted again within the step; the directory has another time.
    (
        |at| {
            fs::write(at("usr/new"), "x").unwrap();
            fs::remove_file(at("usr/new")).unwrap();
        },
        &["usr/"],
    ),
    (
        |at| {
            for name in ["etc", "usr", "var"] {
                fs::remove_dir_all(at(name)).unwrap();
            }
            fs::write(at("usr"), "a file").unwrap();
        },
        &[".wh.etc", ".wh.var", "usr"],
    ),
];

/// The layers of all steps, with the names that are in them.
fn run(scene: &Scene, base: &[Layer]) -> Vec<(Layer, Vec<String>)> {
    let mut tree = scene.tree(base);
    let mut layers = Vec::new();
    for (change, _) in STEPS {
        let root = at(&mut tree, "");
        change(&|name| root.join(name));
        let mut layer = NewLayer::new(&scene.store, Some(1000)).unwrap();
        let sent = tree.step(&mut layer).unwrap();
        assert_eq!(sent, layer.entries());
        let layer = layer.finish().unwrap();
        let names = names(scene, &layer);
        layers.push((layer, names));
    }
    layers
}

fn names(scene: &Scene, layer: &Layer) -> Vec<String> {
    let blob = crate::image::open_blob(&scene.store, &layer.blob).unwrap();
    let mut archive = ::tar::Archive::new(flate2::read::GzDecoder::new(blob));
    let path = |entry: ::tar::Entry<'_, _>| entry.path().unwrap().to_str().unwrap().to_owned();
    archive.entries().unwrap().map(|entry| path(entry.unwrap())).collect()
}

/// One line a path.
fn listing(index: &Index) -> Vec<String> {
    let mut lines = Vec::new();
    index.for_each(&mut |path, node| {
        let (mode, owner, shared) = (node.mode, (node.uid, node.gid), node.hard_link.is_some());
        let hashes = (node.content_hash, node.xattr_hash);
        lines.push(format!(
            "{path:?} {:?} {mode:o} {owner:?} {:?} {shared} {hashes:?}",
            node.file_type, node.link
        ));
    });
    lines
}

#[test]
fn with_overlayfs_and_without_the_layers_are_the_same_bytes() {
    in_mount_namespace(|| {
        let [overlay, copy] = [false, true].map(|overlaid| {
            let scene = Scene::new(overlaid);
            let base = base_layers(&scene);
            assert_eq!(scene.tree(&base).is_overlay(), !overlaid);
            let layers = run(&scene, &base);
            assert_eq!(scene.scratch(), 0);
            for ((_, names), (_, expected)) in layers.iter().zip(STEPS) {
                assert_eq!(names, expected);
            }
            // The cached layers lead to the same tree, with the same changes after each.
            let mut cached = scene.tree(&base);
            for (layer, _) in &layers[..7] {
                cached.apply(layer).unwrap();
            }
            let root = at(&mut cached, "");
            (STEPS[7].0)(&|name| root.join(name));
            let mut layer = NewLayer::new(&scene.store, Some(1000)).unwrap();
            cached.step(&mut layer).unwrap();
            assert_eq!(layer.finish().unwrap().diff_id, layers[7].0.diff_id);
            let on_disk = listing(cached.index());
            drop(cached);
            let all: Vec<Layer> =
                base.iter().chain(layers[..8].iter().map(|(layer, _)| layer)).cloned().collect();
            assert_eq!(listing(&super::base(&scene.store, &all, &Silent).unwrap().1), on_disk);
            layers.into_iter().map(|(layer, _)| layer.blob.digest).collect::<Vec<_>>()
        });
        assert_eq!(overlay, copy);
    });
}

/// What stands on a base: new files, one in place of a base's, one beside others, and two names of one.
fn fitting(layer: &mut NewLayer) {
    let entry = Entry::new("opt/tool", EntryKind::Directory).unwrap().mode(0o710).owner(5, 6);
    layer.put(&entry, &mut NoContent).unwrap();
    for (name, text) in
        [("opt/tool/a", "a"), ("opt/tool/b", "b"), ("var/lib/a", "another"), ("secret/x", "x")]
    {
        put(layer, name, text);
    }
    link(layer, "opt/a", "opt/tool/a");
}

#[test]
fn layers_above_the_base_are_the_same_tree_in_a_directory_of_their_own() {
    type Fill = fn(&mut NewLayer);
    let others: [(Fill, bool); 5] = [
        (|_| (), true),
        (|layer| layer.hide(&Name::parse(b"etc/passwd").unwrap()).unwrap(), false),
        (|layer| put(layer, "usr", "a file"), false),
        (|layer| put(layer, "opt/tool", "a file"), false),
        (|layer| link(layer, "var/lib/c", "var/lib/b"), false),
    ];
    in_mount_namespace(move || {
        for (other, fits) in others {
            let scene = Scene::new(false);
            let mut base = base_layers(&scene);
            base.push(new_layer(&scene, &|layer| {
                let entry =
                    Entry::new("secret", EntryKind::Directory).unwrap().mode(0o700).owner(7, 8).mtime(300, 0);
                layer.put(&entry, &mut NoContent).unwrap();
            }));
            let above = [new_layer(&scene, &fitting), new_layer(&scene, &other)];
            let mut applied = scene.tree(&base);
            above.iter().for_each(|layer| applied.apply(layer).unwrap());
            let laid_out = Tree::new(&scene.store, &base, &above, &Silent).unwrap();
            assert_eq!(laid_out.has_above(), fits);
            let seen = [applied, laid_out].map(|mut tree| {
                let root = at(&mut tree, "");
                let secret = fs::metadata(root.join("secret")).unwrap();
                assert_eq!(
                    (secret.permissions().mode() & 0o7777, secret.uid(), secret.mtime()),
                    (0o700, 7, 300)
                );
                let before = listing(tree.index());
                let _ = fs::write(root.join("opt/a"), "changed");
                let _ = fs::remove_file(root.join("secret/x"));
                let _ = fs::remove_dir_all(root.join("var"));
                let mut layer = NewLayer::new(&scene.store, Some(1000)).unwrap();
                tree.step(&mut layer).unwrap();
                let layer = layer.finish().unwrap();
                (before, names(&scene, &layer), layer.diff_id, listing(tree.index()))
            });
            assert_eq!(seen[0], seen[1]);
        }
    });
}

#[test]
fn a_base_is_unpacked_once_and_no_stage_changes_it() {
    in_mount_namespace(|| {
        let scene = Scene::new(false);
        let base = base_layers(&scene);
        let mut one = scene.tree(&base);
        fs::write(at(&mut one, "etc/passwd"), "changed").unwrap();
        // Its blobs are not needed any more.
        for layer in &base {
            scene.store.discard_blob(&layer.blob.digest).unwrap();
        }
        let mut other = scene.tree(&base);
        assert_eq!(fs::read_to_string(at(&mut other, "etc/passwd")).unwrap(), "root");
        assert_eq!(scene.scratch(), 2);
        drop((one, other));
        assert_eq!(scene.scratch(), 0);
        // Nobody knows what a power cut left of a tree of another boot.
        let trees = scene.temp.path().join("cache/build_trees");
        let boot = trees.join(chain(&base).hex()).join("boot");
        fs::write(&boot, "another").unwrap();
        let missing = Tree::new(&scene.store, &base, &[], &Silent).err().unwrap();
        assert_eq!(missing.kind(), crate::error::Kind::NotFound);
        assert!(missing.to_string().contains("is not here any more"), "{missing}");
        let base = base_layers(&scene);
        drop(scene.tree(&base));
        assert_ne!(fs::read_to_string(&boot).unwrap(), "another");
        assert_eq!(scene.scratch(), 0);
    });
}

#[test]
fn the_index_of_a_base_is_kept_without_its_tree() {
    in_mount_namespace(|| {
        let scene = Scene::new(false);
        let mut layers = base_layers(&scene);
        layers.push(new_layer(&scene, &|layer| put(layer, "top", "x")));
        let lines = |index: Index| listing(&index);
        let whole = lines(index(&scene.store, &layers, 2).unwrap());
        assert!(whole.iter().any(|line| line.starts_with("\"top\"")), "{whole:?}");
        for layer in &layers[..2] {
            scene.store.discard_blob(&layer.blob.digest).unwrap();
        }
        assert_eq!(lines(index(&scene.store, &layers, 2).unwrap()), whole);
        // Nobody knows what a power cut left of it.
        let kept =
            scene.temp.path().join("cache/build_trees").join(format!("{}.index", chain(&layers[..2]).hex()));
        let bytes = fs::read(&kept).unwrap();
        fs::write(&kept, &bytes[1..]).unwrap();
        assert!(index(&scene.store, &layers, 2).is_err());
        let layers: Vec<Layer> = base_layers(&scene).into_iter().chain(layers.pop()).collect();
        fs::remove_file(&kept).unwrap();
        drop(scene.tree(&layers[..2]));
        assert_eq!(lines(index(&scene.store, &layers, 2).unwrap()), whole);
        assert!(!kept.exists(), "a tree has its own");
    });
}

#[test]
fn a_damaged_layer_is_no_base() {
    in_mount_namespace(|| {
        let scene = Scene::new(false);
        let mut base = base_layers(&scene);
        let other = new_layer(&scene, &|layer| put(layer, "other", "x"));
        base[1].diff_id = other.diff_id.clone();
        let error = Tree::new(&scene.store, &base, &[], &Silent).err().unwrap().to_string();
        assert!(error.contains("not what its digest says"), "{error}");
        assert_eq!(scene.scratch(), 0);
        assert!(!scene.store.has_blob(&base[1].blob.digest, base[1].blob.size));
        // FROM scratch.
        let mut empty = scene.tree(&[]);
        fs::write(at(&mut empty, "a"), "x").unwrap();
        let mut layer = NewLayer::new(&scene.store, None).unwrap();
        assert_eq!(empty.step(&mut layer).unwrap(), 1);
    });
}
