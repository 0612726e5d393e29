//! `prune`: frees what kept images no longer need.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use super::rmi::tell_freed;
use crate::error::{Error, Kind, Result};
use crate::image::Summary;
use crate::install;
use crate::report::Report;
use crate::store::Freed;

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
        for image in library.images()?.iter().filter(|image| image.name.is_none()) {
            let digest = &image.descriptor.digest;
            let blobs = Summary::of(&library, image).blobs;
            if let Some((name, _)) = needed.iter().find(|(_, config)| blobs.contains_key(config)) {
                app.ui.info(&format!("Kept {digest}: 'chroot-distro reset {name}' needs it"));
                continue;
            }
            library.forget(digest)?;
            app.ui.info(&format!("Deleted {digest}"));
        }
        match library.collect()? {
            Some(freed) if freed == Freed::default() => app.ui.info("There was nothing to free"),
            Some(freed) => tell_freed(app, freed),
            None => {
                return Err(Error::new(Kind::Busy, "images are being added just now")
                    .hint("wait until that has finished, then try again"));
            }
        }
        Ok(0)
    }
}
