//! Host paths to show in the guest, each once.

use std::path::{Component, Path, PathBuf};

use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::session::bind::{Bind, Restrict};

/// A host path to bind, known to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Share {
    /// On the host, absolute.
    pub path: PathBuf,
    /// In the guest, absolute.
    pub target: PathBuf,
    pub directory: bool,
    pub restrict: Restrict,
    /// There is no session without it.
    pub required: bool,
}

impl Share {
    /// The user's own bind: absolute, and there.
    pub fn asked_for(bind: &Bind) -> Result<Share> {
        let attempt = format_args!("bind '{}'", bind.source.display());
        let path = std::path::absolute(&bind.source).attempt(attempt)?;
        let directory = std::fs::metadata(&path).attempt(attempt)?.is_dir();
        let target = without_dots(bind.target.as_ref().unwrap_or(&path));
        if target == Path::new("/") {
            let shown = bind.source.display();
            return Err(Error::usage(format_args!("--bind '{shown}': it would cover the container's root"))
                .hint(format_args!("name a directory there, for example --bind {shown}:/mnt")));
        }
        Ok(Share { path, target, directory, restrict: bind.restrict, required: true })
    }

    fn shows(&self, path: &Path, target: &Path) -> bool {
        match (path.strip_prefix(&self.path), target.strip_prefix(&self.target)) {
            (Ok(below), Ok(same)) => below == same,
            _ => false,
        }
    }
}

/// An absolute path without `..`, as its text has it: it is compared with others, and which filesystem of the session it
/// is in depends on that.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
}

/// Shares on top of those that the session's mode shares.
pub struct Shares<'a> {
    /// The host that has the paths.
    pub host: &'a Host,
    shared: &'a [Share],
    added: Vec<Share>,
}

impl<'a> Shares<'a> {
    /// No shares yet, beside those of the mode.
    pub fn new(host: &'a Host, shared: &'a [Share]) -> Shares<'a> {
        Shares { host, shared, added: Vec::new() }
    }

    /// Shows the host's `path` at `target`, unless it is seen there already or another one is. Whether the host has it.
    pub fn show(&mut self, path: &Path, target: &Path, required: bool) -> bool {
        let source = self.host.file(path);
        let Ok(found) = std::fs::metadata(&source) else { return false };
        let taken = self.added.iter().any(|other| other.target == target);
        if !taken && !self.is_seen(path, target) {
            self.added.push(Share {
                path: source,
                target: target.to_owned(),
                directory: found.is_dir(),
                restrict: Restrict::NONE,
                required,
            });
        }
        true
    }

    /// Shows the host's `path` at its own place, or does without.
    pub fn show_there(&mut self, path: impl AsRef<Path>) -> bool {
        self.show(path.as_ref(), path.as_ref(), false)
    }

    /// Whether the host's `path` is seen at `target`.
    pub fn is_seen(&self, path: &Path, target: &Path) -> bool {
        let source = self.host.file(path);
        self.shared.iter().chain(&self.added).any(|other| other.shows(&source, target))
    }

    /// The names in a directory of the host's, sorted; none where there is none.
    pub fn names(&self, directory: impl AsRef<Path>) -> Vec<String> {
        let entries = std::fs::read_dir(self.host.file(directory)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// All that were added, in order.
    pub fn into_added(self) -> Vec<Share> {
        self.added
    }
}
