use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Command;

use super::*;
use crate::layer::tests::*;
use crate::layer::{Index, Options, RootfsTarget, apply};
use crate::report::Silent;
use crate::rootfs::Rootfs;
use crate::testing::{TempDir, in_mount_namespace, needs_root};

/// Sends a tree from one root to another.
fn send_to(from: &TempDir, to: &TempDir) -> Result<()> {
    let rootfs = Rootfs::new(to.open());
    let mut target = RootfsTarget::new(&rootfs, &Silent);
    target.begin()?;
    send(Dir::from(from.open()), "", Order::Sorted, &mut target, &mut |_| ())?;
    target.end()?;
    target.finish()
}

#[test]
fn a_tree_is_the_same_in_another_root() {
    needs_root!();
    let (from, to) = (TempDir::new(), TempDir::new());
    let at = |path: &str| from.path().join(path);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::write(at("a/first"), "shared").unwrap();
    fs::hard_link(at("a/first"), at("a/b/second")).unwrap();
    fs::write(at(".wh.ordinary"), "").unwrap();
    std::os::unix::fs::symlink("/etc", at("a/link")).unwrap();
    std::os::unix::net::UnixListener::bind(at("a/socket")).unwrap();
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.write_all_at(b"end", 1 << 30).unwrap();
    Dir::from(from.open()).set_xattr("sparse".as_ref(), "trusted.t".as_ref(), b"1").unwrap();
    send_to(&from, &to).unwrap();
    let found = |path: &str| to.path().join(path).symlink_metadata().unwrap();
    assert_eq!(found("a/first").ino(), found("a/b/second").ino());
    assert_eq!(found("sparse").len(), (1 << 30) + 3);
    assert!(found("sparse").blocks() * 512 < 1 << 20, "{} blocks", found("sparse").blocks());
    fs::remove_file(at("sparse")).unwrap();
    let xattrs = Dir::from(to.open()).xattrs("sparse".as_ref()).unwrap();
    assert_eq!(xattrs, [("trusted.t".into(), b"1".to_vec())]);
    fs::remove_file(to.path().join("sparse")).unwrap();
    for root in [&from, &to] {
        fs::File::open(root.path()).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    assert!(packed(&from) == packed(&to));
    assert!(!to.path().join("a/socket").exists());
}

#[test]
fn of_a_mount_only_the_place_is_sent() {
    in_mount_namespace(|| {
        let (from, outside, to) = (TempDir::new(), TempDir::new(), TempDir::new());
        fs::write(outside.path().join("canary"), "").unwrap();
        let bound = from.path().join("bound");
        fs::create_dir(&bound).unwrap();
        rustix::mount::mount_bind(outside.path(), &bound).unwrap();
        send_to(&from, &to).unwrap();
        rustix::mount::unmount(&bound, rustix::mount::UnmountFlags::DETACH).unwrap();
        assert_eq!(fs::read_dir(to.path().join("bound")).unwrap().count(), 0);
    });
}

/// More than a path may have bytes.
const LEVELS: u32 = 5000;

/// In a process of its own, which may have only 128 descriptors.
#[test]
fn a_deep_tree_needs_few_descriptors() {
    const INNER: &str = "CD_TEST_FEW_DESCRIPTORS";
    needs_root!();
    if std::env::var_os(INNER).is_some() {
        return deep();
    }
    let test = "layer::send::tests::a_deep_tree_needs_few_descriptors";
    let limited = Command::new("sh")
        .args(["-c", "ulimit -n 128 && exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INNER, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&limited.stdout);
    assert!(limited.status.success() && output.contains("1 passed"), "{output}");
}

fn deep() {
    let from = TempDir::new();
    let mut dir = Dir::from(from.open());
    for level in 0..LEVELS {
        if level % 100 == 0 {
            dir.create_file("a".as_ref(), 0o644).unwrap();
        }
        dir.create_dir("d".as_ref(), 0o755).unwrap();
        dir = dir.dir("d".as_ref()).unwrap();
    }
    drop(dir);
    let usage = |root: &TempDir| Rootfs::new(root.open()).disk_usage().unwrap();
    let archive = packed(&from);
    let mut index = Index::new();
    apply(&archive[..], &mut index, &Options::default()).unwrap();
    let bytes = index.to_bytes();
    assert!(Index::from_bytes(&bytes).unwrap().to_bytes() == bytes);
    let to = TempDir::new();
    send_to(&from, &to).unwrap();
    assert_eq!(usage(&to), usage(&from));
    assert!(packed(&to) == archive);
    Dir::from(to.open()).remove_all("d".as_ref(), &mut |_| {}).unwrap();
}
