//! One stage while it is made: its steps one after the other, in a process of its own.
//!
//! What is known of the stage's tree is an index in memory. The tree itself is laid out only when a RUN needs it. A step's
//! key is made of what is below it (the diff_ids of the layers), of what it says, and of what it takes: so the cache knows
//! contents, never times.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::cache::{self, Record};
use super::config;
use super::expanded::expanded;
use super::graph::From;
use super::job::Job;
use super::made::Made;
use super::message::{Message, Speaker};
use super::scope::{Pair, Scope};
use super::tree::Tree;
use crate::dockerfile::{Instruction, Lines, Located};
use crate::error::{Attempt, Error, Result};
use crate::image::{Layer, NewLayer};
use crate::layer::{Index, Recording, Target};
use crate::oci::{Digest, time};
use crate::sys::descriptor::through;

/// Changes when what steps do with the same key changes.
const KEYS: u32 = 1;

/// Bytes; account files are smaller by far.
const FILE_MAX: u64 = 4 << 20;

/// A stage while it is made.
pub struct Making<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) number: usize,
    /// The whole image config.
    pub(super) config: Value,
    pub(super) layers: Vec<Layer>,
    base: usize,
    /// Of the tree as it is now; none while nobody asked.
    index: Option<Index>,
    tree: Option<Tree<'a>>,
    /// Whether a RUN is still to come, which needs the base image's files on disk.
    runs: bool,
    /// Account files as so many layers make them: each COPY --chown asks for them, and a base image is large.
    files: BTreeMap<PathBuf, (usize, Option<Vec<u8>>)>,
    pub(super) scope: Scope<'a>,
    /// Set by a CMD of this stage: an ENTRYPOINT that follows keeps it.
    has_cmd: bool,
    /// The stages that were made before.
    pub(super) made: &'a BTreeMap<usize, Made>,
    /// What the cache has of them.
    steps: Vec<Value>,
    speaker: &'a Speaker,
    pub(super) output: OwnedFd,
}

impl<'a> Making<'a> {
    /// On top of `below`.
    pub fn new(
        job: &'a Job<'a>,
        number: usize,
        below: Made,
        made: &'a BTreeMap<usize, Made>,
        speaker: &'a Speaker,
        output: OwnedFd,
    ) -> Making<'a> {
        Making {
            job,
            number,
            config: below.config,
            base: below.base,
            layers: below.layers,
            index: None,
            tree: None,
            runs: false,
            files: BTreeMap::new(),
            scope: Scope::new(job.names.globals, below.arguments),
            has_cmd: false,
            made,
            steps: Vec::new(),
            speaker,
            output,
        }
    }

    /// Carries out the steps; the tree, if it was laid out. An error comes with the lines of the step.
    pub fn run(mut self, steps: &[Located]) -> Result<Option<Tree<'a>>, (Error, Lines)> {
        let total = 1 + steps.iter().filter(|step| is_counted(&step.instruction)).count();
        let mut count = 1;
        for (at, step) in steps.iter().enumerate() {
            self.runs = steps[at..].iter().any(|step| matches!(step.instruction, Instruction::Run(_)));
            count += usize::from(is_counted(&step.instruction));
            let shown = match is_counted(&step.instruction) {
                true => format!("[{}{count}/{total}] {}", self.job.label(self.number), step.text),
                false => String::new(),
            };
            self.step(step, &shown).map_err(|error| (self.job.at(self.number, step, error), step.lines))?;
        }
        let tree = self.tree.as_mut().and_then(|tree| reach(tree).ok());
        self.speaker.say(&Message::Made(Made { tree, ..self.so_far() }.to_json()));
        Ok(self.tree)
    }

    fn step(&mut self, step: &Located, shown: &str) -> Result<()> {
        let begun = Instant::now();
        if !shown.is_empty() {
            self.speaker.say(&Message::Step(shown.to_owned()));
        }
        let env = self.env();
        let instruction = expanded(&step.instruction, &self.scope, &env)?;
        let cached = match &instruction {
            Instruction::Arg(arguments) => {
                for argument in arguments {
                    self.scope.declare(argument, &env)?;
                }
                false
            }
            Instruction::Run(running) => self.run_step(running)?,
            Instruction::Copy(copying) | Instruction::Add(copying) => {
                self.copy_step(copying, matches!(instruction, Instruction::Add(_)))?
            }
            Instruction::Workdir(path) => self.workdir_step(path)?,
            other => {
                config::apply(&mut self.config, other, &mut self.has_cmd)?;
                self.history(&config::created_by(other), None);
                false
            }
        };
        if !shown.is_empty() {
            let how = if cached { "CACHED" } else { "" };
            let time = begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
            self.speaker.say(&Message::Done(how.to_owned(), time));
        }
        Ok(())
    }

    fn so_far(&self) -> Made {
        Made {
            config: self.config.clone(),
            layers: self.layers.clone(),
            base: self.base,
            arguments: self.scope.arguments().to_vec(),
            steps: self.steps.clone(),
            tree: None,
        }
    }

    /// What a stage or an image has come to.
    pub(super) fn source(&self, from: &From) -> Result<Made> {
        match from {
            From::Stage(number) => {
                let made = self.made.get(number).cloned();
                made.ok_or_else(|| Error::not_found("a stage that is needed was not made"))
            }
            other => Ok(match self.job.image(other) {
                Some(image) => Made::of(image),
                None => Made::nothing(),
            }),
        }
    }

    /// A file of the tree as it is now.
    pub(super) fn read(&mut self, path: &Path) -> Result<Option<Vec<u8>>> {
        if let Some(tree) = &mut self.tree {
            return Ok(tree.root()?.read(path, FILE_MAX).ok());
        }
        let (count, below) = match self.files.remove(path) {
            Some(known) => known,
            None => {
                let layers = self.base_layers()?;
                (layers.len(), self.job.read(layers, path)?)
            }
        };
        let found = self.job.read_on(below, &self.layers[count..], path)?;
        self.files.insert(path.to_owned(), (self.layers.len(), found.clone()));
        Ok(found)
    }

    /// Whether the cache has a step.
    pub(super) fn is_cached(&self, key: &Digest) -> Result<bool> {
        Ok(self.cached(key)?.is_some())
    }

    /// What the cache has of a step, or another machine's.
    fn cached(&self, key: &Digest) -> Result<Option<Record>> {
        let job = self.job;
        if job.ignores_cache(self.number) {
            return Ok(None);
        }
        let own = cache::get(job.store, key)?;
        Ok(own.or_else(|| job.imports.take(job.store, key, job.report)))
    }

    /// `Env` of the config.
    pub(super) fn env(&self) -> Vec<Pair> {
        let words = self.config["config"]["Env"].as_array().into_iter().flatten();
        let pairs = words.filter_map(|word| word.as_str()?.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A text of the config: `User`, `WorkingDir`.
    pub(super) fn text(&self, key: &str) -> String {
        self.config["config"][key].as_str().unwrap_or_default().to_owned()
    }

    /// A path as the working directory makes it absolute; its `/` at the end stays.
    pub(super) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        format!("{}/{path}", self.text("WorkingDir").trim_end_matches('/'))
    }

    /// Adds a layer that the cache has under one of `keys`, else makes it and keeps it under all of them. Whether it was
    /// there.
    pub(super) fn layer(
        &mut self,
        keys: &[Digest],
        created_by: &str,
        make: &mut dyn FnMut(&mut Self) -> Result<Layer>,
    ) -> Result<bool> {
        for key in keys {
            if let Some(record) = self.cached(key)? {
                self.took(key, &record);
                let Record { layer, created } = record;
                if let Some(tree) = &mut self.tree {
                    tree.apply(&layer)?;
                }
                self.index = None;
                self.layers.push(layer);
                self.history(created_by, Some(created));
                return Ok(true);
            }
        }
        let layer = make(self)?;
        let created = self.job.now;
        let record = Record { layer, created };
        for key in keys {
            cache::put(self.job.store, key, &record)?;
            self.took(key, &record);
        }
        let layer = record.layer;
        self.layers.push(layer);
        self.history(created_by, Some(created));
        Ok(false)
    }

    fn took(&mut self, key: &Digest, record: &Record) {
        let mut step = record.to_json();
        step["key"] = key.to_string().into();
        self.steps.push(step);
    }

    /// What the cache knows a step by that is done on top of the layers so far; `alone`: whatever these are (`--link`).
    pub(super) fn key(&self, step: &Value, alone: bool) -> Result<Digest> {
        let layers = if alone { &[][..] } else { &self.layers };
        let below: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        let platform = self.job.names.platform_of(self.number)?.to_string();
        let text = json!([KEYS, below, platform, self.job.request.epoch, step]).to_string();
        Ok(Digest::of(text.as_bytes()))
    }

    /// An entry of the history (config.md); `layer`: when the layer was made that belongs to it.
    pub(super) fn history(&mut self, created_by: &str, layer: Option<i64>) {
        if let Some(made) = layer {
            self.config["created"] = time::rfc3339(self.job.request.epoch.unwrap_or(made)).into();
        } else if self.config["created"].as_str().is_none() {
            self.config["created"] = time::rfc3339(self.job.request.epoch.unwrap_or(self.job.now)).into();
        }
        // An image that comes from the cache whole is the same image: what makes no layer has the time of the last one.
        let created = &self.config["created"];
        let mut entry = json!({"created": created, "created_by": created_by, "comment": "chroot-distro"});
        if layer.is_none() {
            entry["empty_layer"] = true.into();
        }
        match &mut self.config["history"] {
            Value::Array(list) => list.push(entry),
            other => *other = json!([entry]),
        }
    }

    /// The index of the tree as it is now.
    pub(super) fn index(&mut self) -> Result<&Index> {
        if let Some(tree) = &self.tree {
            return Ok(tree.index());
        }
        if self.index.is_none() {
            self.base_layers()?;
            self.index = Some(self.job.index_of(&self.layers, self.base)?);
        }
        self.index.as_ref().ok_or_else(|| Error::invalid("there is no index"))
    }

    /// Those of the base image. Where a RUN will need their files they are unpacked now: what asks about them before then reads
    /// the tree, and a large image is decompressed once.
    fn base_layers(&self) -> Result<&[Layer]> {
        let layers = &self.layers[..self.base.min(self.layers.len())];
        if self.runs {
            self.job.unpack(layers)?;
        }
        Ok(layers)
    }

    /// A layer of what `send` sends, which stands in the tree and in the index then.
    pub(super) fn sent(&mut self, send: &mut dyn FnMut(&mut dyn Target) -> Result<()>) -> Result<Layer> {
        let mut layer = NewLayer::new(self.job.store, self.job.request.epoch)?;
        if let Some(tree) = &mut self.tree {
            layer.begin()?;
            send(&mut layer)?;
            layer.end()?;
            let layer = layer.finish()?;
            tree.apply(&layer)?;
            return Ok(layer);
        }
        self.index()?;
        let mut index = self.index.take().unwrap_or_default();
        let mut both = Recording::new(&mut layer, &mut index);
        both.begin()?;
        send(&mut both)?;
        both.end()?;
        self.index = Some(index);
        layer.finish()
    }

    /// The tree on disk, and its layers so far.
    pub(super) fn tree(&mut self) -> Result<&mut Tree<'a>> {
        if self.tree.is_none() {
            let tree = self.job.laid_out(&self.so_far())?;
            (self.tree, self.index) = (Some(tree), None);
        }
        self.tree.as_mut().ok_or_else(|| Error::invalid("there is no tree"))
    }
}

/// By what other processes reach a tree of this one: it is mounted here alone.
fn reach(tree: &mut Tree<'_>) -> Result<PathBuf> {
    let path = fs::read_link(through(tree.root()?.as_fd())).attempt("find the stage's tree")?;
    let root = format!("/proc/{}/root", std::process::id());
    Ok(Path::new(&root).join(path.strip_prefix("/").unwrap_or(&path)))
}

/// Steps that are counted: those that make a layer.
fn is_counted(instruction: &Instruction) -> bool {
    matches!(
        instruction,
        Instruction::Run(_) | Instruction::Copy(_) | Instruction::Add(_) | Instruction::Workdir(_)
    )
}
