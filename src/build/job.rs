//! What all stages of one build share: what was asked for, what is known by now, and where things are.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

use super::copy::Files;
use super::exchange::Imports;
use super::graph::{From, Names, TRIGGER};
use super::made::Made;
use super::request::Request;
use super::tree::{Tree, base, chain, index};
use crate::dockerfile::{Instruction, Located, Stage};
use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::image::{Image, Layer, open_blob};
use crate::layer::{Content, Entry, EntryKind, Index, Name, Options, Target, apply, flatten_claimed};
use crate::report::Report;
use crate::rootfs::{FileType, Follow, Rootfs};
use crate::store::Store;

/// A build for one platform.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub store: &'a Store,
    pub host: &'a Host,
    pub request: &'a Request,
    pub report: &'a dyn Report,
    pub names: &'a Names<'a>,
    /// The build context, and those that have names.
    pub context: &'a Files,
    pub contexts: &'a [Option<Files>],
    /// Steps of other machines.
    pub imports: &'a Imports<'a>,
    /// By what tells them apart.
    pub images: &'a BTreeMap<String, Image>,
    /// For what must stand on disk while the build runs; gone with it.
    pub scratch: &'a Path,
    /// Seconds since 1970.
    pub now: i64,
}

impl<'a> Job<'a> {
    fn stage(&self, number: usize) -> Option<&Stage> {
        self.names.dockerfile.stages.get(number)
    }

    /// How a stage's steps are shown: `linux/arm64 builder `, without what there is but one of.
    pub fn label(&self, number: usize) -> String {
        let mut label = match &self.request.platforms[..] {
            [_] => String::new(),
            _ => format!("{} ", self.names.platform),
        };
        if self.names.dockerfile.stages.len() > 1 {
            let name = self.stage(number).and_then(|stage| stage.name.clone());
            label += &format!("{} ", name.unwrap_or_else(|| format!("stage-{number}")));
        }
        label
    }

    /// A directory of a stage's own.
    pub fn scratch_of(&self, number: usize) -> Result<PathBuf> {
        let path = self.scratch.join(number.to_string());
        fs::create_dir_all(&path).attempt(format_args!("make '{}'", path.display()))?;
        Ok(path)
    }

    /// Whether no step of a stage may come from the cache.
    pub fn ignores_cache(&self, number: usize) -> bool {
        let name = self.stage(number).and_then(|stage| stage.name.as_deref());
        let is = |filter: &String| name.is_some_and(|name| name.eq_ignore_ascii_case(filter));
        self.request.no_cache || self.request.no_cache_filter.iter().any(is)
    }

    /// Where in the Dockerfile something is wrong in a step of the stage `number`.
    pub fn at(&self, number: usize, step: &Located, error: Error) -> Error {
        let trigger =
            step.text.strip_prefix(TRIGGER).filter(|_| !matches!(step.instruction, Instruction::Onbuild(_)));
        let error = match (trigger, self.stage(number)) {
            (Some(text), Some(stage)) => {
                let name = text.split_whitespace().next().unwrap_or_default();
                error.context(format_args!("{TRIGGER}{name} of the base image '{}'", stage.image))
            }
            _ => error,
        };
        self.names.at(step.lines, error)
    }

    /// The image that a name stands for.
    pub fn image(&self, from: &From) -> Option<&Image> {
        self.images.get(&self.names.key(from)?)
    }

    /// The tree of a stage or an image.
    pub fn laid_out(&self, of: &Made) -> Result<Tree<'a>> {
        let (base, made) = of.layers.split_at(of.base.min(of.layers.len()));
        Tree::new(self.store, base, made, self.report)
    }

    /// Has the tree of a base image on disk, for all builds.
    pub fn unpack(&self, layers: &[Layer]) -> Result<()> {
        match self.store.find_tree(&chain(layers)) {
            Some(_) => Ok(()),
            None => base(self.store, layers, self.report).map(drop),
        }
    }

    /// The root of a stage or an image, for reading: where it stands in the stage's process, or laid out here, while the tree
    /// lives that comes along.
    pub fn root_of(&self, of: &Made) -> Result<(OwnedFd, Option<Tree<'a>>)> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let there = of.tree.as_ref().and_then(|path| open(path, flags, Mode::empty()).ok());
        if let Some(root) = there {
            return Ok((root, None));
        }
        let mut tree = self.laid_out(of)?;
        let root = tree.root()?.dir("").attempt("open the stage's root")?.into();
        Ok((root, Some(tree)))
    }

    /// A file of what a base image's layers make, without laying them out; none when there is no such file. Links are not
    /// followed.
    pub fn read(&self, base: &[Layer], path: &Path) -> Result<Option<Vec<u8>>> {
        match self.store.find_tree(&chain(base)) {
            Some(tree) => Ok(read_in(&tree.rootfs()?, path)),
            None => self.read_on(None, base, path),
        }
    }

    /// The same, where `below` stands there before these layers.
    pub fn read_on(&self, below: Option<Vec<u8>>, layers: &[Layer], path: &Path) -> Result<Option<Vec<u8>>> {
        let mut finder = Finder { name: Name::parse(path.as_os_str().as_bytes())?, found: below };
        self.apply(layers, &mut finder)?;
        Ok(finder.found)
    }

    /// The index of the tree that these layers make, the first `base` of them the base image's.
    pub fn index_of(&self, layers: &[Layer], base: usize) -> Result<Index> {
        index(self.store, layers, base)
    }

    fn apply(&self, layers: &[Layer], target: &mut dyn Target) -> Result<()> {
        let options = Options { whiteouts: true, ..Options::default() };
        for layer in layers {
            let blob = open_blob(self.store, &layer.blob)?;
            apply(blob, target, &options).attempt(format_args!("read layer {}", layer.blob.short()))?;
        }
        Ok(())
    }
}

fn read_in(root: &Rootfs, path: &Path) -> Option<Vec<u8>> {
    let found = root.metadata(path, Follow::No).ok()?;
    if found.file_type == FileType::Regular { root.read(path, FOUND_MAX).ok() } else { None }
}

/// Keeps the contents of one file.
struct Finder {
    name: Name,
    found: Option<Vec<u8>>,
}

/// Bytes; account files are smaller by far.
const FOUND_MAX: u64 = 4 << 20;

impl Target for Finder {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        if entry.name != self.name {
            return Ok(());
        }
        self.found = match entry.kind {
            EntryKind::File { size } if size <= FOUND_MAX => {
                let mut bytes = Vec::new();
                flatten_claimed(content, size, &mut |chunk| {
                    bytes.extend_from_slice(chunk);
                    Ok(())
                })?;
                Some(bytes)
            }
            _ => None,
        };
        Ok(())
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        if self.name.under(name).is_some() {
            self.found = None;
        }
        Ok(())
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        self.hide(name)
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}
