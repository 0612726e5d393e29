use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::layer::tests::*;
use crate::testing::{TempDir, needs_root};

/// A tree of a layer, and its index.
fn made() -> (TempDir, Index) {
    let layer = tar([
        directory("d"),
        file("d/a", b"12345"),
        hard_link("d/b", "d/a"),
        file("d/c", b"abcde"),
        symlink("l", "d"),
        file("x", b"plain"),
    ]);
    let tree = TempDir::new();
    install(&tree, std::slice::from_ref(&layer)).unwrap();
    (tree, index(&[layer]).unwrap())
}

fn settle(index: &mut Index, tree: &TempDir, trust: Trust) -> String {
    let before = index.clone();
    assert_eq!(index.settle(tree.open().into(), trust, &["skipped"]).unwrap(), [] as [PathBuf; 0]);
    let mut told = Vec::new();
    crate::layer::pairs(&before, index, &mut |path, old, new| {
        let same = old.map(|node| (node.content_hash, node.mode, node.mtime))
            == new.map(|node| (node.content_hash, node.mode, node.mtime));
        if !same && !path.is_empty() {
            told.push(path.to_str().unwrap().to_owned());
        }
        Ok(())
    })
    .unwrap();
    told.join(" ")
}

/// Makes change times old enough to be worth a stamp, as those of an installation are by the time of its end.
fn wait() {
    std::thread::sleep(std::time::Duration::from_millis(60));
}

#[test]
fn what_agrees_stays_and_has_a_stamp_that_survives() {
    needs_root!();
    let (tree, mut index) = made();
    wait();
    assert_eq!(settle(&mut index, &tree, Trust::Metadata), "");
    let mut again = Index::from_bytes(&index.to_bytes()).unwrap();
    assert_eq!(again.to_bytes(), index.to_bytes());
    assert_eq!(settle(&mut again, &tree, Trust::Stamps), "");
    assert_eq!(listing(&again), listing(&index));
    let cut = index.to_bytes();
    assert!(Index::from_bytes(&cut[..cut.len() - 8]).is_err());
}

#[test]
fn a_change_that_keeps_size_and_time_is_found_by_its_stamp_alone() {
    needs_root!();
    let (tree, mut index) = made();
    wait();
    settle(&mut index, &tree, Trust::Metadata);
    let path = tree.path().join("x");
    let time = path.metadata().unwrap().modified().unwrap();
    fs::write(&path, "other").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(settle(&mut index.clone(), &tree, Trust::Metadata), "");
    assert_eq!(settle(&mut index, &tree, Trust::Stamps), "x");
}

#[test]
fn what_changed_is_described_anew_and_what_is_gone_goes() {
    needs_root!();
    let (tree, mut index) = made();
    wait();
    settle(&mut index, &tree, Trust::Metadata);
    let at = |path: &str| tree.path().join(path);
    fs::remove_file(at("l")).unwrap();
    fs::remove_file(at("d/b")).unwrap();
    fs::write(at("d/b"), "12345").unwrap();
    fs::write(at("d/c"), "longer than before").unwrap();
    fs::set_permissions(at("x"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir_all(at("new/skipped")).unwrap();
    fs::write(at("new/f"), "added").unwrap();
    fs::create_dir(at("skipped")).unwrap();
    fs::write(at("skipped/f"), "").unwrap();
    std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let told = settle(&mut index, &tree, Trust::Stamps);
    assert_eq!(told, "d d/b d/c l new new/f new/skipped socket x");
    let node = |path: &str| index.get(path).unwrap();
    assert_eq!((node("d/a").hard_link, node("d/b").hard_link), (None, None));
    assert!(node("d/b").content_hash.is_some(), "one of the same size is compared");
    assert_eq!((node("d/c").content_hash, node("d/c").size), (None, 18), "one of another size is not read");
    assert_eq!(node("new/f").content_hash, None, "a new one is not read");
    assert_eq!(node("socket").file_type, FileType::Socket);
    assert_eq!(node("x").mode, 0o600);
    assert!(index.get("skipped").is_none() && index.get("l").is_none());
}

#[test]
fn names_of_one_file_are_found_whatever_the_index_knew() {
    needs_root!();
    let (tree, _) = made();
    let mut index = Index::new();
    settle(&mut index, &tree, Trust::Metadata);
    let node = |path: &str| index.get(path).unwrap();
    assert!(node("d/a").hard_link.is_some());
    assert_eq!(node("d/a").hard_link, node("d/b").hard_link);
    assert_eq!(tree.path().join("d/a").metadata().unwrap().nlink(), 2);
    assert_eq!(node("l").link, Some("d".as_ref()));
}
