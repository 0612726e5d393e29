//! What names in a layer ask for (OCI image-spec, layer.md, "Whiteouts"): whiteouts, opaque markers, and the names
//! that aufs keeps for itself. In other archives these are ordinary names.

use std::cmp::Ordering;

use super::name::Name;
use crate::error::{Error, Result};

/// Marks what is gone from lower layers.
const WHITEOUT: &[u8] = b".wh.";
/// Marks a directory that hides what lower layers have in it.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Begins the names that aufs keeps for itself (`.wh..wh.aufs`, `.wh..wh.plnk/`): no content of the image.
const RESERVED: &[u8] = b".wh..wh.";

/// What a name in a layer asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Ordinary,
    Whiteout(Name),
    Opaque(Name),
    Ignored,
}

/// The file that hides `name`.
pub(super) fn whiteout(name: &Name) -> Result<Name> {
    let (_, leaf) = name.split().unwrap_or_default();
    let marker = name.sibling(&[WHITEOUT, leaf].concat());
    match meaning(&marker)? {
        Meaning::Whiteout(hidden) if hidden == *name => Ok(marker),
        _ => Err(Error::unsupported("cannot be hidden by a layer")),
    }
}

/// The file that hides what lower layers have in the directory `name`.
pub(super) fn opaque_marker(name: &Name) -> Result<Name> {
    name.child(OPAQUE)
}

/// The order in which paths stand in a layer: directories before what is in them, by the bytes of their names, and what is
/// hidden before its siblings.
pub(super) fn order(one: &[u8], hides: bool, other: &[u8], other_hides: bool) -> Ordering {
    let parts = |path| <[u8]>::split(path, |&byte| byte == b'/').peekable();
    let (mut ones, mut others) = (parts(one), parts(other));
    loop {
        let (Some(part), Some(other_part)) = (ones.next(), others.next()) else {
            return one.len().cmp(&other.len());
        };
        let stands = |hides: bool, is_last: bool| !(hides && is_last);
        let key = (stands(hides, ones.peek().is_none()), part);
        let order = key.cmp(&(stands(other_hides, others.peek().is_none()), other_part));
        if order.is_ne() {
            return order;
        }
    }
}

/// Tells what an entry of this name asks for.
pub(super) fn meaning(name: &Name) -> Result<Meaning> {
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
