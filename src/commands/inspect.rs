//! `inspect`: all that is known of a container or a stored image.

use argh::{ArgsInfo, FromArgs};
use serde_json::{Value, json};

use super::command::{App, Run};
use super::list::Row;
use super::page;
use crate::error::{Error, Kind, Result};
use crate::image::{self, Summary, find, shown};
use crate::oci::ImageConfig;
use crate::store::{Container, Name, Named};
use crate::ui::human;

/// show what is known of containers and stored images. If a container and an image have the same name, it shows the
/// container.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro inspect alpine:3.21",
    example = "chroot-distro inspect --json web | jq -r '.[].State.Running'",
    example = "chroot-distro inspect --type image --raw alpine",
    note = "--json prints an array. Its fields are called as docker calls them."
)]
pub struct Inspect {
    /// print a JSON array
    #[argh(switch)]
    json: bool,

    /// print the manifest or index of an image, or the manifest.json of a container, as it is stored
    #[argh(switch)]
    raw: bool,

    /// look only for a container or only for an image
    #[argh(option, long = "type", arg_name = "TYPE")]
    kind: Option<String>,

    /// a container, or an image by a name, its digest or the beginning of that
    #[argh(positional, arg_name = "CONTAINER|IMAGE")]
    name: String,

    /// more of them
    #[argh(positional, arg_name = "CONTAINER|IMAGE")]
    more: Vec<String>,
}

/// What a name stands for.
enum Found {
    Container(Container),
    /// The entries of one digest.
    Image(Vec<Named>),
}

impl Run for Inspect {
    const NAME: &'static str = "inspect";
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--json", "--raw")];
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("--format", "choose a field from JSON: chroot-distro inspect --json NAME | jq '.[].Config'"),
        ("-f", "choose a field from JSON: chroot-distro inspect --json NAME | jq '.[].Config'"),
        ("--size", "leave it out: the size is always there"),
        ("-s", "leave it out: the size is always there"),
    ];

    fn run(self, app: &App) -> Result<u8> {
        let kind = match self.kind.as_deref() {
            None => None,
            Some("container") => Some(true),
            Some("image") => Some(false),
            Some(other) => {
                return Err(
                    Error::usage(format_args!("unknown type '{other}'")).hint("it can be container or image")
                );
            }
        };
        let names: Vec<&String> = [&self.name].into_iter().chain(&self.more).collect();
        let (mut documents, mut pages) = (Vec::new(), Vec::new());
        let shown = app.all(&names, &mut |name| {
            let found = look(app, name, kind)?;
            match (self.raw, self.json) {
                (true, _) => raw(app, &found)?,
                (_, true) => documents.push(document(app, &found)?),
                _ => pages.push(page(app, &found)?),
            }
            Ok(())
        });
        // What was found is shown, also when something else was not.
        if self.json {
            app.ui.json(&Value::from(documents));
        } else if !pages.is_empty() {
            app.ui.print(pages.join("\n\n"));
        }
        shown.map(|()| 0)
    }
}

/// `container`: whether only a container will do, or only an image.
fn look(app: &App, text: &str, container: Option<bool>) -> Result<Found> {
    let found = || Name::parse(text).and_then(|name| app.store.container(&name)).map(Found::Container);
    let library = app.store.library();
    match container {
        Some(true) => found(),
        Some(false) => find(&library, text).map(Found::Image),
        None => found().or_else(|_| {
            find(&library, text).map(Found::Image).map_err(|error| match error.kind() {
                _ if Name::parse(text).is_ok() || error.kind() == Kind::NotFound => {
                    let hint = error.hint_text().unwrap_or_default().to_owned();
                    Error::not_found(format_args!("there is no container and no image '{text}' here"))
                        .hint(hint)
                }
                _ => error,
            })
        }),
    }
    .map(|found| match found {
        Found::Image(names) => Found::Image(all_names(app, names)),
        container => container,
    })
}

/// One name leads to the others of the image.
fn all_names(app: &App, names: Vec<Named>) -> Vec<Named> {
    let Some(digest) = names.first().map(|named| named.descriptor.digest.clone()) else { return names };
    let mut all = app.store.library().images().unwrap_or_default();
    all.retain(|named| named.descriptor.digest == digest);
    if all.is_empty() { names } else { all }
}

fn raw(app: &App, found: &Found) -> Result<()> {
    match found {
        Found::Container(container) => match container.provenance()? {
            Some(provenance) => app.ui.print(provenance),
            None => {
                return Err(Error::not_found(format_args!("'{}' was made of no image", container.name())));
            }
        },
        Found::Image(names) => {
            let library = app.store.library();
            for named in names.iter().take(1) {
                let bytes = library.document(&named.descriptor)?;
                let bytes = bytes.ok_or_else(|| Error::not_found("the manifest of the image is missing"))?;
                app.ui.raw(&bytes);
            }
        }
    }
    Ok(())
}

fn document(app: &App, found: &Found) -> Result<Value> {
    match found {
        Found::Container(container) => of_container(app, container),
        Found::Image(names) => image::inspect(&app.store.library(), names),
    }
}

fn page(app: &App, found: &Found) -> Result<String> {
    match found {
        Found::Container(container) => {
            let row = row(app, container)?;
            let program = row.config().map(|config| page::of_program(&config)).unwrap_or_default();
            Ok(page::page([row.lines(), program].concat()))
        }
        Found::Image(names) => of_image(app, names),
    }
}

fn row(app: &App, container: &Container) -> Result<Row> {
    let of_it = |(other, _): &(Container, _)| other.name() == container.name();
    let (container, usage) = app.store.usages()?.into_iter().find(of_it).ok_or_else(|| {
        Error::not_found(format_args!("the container '{}' was removed a moment ago", container.name()))
    })?;
    Ok(Row::of(&container, usage, app))
}

/// The names of `docker inspect` (`Rootfs` and `ImageName` are podman's).
fn of_container(app: &App, container: &Container) -> Result<Value> {
    let row = row(app, container)?;
    let pids: Vec<u32> = row.users().into_iter().map(|(pid, _)| pid).collect();
    let config = row.config();
    let command = config.as_ref().map_or_else(Vec::new, command);
    let mut document = json!({
        "Name": container.name().to_string(),
        "ImageName": row.image_ref(),
        "Architecture": row.provenance.as_ref().and_then(|provenance| provenance.cpu()).map(|cpu| cpu.oci()),
        "Path": command.first(),
        "Args": command.get(1..).unwrap_or_default(),
        "State": {
            "Status": if row.in_use() { "running" } else { "exited" },
            "Running": row.in_use(),
            "Pid": pids.first().copied().unwrap_or(0),
            "Pids": pids,
        },
        "Rootfs": container.real_path()?.join("rootfs").to_string_lossy(),
        "SizeRootFs": row.size,
        "Config": config.map_or_else(|| json!({}), |config| config.json["config"].clone()),
    });
    if container.log_path().is_file() {
        document["LogPath"] = container.log_path().to_string_lossy().into();
    }
    Ok(document)
}

fn command(config: &ImageConfig) -> Vec<String> {
    [config.entrypoint(), config.cmd()].concat()
}

fn of_image(app: &App, names: &[Named]) -> Result<String> {
    let library = app.store.library();
    let document = image::inspect(&library, names)?;
    let Some(named) = names.first() else { return Ok(String::new()) };
    let summary = Summary::of(&library, named);
    let shown: Vec<String> = names.iter().filter_map(shown).collect();
    let config = ImageConfig { json: json!({"config": document["Config"]}) };
    let mut lines = vec![
        ("Image", if shown.is_empty() { "<none>".to_owned() } else { shown.join(", ") }),
        ("Digest", named.descriptor.digest.to_string()),
        ("Type", named.descriptor.media_type.clone()),
        ("Platform", summary.platforms.join(", ")),
        ("Created", summary.created.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("Size", human::size(summary.size())),
        ("Layers", document["RootFS"]["Layers"].as_array().map_or(0, Vec::len).to_string()),
    ];
    lines.extend(page::of_config(&config));
    lines.extend(page::of_program(&config));
    Ok(page::page(lines))
}
