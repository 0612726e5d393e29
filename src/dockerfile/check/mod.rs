//! What is allowed in a Dockerfile and yet worth a word: BuildKit's checks, by its names. Pure.

mod findings;
mod from;
mod graph;
mod options;
mod run;
mod steps;
mod variables;

pub use run::{Around, Checked, check};

#[cfg(test)]
mod tests;
