//! `-` in place of a path: a tar archive on standard input or output, as `docker cp` has it.

use std::io::{BufWriter, IsTerminal, stdin, stdout};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use super::options::Options;
use super::source::{self, Source, Spelling};
use crate::error::{Attempt, Error, Result};
use crate::layer::pack::Writer;
use crate::layer::{Content, Entry, Name, RootfsTarget, Target, apply, send, send_one};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::rootfs::walk::Order;
use crate::store::Store;
use crate::transfer::endpoint::Endpoint;
use crate::transfer::file::Owner;
use crate::transfer::slip;
use crate::transfer::tell::tell;

pub(super) fn run(
    store: &Store,
    sources: &[Endpoint],
    destination: &Endpoint,
    owner: Option<&str>,
    options: &Options,
    report: &dyn Report,
) -> Result<()> {
    if options.remove {
        return Err(Error::usage("'--move' needs a file at both ends, and '-' is a stream"));
    }
    match (sources, destination) {
        ([Endpoint::Stream], Endpoint::Stream) => Err(Error::usage("only one end can be '-'")),
        ([Endpoint::Stream], to) => unpack(store, to, owner, options, report),
        ([from], Endpoint::Stream) => pack(store, from, owner, options, report),
        _ => Err(Error::usage("with '-', there can be one source only")),
    }
}

/// The archive on standard input, compressed or not, into a directory.
fn unpack(
    store: &Store,
    to: &Endpoint,
    owner: Option<&str>,
    options: &Options,
    report: &dyn Report,
) -> Result<()> {
    if stdin().is_terminal() {
        return Err(Error::usage("'-' reads a tar archive from standard input, which is a terminal"));
    }
    let place = to.open(store, "copy")?;
    let owner = owner.map(|spec| Owner::find(&place.rootfs, spec)).transpose()?.unwrap_or_default();
    let unpack = || {
        let dir = place.rootfs.dir(&place.path).attempt(format_args!("open the directory '{to}'"))?;
        place.touch()?;
        // Links in it are followed inside this directory, never out of it.
        let rootfs = Rootfs::new(OwnedFd::from(dir));
        let mut files = RootfsTarget::new(&rootfs, report);
        let mut target = Adapted { target: &mut files, owner, keep_top: !options.archive };
        apply(stdin(), &mut target, &Default::default())?;
        files.finish()
    };
    let unpacked = unpack().attempt("unpack the archive on standard input");
    unpacked.map_err(|error| slip::explain(store, &[to], error))
}

/// A source as an archive on standard output; its name is the first in it.
fn pack(
    store: &Store,
    from: &Endpoint,
    owner: Option<&str>,
    options: &Options,
    report: &dyn Report,
) -> Result<()> {
    if stdout().is_terminal() {
        return Err(Error::usage("'-' writes a tar archive to standard output, which is a terminal")
            .hint("send it to a file or a program: chroot-distro copy NAME:PATH - > FILE"));
    }
    let place = from.open(store, "copy")?;
    let host = Rootfs::new(std::fs::File::open("/").attempt("open '/'")?.into());
    let owner = owner.map(|spec| Owner::find(&host, spec)).transpose()?.unwrap_or_default();
    let spelling = Spelling::of(from.typed());
    let pack = || {
        let mut writer = Writer::new(BufWriter::with_capacity(128 << 10, stdout().lock()));
        let mut target = Adapted { target: &mut writer, owner, keep_top: false };
        let base = spelling.base.clone().unwrap_or_default();
        let sent = match source::find(&place, &spelling, options.follow)? {
            Source::Tree(dir, _) => send(dir, base, Order::Sorted, &mut target, &mut |_| ())?,
            Source::Leaf(dir, leaf, metadata) => {
                send_one(&dir, &leaf, &metadata, &Name::parse(base.as_bytes())?, &mut target)?
            }
        };
        tell(&sent, report);
        if !sent.cut.is_empty() {
            return Err(Error::invalid("the archive does not hold all as it was"));
        }
        let buffer = writer.finish()?;
        buffer.into_inner().map(drop).map_err(|error| Error::io("write the archive", error.into_error()))
    };
    pack().attempt(format_args!("copy '{from}'")).map_err(|error| slip::explain(store, &[from], error))
}

/// A target that gets entries with another owner, and perhaps not the one of the top directory.
struct Adapted<'a> {
    target: &'a mut dyn Target,
    owner: Owner,
    keep_top: bool,
}

impl Target for Adapted<'_> {
    fn begin(&mut self) -> Result<()> {
        self.target.begin()
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        if self.keep_top && entry.name.is_root() {
            return Ok(());
        }
        if !self.owner.is_set() {
            return self.target.put(entry, content);
        }
        let (uid, gid) = (self.owner.uid.unwrap_or(entry.uid), self.owner.gid.unwrap_or(entry.gid));
        self.target.put(&entry.clone().owner(uid, gid), content)
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        self.target.hide(name)
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        self.target.hide_children(name)
    }

    fn end(&mut self) -> Result<()> {
        self.target.end()
    }
}
