//! Runs a target on inputs that it makes, until its time is over or an input makes it fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::coverage::{self, Seen};
use crate::guard;
use crate::mutate::{Sources, mutate};
use crate::random::Random;
use crate::targets::Target;

/// Runs `target` once on an input, with the panic's own message; whether it was fine.
pub fn once(target: &Target, input: &[u8]) -> bool {
    guard::begin(target.name, input);
    let fine = catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok();
    guard::end();
    fine
}

/// How long a target is fuzzed: whichever ends first.
#[derive(Clone, Copy)]
pub struct Budget {
    pub time: Duration,
    pub inputs: u64,
}

/// Fuzzes `target`; whether all was fine. An input that makes it fail is cut down and kept.
pub fn fuzz(target: &Target, budget: Budget, seed: u64) -> bool {
    let mut work =
        Work { target, corpus: Vec::new(), seen: Seen::default(), runs: 0, random: Random::new(seed) };
    let start = Instant::now();
    let failure = quietly(|| {
        let input = work.seeds().or_else(|| work.search(start + budget.time, budget.inputs))?;
        Some(work.shrink(input))
    });
    work.report(start.elapsed());
    let Some(input) = failure else { return true };
    let path = guard::keep(target.name, &input);
    eprintln!("{}: an input makes it fail: {}", target.name, path.display());
    once(target, &input);
    false
}

struct Work<'a> {
    target: &'a Target,
    /// The inputs that did something new.
    corpus: Vec<Vec<u8>>,
    seen: Seen,
    runs: u64,
    random: Random,
}

impl Work<'_> {
    /// Runs the seeds; one that makes the target fail.
    fn seeds(&mut self) -> Option<Vec<u8>> {
        let seeds = (self.target.seeds)();
        seeds.into_iter().chain([Vec::new()]).find(|seed| !self.run(seed))
    }

    /// Looks for an input that makes the target fail.
    fn search(&mut self, end: Instant, inputs: u64) -> Option<Vec<u8>> {
        while self.runs < inputs && Instant::now() < end {
            let mut input = self.random.pick(&self.corpus).cloned().unwrap_or_default();
            let sources =
                Sources { words: self.target.words, corpus: &self.corpus, longest: self.target.longest };
            mutate(&mut input, &sources, &mut self.random);
            if !self.run(&input) {
                return Some(input);
            }
        }
        None
    }

    fn run(&mut self, input: &[u8]) -> bool {
        self.runs += 1;
        coverage::reset();
        let fine = once(self.target, input);
        if self.seen.add() {
            self.corpus.push(input.to_vec());
        }
        fine
    }

    /// Leaves out what the failure does not need.
    fn shrink(&self, mut input: Vec<u8>) -> Vec<u8> {
        let mut size = input.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at + size <= input.len() {
                let shorter = [&input[..at], &input[at + size..]].concat();
                if once(self.target, &shorter) {
                    at += size;
                } else {
                    input = shorter;
                }
            }
            size /= 2;
        }
        input
    }

    fn report(&self, time: Duration) {
        let rate = self.runs as f64 / time.as_secs_f64().max(0.001);
        println!(
            "{:<12} {:>9} inputs, {:>7.0} a second, {:>6} edges, {:>5} kept",
            self.target.name,
            self.runs,
            rate,
            self.seen.edges(),
            self.corpus.len()
        );
    }
}

/// Does `work` without a message for each panic.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let result = work();
    std::panic::set_hook(hook);
    result
}
