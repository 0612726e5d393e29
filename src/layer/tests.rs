//! What this block's tests share: layers made in code, applied and compared.

use super::*;
use crate::error::Result;
use crate::report::Silent;
use crate::rootfs::walk::Order;
use crate::rootfs::{Dir, Rootfs};
use crate::testing::TempDir;

/// A tar archive of these entries, each with its contents.
pub(super) fn tar(entries: impl IntoIterator<Item = (Entry, &'static [u8])>) -> Vec<u8> {
    let mut writer = pack::Writer::new(Vec::new());
    for (entry, content) in entries {
        writer.append(&entry, content).unwrap();
    }
    writer.finish().unwrap()
}

pub(super) fn directory(name: &str) -> (Entry, &'static [u8]) {
    (Entry::new(name, EntryKind::Directory).unwrap(), b"")
}

pub(super) fn file(name: &str, content: &'static [u8]) -> (Entry, &'static [u8]) {
    (Entry::new(name, EntryKind::File { size: content.len() as u64 }).unwrap(), content)
}

pub(super) fn symlink(name: &str, to: &str) -> (Entry, &'static [u8]) {
    (Entry::new(name, EntryKind::Symlink(to.into())).unwrap(), b"")
}

pub(super) fn hard_link(name: &str, to: &str) -> (Entry, &'static [u8]) {
    let to = Name::parse(to.as_bytes()).unwrap();
    (Entry::new(name, EntryKind::HardLink(to)).unwrap(), b"")
}

pub(super) fn layers() -> Options {
    Options { whiteouts: true, ..Options::default() }
}

/// Applies layers to a root, as an installation does.
pub(super) fn install(root: &TempDir, layers: &[Vec<u8>]) -> Result<()> {
    let rootfs = Rootfs::new(root.open());
    let mut target = RootfsTarget::new(&rootfs, &Silent);
    for layer in layers {
        apply(&layer[..], &mut target, &self::layers())?;
    }
    target.finish()
}

/// What the layers make, in memory.
pub(super) fn index(layers: &[Vec<u8>]) -> Result<Index> {
    let mut index = Index::new();
    for layer in layers {
        apply(&layer[..], &mut index, &self::layers())?;
    }
    Ok(index)
}

/// What stands in a root, packed.
pub(super) fn packed(root: &TempDir) -> Vec<u8> {
    let mut writer = pack::Writer::new(Vec::new());
    send(Dir::from(root.open()), "", Order::Sorted, &mut writer, &mut |_| ()).unwrap();
    writer.finish().unwrap()
}

/// One line a path: type, mode, owner, size, time, link, hashes.
pub(super) fn listing(index: &Index) -> String {
    let mut lines = String::new();
    index.for_each(&mut |path, node| {
        let Node {
            file_type, mode, uid, gid, mtime, size, link, hard_link, content_hash, xattr_hash, ..
        } = node;
        let (seconds, link) = (mtime.seconds, link.unwrap_or_default());
        let shared = if hard_link.is_some() { " shared" } else { "" };
        lines += &format!("{path:?} {file_type:?} {mode:o} {uid}:{gid} {size} {seconds} {link:?}{shared}");
        lines += &format!(" {content_hash:?} {xattr_hash:?}\n");
    });
    lines
}

/// Numbers that are the same in every run of a seed (Knuth's MMIX generator).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
