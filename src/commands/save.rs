//! `save`: stored images as an archive.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::cli::os_string;
use crate::error::{Attempt, Error, Result};
use crate::host::output::Output;
use crate::image::{self, Format, find, other_tag};
use crate::layer::{Compression, Compressor};
use crate::oci::Reference;
use crate::report::Report;
use crate::store::{Name, Named};

/// save stored images to an archive. 'chroot-distro load', docker, podman and skopeo can read it.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro save alpine:3.21 --output alpine.tar.gz",
    example = "chroot-distro save alpine:3.21 mine:stable | ssh phone chroot-distro load",
    note = "The end of FILE's name selects the compression: .tar.gz, .tar.bz2, .tar.xz or .tar.\n\
            Without --output the archive goes to standard output. 'chroot-distro backup' saves a container."
)]
pub struct Save {
    /// write to FILE, which must not exist yet
    #[argh(option, short = 'o', arg_name = "FILE")]
    output: Option<String>,

    /// form of the archive: oci (the default), which docker reads too, or docker, for old versions of it
    #[argh(option, arg_name = "FORMAT")]
    format: Option<String>,

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

impl Run for Save {
    const NAME: &'static str = "save";

    fn run(self, app: &App) -> Result<u8> {
        let format = self.format.as_deref().map_or(Ok(Format::Oci), Format::parse)?;
        let mut images: Vec<Named> = Vec::new();
        for text in [&self.image].into_iter().chain(&self.more) {
            images.push(wanted(app, text)?);
        }
        let path = self.output.as_deref().map(os_string).map(PathBuf::from);
        match path.filter(|path| path.as_os_str() != "-") {
            Some(path) => to_file(app, &images, format, &path)?,
            None => to_stdout(app, &images, format)?,
        }
        Ok(0)
    }
}

/// A name means the image under that name alone, a digest the image without its names.
fn wanted(app: &App, text: &str) -> Result<Named> {
    let found = find(&app.store.library(), text).map_err(|error| or_a_container(app, error, text))?;
    let full = Reference::parse(text).map(|reference| reference.full()).ok();
    let named = found.iter().find(|image| image.name == full).or(found.first());
    let named = named.ok_or_else(|| Error::not_found(format_args!("there is no image '{text}' here")))?;
    let name = named.name.clone().filter(|name| full.as_ref() == Some(name));
    Ok(Named { name, ..named.clone() })
}

/// `save` of other tools is for images, and a container's name is typed there too.
fn or_a_container(app: &App, error: Error, text: &str) -> Error {
    match Name::parse(text).and_then(|name| app.store.container(&name)) {
        Ok(container) if other_tag(&app.store.library(), text).is_none() => {
            let name = container.name();
            error.hint_instead(format_args!(
                "'{name}' is a container; to save it: chroot-distro backup {name} --output {name}.tar.gz"
            ))
        }
        _ => error,
    }
}

pub(super) fn to_file(app: &App, images: &[Named], format: Format, path: &Path) -> Result<()> {
    let compression = Compression::of_file(path)?;
    let output = BufWriter::with_capacity(256 << 10, Output::create(path)?);
    let mut output = Compressor::new(output, compression, None)?;
    image::save(&app.store, images, format, &mut output, &app.ui)?;
    let attempt = format_args!("write '{}'", path.display());
    let output = output.finish().attempt(attempt)?;
    output.into_inner().map_err(|error| Error::io(attempt, error.into_error()))?.finish()?;
    app.ui.info(&format!("Wrote '{}'", path.display()));
    Ok(())
}

fn to_stdout(app: &App, images: &[Named], format: Format) -> Result<()> {
    if app.ui.is_terminal() {
        return Err(Error::usage("an archive is nothing for a terminal")
            .hint("add '--output FILE', or send it to a file or a program"));
    }
    let mut output = BufWriter::with_capacity(256 << 10, Output::stdout()?);
    image::save(&app.store, images, format, &mut output, &app.ui)?;
    output.into_inner().map_err(|error| Error::io("write the archive", error.into_error()))?.finish()
}
