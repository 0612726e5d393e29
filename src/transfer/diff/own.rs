//! What the program wrote in a container on its own is no change, while it is as it was written.

use std::path::Path;

use super::change::{Change, Kind};
use crate::guest::written::{
    HOSTS, MINIMAL_HOSTS, PROFILE, PULSE_COPY, RESOLV_CONF, X11_COPY, is_profile, is_resolv_conf,
    without_name,
};
use crate::layer::{Node, hash_of};
use crate::rootfs::{FileType, Follow, Metadata, Rootfs, is_mount_point};

/// Bytes; the files of ours are smaller by far.
const LIMIT: u64 = 4 << 20;

/// Whether a file of ours is there while a session wants it, and else is not.
pub fn comes_and_goes(path: &Path) -> bool {
    [PROFILE, X11_COPY, PULSE_COPY].iter().any(|own| path == Path::new(own))
}

/// Whether the file at `path` of a container is one that the program wrote. `installed`: what was there before.
pub fn is_own(rootfs: &Rootfs, path: &Path, installed: Option<&Node<'_>>) -> bool {
    let Some(path) = path.to_str() else { return false };
    let Some(check) = check(path) else { return false };
    let is_plain = |found: &Metadata| found.file_type == FileType::Regular;
    let Some(found) = rootfs.metadata(path, Follow::No).ok().filter(is_plain) else { return false };
    let Ok(text) = rootfs.read(path, LIMIT) else { return false };
    check(&text, &found, installed)
}

/// Looks at a file's contents, at what the kernel says of it, and at what was installed there.
type Check = fn(&[u8], &Metadata, Option<&Node<'_>>) -> bool;

/// By its path alone: what to look at.
fn check(path: &str) -> Option<Check> {
    match path {
        RESOLV_CONF => Some(|text, found, _| is_roots(found, 0o644) && is_resolv_conf(text)),
        PROFILE => Some(|text, found, _| is_roots(found, 0o644) && is_profile(text)),
        X11_COPY | PULSE_COPY => Some(|_, found, _| found.mode == 0o600),
        HOSTS => Some(|text, found, installed| {
            has_our_name(text, found, installed) || is_minimal(text, found, installed)
        }),
        _ => None,
    }
}

fn is_roots(found: &Metadata, mode: u32) -> bool {
    (found.uid, found.gid, found.mode) == (0, 0, mode)
}

/// Whether it is what stands there where an image has no hosts, and nobody has written it anew.
fn is_minimal(text: &[u8], found: &Metadata, installed: Option<&Node<'_>>) -> bool {
    let untouched = |before: &Node<'_>| before.size == 0 || before.mtime == found.mtime;
    is_roots(found, 0o644) && text == MINIMAL_HOSTS && installed.is_none_or(untouched)
}

/// Whether our line is all that is new.
fn has_our_name(text: &[u8], found: &Metadata, installed: Option<&Node<'_>>) -> bool {
    let Some(before) = installed else { return false };
    let rest = without_name(text);
    let is_before =
        |text: &[u8]| before.size == text.len() as u64 && before.content_hash == Some(hash_of(text));
    let same = is_before(&rest) || rest.strip_suffix(b"\n").is_some_and(is_before);
    let metadata = (found.uid, found.gid, found.mode) == (before.uid, before.gid, before.mode);
    rest.len() < text.len() && same && metadata
}

/// Takes out what was added as a place to mount something on, and holds nothing else. `changes` are in the order of
/// the tree.
pub fn without_mount_points(changes: Vec<Change>, rootfs: &Rootfs) -> Vec<Change> {
    let mut kept: Vec<Change> = Vec::new();
    for change in changes.into_iter().rev() {
        let holds = kept.last().is_some_and(|last| last.path.starts_with(&change.path));
        let is_ours = || rootfs.metadata(&change.path, Follow::No).is_ok_and(|found| is_mount_point(&found));
        if change.kind != Kind::Added || holds || !is_ours() {
            kept.push(change);
        }
    }
    kept.reverse();
    kept
}
