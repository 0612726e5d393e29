//! What the user sees of a build: a line a step on a terminal, all lines elsewhere, or BuildKit's JSON.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::build::Progress;
use crate::dockerfile::Lines;
use crate::error::Error;
use crate::oci::{Digest, time};
use crate::report::{Report, Task};
use crate::ui::Ui;
use crate::ui::text::truncate;

/// How many of the last lines of a failed step are shown.
const TAIL: usize = 30;

/// How many lines of the Dockerfile are shown before and after what failed.
const AROUND: usize = 3;

/// How much of an instruction is shown, in columns.
const LONGEST: usize = 400;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A line a step, when it is done; with the output of RUN.
    Lines { output: bool },
    /// Numbered lines, as they come: for logs.
    Plain,
    /// BuildKit's status, a JSON document a line.
    RawJson,
    /// Nothing but errors.
    Quiet,
}

/// Shows it.
pub(super) struct Shown<'a> {
    ui: &'a Ui,
    style: Style,
    /// The Dockerfile, and how it is called.
    name: &'a str,
    text: &'a str,
    steps: RefCell<Steps>,
}

#[derive(Default)]
struct Steps {
    count: usize,
    running: BTreeMap<usize, Step>,
}

/// The step that a stage is at.
struct Step {
    number: usize,
    shown: String,
    begun: Instant,
    /// The same as a text.
    started: Value,
    /// What was printed since the last line end.
    partial: Vec<u8>,
    last: VecDeque<String>,
    task: Option<Box<dyn Task>>,
}

impl Step {
    /// What tells it from others of the same text.
    fn digest(&self) -> String {
        Digest::of(format!("{} {}", self.number, self.shown).as_bytes()).to_string()
    }
}

impl<'a> Shown<'a> {
    /// `text` is the Dockerfile `name`.
    pub(super) fn new(ui: &'a Ui, style: Style, name: &'a str, text: &'a str) -> Shown<'a> {
        Shown { ui, style, name, text, steps: RefCell::default() }
    }

    /// Whole lines of what a step has printed.
    fn lines(&self, step: &mut Step, lines: &[u8]) {
        for line in lines.split(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            match self.style {
                Style::Plain => {
                    let time = step.begun.elapsed().as_secs_f32();
                    self.ui.info(&format!("#{} {time:.3} {line}", step.number));
                }
                Style::Lines { output: true } => self.ui.info(&format!("    {line}")),
                _ => {}
            }
            if step.last.len() == TAIL {
                step.last.pop_front();
            }
            step.last.push_back(line);
        }
    }

    /// The lines of the Dockerfile around what failed, as BuildKit shows them.
    fn excerpt(&self, failed: Lines) {
        self.ui.unasked(&format!("{}:{}", self.name, failed.first));
        self.ui.unasked("--------------------");
        let around = failed.first.saturating_sub(AROUND + 1)..failed.last + AROUND;
        for (at, line) in self.text.lines().enumerate().filter(|(at, _)| around.contains(at)) {
            let number = at + 1;
            let mark = if (failed.first..=failed.last).contains(&number) { ">>>" } else { "   " };
            self.ui.unasked(&format!("{number:4} | {mark} {}", truncate(line, LONGEST)));
        }
        self.ui.unasked("--------------------");
    }

    /// A vertex of BuildKit's status (client/graph.go), as it is now.
    fn vertex(&self, step: &Step, more: &[(&str, Value)]) {
        let mut vertex = json!({"digest": step.digest(), "name": step.shown, "started": step.started});
        for (key, value) in more {
            vertex[key] = value.clone();
        }
        self.ui.unasked(&json!({"vertexes": [vertex]}).to_string());
    }
}

/// The time now.
fn now() -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    time::rfc3339(now.try_into().unwrap_or(i64::MAX)).into()
}

/// `0.3s`, `2m05s`.
fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..60_000 => format!("{}.{}s", milliseconds / 1000, milliseconds / 100 % 10),
        _ => crate::ui::human::duration(Duration::from_millis(milliseconds)),
    }
}

impl Progress for Shown<'_> {
    fn step(&self, stage: usize, shown: &str) {
        let shown = &*truncate(shown, LONGEST);
        let mut steps = self.steps.borrow_mut();
        steps.count += 1;
        let number = steps.count;
        let mut task = None;
        match self.style {
            Style::Plain => self.ui.info(&format!("#{number} {shown}")),
            Style::Lines { output: true } => self.ui.info(shown),
            Style::Lines { output: false } => {
                let begun = self.ui.task(shown, None);
                begun.state("running");
                task = Some(begun);
            }
            Style::RawJson | Style::Quiet => {}
        }
        let (begun, partial, last) = (Instant::now(), Vec::new(), VecDeque::new());
        let step = Step { number, shown: shown.to_owned(), begun, started: now(), partial, last, task };
        if self.style == Style::RawJson {
            self.vertex(&step, &[]);
        }
        steps.running.insert(stage, step);
    }

    fn output(&self, stage: usize, bytes: &[u8]) {
        let mut steps = self.steps.borrow_mut();
        let Some(step) = steps.running.get_mut(&stage) else { return };
        if self.style == Style::RawJson {
            let data = BASE64.encode(bytes);
            let log = json!({"vertex": step.digest(), "stream": 1, "data": data, "timestamp": now()});
            self.ui.unasked(&json!({"logs": [log]}).to_string());
        }
        step.partial.extend_from_slice(bytes);
        if let Some(end) = step.partial.iter().rposition(|&byte| byte == b'\n') {
            let rest = step.partial.split_off(end + 1);
            let lines = std::mem::replace(&mut step.partial, rest);
            self.lines(step, &lines[..end]);
        }
    }

    fn done(&self, stage: usize, how: &str, time: u64) {
        let Some(mut step) = self.steps.borrow_mut().running.remove(&stage) else { return };
        if !step.partial.is_empty() {
            let rest = std::mem::take(&mut step.partial);
            self.lines(&mut step, &rest);
        }
        let result = if how.is_empty() { took(time) } else { how.to_owned() };
        match self.style {
            Style::Plain if how.is_empty() => self.ui.info(&format!("#{} DONE {result}", step.number)),
            Style::Plain => self.ui.info(&format!("#{} {how}", step.number)),
            Style::Lines { .. } => match &step.task {
                Some(task) => task.state(&result),
                None => self.ui.info(&format!("{}: {result}", step.shown)),
            },
            Style::RawJson => {
                self.vertex(&step, &[("completed", now()), ("cached", (how == "CACHED").into())]);
            }
            Style::Quiet => {}
        }
    }

    fn failed(&self, stage: usize, error: &Error, place: Option<Lines>) {
        let Some(mut step) = self.steps.borrow_mut().running.remove(&stage) else { return };
        if !step.partial.is_empty() {
            let rest = std::mem::take(&mut step.partial);
            self.lines(&mut step, &rest);
        }
        if self.style == Style::RawJson {
            self.vertex(&step, &[("completed", now()), ("error", error.in_one_line().into())]);
            return;
        }
        if let Some(task) = &step.task {
            task.state("failed");
        }
        let last = std::mem::take(&mut step.last);
        drop(step);
        if matches!(self.style, Style::Lines { output: false } | Style::Quiet) {
            last.iter().for_each(|line| self.ui.unasked(&format!("    {line}")));
        }
        if let Some(lines) = place {
            self.excerpt(lines);
        }
    }

    fn info(&self, line: &str) {
        self.ui.info(line);
    }

    fn detail(&self, line: &str) {
        self.ui.detail(line);
    }

    fn warn(&self, line: &str) {
        self.ui.warn(line);
    }
}
