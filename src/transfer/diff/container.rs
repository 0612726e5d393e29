//! The trees of containers, and what differs from one to the other.

use std::io;
use std::path::Path;

use super::baseline::Baseline;
use super::change::{Change, Kind};
use super::compare::{Contents, Rules, compare};
use super::own::{comes_and_goes, is_own, without_mount_points};
use crate::error::{Attempt, Error, Kind as ErrorKind, Result};
use crate::layer::{Index, Node, Trust, content_hash};
use crate::report::Report;
use crate::rootfs::{Dir, Rootfs};
use crate::store::{Container, Store};

/// What a session mounts on these is not the container's.
const EXCLUDED: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

/// What has changed in `container` since it was installed, sorted by path. The container may be running.
pub fn since_install(store: &Store, container: &Container, report: &dyn Report) -> Result<Vec<Change>> {
    let _lock = container.lock_shared("diff")?;
    Ok(Since::install(store, container, report)?.changes)
}

/// A container before and now.
pub(super) struct Since {
    pub(super) before: Index,
    pub(super) now: Side,
    pub(super) changes: Vec<Change>,
}

impl Since {
    /// Since it was installed. Its lock is held.
    pub(super) fn install(store: &Store, container: &Container, report: &dyn Report) -> Result<Since> {
        let Baseline { index: before, rebuilt } = Baseline::of(store, container, report)?;
        let now = Side::of(container, before.clone(), report)?;
        let changes = differences(&before, &now, rebuilt)?;
        Ok(Since { before, now, changes })
    }
}

fn differences(before: &Index, now: &Side, rebuilt: bool) -> Result<Vec<Change>> {
    let rules = Rules { lenient: rebuilt };
    let changes =
        compare(before, &now.index, rules, &EXCLUDED, &Live(None, now), &mut |change, installed| {
            !may_be_own(change) || !is_own(&now.rootfs, &change.path, installed.as_ref())
        })?;
    Ok(sorted(without_mount_points(changes, &now.rootfs)))
}

/// What is different in `other`, seen from `one`, sorted by path.
pub fn between(one: &Container, other: &Container, report: &dyn Report) -> Result<Vec<Change>> {
    let _locks = (one.lock_shared("diff")?, other.lock_shared("diff")?);
    let side = |container| {
        let index = Baseline::written(container)?.unwrap_or_default();
        let before = index.clone();
        Ok::<_, Error>((before, Side::of(container, index, report)?))
    };
    let ((before_one, one), (before_other, other)) = (side(one)?, side(other)?);
    let contents = Live(Some(&one), &other);
    let changes =
        compare(&one.index, &other.index, Rules::default(), &EXCLUDED, &contents, &mut |change, _| {
            let own = |side: &Side, before: &Index| {
                is_own(&side.rootfs, &change.path, before.get(&change.path).as_ref())
            };
            match change.kind {
                Kind::Added => !(comes_and_goes(&change.path) && own(&other, &before_other)),
                Kind::Deleted => !(comes_and_goes(&change.path) && own(&one, &before_one)),
                // Of a root that no layer names, the time is that of its installation.
                Kind::Changed if change.path == Path::new("/") => change.what != ["time"],
                Kind::Changed => !(own(&one, &before_one) && own(&other, &before_other)),
            }
        })?;
    Ok(sorted(without_mount_points(changes, &other.rootfs)))
}

/// What the program writes, it writes anew: a file with other contents, and nothing else on it.
fn may_be_own(change: &Change) -> bool {
    let has = |word| change.what.contains(&word);
    match change.kind {
        Kind::Added => true,
        Kind::Changed => (has("contents") || has("type")) && !has("xattrs") && !has("hard links"),
        Kind::Deleted => false,
    }
}

fn sorted(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
    changes
}

/// A container's tree as it is now.
pub(super) struct Side {
    pub(super) index: Index,
    pub(super) rootfs: Rootfs,
}

impl Side {
    /// `index`: what is known of it.
    pub(super) fn of(container: &Container, mut index: Index, report: &dyn Report) -> Result<Side> {
        let rootfs = container.rootfs()?;
        let attempt = format_args!("compare container '{}'", container.name());
        let root = rootfs.dir("").attempt(attempt)?;
        let mounted = index.settle(root, Trust::Stamps, &EXCLUDED).attempt(attempt)?;
        for place in mounted {
            report.warn(&format!(
                "something is mounted on '{}' in '{}': what is there is left out",
                place.display(),
                container.name()
            ));
        }
        Ok(Side { index, rootfs })
    }
}

/// Reads what no index knows: of the old tree, if that is on disk too, and of the new one.
struct Live<'a>(Option<&'a Side>, &'a Side);

impl Contents for Live<'_> {
    fn hash(&self, new: bool, path: &Path, node: &Node<'_>) -> Result<Option<u64>> {
        let Some(side) = (if new { Some(self.1) } else { self.0 }) else { return Ok(None) };
        let read = || {
            let (dir, leaf) = parent(&side.rootfs, path).attempt("find it")?;
            content_hash(&dir, &leaf, node.size)
        };
        match read() {
            // Gone meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            hash => hash.attempt(format_args!("read '{}'", path.display())),
        }
    }
}

/// The directory that holds a file and its name there, also where the path is longer than one system call takes.
fn parent(rootfs: &Rootfs, path: &Path) -> io::Result<(Dir, std::ffi::OsString)> {
    let Some((above, leaf)) = path.parent().zip(path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    Ok((rootfs.dir_at_any_depth(above)?, leaf.to_owned()))
}
