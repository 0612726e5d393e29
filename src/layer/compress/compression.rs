//! How an archive is compressed, as a user names it: by a word, a file name and a level.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Error, Result};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz (the .xz file format, version 1.2).
    Xz,
}

/// Ends of file names, in small letters. The longer ones stand before those that they end with.
const ENDINGS: [(&str, Compression); 13] = [
    (".tar.gz", Compression::Gzip),
    (".tgz", Compression::Gzip),
    (".taz", Compression::Gzip),
    (".gz", Compression::Gzip),
    (".tar.bz2", Compression::Bzip2),
    (".tbz2", Compression::Bzip2),
    (".tbz", Compression::Bzip2),
    (".tb2", Compression::Bzip2),
    (".bz2", Compression::Bzip2),
    (".tar.xz", Compression::Xz),
    (".txz", Compression::Xz),
    (".xz", Compression::Xz),
    (".tar", Compression::None),
];

/// Ends of file names that promise what is not written here.
const OTHERS: [&str; 7] = ["zst", "tzst", "lz4", "lz", "lzma", "zip", "7z"];

impl Compression {
    /// What the end of a file name asks for: `.tar.gz`, `.tgz`, `.tar.bz2`, `.tbz2`, `.tar.xz`, `.txz`, `.tar` and
    /// their short forms, in large or small letters. Nothing if the name does not say.
    pub fn of_name(name: &OsStr) -> Option<Compression> {
        let name = name.as_bytes().to_ascii_lowercase();
        ENDINGS
            .iter()
            .find(|(ending, _)| name.ends_with(ending.as_bytes()))
            .map(|&(_, compression)| compression)
    }

    /// What a file's name asks for. One that says nothing of compression is that of a plain archive.
    ///
    /// # Errors
    ///
    /// [`Kind::Usage`](crate::error::Kind::Usage) for a name that promises a kind which is not written.
    pub fn of_file(path: &Path) -> Result<Compression> {
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
        match path.file_name().and_then(Compression::of_name) {
            Some(compression) => Ok(compression),
            None if OTHERS.contains(&&*ending) => {
                Err(Error::usage(format_args!("'.{ending}' archives cannot be written"))
                    .hint("end the name in .tar, .tar.gz, .tar.bz2 or .tar.xz"))
            }
            None => Ok(Compression::None),
        }
    }

    /// What a user's word asks for: `gzip`, `bzip2`, `xz` or `none`, or the short forms `gz` and `bz2`.
    pub fn parse(word: &str) -> Result<Compression> {
        match word {
            "none" => Ok(Compression::None),
            "gzip" | "gz" => Ok(Compression::Gzip),
            "bzip2" | "bz2" => Ok(Compression::Bzip2),
            "xz" => Ok(Compression::Xz),
            _ => Err(Error::usage(format_args!("unknown compression '{word}'"))
                .hint("it can be gzip, bzip2, xz or none")),
        }
    }

    /// The word for it, which [`Compression::parse`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
        }
    }

    /// Refuses a level that the format does not have.
    pub(super) fn check(self, level: u32) -> Result<()> {
        let lowest = match self {
            Compression::None => {
                return Err(Error::usage("a compression level without compression")
                    .hint("choose a compression too: gzip, bzip2 or xz"));
            }
            Compression::Bzip2 => 1,
            Compression::Gzip | Compression::Xz => 0,
        };
        if (lowest..=9).contains(&level) {
            return Ok(());
        }
        let name = self.name();
        Err(Error::usage(format_args!("{name} has no level {level}"))
            .hint(format_args!("a level of {name} is {lowest} to 9")))
    }
}
