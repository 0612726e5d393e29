//! Paths that are typed in a hurry: a container without its colon, patterns that no shell expands in a container, and
//! files that the kernel makes for sessions alone.

use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use super::endpoint::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::store::{Name, Store};

/// Refuses a copy from the host to the host where a word names a container and no file: the colon is missing. Without
/// this, `copy file box` would make a file `box` on the host.
pub(super) fn refuse_missing_colon(store: &Store, words: &[&Endpoint]) -> Result<()> {
    if !words.iter().all(|word| matches!(word, Endpoint::Host(_))) {
        return Ok(());
    }
    match words.iter().find_map(|word| Some((word, missing_colon(store, word)?))) {
        Some((word, hint)) => {
            Err(Error::usage(format_args!("'{word}' is not on the host, and no path has a colon")).hint(hint))
        }
        None => Ok(()),
    }
}

/// What to try when one of these `words` was not found, in place of what `error` says.
pub(super) fn explain(store: &Store, words: &[&Endpoint], error: Error) -> Error {
    if error.kind() != Kind::NotFound {
        return error;
    }
    match words.iter().find_map(|word| missing_colon(store, word).or_else(|| not_there(word))) {
        Some(hint) => error.hint_instead(hint),
        None => error,
    }
}

/// The hint, where the path begins with the name of a container and nothing on the host has that name.
fn missing_colon(store: &Store, word: &Endpoint) -> Option<String> {
    let Endpoint::Host(path) = word else { return None };
    let Component::Normal(first) = path.components().next()? else { return None };
    let name = Name::parse(first.to_str()?).ok()?;
    if Path::new(first).symlink_metadata().is_ok() || store.container(&name).is_err() {
        return None;
    }
    let rest = path.strip_prefix(first).ok().filter(|rest| !rest.as_os_str().is_empty());
    let rest = rest.map_or_else(|| "...".to_owned(), |rest| rest.display().to_string());
    Some(format!("'{name}' is a container; for a path in it, write '{name}:/{rest}'"))
}

/// The hint, where a path in a container has a character of a shell's pattern, or is one that the kernel makes.
fn not_there(word: &Endpoint) -> Option<String> {
    let Endpoint::Container(name, path) = word else { return None };
    let below = Path::new("/").join(path);
    if ["/proc", "/sys", "/dev"].iter().any(|of_kernel| below.starts_with(of_kernel)) {
        let path = below.display();
        return Some(format!("a session alone has it: chroot-distro login {name} -- cat {path}"));
    }
    let found = path.as_os_str().as_bytes().iter().any(|byte| b"*?[".contains(byte));
    found.then(|| {
        let above = path.parent().unwrap_or(Path::new("/")).display();
        format!(
            "patterns are not expanded in a container: name each file, or copy '{name}:{above}' with '-r'"
        )
    })
}
