use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::layer::tests::*;
use crate::layer::{Options, Recording, RootfsTarget, Trust, apply, pack};
use crate::report::Silent;
use crate::testing::{TempDir, needs_root};

/// A tree on disk, and its index, made of one layer.
struct Scene {
    temp: TempDir,
    rootfs: Rootfs,
    index: Index,
}

impl Scene {
    fn new(layer: &[u8]) -> Scene {
        Scene::of(layer).unwrap()
    }

    fn of(layer: &[u8]) -> Result<Scene> {
        let temp = TempDir::new();
        let mut scene = Scene { rootfs: Rootfs::new(temp.open()), temp, index: Index::new() };
        scene.apply(layer)?;
        scene.settle(Trust::Metadata);
        Ok(scene)
    }

    fn apply(&mut self, layer: &[u8]) -> Result<()> {
        let mut tree = RootfsTarget::new(&self.rootfs, &Silent);
        apply(layer, &mut Recording::new(&mut tree, &mut self.index), &layers())?;
        tree.finish()
    }

    fn settle(&mut self, trust: Trust) {
        self.index.settle(self.rootfs.dir("").unwrap(), trust, &[]).unwrap();
    }

    /// The layer of what has changed since, and the names in it as tar has them.
    fn step(&mut self) -> (Vec<u8>, Vec<String>) {
        let before = self.index.clone();
        self.settle(Trust::Contents);
        let mut layer = pack::Writer::layer(Vec::new());
        changes(&before, &self.index, &self.rootfs, &|_| true, &mut layer).unwrap();
        let layer = layer.finish().unwrap();
        let mut names = Vec::new();
        let mut archive = ::tar::Archive::new(&layer[..]);
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let link = entry.link_name().unwrap().filter(|_| entry.header().entry_type().is_hard_link());
            names.push(link.map_or(name.clone(), |to| format!("{name} = {}", to.display())));
        }
        (layer, names)
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.temp.path().join(name)
    }
}

/// What stands in a root, with the time of the root itself left out.
fn found(scene: &Scene) -> String {
    let mut index = Index::new();
    apply(&packed(&scene.temp)[..], &mut index, &Options::default()).unwrap();
    let listing = listing(&index);
    listing.split_once('\n').unwrap().1.to_owned()
}

fn base() -> Vec<u8> {
    tar([
        (directory("d").0.mtime(50, 0), &b""[..]),
        file("d/a", b"1"),
        hard_link("d/b", "d/a"),
        hard_link("e", "d/a"),
        file("d/c", b"2"),
        directory("f"),
        file("f/g", b"3"),
        symlink("l", "d"),
    ])
}

#[test]
fn nothing_is_sent_of_what_is_only_touched() {
    needs_root!();
    let mut scene = Scene::new(&base());
    assert_eq!(scene.step().1, Vec::<String>::new());
    // As overlayfs copies up: another inode, the same file.
    let (at, copy) = (scene.at("d/c"), scene.at("d/copy"));
    let times = fs::metadata(&at).unwrap().modified().unwrap();
    fs::copy(&at, &copy).unwrap();
    fs::File::open(&copy).unwrap().set_modified(times).unwrap();
    fs::rename(&copy, &at).unwrap();
    let directory = std::time::UNIX_EPOCH + std::time::Duration::from_secs(50);
    fs::File::open(scene.at("d")).unwrap().set_modified(directory).unwrap();
    assert_eq!(scene.step().1, Vec::<String>::new());
}

#[test]
fn one_changed_name_brings_all_of_them() {
    needs_root!();
    let mut scene = Scene::new(&base());
    fs::write(scene.at("e"), "other").unwrap();
    assert_eq!(scene.step().1, ["d/", "d/a", "d/b = d/a", "e = d/a"]);
    fs::set_permissions(scene.at("d/b"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(scene.step().1, ["d/", "d/a", "d/b = d/a", "e = d/a"]);
    // A new name of an old file.
    fs::hard_link(scene.at("f/g"), scene.at("h")).unwrap();
    assert_eq!(scene.step().1, ["f/", "f/g", "h = f/g"]);
    // The others stay one file.
    fs::remove_file(scene.at("d/a")).unwrap();
    assert_eq!(scene.step().1, ["d/", "d/.wh.a"]);
    // A name that becomes a file of its own leaves the first as it was.
    fs::copy(scene.at("e"), scene.at("x")).unwrap();
    fs::rename(scene.at("x"), scene.at("e")).unwrap();
    assert_eq!(scene.step().1, ["e"]);
}

#[test]
fn what_is_gone_is_hidden_once_and_before_its_siblings() {
    needs_root!();
    let mut scene = Scene::new(&base());
    fs::remove_dir_all(scene.at("d")).unwrap();
    fs::remove_dir_all(scene.at("f")).unwrap();
    fs::write(scene.at("f"), "a file now").unwrap();
    fs::remove_file(scene.at("l")).unwrap();
    fs::create_dir(scene.at("l")).unwrap();
    fs::write(scene.at("a"), "new").unwrap();
    let (_, names) = scene.step();
    assert_eq!(names, [".wh.d", "a", "f", "l/"]);
    fs::remove_file(scene.at("f")).unwrap();
    fs::create_dir(scene.at("f")).unwrap();
    fs::write(scene.at("f/g"), "3").unwrap();
    assert_eq!(scene.step().1, ["f/", "f/g"]);
}

#[test]
fn a_directory_that_is_made_anew_hides_what_it_had() {
    needs_root!();
    let mut scene = Scene::new(&base());
    fs::remove_dir_all(scene.at("d")).unwrap();
    fs::create_dir(scene.at("d")).unwrap();
    fs::write(scene.at("d/c"), "2").unwrap();
    assert_eq!(scene.step().1, ["d/", "d/.wh.a", "d/.wh.b", "d/c"]);
}

#[test]
fn owners_modes_attributes_and_times_are_changes() {
    needs_root!();
    let mut scene = Scene::new(&base());
    let names = |scene: &mut Scene| scene.step().1;
    std::os::unix::fs::chown(scene.at("d/c"), Some(5), None).unwrap();
    assert_eq!(names(&mut scene), ["d/", "d/c"]);
    fs::set_permissions(scene.at("f"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(names(&mut scene), ["f/"]);
    std::os::unix::fs::lchown(scene.at("l"), Some(5), None).unwrap();
    assert_eq!(names(&mut scene), ["l"]);
    rustix::fs::setxattr(scene.at("d/c"), "trusted.x", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    assert_eq!(names(&mut scene), ["d/", "d/c"]);
    fs::File::open(scene.at("d/c")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(names(&mut scene), Vec::<String>::new(), "it is of the epoch already");
    fs::set_permissions(scene.temp.path(), fs::Permissions::from_mode(0o750)).unwrap();
    assert_eq!(names(&mut scene), ["./"]);
}

#[test]
fn sockets_are_left_out_and_what_they_replace_is_gone() {
    needs_root!();
    let mut scene = Scene::new(&base());
    let _one = std::os::unix::net::UnixListener::bind(scene.at("s")).unwrap();
    fs::remove_file(scene.at("d/c")).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(scene.at("d/c")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, scene.at("p"), fifo, 0o600.into(), 0).unwrap();
    assert_eq!(scene.step().1, ["d/", "d/.wh.c", "p"]);
    fs::remove_file(scene.at("s")).unwrap();
    std::os::unix::fs::symlink("x", scene.at("s")).unwrap();
    assert_eq!(scene.step().1, ["s"]);
}

/// Makes a name a file of its own, of the epoch.
fn part(scene: &Scene, name: &str) {
    fs::copy(scene.at(name), scene.at("new")).unwrap();
    fs::File::open(scene.at("new")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::rename(scene.at("new"), scene.at(name)).unwrap();
}

/// The same contents, owner, mode and time: names alone tell these trees apart.
#[test]
fn names_that_come_together_or_part_are_changes() {
    needs_root!();
    let mut scene = Scene::new(&tar([
        file("a", b"1"),
        hard_link("b", "a"),
        hard_link("c", "a"),
        file("x", b"1"),
        hard_link("y", "x"),
    ]));
    part(&scene, "a");
    fs::remove_file(scene.at("x")).unwrap();
    fs::hard_link(scene.at("c"), scene.at("x")).unwrap();
    assert_eq!(scene.step().1, ["b", "c = b", "x = b", "y"]);
    part(&scene, "b");
    assert_eq!(scene.step().1, ["c", "x = c"]);
    let mut scene =
        Scene::new(&tar([file("a", b"1"), hard_link("b", "a"), file("x", b"1"), hard_link("y", "x")]));
    for name in ["x", "y"] {
        fs::remove_file(scene.at(name)).unwrap();
        fs::hard_link(scene.at("a"), scene.at(name)).unwrap();
    }
    assert_eq!(scene.step().1, ["a", "b = a", "x = a", "y = a"]);
}

/// Changes of every kind, by layers that are applied over each other.
fn random_layer(random: &mut Random) -> Vec<u8> {
    let leaf = ["a", "b", "c"];
    let path = |random: &mut Random| {
        let depth = 1 + random.below(3);
        (0..depth).map(|_| random.of(&leaf)).collect::<Vec<_>>().join("/")
    };
    let mut entries = vec![directory("z")];
    let mut files: Vec<String> = Vec::new();
    for _ in 0..2 + random.below(12) {
        let name = path(random);
        let other = path(random);
        let (parent, last) = name.rsplit_once('/').map_or(("", &name[..]), |(parent, last)| (parent, last));
        let (mut entry, content) = match random.below(16) {
            0..3 => directory(&name),
            3..7 => {
                files.push(name.clone());
                file(&name, random.of(&[&b"one"[..], b"two"]))
            }
            7 => symlink(&name, &other),
            8 => (Entry::new(&name, EntryKind::Fifo).unwrap(), &b""[..]),
            9 => (Entry::new(&name, EntryKind::Character(1, random.below(9) as u32)).unwrap(), &b""[..]),
            10..13 if !files.is_empty() => {
                hard_link(&name, &random.of(&[&files[0], &files[files.len() - 1]])[..])
            }
            13 | 14 => file(&format!("{parent}/.wh.{last}"), b""),
            _ => file(&format!("{parent}/.wh..wh..opq"), b""),
        };
        entry.mtime.seconds = random.below(3) as i64;
        entry.uid = random.below(2) as u32;
        entries.push((entry, content));
    }
    tar(entries)
}

/// Applied to the tree before, the layer makes the tree after: on disk and in memory.
#[test]
fn a_layer_of_changes_leads_from_one_tree_to_the_other() {
    needs_root!();
    let mut complete = 0;
    for seed in 0..80 {
        let mut random = Random(seed);
        let Ok(mut scene) = Scene::of(&random_layer(&mut random)) else { continue };
        for _ in 0..2 {
            let mut twin = Scene::new(&packed(&scene.temp));
            // Not told to the index, as a program does it.
            let mut tree = RootfsTarget::new(&scene.rootfs, &Silent);
            let changed = apply(&random_layer(&mut random)[..], &mut tree, &layers());
            if changed.and_then(|_| tree.finish()).is_ok() {
                complete += 1;
            }
            let (layer, names) = scene.step();
            twin.apply(&layer).unwrap_or_else(|error| panic!("seed {seed}: {error}: {names:?}"));
            assert_eq!(found(&twin), found(&scene), "seed {seed}: {names:?}");
            let of_index = |index: &Index| listing(index).split_once('\n').unwrap().1.to_owned();
            assert_eq!(of_index(&twin.index), of_index(&scene.index), "seed {seed}: {names:?}");
        }
    }
    assert!(complete > 60, "only {complete} of the changes were sound");
}

/// Of a tree of overlayfs, only what its upper directory names is looked at: that is enough.
#[test]
fn an_upper_directory_tells_all_that_has_changed() {
    crate::testing::in_mount_namespace(|| {
        use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
        let temp = TempDir::new();
        mount("x", temp.path(), "tmpfs", MountFlags::empty(), None).unwrap();
        let mut changed = 0;
        for seed in 0..80 {
            let mut random = Random(seed);
            let path = temp.path().join(seed.to_string());
            let at = |name: &str| path.join(name);
            for name in ["", "lower", "upper", "work", "merged"] {
                fs::create_dir(at(name)).unwrap();
            }
            let open = |name: &str| Rootfs::new(fs::File::open(at(name)).unwrap().into());
            let fill = |root: &Rootfs, layer: &[u8]| {
                let mut tree = RootfsTarget::new(root, &Silent);
                apply(layer, &mut tree, &layers()).and_then(|_| tree.finish())
            };
            if fill(&open("lower"), &random_layer(&mut random)).is_err() {
                continue;
            }
            let options = "lowerdir=lower,upperdir=upper,workdir=work,index=on,redirect_dir=off,metacopy=off";
            std::env::set_current_dir(&path).unwrap();
            let options = std::ffi::CString::new(options).unwrap();
            mount("x", "merged", "overlay", MountFlags::empty(), &*options).unwrap();
            let merged = open("merged");
            let mut index = Index::new();
            index.settle(merged.dir("").unwrap(), Trust::Contents, &[]).unwrap();
            for _ in 0..3 {
                changed += u32::from(fill(&merged, &random_layer(&mut random)).is_ok());
                let mut whole = index.clone();
                whole.settle(merged.dir("").unwrap(), Trust::Contents, &[]).unwrap();
                index.settle_upper(&merged, open("upper").dir("").unwrap(), Trust::Contents).unwrap();
                assert_eq!(listing(&index), listing(&whole), "seed {seed}");
            }
            std::env::set_current_dir("/").unwrap();
            unmount(at("merged"), UnmountFlags::DETACH).unwrap();
        }
        unmount(temp.path(), UnmountFlags::DETACH).unwrap();
        assert!(changed > 80, "only {changed} of the changes were sound");
    });
}
