//! The last words of a build: what was made, and what to do with it.

use crate::build::{Outcome, Request};
use crate::commands::command::App;
use crate::oci::{Digest, Reference};
use crate::report::Report;
use crate::store::Container;

use super::outputs::own;

/// What was made. `installed`: as a container, too.
pub(super) fn tell(app: &App, request: &Request, outcome: &Outcome, installed: bool) {
    let digest = &outcome.named.digest;
    match &request.tags[..] {
        [] => app.ui.info(&format!("Built {digest}")),
        tags => tags.iter().for_each(|tag| app.ui.info(&format!("Built {tag}: {digest}"))),
    }
    let Some(image) = own(request).and_then(|own| outcome.images.get(own)) else { return };
    let containers = app.store.containers().unwrap_or_default();
    let of_tags = |container: &&Container| has_old_image(container, &request.tags, None);
    let is_there = containers.iter().any(|container| of_tags(&container));
    let old: Vec<&str> = containers
        .iter()
        .filter(|container| has_old_image(container, &request.tags, Some(&image.config)))
        .map(|container| container.name().as_str())
        .collect();
    match (&old[..], request.tags.first()) {
        ([], Some(tag)) if !installed && !is_there => app.ui.info(&format!(
            "Make a container and enter it: chroot-distro install {tag} && chroot-distro login {}",
            tag.short_name()
        )),
        ([], _) => {}
        ([first, ..], _) => app.ui.info(&format!(
            "Still on the old image: {}. To take the new one, and delete what was changed inside: chroot-distro reset {first}",
            old.join(", ")
        )),
    }
}

/// Whether a container was made of an image of one of these names, and of another one than `config` names.
fn has_old_image(container: &Container, tags: &[Reference], config: Option<&Digest>) -> bool {
    let Ok(Some(provenance)) = container.provenance() else { return false };
    let name = provenance.image_ref().and_then(|name| Reference::parse(name).ok());
    let is_named = name.is_some_and(|name| tags.iter().any(|tag| tag.full() == name.full()));
    let is_same =
        |config: &Digest| provenance.manifest().is_ok_and(|manifest| manifest.config.digest == *config);
    is_named && !config.is_some_and(is_same)
}
