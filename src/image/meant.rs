//! The image that a reference means: one that is kept here under this name, or the registry's.

use super::description::Image;
use super::local::{other_tag, own_tag};
use super::open::open;
use super::resolve::Pull;
use crate::error::{Error, Kind, Result};
use crate::report::Report;
use crate::store::Library;

/// Whose image it is, and so where its blobs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It was made or loaded here, and is kept. A registry may have a stranger's of this name.
    Own,
    /// It was pulled, and is kept.
    Pulled,
    /// The registry's; the cache may have it.
    Registry,
}

/// Finds the image of `pull`: what [`here`] finds, or else the registry's. A kept one is also what is left when the registry
/// cannot be reached. Nothing that is kept may be deleted meanwhile: [`Library::hold`].
pub fn meant(library: &Library, pull: &Pull<'_>, newer: bool, report: &dyn Report) -> Result<(Image, Whose)> {
    if let Some(found) = here(library, pull, newer)? {
        return Ok(found);
    }
    let (name, kept) = (pull.reference().to_string(), library.named(&pull.reference().full())?);
    if kept.is_none()
        && let Some(here) = own_tag(library, &name)
    {
        report.info(&format!("There is no '{name}' here ({here}): asking the registry"));
    }
    match (pull.resolve(), kept) {
        (Err(error), Some(kept)) if error.kind() == Kind::Network => {
            report.info(&format!("Using the image that is kept here, because {error}"));
            Ok((open(library, &kept, pull.platform())?, Whose::Pulled))
        }
        (Err(error), _) => Err(or_another_tag(library, pull, error)),
        (Ok(image), _) => Ok((image, Whose::Registry)),
    }
}

/// The image of `pull` where it is here; asks nobody. One that was made or loaded here wins. One that was pulled, or is in the
/// cache, is enough unless a newer one is wanted (`newer`).
pub fn here(library: &Library, pull: &Pull<'_>, newer: bool) -> Result<Option<(Image, Whose)>> {
    if let Some(kept) = library.named(&pull.reference().full())?.filter(|kept| !(kept.pulled && newer)) {
        match open(library, &kept, pull.platform()) {
            // It may be here for another platform alone.
            Err(_) if kept.pulled => {}
            opened => {
                return opened
                    .map(|image| Some((image, if kept.pulled { Whose::Pulled } else { Whose::Own })));
            }
        }
    }
    let cached = if newer { None } else { pull.cached()? };
    Ok(cached.map(|image| (image, Whose::Registry)))
}

/// What is not to be had under this tag may be here under another one.
fn or_another_tag(library: &Library, pull: &Pull<'_>, error: Error) -> Error {
    let missing = matches!(error.kind(), Kind::NotFound | Kind::Denied | Kind::Network);
    match missing.then(|| other_tag(library, &pull.reference().to_string())).flatten() {
        Some(hint) => error.hint_instead(hint),
        None => error,
    }
}
