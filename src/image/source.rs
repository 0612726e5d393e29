//! What the argument of `install` is: an image reference, a path, a URL, or `-` for standard input.
//!
//! A path starts with `/`, `./`, `../` or `~`; a bare word always is an image. Only `http://` and `https://`
//! are URLs.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Error, Result, WRONG_USAGE};
use crate::net::url::shown;
use crate::oci::{Digest, Reference};
use crate::store::Name;

/// Where an image or a root filesystem comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An image in a registry.
    Registry(Reference),
    /// An archive, of any kind that [`super::archive`] knows.
    Archive(PathBuf),
    /// A directory with an OCI image layout.
    Layout(PathBuf),
    /// An archive to download.
    Url(String),
    /// An archive on standard input.
    Stdin,
    /// An image that is kept here, by the digest of its manifest or index, all of it.
    Kept(Digest),
}

/// What an archive's name ends with, longest first; dropped to name a container.
const ENDINGS: [&str; 12] =
    [".tar", ".tgz", ".tbz2", ".tbz", ".txz", ".tlz", ".tzst", ".gz", ".bz2", ".xz", ".lzma", ".zst"];

impl Source {
    /// Tells them apart. `home` is what a leading `~` stands for. A path must exist.
    pub fn parse(argument: &OsStr, home: Option<&Path>) -> Result<Source> {
        let bytes = argument.as_bytes();
        if bytes == b"-" {
            return Ok(Source::Stdin);
        }
        if [&b"/"[..], b"./", b"../", b"~"].iter().any(|start| bytes.starts_with(start))
            || bytes == b"."
            || bytes == b".."
        {
            return Source::parse_path(expand(argument, home));
        }
        let text = argument.to_str().ok_or_else(|| {
            Error::usage(format_args!("'{}' is not an image", argument.display())).hint(PATHS)
        })?;
        if let Ok(digest) = Digest::parse(text) {
            return Ok(Source::Kept(digest));
        }
        match text.split_once("://") {
            Some((scheme, _)) if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) => {
                Ok(Source::Url(text.to_owned()))
            }
            Some((scheme @ ("docker" | "oci"), _)) => {
                Err(Error::usage(format_args!("'{scheme}://' is not needed"))
                    .hint(format_args!("leave out '{scheme}://'")))
            }
            Some((scheme, _)) => {
                Err(Error::usage(format_args!("'{scheme}://' is not supported"))
                    .hint("use http:// or https://"))
            }
            None => Reference::parse(text).map(Source::Registry).map_err(|error| {
                let error = error.exits(WRONG_USAGE);
                if Path::new(text).exists() {
                    error.hint(format_args!("for the file write './{text}'"))
                } else {
                    error
                }
            }),
        }
    }

    fn parse_path(path: PathBuf) -> Result<Source> {
        let metadata = path.metadata().attempt(format_args!("open '{}'", path.display()))?;
        if !metadata.is_dir() {
            return Ok(Source::Archive(path));
        }
        if path.join("index.json").is_file() {
            return Ok(Source::Layout(path));
        }
        Err(Error::invalid(format_args!("the directory '{}' is not an OCI image layout", path.display()))
            .hint("a layout has the files 'oci-layout' and 'index.json' and the directory 'blobs'"))
    }

    /// What the container is called when the user does not say.
    pub fn default_name(&self) -> Result<Name> {
        let text = match self {
            Source::Registry(reference) => reference.short_name().to_owned(),
            Source::Archive(path) | Source::Layout(path) => {
                let resolved = path.canonicalize().unwrap_or_else(|_| path.clone());
                stem(&resolved.file_name().unwrap_or_default().to_string_lossy()).to_owned()
            }
            Source::Url(url) => {
                let path = url.split(['?', '#']).next().unwrap_or_default();
                let path = path.split_once("://").map_or(path, |(_, rest)| rest);
                let last = path.split_once('/').map_or("", |(_, rest)| rest).trim_end_matches('/');
                stem(last.rsplit('/').next().unwrap_or_default()).to_owned()
            }
            Source::Stdin | Source::Kept(_) => String::new(),
        };
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
        let text: String = text.chars().map(allowed).collect();
        Name::parse(text.trim_start_matches(['_', '.', '-'])).map_err(|_| {
            Error::usage("the source suggests no name for the container").hint("add '--name NAME'")
        })
    }
}

const PATHS: &str = "a path starts with '/', './', '../' or '~'";

/// The user's `~`; their shell leaves it alone when it is quoted.
fn expand(argument: &OsStr, home: Option<&Path>) -> PathBuf {
    let path = Path::new(argument);
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some(shorter) =
        ENDINGS.iter().chain(&[".oci", ".docker"]).find_map(|end| stem.strip_suffix(end))
    {
        stem = shorter;
    }
    stem
}

/// As the user wrote it, or nearly.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Registry(reference) => reference.fmt(f),
            Source::Archive(path) | Source::Layout(path) => path.display().fmt(f),
            Source::Url(url) => f.write_str(&shown(url)),
            Source::Stdin => f.write_str("standard input"),
            Source::Kept(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Source> {
        Source::parse(OsStr::new(text), Some(Path::new("/proc")))
    }

    #[test]
    fn tells_them_apart() {
        assert!(matches!(parse("ubuntu").unwrap(), Source::Registry(_)));
        assert!(matches!(parse("localhost:5000/a/b:1").unwrap(), Source::Registry(_)));
        assert!(matches!(parse("HTTPS://h/x.tar").unwrap(), Source::Url(_)));
        assert_eq!(parse("-").unwrap(), Source::Stdin);
        assert_eq!(parse("ftp://h/x").unwrap_err().exit_code(), 2);
        assert_eq!(parse("/proc/mounts").unwrap(), Source::Archive("/proc/mounts".into()));
        assert_eq!(parse("~/mounts").unwrap(), Source::Archive("/proc/mounts".into()));
        assert!(parse("/proc").unwrap_err().to_string().contains("not an OCI image layout"));
        assert!(parse("./no-such-file").unwrap_err().to_string().contains("No such file"));
    }

    #[test]
    fn names_a_container_after_its_source() {
        let name = |source: Source| source.default_name().map(|name| name.to_string());
        let url = |text: &str| name(Source::Url(text.to_owned()));
        assert_eq!(name(parse("ghcr.io/foo/bar:1").unwrap()).unwrap(), "bar");
        assert_eq!(url("https://h/a/rootfs.tar.xz?x=/y").unwrap(), "rootfs");
        assert_eq!(url("https://h/.my image.oci.tar.gz").unwrap(), "my-image");
        assert_eq!(url("https://h/").unwrap_err().exit_code(), 2);
        assert_eq!(url("https://h").unwrap_err().exit_code(), 2);
        assert_eq!(name(Source::Archive("/x/alpine-3.21.tgz".into())).unwrap(), "alpine-3.21");
        assert_eq!(name(Source::Archive("/x/.tar".into())).unwrap_err().exit_code(), 2);
    }
}
