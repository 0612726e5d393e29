//! `prune`: frees what kept images no longer need.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use super::rmi::tell_freed;
use crate::error::{Attempt, Error, Kind, Result};
use crate::image::Summary;
use crate::install;
use crate::oci::Digest;
use crate::report::Report;
use crate::store::{Freed, Name, Named};

/// delete stored images that have no name, and print how much space this freed. An image loses its name when another image
/// gets it, such as by 'pull' or 'tag'. Containers and the cache are kept, and images that 'reset' needs for a container.
#[derive(FromArgs, ArgsInfo)]
#[argh(note = "Blobs that are in the cache too stay there; 'chroot-distro clear-cache' deletes them.")]
pub struct Prune {
    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,
}

impl Run for Prune {
    const NAME: &'static str = "prune";
    const SUGGESTED: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let library = app.store.library();
        let needed = install::without_a_name(&app.store)?;
        let mut images = library.images()?;
        images.retain(|image| {
            image.name.is_none() && !is_kept(app, &Summary::of(&library, image), image, &needed)
        });
        let early = library.remove(&images)?;
        for image in &images {
            app.ui.info(&format!("Deleted {}", image.descriptor.digest));
        }
        let Some(freed) = library.collect(&app.ui).attempt("free what no image needs")? else {
            return Err(Error::new(Kind::Busy, "images are being added just now")
                .hint("wait until that has finished, then try again"));
        };
        match freed + early {
            freed if freed == Freed::default() => app.ui.info("There was nothing to free"),
            freed => tell_freed(app, freed),
        }
        Ok(0)
    }
}

/// Whether `reset` needs it for one of these containers, which are here with the digests of their configs.
fn is_kept(app: &App, summary: &Summary, image: &Named, needed: &[(Name, Digest)]) -> bool {
    let user = needed.iter().find(|(_, config)| summary.blobs.contains_key(config));
    if let Some((name, _)) = user {
        app.ui.info(&format!("Kept {}: 'chroot-distro reset {name}' needs it", image.descriptor.digest));
    }
    user.is_some()
}
