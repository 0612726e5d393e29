//! What the words of COPY lead to: paths, and wildcards in them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files::{Files, Place, absent, clean, missing};
use super::glob;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{FileType, Follow, Metadata};

/// One thing that a word leads to.
#[derive(Debug)]
pub struct Match {
    /// The last part of the path as it is written, links not followed: the name that a file has where it goes.
    pub name: OsString,
    /// What is there, links followed.
    pub place: Place,
}

/// What `source` leads to. Without a wildcard it must be there; with one it may be nothing, but the directory in which it
/// is looked for must be there.
pub fn find(files: &Files, source: &str) -> Result<Vec<Match>> {
    let path = clean(source);
    let parts: Vec<&str> =
        path.to_str().unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
    let plain = parts.iter().take_while(|part| !glob::has_wildcards(part)).count();
    let base: PathBuf = parts[..plain].iter().collect();
    let Some(place) = files.find(&base)? else { return Err(missing(files, source)) };
    if plain == parts.len() {
        return Ok(vec![Match { name: base.file_name().unwrap_or_default().to_owned(), place }]);
    }
    let mut found = Vec::new();
    if place.metadata.file_type == FileType::Directory {
        let shows = |path: &Path, metadata: &Metadata| files.shows(path, metadata);
        expand(files, &place.path, &parts[plain..], &shows, &mut found)?;
    }
    let mut matches = Vec::new();
    for path in found {
        if let Some(place) = files.find(&path)? {
            matches.push(Match { name: path.file_name().unwrap_or_default().to_owned(), place });
        }
    }
    Ok(matches)
}

/// That a wildcard matches nothing.
pub fn unmatched(files: &Files, source: &str) -> Error {
    let error = Error::not_found(format_args!("nothing matches '{source}'"));
    let (path, mut found) = (clean(source), Vec::new());
    let parts: Vec<&str> = path.to_str().unwrap_or_default().split('/').collect();
    let looked = expand(files, Path::new(""), &parts, &|_, _| true, &mut found);
    if looked.is_err() || found.is_empty() {
        return error;
    }
    match found.iter().find(|path| !files.ignores(path)) {
        Some(link) => {
            error.hint(format_args!("'{}' is a symbolic link to what is not there", link.display()))
        }
        None => error.hint("the build context has such files, but .dockerignore hides them"),
    }
}

/// Names below `base` that may be seen, sorted. On the way links are not followed.
fn expand(
    files: &Files,
    base: &Path,
    parts: &[&str],
    shows: &dyn Fn(&Path, &Metadata) -> bool,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    let names = files.root().dir(base).and_then(|dir| dir.names());
    let mut names = names.attempt(format_args!("list '{}'", base.display()))?;
    names.sort_unstable();
    for name in names.iter().filter(|name| glob::matches(part.as_bytes(), name.as_bytes())) {
        let path = base.join(name);
        let metadata = absent(files.root().metadata(&path, Follow::No));
        let Some(metadata) = metadata.attempt(format_args!("look at '{}'", path.display()))? else {
            continue;
        };
        if !shows(&path, &metadata) {
            continue;
        }
        if rest.is_empty() {
            found.push(path);
        } else if metadata.file_type == FileType::Directory {
            expand(files, &path, rest, shows, found)?;
        }
    }
    Ok(())
}
