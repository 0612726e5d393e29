//! COPY and ADD: what they take becomes a layer, without the stage's tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::config::absolute;
use super::copy::{Downloaded, Files, Mode, Source as From, Stands, View, Wanted, fetch, owner, select};
use super::graph;
use super::stage::Making;
use crate::dockerfile::{Copying, Source, is_git, refuse_git};
use crate::error::{Attempt, Error, Result};
use crate::layer::{Entry, EntryKind, Index, NoContent};
use crate::oci::Digest;
use crate::registry::Client;

/// A COPY or ADD on its way.
struct Taking {
    /// What it says, for the cache.
    asked: Value,
    wanted: Wanted,
    created_by: String,
    /// The layer depends on nothing below it, and neither does its key.
    link: bool,
}

impl Making<'_> {
    /// Whether it came from the cache.
    pub(super) fn copy_step(&mut self, copying: &Copying, is_add: bool) -> Result<bool> {
        let word = if is_add { "ADD" } else { "COPY" };
        let wanted = self.wanted(copying, is_add)?;
        let mut asked = json!([
            word,
            copying.destination,
            self.text("WorkingDir"),
            wanted.owner,
            copying.chmod,
            copying.parents,
            copying.unpack,
        ]);
        if copying.link {
            asked = json!(["link", asked]);
        }
        let taking = Taking { asked, wanted, created_by: created_by(word, copying), link: copying.link };
        let Some(from) = &copying.from else {
            return self.copy_files(self.job.context, &taking, None);
        };
        let from = self.job.names.from(from, self.number)?;
        if let graph::From::Context(number) = from
            && let Some(files) = &self.job.contexts[number]
        {
            return self.copy_files(files, &taking, None);
        }
        self.copy_from(&from, copying, &taking)
    }

    /// From a stage or an image: what those layers hold is the same whenever they are the same. Where they are not, their
    /// tree is laid out, and what is taken from it may still be.
    fn copy_from(&mut self, from: &graph::From, copying: &Copying, taking: &Taking) -> Result<bool> {
        let source = self.source(from)?;
        let layers: Vec<String> = source.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        let sources: Vec<Value> = taking.wanted.sources.iter().map(source_key).collect();
        let by_layers = self.key(&json!([taking.asked, sources, copying.exclude, layers]), taking.link)?;
        if self.is_cached(&by_layers)? {
            return self.layer(&[by_layers], &taking.created_by, &mut |_| Err(gone()));
        }
        let (root, _tree) = self.job.root_of(&source)?;
        self.copy_files(&Files::tree(root), taking, Some(by_layers))
    }

    /// One selection is named for the cache and copied: what changes between the two is told.
    fn copy_files(&mut self, files: &Files, taking: &Taking, other_key: Option<Digest>) -> Result<bool> {
        let selection = select(files, &taking.wanted)?;
        selection.all_matched()?;
        let key = self.key(&json!([taking.asked, selection.digest()?.to_string()]), taking.link)?;
        let keys: Vec<Digest> = [key].into_iter().chain(other_key).collect();
        self.layer(&keys, &taking.created_by, &mut |making| {
            let nothing = Index::new();
            let placed = selection.place(if taking.link { &nothing } else { making.index()? })?;
            for warning in placed.warnings() {
                making.job.report.warn(warning);
            }
            making.sent(&mut |target| placed.send(target))
        })
    }

    fn wanted(&mut self, copying: &Copying, is_add: bool) -> Result<Wanted> {
        if copying.checksum.is_some() {
            let is_file = |source: &Source| !matches!(source, Source::Path(path) if is_url(path));
            if copying.sources.iter().any(is_file) {
                return Err(Error::invalid("--checksum is only for files from http and https addresses"));
            }
        }
        let mut sources = Vec::new();
        for source in &copying.sources {
            sources.push(match source {
                Source::Inline(here) => From::Inline(here.name.clone(), here.text().into_bytes()),
                Source::Path(path) if is_add && is_url(path) && !is_git(path) => {
                    From::Downloaded(self.download(path, copying)?)
                }
                Source::Path(path) => {
                    if is_add {
                        refuse_git(path)?;
                    }
                    From::Path(path.clone())
                }
            });
        }
        let owner = match &copying.chown {
            Some(spec) => Some(owner(spec, &mut |path| self.read(path))?),
            None => None,
        };
        Ok(Wanted {
            sources,
            destination: self.absolute(&copying.destination),
            owner,
            mode: copying.chmod.as_deref().map(Mode::parse).transpose()?,
            exclude: copying.exclude.clone(),
            parents: copying.parents,
            unpack: is_add && copying.unpack != Some(false),
            now: self.job.request.epoch.unwrap_or(self.job.now),
        })
    }

    fn download(&self, url: &str, copying: &Copying) -> Result<Downloaded> {
        let job = self.job;
        let client = Client::new(job.host, job.request.settings.clone(), job.report);
        let unpack = copying.unpack == Some(true);
        fetch(url, copying.checksum.as_deref(), unpack, &client, job.store, job.report)
    }

    /// WORKDIR makes the directory, for the user that the image has by then. Whether it came from the cache.
    pub(super) fn workdir_step(&mut self, path: &str) -> Result<bool> {
        let path = absolute(&self.text("WorkingDir"), path);
        self.config["config"]["WorkingDir"] = path.as_str().into();
        let created_by = format!("WORKDIR {path}");
        if path == "/" {
            self.history(&created_by, None);
            return Ok(false);
        }
        let user = self.text("User");
        let owner = match user.as_str() {
            "" => (0, 0),
            user => owner(user, &mut |path| self.read(path)).attempt(format_args!("USER {user}"))?,
        };
        let now = self.job.request.epoch.unwrap_or(self.job.now);
        let key = self.key(&json!(["WORKDIR", path, owner]), false)?;
        self.layer(&[key], &created_by, &mut |making| {
            let entries = directories(making.index()?, &path, owner, now)?;
            making.sent(&mut |target| entries.iter().try_for_each(|entry| target.put(entry, &mut NoContent)))
        })
    }
}

/// The directories that are missing so that `path` is one; its links are followed inside the root.
fn directories(index: &Index, path: &str, owner: (u32, u32), now: i64) -> Result<Vec<Entry>> {
    let view = View::new(index);
    let path = view.resolve(b"", path.as_bytes(), true)?;
    let ends = (0..path.len()).filter(|at| path[*at] == b'/').chain([path.len()]);
    let mut entries = Vec::new();
    for directory in ends.map(|end| &path[..end]).filter(|directory| !directory.is_empty()) {
        match view.at(directory) {
            Some(Stands::Directory) => {}
            None => {
                let entry = Entry::new(OsStr::from_bytes(directory), EntryKind::Directory)?;
                entries.push(entry.owner(owner.0, owner.1).mtime(now, 0));
            }
            Some(_) => {
                let shown = String::from_utf8_lossy(directory);
                return Err(Error::invalid(format_args!("'/{shown}' is not a directory")));
            }
        }
    }
    Ok(entries)
}

fn gone() -> Error {
    Error::not_found("what the cache had is gone").hint("run the same command again")
}

/// A source, where it is known what the tree holds.
fn source_key(source: &From) -> Value {
    match source {
        From::Path(path) => json!(["path", path]),
        From::Inline(name, content) => json!(["inline", name, Digest::of(content).to_string()]),
        From::Downloaded(file) => json!(["download", file.name, file.size]),
    }
}

fn is_url(path: &str) -> bool {
    path.starts_with("http://") || path.starts_with("https://")
}

/// As the history has it.
fn created_by(word: &str, copying: &Copying) -> String {
    let mut words = vec![word.to_owned()];
    let flags = [("from", &copying.from), ("chown", &copying.chown), ("chmod", &copying.chmod)];
    for (name, value) in flags {
        words.extend(value.as_ref().map(|value| format!("--{name}={value}")));
    }
    words.extend(copying.sources.iter().map(|source| match source {
        Source::Path(path) => path.clone(),
        Source::Inline(here) => format!("<<{}", here.name),
    }));
    words.push(copying.destination.clone());
    words.join(" ")
}
