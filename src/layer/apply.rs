//! What the entries of a layer mean (OCI image-spec, layer.md): whiteouts, opaque markers, names to leave out.

use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;

use super::Options;
use super::entry::Kind;
use super::name::Name;
use super::read::Reader;
use super::target::Target;
use crate::error::{Attempt, Error, Result};

/// Marks what is gone from lower layers.
const WHITEOUT: &[u8] = b".wh.";
/// Marks a directory that hides what lower layers have in it.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Begins the names that aufs keeps for itself (`.wh..wh.aufs`, `.wh..wh.plnk/`): no content of the image.
const RESERVED: &[u8] = b".wh..wh.";

/// What a name in a layer asks for.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Ordinary,
    Whiteout(Name),
    Opaque(Name),
    Ignored,
}

/// Applies uncompressed tar; returns how many entries counted. Reads the stream to its end.
pub(super) fn apply_tar(input: impl BufRead, target: &mut dyn Target, options: &Options) -> Result<u64> {
    let prefix = match &options.prefix {
        Some(prefix) => Name::parse(prefix.as_os_str().as_bytes())?,
        None => Name::default(),
    };
    let place = |name: &Name| name.under(&prefix).and_then(|name| name.strip(options.strip));
    let mut reader = Reader::new(input);
    let mut applied = 0;
    target.begin()?;
    while let Some(mut entry) = reader.next()? {
        let Some(name) = place(&entry.name) else { continue };
        let original = std::mem::replace(&mut entry.name, name);
        if let Kind::HardLink(to) = &mut entry.kind {
            *to = place(to).ok_or_else(|| {
                Error::invalid(format!("entry '{original}': is a hard link to '{to}', which is not unpacked"))
            })?;
        }
        applied += 1;
        if entry.name.is_root() && entry.kind != Kind::Directory {
            return Err(Error::invalid(format!(
                "entry '{original}' stands for the root, but is no directory"
            )));
        }
        let meaning = if options.whiteouts { meaning(&entry.name) } else { Ok(Meaning::Ordinary) };
        match meaning.attempt(|| format!("entry '{original}'"))? {
            Meaning::Ordinary => target.put(&entry, &mut reader.content())?,
            Meaning::Whiteout(name) => target.hide(&name)?,
            Meaning::Opaque(directory) => target.hide_children(&directory)?,
            Meaning::Ignored => {}
        }
    }
    reader.drain()?;
    target.end()?;
    Ok(applied)
}

fn meaning(name: &Name) -> Result<Meaning> {
    let Some((parent, leaf)) = name.split() else { return Ok(Meaning::Ordinary) };
    if parent.starts_with(WHITEOUT) || parent.windows(WHITEOUT.len() + 1).any(|part| part == b"/.wh.") {
        return match name.components().find(|component| component.starts_with(WHITEOUT)) {
            Some(component) if component.starts_with(RESERVED) => Ok(Meaning::Ignored),
            _ => Err(Error::invalid("stands below a whiteout")),
        };
    }
    match leaf.strip_prefix(WHITEOUT) {
        None => Ok(Meaning::Ordinary),
        Some(_) if leaf == OPAQUE => Ok(Meaning::Opaque(name.parent())),
        Some(_) if leaf.starts_with(RESERVED) => Ok(Meaning::Ignored),
        Some(b"" | b"." | b"..") => Err(Error::invalid("is a whiteout of no name")),
        Some(hidden) => Ok(Meaning::Whiteout(name.sibling(hidden))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers() {
        let name = |text: &str| Name::parse(text.as_bytes()).unwrap();
        let of = |text: &str| meaning(&name(text));
        assert_eq!(of("a/.wh.b").unwrap(), Meaning::Whiteout(name("a/b")));
        assert_eq!(of(".wh.b").unwrap(), Meaning::Whiteout(name("b")));
        assert_eq!(of("a/.wh..wh..opq").unwrap(), Meaning::Opaque(name("a")));
        assert_eq!(of(".wh..wh..opq").unwrap(), Meaning::Opaque(Name::default()));
        assert_eq!(of(".wh..wh.plnk/12.34").unwrap(), Meaning::Ignored);
        assert_eq!(of(".wh..wh.aufs").unwrap(), Meaning::Ignored);
        assert_eq!(of("wh.a/b.wh.c").unwrap(), Meaning::Ordinary);
        assert_eq!(of(".wh..hidden").unwrap(), Meaning::Whiteout(name(".hidden")));
        for bad in [".wh.", "a/.wh..", ".wh...", ".wh.a/b"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
