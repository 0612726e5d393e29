//! Fuzzing of whatever reads bytes from outside. See `run` for how it is called.
//!
//! A target takes bytes and panics when something is wrong. The driver makes inputs out of seeds, keeps those that reach
//! new code, and makes more of these (`driver`, `coverage`, `mutate`). It needs no nightly compiler and no C++: libFuzzer
//! would need both, and its input format is the same, a file of bytes. The seed of chance is fixed, so that a run finds
//! again what the run before found.
//!
//! The library exports nothing for it. Targets go through what its blocks export anyway; two parsers that are private
//! to a block are pure files without imports from it, and are compiled into this program too (`targets/texts.rs`).

mod coverage;
mod driver;
mod guard;
mod mutate;
mod random;
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use driver::Budget;
use targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: guard::Limited = guard::Limited;

/// The longest that a number of inputs may take.
const HOUR: Duration = Duration::from_secs(3600);

/// What the command line asks for.
struct Wish {
    budget: Budget,
    seed: u64,
    targets: Vec<&'static Target>,
    file: Option<Vec<u8>>,
}

fn main() -> ExitCode {
    let wish = match wish(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(message) => {
            eprintln!("fuzz: {message}");
            return ExitCode::from(2);
        }
    };
    guard::watch();
    let fine = match (&wish.file, &wish.targets[..]) {
        (Some(input), [target]) => driver::once(target, input),
        _ => {
            let results: Vec<bool> =
                wish.targets.iter().map(|target| driver::fuzz(target, wish.budget, wish.seed)).collect();
            results.iter().all(|fine| *fine)
        }
    };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wish(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
    let budget = Budget { time: Duration::from_secs(10), inputs: u64::MAX };
    let mut wish = Wish { budget, seed: 1, targets: Vec::new(), file: None };
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|word| word.parse().ok()).ok_or(format!("{word} needs a number"));
        match word.as_str() {
            "--seconds" => wish.budget.time = Duration::from_secs(number()?),
            "--inputs" => wish.budget = Budget { time: HOUR, inputs: number()? },
            "--seed" => wish.seed = number()?,
            name => match TARGETS.iter().find(|target| target.name == name) {
                Some(target) => wish.targets.push(target),
                None => {
                    wish.file =
                        Some(std::fs::read(name).map_err(|error| format!("no target '{name}': {error}"))?)
                }
            },
        }
    }
    if wish.targets.is_empty() {
        wish.targets = TARGETS.iter().collect();
    }
    if wish.file.is_some() && wish.targets.len() != 1 {
        return Err("a file is for one target: TARGET FILE".into());
    }
    Ok(wish)
}
