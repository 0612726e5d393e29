//! `rmi`: deletes kept images.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::{Error, Kind, Result};
use crate::image::{find, remove, shown};
use crate::report::Report;
use crate::store::Freed;
use crate::ui::human;

/// delete stored images. An image can have several names. This removes the given name. When the last name is removed, the
/// image itself is deleted. Containers that were made from it are kept.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro rmi alpine:3.21",
    example = "chroot-distro rmi 3c1bd9f5a2d8",
    note = "What 'install' downloaded stays in the cache; 'chroot-distro clear-cache' deletes that too."
)]
pub struct RemoveImages {
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
        app.all(&images, &mut |text| remove_one(app, text))?;
        Ok(0)
    }
}

fn remove_one(app: &App, text: &str) -> Result<()> {
    let library = app.store.library();
    let found = find(&library, text).map_err(|error| or_a_container(app, text, error))?;
    let [image] = &found[..] else {
        let names: Vec<String> = found.iter().filter_map(shown).collect();
        return Err(Error::new(Kind::Busy, format!("'{text}' has several names: {}", names.join(", ")))
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
    app.ui.info(&format!("Freed {}", human::size(bytes)));
    if shared > 0 {
        app.ui.info(&format!(
            "{} of it stay in the cache, for the next install. To free them: chroot-distro clear-cache",
            human::size(shared)
        ));
    }
}

/// A container is deleted by another command.
fn or_a_container(app: &App, text: &str, error: Error) -> Error {
    match app.container(text) {
        Ok(container) if error.kind() == Kind::NotFound => error.hint_instead(format!(
            "'{0}' is a container; 'chroot-distro remove {0}' deletes it with all its data",
            container.name()
        )),
        _ => error,
    }
}

/// Their `reset` asks the registry for it from now on.
fn tell_containers(app: &App, name: Option<&str>) {
    let made_of = |container: &crate::store::Container| {
        let provenance = container.provenance().ok().flatten()?;
        let reference = crate::oci::Reference::parse(provenance.image_ref()?).ok()?;
        (Some(reference.full().as_str()) == name).then(|| container.name().to_string())
    };
    let names: Vec<String> = app.store.containers().unwrap_or_default().iter().filter_map(made_of).collect();
    if !names.is_empty() {
        app.ui.info(&format!("Containers made of it stay: {}", names.join(", ")));
    }
}
