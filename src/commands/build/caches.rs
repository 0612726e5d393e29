//! `--cache-from` and `--cache-to`.

use std::path::PathBuf;

use serde_json::Value;

use super::fields::fields;
use crate::build::exchange::{self, Imports, Remote};
use crate::cli::os_string;
use crate::commands::command::App;
use crate::error::{Error, Result};
use crate::net::Settings;
use crate::oci::Reference;
use crate::report::Report;

/// Where the results of steps come from and go to.
pub(super) struct Caches {
    from: Vec<Where>,
    to: Vec<Where>,
    settings: Settings,
}

/// One of the two kinds of places.
enum Where {
    Folder(PathBuf),
    Registry(Reference),
}

impl Caches {
    pub(super) fn read(from: &[String], to: &[String], settings: &Settings) -> Result<Caches> {
        let from = from.iter().map(|text| place("--cache-from", text, "src"));
        let to = to.iter().map(|text| place("--cache-to", text, "dest"));
        let (from, to) = (from.collect::<Result<_>>()?, to.collect::<Result<_>>()?);
        Ok(Caches { from, to, settings: settings.clone() })
    }

    /// Before the build: what is there. A registry that fails is told, and stops nothing.
    pub(super) fn imports<'a>(&'a self, app: &'a App) -> Result<Imports<'a>> {
        let mut imports = Imports::default();
        for from in &self.from {
            let (shown, place) = match from {
                Where::Folder(path) => (path.display().to_string(), exchange::folder(path)?),
                Where::Registry(reference) => {
                    let place = self.remote(app, reference).place();
                    let place = place.inspect_err(|error| app.ui.warn(&error.to_string()));
                    if place.is_err() {
                        continue;
                    }
                    (reference.to_string(), place?)
                }
            };
            match &place {
                Some(place) => {
                    app.ui.info(&format!("Importing the build cache '{shown}': {} steps", place.count()))
                }
                None => app.ui.info(&format!("There is no build cache in '{shown}' yet")),
            }
            imports.0.extend(place);
        }
        Ok(imports)
    }

    /// After it.
    pub(super) fn export(&self, app: &App, steps: &[Value]) -> Result<()> {
        for to in &self.to {
            let (shown, count) = match to {
                Where::Folder(path) => {
                    (path.display().to_string(), exchange::export_to_folder(&app.store, steps, path)?)
                }
                Where::Registry(reference) => {
                    (reference.to_string(), self.remote(app, reference).export(steps)?)
                }
            };
            app.ui.info(&format!("Exported {count} steps to '{shown}'"));
        }
        Ok(())
    }

    /// The directories that are written to.
    pub(super) fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.to.iter().filter_map(|to| match to {
            Where::Folder(path) => Some(path),
            Where::Registry(_) => None,
        })
    }

    fn remote<'a>(&'a self, app: &'a App, reference: &'a Reference) -> Remote<'a> {
        Remote { store: &app.store, host: &app.host, settings: &self.settings, report: &app.ui, reference }
    }
}

/// `type=local,KEY=DIR`, `type=registry,ref=REF`, or docker's short form, a REF alone.
fn place(option: &str, text: &str, key: &str) -> Result<Where> {
    let wrong = |why: &str| {
        Error::usage(format_args!("{option} '{text}': {why}"))
            .hint(format_args!("write type=local,{key}=DIR or type=registry,ref=IMAGE"))
    };
    let reference = |text: &str| Reference::parse(text).map_err(|error| wrong(&error.to_string()));
    if !text.contains('=') && !text.is_empty() {
        return reference(text).map(Where::Registry);
    }
    let (mut kind, mut path, mut name) = ("", None, None);
    for (field, value) in fields(text) {
        match field {
            "type" => kind = value,
            "ref" => name = Some(value),
            field if field == key => path = Some(PathBuf::from(os_string(value))),
            // How much is exported, and in which form: docker's, always all here.
            "mode" | "oci-mediatypes" | "image-manifest" => {}
            _ => return Err(wrong(&format!("'{field}' is not known"))),
        }
    }
    match (kind, path, name) {
        ("local" | "", Some(path), None) if !path.as_os_str().is_empty() => Ok(Where::Folder(path)),
        ("local" | "", ..) => Err(wrong(&format!("it has no {key}"))),
        ("registry", None, Some(name)) => reference(name).map(Where::Registry),
        ("registry", ..) => Err(wrong("it has no ref")),
        ("inline", ..) => Err(wrong("a cache inside of the image is not supported")),
        (other, ..) => Err(wrong(&format!("the type '{other}' is not supported"))),
    }
}
