//! What an instruction asks for, its words expanded and its names resolved.

use std::fs::File;

use super::mode::Mode;

/// A COPY or ADD.
#[derive(Debug)]
pub struct Wanted {
    /// What is copied, in this order.
    pub sources: Vec<Source>,
    /// Where it goes: an absolute path. With `/` or `/.` at its end it is a directory.
    pub destination: String,
    /// `--chown`; none: those of a context belong to root, those of a stage or an image to whom they belong there.
    pub owner: Option<(u32, u32)>,
    /// `--chmod`.
    pub mode: Option<Mode>,
    /// `--exclude`: patterns as in .dockerignore, from the source.
    pub exclude: Vec<String>,
    /// `--parents`: the directories of a source, from the start or from `/./` on, are made too.
    pub parents: bool,
    /// Archives among the sources are unpacked: ADD, where `--unpack=false` does not say otherwise.
    pub unpack: bool,
    /// The time of what has none: directories that are made, and here-documents. Seconds since 1970.
    pub now: i64,
}

impl Wanted {
    /// All of a path, as it is.
    pub fn whole(source: &str) -> Wanted {
        Wanted {
            sources: vec![Source::Path(if source.is_empty() { "/" } else { source }.to_owned())],
            destination: "/".to_owned(),
            owner: None,
            mode: None,
            exclude: Vec::new(),
            parents: false,
            unpack: false,
            now: 0,
        }
    }
}

/// One thing to be copied.
#[derive(Debug)]
pub enum Source {
    /// A path in the [`Files`](super::Files), perhaps with wildcards.
    Path(String),
    /// A here-document: its name, and what it holds.
    Inline(String, Vec<u8>),
    /// A file from a URL.
    Downloaded(Downloaded),
}

/// A file that was downloaded.
#[derive(Debug)]
pub struct Downloaded {
    /// The file's name, from the URL.
    pub name: String,
    /// What it holds.
    pub file: File,
    /// Bytes.
    pub size: u64,
    /// What the server says of its age, in seconds since 1970; 0 when it says nothing.
    pub modified: i64,
    /// `--unpack`: an archive is unpacked.
    pub unpack: bool,
}
