//! `rmi`: deletes kept images, or those in a registry.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, reference};
use crate::error::{Attempt, Error, Kind, Result};
use crate::image::{find, other_tag, remove, shown};
use crate::net::Settings;
use crate::oci::Reference;
use crate::registry::{self, Client};
use crate::report::Report;
use crate::store::Freed;
use crate::ui::human;

/// delete stored images. An image can have several names. This removes the given name. When the last name is removed, the
/// image itself is deleted. Containers that were made from it are kept. With --remote, delete images in their registry
/// instead.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro rmi alpine:3.21",
    example = "chroot-distro rmi 3c1bd9f5a2d8",
    example = "chroot-distro rmi --remote ghcr.io/me/app:1",
    note = "--remote REGISTRY/NAME:TAG deletes one tag, NAME@DIGEST the image with all its tags. Many registries allow only the second, and some neither. A registry frees the space later.",
    note = "What 'install' downloaded stays in the cache; 'chroot-distro clear-cache' deletes that too."
)]
pub struct RemoveImages {
    /// delete in the registry; what is stored here is kept
    #[argh(switch)]
    remote: bool,

    /// with --remote: do not check TLS certificates, and use plain HTTP if the registry uses it
    #[argh(switch)]
    allow_insecure: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the image, by a name, its digest or the beginning of that
    #[argh(positional)]
    image: String,

    /// further ones
    #[argh(positional, arg_name = "IMAGE")]
    more: Vec<String>,
}

impl Run for RemoveImages {
    const NAME: &'static str = "rmi";
    const SUGGESTED: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let images: Vec<String> = [self.image].into_iter().chain(self.more).collect();
        match self.remote {
            true => remove_remote(app, &images, self.allow_insecure)?,
            false => app.all(&images, &mut |text| remove_one(app, text))?,
        }
        Ok(0)
    }
}

/// Deletes them in their registries. A tag that nobody typed is not deleted.
fn remove_remote(app: &App, images: &[String], insecure: bool) -> Result<()> {
    let parse = |text: &String| {
        let image = reference(text)?;
        if image.digest.is_some() && image.tag.is_some() {
            return Err(Error::usage(format_args!("'{text}' names a tag and a digest"))
                .hint("leave out the digest to delete the tag alone, or the tag to delete the image with all its tags"));
        }
        match text.rsplit('/').next().is_some_and(|last| last.contains([':', '@'])) {
            true => Ok(image),
            false => Err(Error::usage(format_args!("'{text}' has no tag")).hint(format_args!(
                "say which one: rmi --remote {text}:TAG. To see them: chroot-distro search --list-tags {text}"
            ))),
        }
    };
    let images = images.iter().map(parse).collect::<Result<Vec<_>>>()?;
    let client = Client::new(&app.host, Settings::of(&app.host, insecure), &app.ui);
    app.all(&images, &mut |image| {
        registry::delete(&client, image).attempt(format_args!("delete '{image}'"))?;
        app.ui.info(&format!("Deleted {image} from '{}'", image.registry));
        Ok(())
    })
}

fn remove_one(app: &App, text: &str) -> Result<()> {
    let library = app.store.library();
    let found = find(&library, text).map_err(|error| or_a_container(app, text, error))?;
    let [image] = &found[..] else {
        let names: Vec<String> = found.iter().filter_map(shown).collect();
        return Err(Error::new(Kind::Busy, format_args!("'{text}' has several names: {}", names.join(", ")))
            .hint("take them away one by one"));
    };
    tell_containers(app, image.name.as_deref());
    match remove(&library, image, &app.ui)? {
        Some(freed) => tell_freed(app, freed),
        None => {
            app.ui.warn("nothing is freed while images are being added; 'chroot-distro prune' does it later")
        }
    }
    Ok(())
}

/// What was freed, and what frees the rest.
pub(super) fn tell_freed(app: &App, Freed { bytes, shared }: Freed) {
    if bytes > 0 {
        app.ui.info(&format!("Freed {}", human::size(bytes)));
    }
    if shared > 0 {
        app.ui.info(&format!(
            "{} of the image are still in the cache, for the next install. To free them: chroot-distro clear-cache",
            human::size(shared)
        ));
    }
}

/// A container is deleted by another command. If an image of this name is here by another tag, that is meant.
fn or_a_container(app: &App, text: &str, error: Error) -> Error {
    match app.container(text) {
        Ok(container)
            if error.kind() == Kind::NotFound && other_tag(&app.store.library(), text).is_none() =>
        {
            error.hint_instead(format_args!(
                "'{0}' is a container; 'chroot-distro remove {0}' deletes it with all its data",
                container.name()
            ))
        }
        _ => error,
    }
}

/// Their `reset` asks the registry for it from now on.
fn tell_containers(app: &App, name: Option<&str>) {
    let made_of = |container: &crate::store::Container| {
        let provenance = container.provenance().ok().flatten()?;
        let reference = Reference::parse(provenance.image_ref()?).ok()?;
        (Some(reference.full().as_str()) == name).then(|| container.name().to_string())
    };
    let names: Vec<String> = app.store.containers().unwrap_or_default().iter().filter_map(made_of).collect();
    if !names.is_empty() {
        app.ui.info(&format!("Containers made of it stay: {}", names.join(", ")));
    }
}
