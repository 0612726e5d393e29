//! The sources, one by one, to where they go.

use std::ffi::OsStr;
use std::path::Path;
use std::rc::Rc;

use super::copier::{Copier, Original};
use super::destination::{self, Goal};
use super::options::Options;
use super::put::{Spot, State};
use super::source::{self, Source, Spelling};
use super::{removal, stream, tree};
use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::report::Report;
use crate::rootfs::{Dir, mounts};
use crate::store::Store;
use crate::transfer::endpoint::{Endpoint, Place};
use crate::transfer::file::Owner;
use crate::transfer::slip;

/// What is to be copied where.
#[derive(Debug)]
pub struct Request {
    /// At least one.
    pub sources: Vec<Endpoint>,
    /// Where to.
    pub destination: Endpoint,
    /// `USER`, `USER:GROUP` or `:GROUP`, of the destination's side.
    pub owner: Option<String>,
    /// How. Its owner is found from the one above.
    pub options: Options,
}

/// Copies. One source that fails keeps no other from being copied; the first failure is the error.
pub fn run(store: &Store, host: &Host, request: Request, report: &dyn Report) -> Result<()> {
    let Request { sources, destination, owner, mut options } = request;
    if destination == Endpoint::Stream || sources.contains(&Endpoint::Stream) {
        return stream::run(store, &sources, &destination, owner.as_deref(), &options, report);
    }
    let named: Vec<&Endpoint> = sources.iter().chain([&destination]).collect();
    slip::refuse_missing_colon(store, &named)?;
    let to = destination.open(store, "copy")?;
    options.owner = Owner::wanted(owner.as_deref(), host, &to)?;
    options.recursive |= options.archive;
    // What is moved shall be whole at the other end.
    options.archive |= options.remove;
    let into = destination::directory(&to).attempt(format_args!("copy to '{destination}'"))?;
    if sources.len() > 1 && into.is_none() {
        return Err(Error::not_found(format_args!("'{destination}' is no directory"))
            .hint("several sources need a directory that is there"));
    }
    to.touch()?;
    let mut copier = Copier::new(&options, report);
    let spelling = Spelling::of(destination.typed());
    let mut run = Run { store, to: &to, typed: &destination, spelling, into, made: Vec::new() };
    for source in &sources {
        let copied = run.source(source, &mut copier).attempt(format_args!("copy '{source}'"));
        let copied = copied.map_err(|error| slip::explain(store, &[source, &destination], error));
        copier.outcome.note(copied)?;
    }
    copier.outcome.conclude(&destination)
}

struct Run<'a> {
    store: &'a Store,
    to: &'a Place,
    typed: &'a Endpoint,
    spelling: Spelling,
    /// The destination, where it is a directory that is there.
    into: Option<Rc<Dir>>,
    /// The names that were made in it.
    made: Vec<std::ffi::OsString>,
}

impl Run<'_> {
    fn source(&mut self, typed: &Endpoint, copier: &mut Copier<'_, '_>) -> Result<()> {
        let from = typed.open(self.store, "copy")?;
        let spelling = Spelling::of(typed.typed());
        let options = copier.options;
        let found = source::find(&from, &spelling, options.follow)?;
        let is_tree = matches!(found, Source::Tree(..));
        if is_tree && !options.recursive {
            return Err(Error::invalid("it is a directory").hint("'-r' copies directories with all in them"));
        }
        let goal = destination::goal(self.to, self.into.as_ref(), &found, &spelling, &self.spelling)?;
        goal.refuse_itself(&found)?;
        self.refuse_made(&goal, is_tree)?;
        copier.names = (shown(typed), self.shown(&goal));
        if options.remove {
            removal::refuse_unnamed(&spelling)?;
            from.touch()?;
            if !options.owner.is_set() && removal::rename(&from, &found, &goal) {
                copier.tell(Path::new(""));
                return Ok(());
            }
        }
        let (missing, mounted) = (copier.outcome.missing, copier.outcome.mounts());
        if let Source::Tree(dir, _) = &found {
            look_for_mounts(&from, dir, copier);
        }
        copy(copier, &found, &goal)?;
        if !options.remove {
            return Ok(());
        }
        if (copier.outcome.missing, copier.outcome.mounts()) != (missing, mounted) {
            return Err(Error::invalid("it was not copied as a whole, so it is not deleted"));
        }
        removal::remove(&from, &found)
    }

    /// Two sources of one name: the second would replace the first, and one of them would be lost.
    fn refuse_made(&mut self, goal: &Goal, is_tree: bool) -> Result<()> {
        let Goal::At(_, leaf) = goal else { return Ok(()) };
        if !is_tree && self.into.is_some() && self.made.contains(leaf) {
            return Err(Error::invalid(format_args!("another source became '{}' just now", leaf.display())));
        }
        self.made.push(leaf.clone());
        Ok(())
    }

    /// What the copy is called in messages.
    fn shown(&self, goal: &Goal) -> String {
        let top = self.typed.to_string();
        match goal {
            Goal::At(_, leaf) if self.into.is_some() => {
                format!("{}/{}", top.trim_end_matches('/'), leaf.display())
            }
            _ => shown(self.typed),
        }
    }
}

/// Without slashes at the end.
fn shown(endpoint: &Endpoint) -> String {
    let text = endpoint.to_string();
    let trimmed = text.trim_end_matches('/');
    if trimmed.is_empty() || trimmed.ends_with(':') { text } else { trimmed.to_owned() }
}

fn copy(copier: &mut Copier<'_, '_>, source: &Source, goal: &Goal) -> Result<()> {
    let duplicate = |dir: &Dir| {
        let copy = dir.as_fd().try_clone_to_owned().attempt("duplicate a descriptor");
        copy.map(Dir::from)
    };
    match (source, goal) {
        (Source::Tree(from, _), Goal::Inside(to)) => {
            tree::copy(copier, duplicate(from)?, duplicate(to)?, State::Old)
        }
        (Source::Tree(from, _), Goal::At(dir, leaf)) => {
            let (to, state) = tree::make_dir(dir, leaf)?;
            copier.tell(Path::new(""));
            tree::copy(copier, duplicate(from)?, to, state)
        }
        (Source::Leaf(dir, leaf, metadata), Goal::At(to, name)) => {
            let from = Original { dir, leaf, metadata };
            let spot = Spot { dir: to, leaf: OsStr::new(name), state: State::Old };
            copier.one(&from, &spot, to, Path::new(""), Path::new(""))
        }
        (Source::Leaf(..), Goal::Inside(_)) => Err(Error::invalid("it has no name")),
    }
}

/// A session's mounts are in its own namespace: here their places look empty.
fn look_for_mounts(place: &Place, dir: &Dir, copier: &mut Copier<'_, '_>) {
    if place.container.is_none() {
        return;
    }
    // Without /proc nobody knows.
    for mount in mounts::below(dir.as_fd()).unwrap_or_default() {
        copier.mounted(&mount.path);
    }
}
