//! `commit`: a container becomes an image.

use std::time::{SystemTime, UNIX_EPOCH};

use argh::{ArgsInfo, FromArgs};
use serde_json::{Value, json};

use super::command::{App, Run, reference};
use crate::build::{change, config};
use crate::cli::os_string;
use crate::dockerfile::Instruction;
use crate::error::{Attempt, Error, Result};
use crate::image::{Layer, keep_new, open_blob};
use crate::oci::{ImageConfig, Platform, Provenance, Reference, time};
use crate::report::Report;
use crate::store::Container;
use crate::transfer::diff;

/// make an image from a container. What has changed since the installation becomes a layer on top of its image; 'diff'
/// shows it.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro commit web me/web:2",
    example = "chroot-distro commit --change 'CMD [\"nginx\"]' --change 'ENV MODE=test' web web:test",
    note = "A container that was installed from an archive of files becomes an image of one layer."
)]
pub struct Commit {
    /// change the image's configuration by a Dockerfile instruction: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL,
    /// ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME or WORKDIR
    #[argh(option, short = 'c', arg_name = "INSTRUCTION")]
    change: Vec<String>,

    /// a comment, for the history of the image
    #[argh(option, short = 'm', arg_name = "TEXT")]
    message: Option<String>,

    /// who made the image, such as 'Name <name@example.org>'
    #[argh(option, short = 'a', arg_name = "TEXT")]
    author: Option<String>,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container; it may be in use
    #[argh(positional)]
    container: String,

    /// the name of the image; if another image has this name, the name moves
    #[argh(positional)]
    image: String,
}

impl Run for Commit {
    const NAME: &'static str = "commit";

    fn run(self, app: &App) -> Result<u8> {
        let name = reference(&self.image)?;
        if name.digest.is_some() {
            return Err(Error::usage(format_args!(
                "'{}' has a digest, which no name can choose",
                self.image
            ))
            .hint("give a name with a tag, such as app:1"));
        }
        let changes: Vec<Instruction> =
            self.change.iter().map(|text| change::parse_change(text)).collect::<Result<_>>()?;
        let container = app.container(&self.container)?;
        app.ui.info(&format!("Committing '{}' to {name}", container.name()));
        let digest = self.commit(app, &container, &name, &changes);
        let digest = digest.attempt(format_args!("commit '{}'", container.name()))?;
        app.ui.info(&format!("Committed {name}: {digest}"));
        Ok(0)
    }
}

impl Commit {
    fn commit(
        &self,
        app: &App,
        container: &Container,
        name: &Reference,
        changes: &[Instruction],
    ) -> Result<String> {
        let provenance = container.provenance()?.filter(Provenance::is_of_image);
        let (mut config, mut layers) = match &provenance {
            Some(provenance) => (provenance.config().json, base(app, provenance)?),
            None => (bare(), Vec::new()),
        };
        let mut has_cmd = false;
        for instruction in changes {
            let instruction = change::expanded(instruction, &ImageConfig { json: config.clone() }.env())?;
            config::apply(&mut config, &instruction, &mut has_cmd)?;
        }
        let epoch = app.host.var("SOURCE_DATE_EPOCH").and_then(|epoch| epoch.to_str()?.parse().ok());
        let layer = match &provenance {
            Some(_) => diff::layer(&app.store, container, epoch, &app.ui)?,
            None => Some(diff::whole(&app.store, container, epoch, &app.ui)?),
        };
        self.describe(&mut config, epoch.unwrap_or_else(now), layer.is_some());
        layers.extend(layer);
        Ok(keep_new(&app.store, &config, &layers, std::slice::from_ref(name), &app.ui)?.digest.to_string())
    }

    fn describe(&self, config: &mut Value, now: i64, has_layer: bool) {
        let created = time::rfc3339(now);
        let mut entry = json!({"created": created, "created_by": "chroot-distro commit"});
        let text = |text: &Option<String>| {
            text.as_deref().map(|text| os_string(text).to_string_lossy().into_owned())
        };
        if let Some(author) = text(&self.author) {
            entry["author"] = author.as_str().into();
            config["author"] = author.into();
        }
        if let Some(message) = text(&self.message) {
            entry["comment"] = message.into();
        }
        if !has_layer {
            entry["empty_layer"] = true.into();
        }
        config["created"] = created.into();
        match &mut config["history"] {
            Value::Array(history) => history.push(entry),
            other => *other = json!([entry]),
        }
    }
}

/// The layers of a container's image. `NotFound` when some are not here any more.
fn base(app: &App, provenance: &Provenance) -> Result<Vec<Layer>> {
    let manifest = provenance.manifest()?;
    let diff_ids = provenance.config().diff_ids()?;
    if diff_ids.len() != manifest.layers.len() {
        return Err(Error::invalid("its 'manifest.json' does not tell what its image's layers hold"));
    }
    let all = manifest.layers.len();
    let missing = manifest.layers.iter().filter(|layer| open_blob(&app.store, layer).is_err()).count();
    if missing > 0 {
        let image = provenance.image_ref().unwrap_or("IMAGE");
        return Err(Error::not_found(format_args!(
            "{missing} of the {all} layers of its image are not here any more"
        ))
        .hint(format_args!("get them again: chroot-distro pull {image}")));
    }
    let layers = manifest.layers.into_iter().zip(diff_ids);
    Ok(layers.map(|(blob, diff_id)| Layer { blob, diff_id }).collect())
}

/// What is said of a tree that came from no image.
fn bare() -> Value {
    json!({"os": "linux", "architecture": Platform::host().arch.oci(), "config": {}})
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().try_into().unwrap_or_default()
}
