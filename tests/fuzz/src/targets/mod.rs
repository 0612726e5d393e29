//! What is fuzzed. A target panics when something is wrong; errors are what most inputs deserve.

mod archives;
mod compressed;
mod dockerfiles;
mod images;
mod lines;
mod loads;
mod network;
mod seeds;
mod texts;

/// One target.
pub struct Target {
    pub name: &'static str,
    /// Good inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What means something in its inputs.
    pub words: &'static [&'static str],
    /// The longest input, in bytes.
    pub longest: usize,
    pub run: fn(&[u8]),
}

pub static TARGETS: &[Target] = &[
    archives::LAYERS,
    archives::HEADERS,
    archives::INDEX,
    compressed::DECOMPRESS,
    compressed::COMPRESS,
    images::DOCUMENTS,
    images::REFERENCES,
    network::DNS,
    network::CHALLENGES,
    network::URLS,
    texts::ACCOUNTS,
    texts::MOUNTINFO,
    texts::ZONES,
    lines::LINES,
    dockerfiles::DOCKERFILES,
    dockerfiles::EXPANSION,
    loads::LOADS,
];

/// The parts of an input for a target that takes several texts.
fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut parts = input.splitn(N, |&byte| byte == 0);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
