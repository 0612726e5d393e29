//! The guides: `src/docs/*.md`, which the build packs into the program (`build.rs`).
//!
//! 45 KB of text take 16 KB in the program, and what shows them 12 KB of code: the stripped x86_64 file of `cargo build --release`
//! grew from 3,977,888 bytes to 4,010,144.

use std::io::Read;

use crate::error::{Attempt, Result};
use crate::layer::decompress;

const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guides"));

/// What each is about, in one word, in order.
pub(super) fn topics() -> impl Iterator<Item = &'static str> {
    env!("CHROOT_DISTRO_TOPICS").split(' ')
}

/// Their Markdown, in the order of the topics.
pub(super) fn texts() -> Result<Vec<String>> {
    let mut all = String::new();
    decompress(PACKED)?.read_to_string(&mut all).attempt("unpack the guides")?;
    Ok(all.split('\0').map(str::to_owned).collect())
}

/// The Markdown of the guide on this topic, in any case of letters.
pub(super) fn on(topic: &str) -> Result<Option<String>> {
    let Some(at) = topics().position(|known| known.eq_ignore_ascii_case(topic)) else {
        return Ok(None);
    };
    Ok(texts()?.into_iter().nth(at))
}
