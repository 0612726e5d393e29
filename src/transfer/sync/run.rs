//! What the two paths mean: nothing is ever nested, DEST itself becomes what SRC is.

use std::cell::Cell;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::options::Options;
use super::put::Spot;
use super::syncer::{From, Syncer, Tell};
use super::tree::Tree;
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::report::Report;
use crate::rootfs::{Dir, FileType, Follow, Metadata};
use crate::store::Store;
use crate::transfer::diff::{Change, Kind as What};
use crate::transfer::endpoint::{Endpoint, Place};
use crate::transfer::file::{Owner, is_within};
use crate::transfer::slip;

/// What is to be made equal to what.
#[derive(Debug)]
pub struct Request {
    /// What is read.
    pub source: Endpoint,
    /// What becomes equal to it.
    pub destination: Endpoint,
    /// `USER[:GROUP]` of everything, by the accounts of the destination.
    pub owner: Option<String>,
    /// How.
    pub options: Options,
}

/// How much was changed, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// New in the destination.
    pub added: u64,
    /// Different there.
    pub changed: u64,
    /// Deleted there.
    pub deleted: u64,
}

/// Synchronises. `tell` hears of each change, its path from the top of both sides.
pub fn run(
    store: &Store,
    host: &Host,
    mut request: Request,
    tell: &Tell<'_>,
    report: &dyn Report,
) -> Result<Counts> {
    slip::refuse_missing_colon(store, &[&request.source, &request.destination])?;
    let from = request.source.open(store, "sync")?;
    let to = request.destination.open(store, "sync")?;
    request.options.owner = Owner::wanted(request.owner.as_deref(), host, &to)?;
    if !request.options.dry_run
        && let Some(container) = &to.container
    {
        container.touch()?;
    }
    let counts = Cell::new(Counts::default());
    let counted = |change: &Change| {
        let Counts { added, changed, deleted } = counts.get();
        counts.set(match change.kind {
            What::Added => Counts { added: added + 1, changed, deleted },
            What::Changed => Counts { added, changed: changed + 1, deleted },
            What::Deleted => Counts { added, changed, deleted: deleted + 1 },
        });
        tell(change);
    };
    let (source, destination) = (request.source.to_string(), request.destination.to_string());
    let mut syncer = Syncer::new(&request.options, source.clone(), &counted, report);
    begin(&mut syncer, &from, &to)
        .attempt(format_args!("synchronise '{source}' to '{destination}'"))
        .map_err(|error| slip::explain(store, &[&request.source, &request.destination], error))?;
    syncer.outcome.conclude(&destination)?;
    Ok(counts.get())
}

fn begin(syncer: &mut Syncer<'_>, from: &Place, to: &Place) -> Result<()> {
    match source(from)? {
        Source::Directory(dir) => directory(syncer, dir, to),
        Source::Other(dir, leaf, metadata) => {
            file(syncer, &From { dir: &dir, leaf: &leaf, metadata: &metadata }, to)
        }
    }
}

enum Source {
    Directory(Dir),
    Other(Dir, OsString, Metadata),
}

/// Symbolic links that the kernel follows in one path, path_resolution(7).
const MAX_LINKS: usize = 40;

/// A link that is named stands for what it leads to.
fn source(place: &Place) -> Result<Source> {
    let attempt = "find the source";
    let mut path = place.path.clone();
    let metadata = place.rootfs.metadata(&path, Follow::Yes).attempt(attempt)?;
    if metadata.file_type == FileType::Directory {
        return Ok(Source::Directory(place.rootfs.dir(&path).attempt(attempt)?));
    }
    for _ in 0..MAX_LINKS {
        let (dir, leaf) = place.rootfs.parent(&path).attempt(attempt)?;
        let metadata = dir.metadata(&leaf).attempt(attempt)?;
        if metadata.file_type != FileType::Symlink {
            return Ok(Source::Other(dir, leaf, metadata));
        }
        let target = dir.read_link(&leaf).attempt(attempt)?;
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    Err(Error::io(attempt, io::Error::from_raw_os_error(libc::ELOOP)))
}

/// Whether a path, as it was typed, can only be a directory.
fn names_directory(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    [&b"/"[..], b"/.", b"/.."].iter().any(|end| bytes.ends_with(end))
}

fn file(syncer: &mut Syncer<'_>, from: &From<'_>, to: &Place) -> Result<()> {
    if syncer.options.delete {
        return Err(Error::usage("'-d' is for a directory, and the source is none")
            .hint("leave out '-d', or name the directory that holds the file"));
    }
    let is_directory = || {
        let hint =
            format!("name the file in it: '{}/{}'", to.shown.trim_end_matches('/'), from.leaf.display());
        Error::new(Kind::Exists, "the destination is a directory, and the source is none").hint(hint)
    };
    if names_directory(&to.path) {
        return Err(is_directory());
    }
    let (dir, leaf) = to.rootfs.parent(&to.path).map_err(|error| missing(to, error))?;
    let spot = Spot { dir: &dir, leaf: &leaf, is_new: false };
    if let Some(found) = spot.found()? {
        if found.file_type == FileType::Directory {
            return Err(is_directory());
        }
        if (found.dev, found.inode) == (from.metadata.dev, from.metadata.inode) {
            return Err(Error::new(Kind::Exists, "source and destination are the same file"));
        }
    }
    let synced = syncer.file(from, &spot, Path::new(""));
    syncer.note(synced, Path::new("")).map(drop)
}

fn missing(to: &Place, error: io::Error) -> Error {
    let error_kind = error.kind();
    let error = Error::io(format_args!("find the directory of '{}'", to.shown), error);
    if error_kind == io::ErrorKind::NotFound { error.hint("make the directory first") } else { error }
}

fn directory(syncer: &mut Syncer<'_>, from: Dir, to: &Place) -> Result<()> {
    let found = match to.rootfs.metadata(&to.path, Follow::Yes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(found.attempt("find the destination")?),
    };
    if found.as_ref().is_some_and(|found| found.file_type != FileType::Directory) {
        return Err(Error::new(Kind::Exists, "the destination is there and is no directory")
            .hint("delete it first, or choose another destination"));
    }
    if found.is_none() {
        make(syncer, &from, to)?;
    }
    let dir = match to.rootfs.dir(&to.path) {
        Err(_) if found.is_none() && syncer.options.dry_run => None,
        dir => Some(dir.attempt("open the destination")?),
    };
    if let Some(dir) = &dir {
        if syncer.options.delete {
            refuse_whole_container(to, dir)?;
        }
        refuse_overlap(&from, dir, true)?;
        let top = dir.as_fd().try_clone_to_owned().attempt("open the destination")?;
        syncer.top = Some(Dir::from(top));
    }
    Tree::sync(syncer, from, dir, found.as_ref())
}

/// Makes the destination, and the directories above it: itself only for its owner, until it has what the source has.
fn make(syncer: &Syncer<'_>, from: &Dir, to: &Place) -> Result<()> {
    let attempt = "create the destination";
    if to.rootfs.metadata(&to.path, Follow::No).is_ok() {
        let error = Error::new(Kind::Exists, "the destination is a link that leads nowhere");
        return Err(error.hint("delete the link first"));
    }
    let exists = |path: &&Path| to.rootfs.dir(path).is_ok();
    let above = to.path.ancestors().skip(1).find(exists).unwrap_or(Path::new("/"));
    refuse_overlap(from, &to.rootfs.dir(above).attempt(attempt)?, false)?;
    if syncer.options.dry_run {
        return Ok(());
    }
    to.rootfs.create_dir_all(to.path.parent().unwrap_or(above), 0o755).attempt(attempt)?;
    let (dir, leaf) = to.rootfs.parent(&to.path).attempt(attempt)?;
    dir.create_dir(&leaf, 0o700).attempt(attempt)
}

/// With `-d` at a container's root, whatever the source lacks would go: the guest's system, most likely.
fn refuse_whole_container(to: &Place, dir: &Dir) -> Result<()> {
    let Some(container) = &to.container else { return Ok(()) };
    let root = to.rootfs.dir("").attempt("open the container's root")?;
    if !is_within(&root, dir)? {
        return Ok(());
    }
    let name = container.name();
    Err(Error::usage(format_args!("'-d' would delete all in '{name}' that the source does not have")).hint(
        format_args!(
            "name a directory in it, such as '{name}:/opt/app'; 'clone' and 'restore' make whole containers"
        ),
    ))
}

/// One tree in the other would never end, or delete itself.
fn refuse_overlap(from: &Dir, to: &Dir, both: bool) -> Result<()> {
    if is_within(to, from)? {
        return Err(Error::invalid("the destination is in the source, or is the source"));
    }
    if both && is_within(from, to)? {
        return Err(Error::invalid("the source is in the destination"));
    }
    Ok(())
}
