//! How the engine tells of the stages.

use crate::dockerfile::Lines;
use crate::error::Error;

/// Hears of everything in the order in which it happens.
pub trait Progress {
    /// A stage begins a step.
    fn step(&self, stage: usize, shown: &str);
    /// What the step's program prints: bytes as they come.
    fn output(&self, stage: usize, bytes: &[u8]);
    /// The step is done: `CACHED`, or nothing, and how many milliseconds it took.
    fn done(&self, stage: usize, how: &str, time: u64);
    /// The stage failed in its step, which stands there in the Dockerfile.
    fn failed(&self, stage: usize, error: &Error, place: Option<Lines>);
    /// A line for the user.
    fn info(&self, line: &str);
    /// A line for `--verbose`.
    fn detail(&self, line: &str);
    /// Something went wrong that stops nothing.
    fn warn(&self, line: &str);
}
