//! `images`: those that are kept here.

use std::collections::{BTreeMap, BTreeSet};

use argh::{ArgsInfo, FromArgs};
use serde_json::{Value, json};

use super::command::{App, Run};
use crate::cli::Line;
use crate::error::Result;
use crate::host::Host;
use crate::image::{Summary, find, shown};
use crate::oci::Reference;
use crate::report::Report;
use crate::store::{Library, Named, Store};
use crate::ui::{Table, human};

/// show the stored images. These are images that were pulled, loaded or built on this machine.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "SIZE counts all layers of an image. Several images can have a layer in common, which is on the disk only once, and counts once in the sum."
)]
pub struct Images {
    /// print a JSON array
    #[argh(switch)]
    json: bool,

    /// print only the digests, one per line
    #[argh(switch, short = 'q')]
    quiet: bool,

    /// show complete digests
    #[argh(switch)]
    digests: bool,

    /// show only images with this name, or the one with this digest. The registry is part of the name, if it is not
    /// Docker Hub: ghcr.io/me/app. Without a tag, all tags are shown. Of a digest the first four digits are enough
    #[argh(positional)]
    name: Option<String>,
}

impl Run for Images {
    const NAME: &'static str = "images";
    const CONFLICTS: &'static [(&'static str, &'static str)] =
        &[("--quiet", "--json"), ("--quiet", "--digests"), ("--digests", "--json")];

    fn spares_root(_: &Line, host: &Host) -> bool {
        Store::open(host.paths()).library().is_readable()
    }

    fn run(self, app: &App) -> Result<u8> {
        let library = app.store.library();
        let images = match &self.name {
            Some(name) => named(&library, name)?,
            None => library.images()?,
        };
        if self.quiet {
            let mut digests: Vec<String> =
                images.iter().map(|image| image.descriptor.digest.to_string()).collect();
            let mut seen = BTreeSet::new();
            digests.retain(|digest| seen.insert(digest.clone()));
            digests.iter().for_each(|digest| app.ui.print(digest));
            return Ok(0);
        }
        let rows: Vec<(Named, Summary)> = images
            .into_iter()
            .map(|image| {
                let summary = Summary::of(&library, &image);
                (image, summary)
            })
            .collect();
        tell_trouble(app, &rows);
        if self.json {
            app.ui.json(&rows.iter().map(|(image, summary)| document(image, summary)).collect());
        } else if rows.is_empty() {
            app.ui.info("No images are kept here. Get one: chroot-distro pull alpine");
        } else {
            app.ui.table(&table(&rows, self.digests));
            tell_sum(app, &rows);
        }
        Ok(0)
    }
}

/// What is damaged is named, and shown as far as it can be.
fn tell_trouble(app: &App, rows: &[(Named, Summary)]) {
    for error in app.store.library().unreadable().unwrap_or_default() {
        app.ui.warn(&error.in_one_line());
    }
    for (image, summary) in rows {
        if let Some(error) = &summary.trouble {
            let name = shown(image).unwrap_or_else(|| image.descriptor.short().to_owned());
            app.ui.warn(&format!("image '{name}': {}", error.in_one_line()));
        }
    }
}

/// What they take together. A layer that several images have counts once.
fn tell_sum(app: &App, rows: &[(Named, Summary)]) {
    let blobs: BTreeMap<_, _> = rows.iter().flat_map(|(_, summary)| &summary.blobs).collect();
    if rows.len() > 1 {
        app.ui.info(&format!(
            "All together: {}. A layer of several images counts once",
            human::size(blobs.into_values().sum())
        ));
    }
}

/// Those of a name, whatever their tag if it has none; else the image of a digest. `NotFound`: there are none.
fn named(library: &Library, name: &str) -> Result<Vec<Named>> {
    if let Ok(wanted) = Reference::parse(name) {
        let any_tag = !name.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        let mut images = library.images()?;
        images.retain(|image| is_of(image, &wanted, any_tag));
        if !images.is_empty() {
            return Ok(images);
        }
    }
    find(library, name)
}

fn is_of(image: &Named, wanted: &Reference, any_tag: bool) -> bool {
    let Some(reference) = image.name.as_ref().and_then(|name| Reference::parse(name).ok()) else {
        return false;
    };
    let same = (&reference.registry, &reference.repository) == (&wanted.registry, &wanted.repository);
    same && (any_tag || reference.target() == wanted.target())
}

fn table(rows: &[(Named, Summary)], digests: bool) -> Table {
    let mut table =
        Table::new(["IMAGE", "DIGEST", "PLATFORM", "CREATED", "SIZE"]).yielding(&["PLATFORM"]).first_above();
    for (image, summary) in rows {
        let digest = &image.descriptor.digest;
        table.row([
            shown(image).unwrap_or_else(|| "<none>".to_owned()),
            if digests { digest.to_string() } else { digest.hex()[..12].to_owned() },
            summary.platforms.join(", "),
            // The day is enough here.
            summary.created.as_deref().and_then(|created| created.get(..10)).unwrap_or("unknown").to_owned(),
            human::size(summary.size()),
        ]);
    }
    table
}

fn document(image: &Named, summary: &Summary) -> Value {
    json!({
        "name": image.name,
        "digest": image.descriptor.digest.to_string(),
        "media_type": image.descriptor.media_type,
        "platforms": summary.platforms,
        "created": summary.created,
        "bytes": summary.size(),
        "pulled": image.pulled,
    })
}
