//! A build from its Dockerfile to its image.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, geteuid};
use serde_json::Value;

use super::base::Bases;
use super::copy::{Context, Files, Opened};
use super::engine::{self, Ends};
use super::exchange::Imports;
use super::graph::{self, From, Names, TRIGGER};
use super::job::Job;
use super::made::Made;
use super::message::{Message, Speaker};
use super::progress::Progress;
use super::request::{NamedContext, Request};
use super::scope::Globals;
use super::slips::slips;
use super::stage::Making;
use crate::dockerfile::{Copying, Dockerfile, Instruction, Located, Stage, parse_onbuild, refuse};
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::image::{Image, LayoutDirectory};
use crate::oci::Platform;
use crate::report::Report;
use crate::session::emulator;
use crate::store::Store;

/// What every build needs of where it runs.
pub struct Workshop<'a> {
    /// Where layers and images are kept.
    pub store: &'a Store,
    /// The machine.
    pub host: &'a Host,
    /// Who is told of downloads.
    pub report: &'a dyn Report,
    /// Who is told of steps.
    pub progress: &'a dyn Progress,
    /// Steps of other machines.
    pub imports: &'a Imports<'a>,
}

/// Builds what is asked for, for each platform; nothing is kept under a name yet. Only while single-threaded.
pub fn build(
    workshop: &Workshop<'_>,
    request: &Request,
    dockerfile: &Dockerfile,
    file: &str,
    context: &Files,
    scratch: &Path,
) -> Result<Vec<(Platform, Made)>> {
    slips(request, dockerfile).iter().for_each(|slip| workshop.report.warn(slip));
    let contexts = open_contexts(workshop, request, scratch)?;
    let mut made = Vec::new();
    for platform in &request.platforms {
        let one =
            For { workshop, request, dockerfile, file, context, contexts: &contexts, platform, scratch };
        let of = format_args!("build for {platform}");
        let built = one.build();
        made.push((platform.clone(), if request.platforms.len() > 1 { built.attempt(of)? } else { built? }));
    }
    Ok(made)
}

/// Directories that `--build-context` names; none for images.
fn open_contexts(workshop: &Workshop<'_>, request: &Request, scratch: &Path) -> Result<Vec<Option<Files>>> {
    let (store, report) = (workshop.store, workshop.report);
    let open = |(name, context): &(String, NamedContext)| match context {
        NamedContext::Directory(path) => {
            let opened = Context::open(path.as_os_str(), scratch, store, report);
            match opened.attempt(format_args!("the build context '{name}'"))? {
                Opened::Context(context) => context.files(None).map(Some),
                Opened::Dockerfile(_) => Ok(None),
            }
        }
        NamedContext::Image(_) | NamedContext::Layout(..) => Ok(None),
    };
    request.contexts.iter().map(open).collect()
}

/// A build for one platform.
struct For<'a> {
    workshop: &'a Workshop<'a>,
    request: &'a Request,
    dockerfile: &'a Dockerfile,
    file: &'a str,
    context: &'a Files,
    contexts: &'a [Option<Files>],
    platform: &'a Platform,
    scratch: &'a Path,
}

impl For<'_> {
    fn build(&self) -> Result<Made> {
        let stage = self.request.target.as_deref().unwrap_or("default");
        let globals = Globals::of(self.dockerfile, &self.request.arguments, self.platform, stage)?;
        let (file, contexts) = (self.file, &self.request.contexts);
        let names =
            Names { dockerfile: self.dockerfile, file, contexts, globals: &globals, platform: self.platform };
        let target = graph::target(self.dockerfile, file, self.request.target.as_deref())?;
        let resolver = Resolver { of: self, names: &names, found: RefCell::default() };
        let needed = graph::needed(target, &|number| resolver.needs(number))?;
        self.refuse_foreign(&names, &needed, &resolver)?;
        if !geteuid().is_root() {
            refuse_trees(&names, &resolver.found.borrow().steps)?;
        }
        resolver.fetch_all()?;
        let Found { images, steps, .. } = resolver.found.take();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let job = Job {
            store: self.workshop.store,
            host: self.workshop.host,
            request: self.request,
            report: self.workshop.report,
            names: &names,
            context: self.context,
            contexts: self.contexts,
            imports: self.workshop.imports,
            images: &images,
            scratch: self.scratch,
            now: now.try_into().unwrap_or(i64::MAX),
        };
        let make = |number: usize, made: &BTreeMap<usize, Made>, ends: Ends| {
            in_child(&job, number, made, &steps[&number], ends)
        };
        let needs = |number: usize| names.needs(number, &steps[&number]);
        // What cannot be deleted now is for the next build.
        let clear = |pid: Pid| drop(self.workshop.store.clear_work_of(pid.as_raw_nonzero().get()));
        let mut made = engine::make_all(&needed, &needs, &make, self.workshop.progress, &clear)?;
        let steps: Vec<Value> = made.values().flat_map(|made| made.steps.clone()).collect();
        let target = made.remove(&target);
        target.map(|made| Made { steps, ..made }).ok_or_else(|| Error::not_found("the stage was not made"))
    }

    fn bases(&self) -> Bases<'_> {
        let Workshop { store, host, report, .. } = *self.workshop;
        Bases { store, host, request: self.request, report }
    }

    fn find(&self, from: &From) -> Result<Image> {
        match from {
            From::Image(reference, platform) => self.bases().find(reference, platform),
            From::Layout(number, platform) => self.layout(*number)?.image(platform, self.workshop.report),
            From::Scratch | From::Stage(_) | From::Context(_) => Err(no_image()),
        }
    }

    fn fetch(&self, from: &From, image: &Image) -> Result<()> {
        match from {
            From::Image(reference, platform) => self.bases().fetch(image, reference, platform),
            From::Layout(number, _) => self.bases().copy(image, &self.layout(*number)?),
            From::Scratch | From::Stage(_) | From::Context(_) => Err(no_image()),
        }
    }

    fn layout(&self, number: usize) -> Result<LayoutDirectory<'_>> {
        match self.request.contexts.get(number) {
            Some((_, NamedContext::Layout(path, image))) => {
                Ok(LayoutDirectory::new(path).wanting(image.as_deref()))
            }
            _ => Err(no_image()),
        }
    }

    /// A RUN for a CPU that nothing here runs is refused before anything is built.
    fn refuse_foreign(&self, names: &Names<'_>, needed: &[usize], resolver: &Resolver<'_>) -> Result<()> {
        for &number in needed {
            let arch = names.platform_of(number)?.arch;
            let found = resolver.found.borrow();
            let is_run = |step: &&Located| matches!(step.instruction, Instruction::Run(_));
            let run = found.steps.get(&number).and_then(|steps| steps.iter().find(is_run));
            if let Some(run) = run {
                emulator::available(arch, self.workshop.host)
                    .map_err(|error| names.at(run.lines, error.context(format_args!("RUN for {arch}"))))?;
            }
        }
        Ok(())
    }
}

fn no_image() -> Error {
    Error::invalid("it is no image")
}

/// What lays out a tree needs root.
fn refuse_trees(names: &Names<'_>, steps: &BTreeMap<usize, Vec<Located>>) -> Result<()> {
    for (number, step) in
        steps.iter().flat_map(|(number, steps)| steps.iter().map(move |step| (*number, step)))
    {
        let what = match &step.instruction {
            Instruction::Run(_) => "RUN",
            Instruction::Copy(Copying { from: Some(from), .. })
                if !matches!(names.from(from, number)?, From::Context(_)) =>
            {
                "COPY --from"
            }
            _ => continue,
        };
        let error = Error::new(Kind::Denied, format_args!("{what} needs root"));
        return Err(
            names.at(step.lines, error.hint("run the same command as root, or without '--no-elevate'"))
        );
    }
    Ok(())
}

/// The life of a stage's process; its exit code.
fn in_child(job: &Job<'_>, number: usize, made: &BTreeMap<usize, Made>, steps: &[Located], ends: Ends) -> u8 {
    let Ends { messages, output, mut needed } = ends;
    let speaker = Speaker::new(messages);
    let job = Job { report: &speaker, ..*job };
    let failed = match below(&job, number, made) {
        Err(error) => Some((error, None)),
        Ok(below) => {
            match Making::new(&job, number, below, made, &speaker, output).run(steps) {
                Ok(tree) => {
                    if tree.is_some() {
                        // Until nobody copies from it any more.
                        let _ = needed.read(&mut [0]);
                    }
                    None
                }
                Err((error, lines)) => Some((error, Some(lines))),
            }
        }
    };
    let Some((error, lines)) = failed else { return 0 };
    speaker.say(&Message::Failed(error, lines));
    1
}

/// What a stage is built on.
fn below(job: &Job<'_>, number: usize, made: &BTreeMap<usize, Made>) -> Result<Made> {
    let from = job.names.base(number)?;
    let mut below = match from {
        From::Stage(number) => {
            made.get(&number).cloned().ok_or_else(|| Error::not_found("a stage was not made"))?
        }
        other => job.image(&other).map_or_else(Made::nothing, Made::of),
    };
    without_triggers(&mut below.config);
    Ok(below)
}

fn without_triggers(config: &mut Value) {
    if let Some(config) = config["config"].as_object_mut() {
        config.remove("OnBuild");
    }
}

/// Finds out what stages need, and the images that they name.
struct Resolver<'a> {
    of: &'a For<'a>,
    names: &'a Names<'a>,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    images: BTreeMap<String, Image>,
    /// What each stage does, with the triggers of what it is FROM.
    steps: BTreeMap<usize, Vec<Located>>,
    wanted: Vec<From>,
}

impl Resolver<'_> {
    fn needs(&self, number: usize) -> Result<Vec<usize>> {
        let stage = &self.of.dockerfile.stages[number];
        let at = |error| self.names.at(stage.lines, error);
        let base = self.names.base(number)?;
        self.look(&base).map_err(|error| at(self.names.or_a_stage(&stage.image, number, error)))?;
        let mut steps = self.triggers(&base, stage).map_err(at)?;
        if let From::Context(context) = base
            && self.of.contexts[context].is_some()
        {
            steps.insert(0, self.whole_context(number, context));
        }
        steps.extend(stage.steps.iter().cloned());
        for step in &steps {
            refuse(step).map_err(|error| self.names.at(step.lines, error))?;
        }
        for (word, lines) in graph::sources(steps.iter()) {
            let from = self.names.from(word, number).map_err(|error| self.names.at(lines, error))?;
            let failed = |error| self.names.at(lines, self.names.or_a_stage(word, number, error));
            self.look(&from).map_err(failed)?;
        }
        let needs = self.names.needs(number, &steps);
        self.found.borrow_mut().steps.insert(number, steps);
        needs
    }

    /// A stage that is FROM a directory begins as nothing, and takes all of it.
    fn whole_context(&self, number: usize, context: usize) -> Located {
        let stage = &self.of.dockerfile.stages[number];
        let name = self.of.request.contexts[context].0.clone();
        let text = format!("FROM {name}");
        let instruction = Instruction::Copy(Copying::all_from(name));
        Located { instruction, lines: stage.lines, text }
    }

    /// What ONBUILD of the base adds. It stands where the FROM does.
    fn triggers(&self, base: &From, stage: &Stage) -> Result<Vec<Located>> {
        let escape = self.of.dockerfile.directives.escape;
        let texts: Vec<String> = match base {
            From::Stage(number) => {
                let steps = self.of.dockerfile.stages[*number].steps.iter();
                let text = |step: &Located| match &step.instruction {
                    Instruction::Onbuild(text) => Some(text.clone()),
                    _ => None,
                };
                steps.filter_map(text).collect()
            }
            other => {
                let found = self.found.borrow();
                let config = self.names.key(other).and_then(|key| found.images.get(&key));
                let triggers = config.map(|image| image.config.json["config"]["OnBuild"].clone());
                let triggers = triggers.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
                triggers.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
        };
        let parse = |text: &String| {
            let read =
                parse_onbuild(text, escape).attempt(format_args!("the base image '{}'", stage.image))?;
            Ok(Located { lines: stage.lines, text: format!("{TRIGGER}{}", read.text), ..read })
        };
        texts.iter().map(parse).collect()
    }

    /// Finds an image that is named for the first time.
    fn look(&self, from: &From) -> Result<()> {
        let Some(key) = self.names.key(from) else { return Ok(()) };
        if self.found.borrow().images.contains_key(&key) {
            return Ok(());
        }
        let image = self.of.find(from)?;
        let mut found = self.found.borrow_mut();
        found.images.insert(key, image);
        found.wanted.push(from.clone());
        Ok(())
    }

    fn fetch_all(&self) -> Result<()> {
        let found = self.found.borrow();
        for from in &found.wanted {
            if let Some(image) = self.names.key(from).and_then(|key| found.images.get(&key)) {
                self.of.fetch(from, image)?;
            }
        }
        Ok(())
    }
}
