//! Where a built image goes besides the images that are kept: archives, files alone, a container, notes for scripts.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::fields::fields;
use crate::build::{Outcome, Request, write_archive, write_directory};
use crate::cli::os_string;
use crate::commands::command::{App, name};
use crate::commands::save;
use crate::error::{Error, Result};
use crate::host::files::replace;
use crate::image::{Format, Source};
use crate::install::{self, NewContainer};
use crate::oci::{Digest, Platform};
use crate::report::Report;
use crate::store::{Name, Named};

/// One of `--output` and `--export`.
enum Output {
    Image(Format, PathBuf),
    Archive(PathBuf),
    Directory(PathBuf),
}

impl Output {
    fn path(&self) -> &PathBuf {
        match self {
            Output::Image(_, path) | Output::Archive(path) | Output::Directory(path) => path,
        }
    }
}

/// The options, as typed.
pub(super) struct Wanted<'a> {
    /// `--output`
    pub(super) images: &'a [String],
    /// `--export`
    pub(super) files: &'a [String],
    pub(super) container: Option<&'a str>,
    pub(super) iidfile: Option<&'a str>,
    pub(super) metadata: Option<&'a str>,
}

/// All that a build is to leave behind.
pub(super) struct Outputs {
    outputs: Vec<Output>,
    container: Option<Name>,
    iidfile: Option<PathBuf>,
    metadata: Option<PathBuf>,
}

impl Outputs {
    /// Reads the options. What is there already is refused before anything is built.
    pub(super) fn read(wanted: &Wanted<'_>, request: &Request, app: &App) -> Result<Outputs> {
        let image = wanted.images.iter().map(|text| output(text, "--output"));
        let files = wanted.files.iter().map(|text| output(text, "--export"));
        let outputs: Vec<Output> = image.chain(files).collect::<Result<_>>()?;
        outputs.iter().try_for_each(refuse)?;
        for (number, output) in outputs.iter().enumerate() {
            if outputs[..number].iter().any(|other| other.path() == output.path()) {
                return Err(Error::usage(format!("'{}' is named by two options", output.path().display())));
            }
        }
        let container = wanted.container.map(name).transpose()?;
        if let Some(container) = &container {
            if app.store.container(container).is_ok() {
                return Err(Error::new(
                    crate::error::Kind::Exists,
                    format!("container '{container}' exists already"),
                )
                .hint(format_args!("choose another name, or remove it: chroot-distro remove {container}")));
            }
            if own(request).is_none() {
                return Err(Error::usage("--install-as: none of the platforms runs on this machine"));
            }
        }
        let path = |text: Option<&str>| text.map(os_string).map(PathBuf::from);
        let (iidfile, metadata) = (path(wanted.iidfile), path(wanted.metadata));
        let outputs = Outputs { outputs, container, iidfile, metadata };
        outputs.paths().try_for_each(|path| refuse_lost(path))?;
        Ok(outputs)
    }

    /// Where all of it is written.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.outputs.iter().map(Output::path).chain(&self.iidfile).chain(&self.metadata)
    }

    /// Writes all of it.
    pub(super) fn write(&self, app: &App, request: &Request, outcome: &Outcome) -> Result<()> {
        for output in &self.outputs {
            write(output, app, request, outcome)?;
        }
        if let Some(path) = &self.iidfile {
            let id = only_config(outcome).unwrap_or(&outcome.named.digest);
            replace(path, id.to_string().as_bytes(), 0o644, |_| Ok(()))?;
        }
        if let Some(path) = &self.metadata {
            let text = format!("{:#}\n", metadata(request, outcome));
            replace(path, text.as_bytes(), 0o644, |_| Ok(()))?;
        }
        match &self.container {
            Some(container) => install(app, request, outcome, container),
            None => Ok(()),
        }
    }
}

/// A path, or `type=TYPE,dest=PATH`.
fn output(text: &str, option: &str) -> Result<Output> {
    let wrong = |why: &str| {
        Error::usage(format_args!("{option} '{text}': {why}"))
            .hint("write a file's name, or type=TYPE,dest=PATH")
    };
    if text == "-" || text.contains("dest=-") {
        return Err(wrong("the standard output is not supported")
            .hint_instead("name a file; or afterwards, for the image: chroot-distro save NAME"));
    }
    if ["registry", "image"].iter().any(|kind| text.contains(&format!("type={kind}"))) {
        return Err(wrong("the image is always kept here")
            .hint_instead("leave it out; to upload the image afterwards: chroot-distro push NAME"));
    }
    if !text.contains("type=") {
        let path = PathBuf::from(os_string(text));
        return match option {
            "--output" if !text.is_empty() => Ok(Output::Image(Format::Oci, path)),
            _ if text.is_empty() => Err(wrong("it is empty")),
            _ if text.contains(".t") => Err(wrong("it has no type")
                .hint_instead(format_args!("for an archive of the files: {option} type=tar,dest={text}"))),
            _ => Err(wrong("it has no type")
                .hint_instead(format_args!("for a directory of the files: {option} type=local,dest={text}"))),
        };
    }
    let (mut kind, mut path) = ("", None);
    for (key, value) in fields(text) {
        match key {
            "type" => kind = value,
            "dest" => path = Some(PathBuf::from(os_string(value))),
            _ => return Err(wrong(&format!("'{key}' is not known"))),
        }
    }
    let path = path.ok_or_else(|| wrong("it has no dest"))?;
    match kind {
        "oci" if option == "--output" => Ok(Output::Image(Format::Oci, path)),
        "docker" if option == "--output" => Ok(Output::Image(Format::Docker, path)),
        "tar" => Ok(Output::Archive(path)),
        "local" => Ok(Output::Directory(path)),
        _ => Err(wrong(&format!("the type '{kind}' is not known"))),
    }
}

/// What would be in no directory.
fn refuse_lost(path: &Path) -> Result<()> {
    let directory = path.with_file_name("");
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    let shown = directory.display();
    Err(Error::not_found(format!("there is no directory '{shown}' to write to"))
        .hint(format!("make it first: mkdir -p '{shown}'")))
}

fn refuse(output: &Output) -> Result<()> {
    let path = output.path();
    if path.symlink_metadata().is_ok() {
        return Err(Error::new(crate::error::Kind::Exists, format!("'{}' exists already", path.display()))
            .hint("choose another name, or remove it first"));
    }
    Ok(())
}

/// Which of the platforms is this machine's, by its number; the only one counts as that.
pub(super) fn own(request: &Request) -> Option<usize> {
    let host = Platform::host();
    let found = request.platforms.iter().position(|platform| platform.arch == host.arch);
    found.or((request.platforms.len() == 1).then_some(0))
}

fn write(output: &Output, app: &App, request: &Request, outcome: &Outcome) -> Result<()> {
    match output {
        Output::Image(format, path) => {
            let named =
                |name: Option<String>| Named { name, descriptor: outcome.named.clone(), pulled: false };
            let mut images: Vec<Named> = request.tags.iter().map(|tag| named(Some(tag.full()))).collect();
            if images.is_empty() {
                images.push(named(None));
            }
            save::to_file(app, &images, *format, path)
        }
        Output::Archive(path) => write_archive(&app.store, &outcome.images, path, &app.ui),
        Output::Directory(path) => write_directory(&app.store, &outcome.images, path, &app.ui),
    }
}

fn install(app: &App, request: &Request, outcome: &Outcome, container: &Name) -> Result<()> {
    let platform = own(request).and_then(|own| request.platforms.get(own)).cloned();
    let new = NewContainer {
        source: match request.tags.first() {
            Some(tag) => Source::Registry(tag.clone()),
            None => Source::Kept(outcome.named.digest.clone()),
        },
        name: container.clone(),
        platform: platform.unwrap_or_else(Platform::host),
        settings: request.settings.clone(),
    };
    install::install(&app.store, &new, &app.host, &app.ui)?;
    app.ui.info(&format!("Start shell: chroot-distro login {container}"));
    Ok(())
}

/// What docker calls the image's id; an index has none.
fn only_config(outcome: &Outcome) -> Option<&Digest> {
    match &outcome.images[..] {
        [only] => Some(&only.config),
        _ => None,
    }
}

/// As buildx names it (docs.docker.com, "docker buildx build", `--metadata-file`).
fn metadata(request: &Request, outcome: &Outcome) -> serde_json::Value {
    let names: Vec<String> = request.tags.iter().map(|tag| tag.full()).collect();
    let mut metadata = json!({
        "containerimage.descriptor": {
            "mediaType": outcome.named.media_type,
            "digest": outcome.named.digest.to_string(),
            "size": outcome.named.size,
        },
        "containerimage.digest": outcome.named.digest.to_string(),
    });
    if let Some(config) = only_config(outcome) {
        metadata["containerimage.config.digest"] = config.to_string().into();
    }
    if !names.is_empty() {
        metadata["image.name"] = names.join(",").into();
    }
    metadata
}
