//! `push`: publishes kept images.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, platform, reference};
use crate::error::{Attempt, Error, Kind, Result};
use crate::image::{self, Neighbours, Parts, Push, Remembered, Shelf, Stored, Which};
use crate::net::Settings;
use crate::oci::{Platform, Reference};
use crate::registry::Client;
use crate::report::Report;
use crate::store::{Library, Named};

/// upload a stored image to a registry. The registry gets exactly the same bytes, and only those that it does not have yet.
/// A push that was interrupted can be repeated: it goes on with what is missing.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro push ghcr.io/me/app:1",
    example = "chroot-distro push alpine:3.21 localhost:5000/alpine:3.21",
    example = "chroot-distro push --all-platforms me/app",
    note = "To log in: chroot-distro auth add REGISTRY, or set CD_DOCKER_AUTH=user:password."
)]
pub struct PushImage {
    /// of an image for several CPUs, the one to push, or a platform such as linux/arm/v7; this machine's by default
    #[argh(option, short = 'a')]
    architecture: Option<String>,

    /// push every platform of the image, and its index
    #[argh(switch)]
    all_platforms: bool,

    /// do not check TLS certificates, and speak plain HTTP where a registry does
    #[argh(switch)]
    allow_insecure: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the image, by a name, its digest or the beginning of that
    #[argh(positional)]
    image: String,

    /// where to push it; the image's own name by default
    #[argh(positional, arg_name = "DESTINATION")]
    destination: Option<String>,
}

impl Run for PushImage {
    const NAME: &'static str = "push";
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[("--platform", "--architecture")];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--architecture", "--all-platforms")];

    fn run(self, app: &App) -> Result<u8> {
        let platform = platform(self.architecture.as_deref())?;
        let destination = self.destination.as_deref().map(destination).transpose()?;
        let library = app.store.library();
        // Nothing is freed meanwhile.
        let _holding = library.reading(&app.ui)?;
        let settings = Settings::of(&app.host, self.allow_insecure);
        let client = Client::new(&app.host, settings, &app.ui);
        match found(&library, &self.image)? {
            Some(named) => {
                let target = destination.map_or_else(|| own_name(&self.image, &named), Ok)?;
                let which = match (self.all_platforms, platform) {
                    (true, _) => Which::All,
                    (false, Some(platform)) => Which::Only(platform),
                    (false, None) => Which::Usual,
                };
                let shelf = Stored { library: &library, store: &app.store };
                let parts = Parts::of(&shelf, &named[0].descriptor, &which)
                    .attempt(format_args!("push to '{target}'"))?;
                publish(app, &library, &client, &shelf, &parts, &target)
            }
            None => {
                self.remembered(app, &library, &client, platform.unwrap_or_else(Platform::host), destination)
            }
        }
    }
}

impl PushImage {
    /// What the Python tool has built is in the cache alone.
    fn remembered(
        &self,
        app: &App,
        library: &Library,
        client: &Client<'_>,
        platform: Platform,
        destination: Option<Reference>,
    ) -> Result<u8> {
        let reference = Reference::parse(&self.image);
        let cached = match &reference {
            Ok(reference) => app.store.image(reference, platform.arch)?,
            Err(_) => None,
        };
        let (Ok(reference), Some(cached)) = (reference, cached) else {
            return image::find(library, &self.image).map(|_| 0);
        };
        let shelf = Remembered::new(&app.store, &cached, &app.ui)?;
        match Parts::of(&shelf, &shelf.manifest, &Which::Usual) {
            // An install has begun to fetch it: no image yet.
            Err(error) if error.kind() == Kind::NotFound => image::find(library, &self.image).map(|_| 0),
            parts => publish(app, library, client, &shelf, &parts?, &destination.unwrap_or(reference)),
        }
    }
}

/// Where to push, as it was typed.
fn destination(text: &str) -> Result<Reference> {
    match Reference::names_registry(text) {
        true => Err(Error::usage(format_args!("'{text}' is a registry without the name of an image"))
            .hint(format_args!("write it like {text}/NAME:TAG"))),
        false => reference(text),
    }
}

/// The image with all its names. An image by name and digest is that of the digest.
fn found(library: &Library, text: &str) -> Result<Option<Vec<Named>>> {
    let digest = Reference::parse(text).ok().and_then(|reference| reference.digest);
    let found = match digest {
        Some(digest) => image::find(library, &digest.to_string()),
        None => image::find(library, text),
    };
    match found {
        Ok(found) if found.is_empty() => Ok(None),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Where an image goes when nobody says.
fn own_name(text: &str, named: &[Named]) -> Result<Reference> {
    let parsed = Reference::parse(text).ok();
    if let Some(reference) =
        parsed.filter(|r| r.digest.is_some() || named[0].name.as_ref() == Some(&r.full()))
    {
        return Ok(reference);
    }
    let names: Vec<&str> = named.iter().filter_map(|image| image.name.as_deref()).collect();
    match names[..] {
        [name] => Reference::parse(name),
        [] => Err(Error::usage(format_args!("'{text}' has no name"))
            .hint("say where to push it: push IMAGE DESTINATION")),
        _ => Err(Error::usage(format_args!("'{text}' has several names: {}", names.join(", ")))
            .hint("push one of them, or say where to: push IMAGE DESTINATION")),
    }
}

fn publish(
    app: &App,
    library: &Library,
    client: &Client<'_>,
    shelf: &dyn Shelf,
    parts: &Parts,
    target: &Reference,
) -> Result<u8> {
    app.ui.info(&format!("Pushing {target}"));
    let neighbours = Neighbours::of(&app.store, library, target);
    let push = Push { shelf, neighbours: &neighbours, store: &app.store, client, target };
    let digest = push.run(parts, &app.ui).attempt(format_args!("push to '{target}'"))?;
    app.ui.info(&format!("Pushed {target}: {digest}"));
    Ok(0)
}
