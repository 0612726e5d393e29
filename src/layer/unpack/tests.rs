use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::layer::tests::*;
use crate::layer::{Entry, EntryKind, FileContent, Index, NoContent, RootfsTarget, Target, apply};
use crate::report::Silent;
use crate::rootfs::{Dir, Rootfs};
use crate::testing::{TempDir, needs_root};

fn installed(layers: &[Vec<u8>]) -> TempDir {
    let root = TempDir::new();
    install(&root, layers).unwrap();
    root
}

#[test]
fn nothing_undoes_what_an_entry_says() {
    needs_root!();
    let capability = hex(b"0100000200200000000000000000000000000000");
    let mut read_only = directory("ro").0.mode(0o555).mtime(1_600_000_000, 5);
    read_only.gid = 50;
    let root = installed(&[tar([
        (read_only, &b""[..]),
        (file("ro/suid", b"").0.mode(0o6755).owner(1000, 1000), b""),
        (file("ro/ping", b"x").0.mode(0o755).owner(5, 6).xattr("security.capability", &capability[..]), b"x"),
        (directory("ro/sticky").0.mode(0o1777), b""),
        (symlink("ro/link", "nowhere").0.owner(1234, 5).mtime(-86400, 250_000_000), b""),
        (Entry::new("ro/fifo", EntryKind::Fifo).unwrap().mode(0o622), b""),
        (Entry::new("ro/null", EntryKind::Character(1, 3)).unwrap().mode(0o666), b""),
    ])]);
    let at = |name: &str| root.path().join(name);
    let stat = |name: &str| fs::symlink_metadata(at(name)).unwrap();
    assert_eq!((stat("ro").mode() & 0o7777, stat("ro").gid()), (0o555, 50));
    assert_eq!((stat("ro").mtime(), stat("ro").mtime_nsec()), (1_600_000_000, 5));
    assert_eq!((stat("ro/suid").mode() & 0o7777, stat("ro/suid").uid()), (0o6755, 1000));
    assert_eq!(stat("ro/sticky").mode() & 0o7777, 0o1777);
    assert_eq!((stat("ro/link").uid(), stat("ro/link").mtime()), (1234, -86400));
    assert_eq!(stat("ro/link").mtime_nsec(), 250_000_000);
    assert!(stat("ro/fifo").file_type().is_fifo());
    assert_eq!((stat("ro/null").rdev(), stat("ro/null").mode() & 0o777), (rustix::fs::makedev(1, 3), 0o666));
    let mut value = [0; 64];
    let length = rustix::fs::getxattr(at("ro/ping"), "security.capability", &mut value[..]).unwrap();
    assert_eq!(value[..length], capability[..]);
}

fn hex(text: &[u8]) -> Vec<u8> {
    text.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_directory_keeps_the_time_that_a_layer_gave_it_last() {
    needs_root!();
    let root = installed(&[
        tar([
            (directory("d").0.mtime(1000, 0), &b""[..]),
            (directory("e").0.mtime(2000, 0), b""),
            file("d/x", b""),
        ]),
        tar([
            file("d/y", b"y"),
            file("d/.wh.x", b""),
            (directory("e").0.mtime(3000, 0), b""),
            file("e/z", b""),
        ]),
    ]);
    let mtime = |name: &str| fs::metadata(root.path().join(name)).unwrap().mtime();
    assert_eq!((mtime("d"), mtime("e")), (1000, 3000));
    assert!(!root.path().join("d/x").exists());
}

#[test]
fn attributes_of_lower_layers_do_not_shine_through() {
    needs_root!();
    let root = TempDir::new();
    if rustix::fs::setxattr(root.path(), "user.x", b"", rustix::fs::XattrFlags::empty()).is_err() {
        eprintln!("skipped: no user attributes on this filesystem");
        return;
    }
    let directory = || directory("d").0;
    let [lower, upper] =
        ["user.lower", "user.upper"].map(|key| tar([(directory().xattr(key, *b"1"), &b""[..])]));
    install(&root, &[lower, upper]).unwrap();
    let mut names = [0; 256];
    let length = rustix::fs::listxattr(root.path().join("d"), &mut names[..]).unwrap();
    assert_eq!(names[..length].split(|&byte| byte == 0).filter(|name| name.starts_with(b"user.")).count(), 1);
    assert!(names[..length].starts_with(b"user.upper\0"));
}

#[test]
fn links_lead_nowhere_but_inside() {
    needs_root!();
    let outside = TempDir::new();
    fs::write(outside.path().join("victim"), "intact").unwrap();
    let out = outside.path().to_str().unwrap();
    let climb = format!("{}{out}", "../".repeat(20));
    for target in [out, &climb] {
        let root = installed(&[
            tar([
                symlink("evil", target),
                file("evil/pwned", b"x"),
                symlink("f", &format!("{target}/victim")),
                file("f", b"x"),
            ]),
            tar([
                file("evil/.wh.victim", b""),
                file("evil/.wh..wh..opq", b""),
                symlink("d", target),
                directory("d"),
            ]),
        ]);
        assert!(root.path().join("d").symlink_metadata().unwrap().is_dir());
        let inside = root.path().join(out.trim_start_matches('/')).join("pwned");
        assert!(!inside.exists(), "the opaque marker removes what a lower layer put there");
        let leak = tar([hard_link("leak", &format!("{out}/victim"))]);
        let error = install(&root, &[leak]).unwrap_err().to_string();
        assert!(error.starts_with("entry 'leak': is a hard link to"), "{error}");
    }
    let names: Vec<_> =
        fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["victim"]);
    assert_eq!(fs::read_to_string(outside.path().join("victim")).unwrap(), "intact");
}

#[test]
fn runs_of_zeros_and_sparse_files_take_no_space() {
    static ZEROS: [u8; 4 << 20] = [0; 4 << 20];
    needs_root!();
    let root = installed(&[tar([file("zeros", &ZEROS), file("small", &ZEROS[..1000])])]);
    let zeros = fs::metadata(root.path().join("zeros")).unwrap();
    assert_eq!(zeros.len(), 4 << 20);
    assert!(zeros.blocks() * 512 < 1 << 20, "{} blocks", zeros.blocks());
    assert_eq!(fs::read(root.path().join("small")).unwrap(), ZEROS[..1000]);
}

#[test]
fn a_failure_of_the_pool_names_its_own_entry() {
    needs_root!();
    let long = "n".repeat(256);
    let error = install(&TempDir::new(), &[tar([file(&long, b"x"), file("innocent", b"y")])]).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("entry 'nnn") && error.ends_with("cannot create it: File name too long"),
        "{error}"
    );
    assert_eq!(error.matches("entry").count(), 1, "{error}");
}

#[test]
fn packing_and_applying_are_inverse() {
    needs_root!();
    let mut entries = vec![
        (directory(".").0.mode(0o750).owner(3, 4).mtime(77, 0), &b""[..]),
        (file("latin", b"1").0.owner(3_000_000, 4_000_000).mtime(-1, 999_999_999), b"1"),
        (directory("a").0.mtime(5_000_000_000, 123_456_789), b""),
        (file("a/b", b"shared").0.mode(0o4711), b"shared"),
        hard_link("a/c", "a/b"),
        symlink("a/to", "../elsewhere"),
        hard_link("a/too", "a/to"),
        (Entry::new("a/fifo", EntryKind::Fifo).unwrap(), b""),
        (Entry::new("a/block", EntryKind::Block(7, 200)).unwrap(), b""),
        file(&format!("{}/{}", "d".repeat(200), "e".repeat(200)), b"deep"),
    ];
    entries.push((Entry::new(std::ffi::OsStr::new("caf\u{e9}"), EntryKind::File { size: 0 }).unwrap(), b""));
    let layer = tar(entries);
    let first = installed(std::slice::from_ref(&layer));
    let bytes = packed(&first);
    let second = installed(std::slice::from_ref(&bytes));
    assert_eq!(packed(&second), bytes);
    let of_layer = index(&[layer]).unwrap();
    assert_eq!(listing(&index(&[bytes]).unwrap()), listing(&of_layer));
}

/// Layers of a few names that meet in every way: directories, files, links through and to each other, whiteouts.
fn random_layer(random: &mut Random) -> Vec<u8> {
    let leaf = ["a", "b", "c"];
    let path = |random: &mut Random| {
        let depth = 1 + random.below(3);
        (0..depth).map(|_| random.of(&leaf)).collect::<Vec<_>>().join("/")
    };
    let mut entries = vec![directory(".")];
    let mut files: Vec<String> = Vec::new();
    for _ in 0..1 + random.below(12) {
        let name = path(random);
        let other = path(random);
        let (parent, last) = name.rsplit_once('/').map_or(("", &name[..]), |(parent, last)| (parent, last));
        let (mut entry, content) = match random.below(16) {
            0..4 => directory(&name),
            4..8 => {
                files.push(name.clone());
                file(&name, b"content")
            }
            8 => symlink(&name, &format!("/{other}")),
            9 => symlink(&name, &format!("../{other}")),
            10 => symlink(&name, &other),
            11 | 12 if !files.is_empty() => hard_link(&name, &files[files.len() - 1]),
            13 | 14 => file(&format!("{parent}/.wh.{last}"), b""),
            _ => file(&format!("{parent}/.wh..wh..opq"), b""),
        };
        entry.mtime.seconds = random.below(1000) as i64;
        entry.uid = random.below(3) as u32;
        entries.push((entry, content));
    }
    tar(entries)
}

/// What made room for `d/a` went with `d`: were the later file first, the earlier one had nowhere to go.
#[test]
fn files_make_room_in_the_archives_order() {
    needs_root!();
    let names: Vec<String> = (0..300).map(|number| format!("d{number}")).collect();
    let lower = tar([directory(".")]
        .into_iter()
        .chain(names.iter().flat_map(|name| [directory(name), directory(&format!("{name}/a"))])));
    let upper = tar(names.iter().flat_map(|name| [file(&format!("{name}/a"), b"x"), file(name, b"x")]));
    for _ in 0..5 {
        let root = TempDir::new();
        install(&root, &[lower.clone(), upper.clone()]).unwrap();
        let mut found = Index::new();
        apply(&packed(&root)[..], &mut found, &Default::default()).unwrap();
        assert_eq!(listing(&found), listing(&index(&[lower.clone(), upper.clone()]).unwrap()));
    }
}

#[test]
fn rootfs_and_index_agree() {
    needs_root!();
    let mut complete = 0;
    for seed in 0..400 {
        let mut random = Random(seed);
        let layers: Vec<_> = (0..3).map(|_| random_layer(&mut random)).collect();
        let root = TempDir::new();
        match (install(&root, &layers), index(&layers)) {
            (Ok(()), Ok(index)) => {
                let mut found = Index::new();
                apply(&packed(&root)[..], &mut found, &Default::default()).unwrap();
                assert_eq!(listing(&found), listing(&index), "seed {seed}");
                complete += 1;
            }
            (Err(_), Err(_)) => {}
            (disk, memory) => panic!("seed {seed}: on disk {disk:?}, in memory {:?}", memory.map(|_| ())),
        }
    }
    assert!(complete > 100, "only {complete} of the layers were sound");
}

/// A tree that is sent from directory to directory, not through an archive.
#[test]
fn contents_may_come_from_files() {
    needs_root!();
    let source = TempDir::new();
    let large: Vec<u8> = (0..300_000).map(|at| (at / 7) as u8).collect();
    fs::write(source.path().join("small"), b"small").unwrap();
    fs::write(source.path().join("large"), &large).unwrap();
    let sparse = fs::File::create_new(source.path().join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 10 << 20).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let (from, root) = (Dir::from(source.open()), TempDir::new());
    let rootfs = Rootfs::new(root.open());
    let mut target = RootfsTarget::new(&rootfs, &Silent);
    target.begin().unwrap();
    for name in ["small", "large", "sparse"] {
        let file = from.open(OsStr::new(name)).unwrap();
        let size = file.metadata().unwrap().len();
        let entry = Entry::new(format!("d/{name}"), EntryKind::File { size }).unwrap();
        target.put(&entry, &mut FileContent::new(file, size)).unwrap();
        let link = hard_link(&format!("{name}.link"), &format!("d/{name}")).0;
        target.put(&link, &mut NoContent).unwrap();
    }
    target.end().unwrap();
    target.finish().unwrap();
    let at = |name: &str| root.path().join(name);
    assert_eq!(fs::read(at("d/small")).unwrap(), b"small");
    assert!(fs::read(at("d/large")).unwrap() == large);
    let sparse = fs::metadata(at("d/sparse")).unwrap();
    assert!(sparse.len() == 1 << 40 && sparse.blocks() * 512 < 1 << 20, "{} blocks", sparse.blocks());
    let mut middle = [0; 6];
    let file = fs::File::open(at("d/sparse")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut middle, 10 << 20).unwrap();
    assert_eq!(&middle, b"middle");
    for name in ["small", "large", "sparse"] {
        let inode = |name: &str| fs::metadata(at(name)).unwrap().ino();
        assert_eq!(inode(&format!("d/{name}")), inode(&format!("{name}.link")));
    }
}

/// Refused by the name alone: nothing is made, and nothing of its size is kept.
#[test]
fn a_name_of_a_million_levels_is_refused() {
    for levels in [500_000, 1_000_000] {
        let name = b"d/".repeat(levels);
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(::tar::EntryType::GNULongName);
        header.set_size(name.len() as u64);
        header.set_cksum();
        let mut layer = [header.as_bytes(), &name[..]].concat();
        layer.resize(layer.len().next_multiple_of(512), 0);
        layer.extend(tar([file("d", b"")]));
        let root = TempDir::new();
        let error = install(&root, &[layer]).unwrap_err().to_string();
        assert!(error.len() < 500, "{error}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "{error}");
    }
}
