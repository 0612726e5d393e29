//! `load`: images from an archive or a layout.

use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::cli::os_string;
use crate::error::{Attempt, Error, Kind, Result};
use crate::image::{self, Archive, Holds, Kept, LayoutDirectory, Place};
use crate::install::{open_archive, read_stdin};
use crate::oci::Reference;
use crate::report::Report;

/// store the images of an archive. It prints their names. Images without a name are stored with their digests.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro load alpine.tar.gz",
    example = "docker save app:1 | chroot-distro load",
    note = "FILE can be the output of 'save' of this program, docker or podman, an archive that skopeo, crane or kaniko wrote, \
            or an OCI layout as an archive or a directory. It can be compressed with gzip, bzip2, xz, lzma or zstd.\n\
            For a root filesystem use 'chroot-distro install', for a backup 'chroot-distro restore'."
)]
pub struct Load {
    /// read FILE, as docker has it; the same as the argument
    #[argh(option, short = 'i', arg_name = "FILE")]
    input: Option<String>,

    /// print only the names and errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the archive or directory; standard input by default
    #[argh(positional)]
    file: Option<String>,
}

impl Run for Load {
    const NAME: &'static str = "load";

    fn run(self, app: &App) -> Result<u8> {
        if self.input.is_some() && self.file.is_some() {
            return Err(Error::usage("two files are named").hint("name one file: chroot-distro load FILE"));
        }
        let named = self.input.or(self.file).filter(|file| file != "-");
        let kept = match named.as_deref().map(os_string).map(PathBuf::from) {
            Some(path) if path.is_dir() => directory(app, &path)?,
            path => archive(app, path.as_deref())?,
        };
        tell(app, &kept);
        Ok(0)
    }
}

fn directory(app: &App, path: &Path) -> Result<Vec<Kept>> {
    if !path.join("index.json").is_file() {
        return Err(Error::invalid(format_args!(
            "the directory '{}' is not an OCI image layout",
            path.display()
        ))
        .hint("a layout has the files 'oci-layout' and 'index.json' and the directory 'blobs'"));
    }
    image::load(&app.store, &Place::Directory(&LayoutDirectory::new(path)), &app.ui)
        .attempt(format_args!("load '{}'", path.display()))
}

fn archive(app: &App, path: Option<&Path>) -> Result<Vec<Kept>> {
    let (file, name) = match path {
        Some(path) => {
            let file = open_archive(&app.store, path, &app.ui).map_err(|error| or_an_image(error, path))?;
            (file, path.display().to_string())
        }
        None if stdin().is_terminal() => {
            return Err(Error::usage("no archive is named, and standard input is a terminal")
                .hint("name a file: chroot-distro load FILE"));
        }
        None => (read_stdin(&app.store, &app.ui)?, "standard input".to_owned()),
    };
    let archive = Archive::new(file, name, &app.ui)?;
    match archive.survey()? {
        Holds::Image(contents) => image::load(&app.store, &Place::Archive(&archive, &contents), &app.ui)
            .attempt(format_args!("load '{}'", archive.name())),
        Holds::Rootfs { manifest, .. } => Err(no_image(path, manifest.is_some())),
    }
}

/// What is the right command for it.
fn no_image(path: Option<&Path>, is_backup: bool) -> Error {
    let shown = path.map_or("FILE".into(), Path::to_string_lossy);
    let (what, hint) = match is_backup {
        true => ("the backup of a container", format!("chroot-distro restore {shown}")),
        false => {
            let dot = if shown.starts_with(['/', '.', '~']) { "" } else { "./" };
            ("a root filesystem", format!("chroot-distro install {dot}{shown}"))
        }
    };
    Error::invalid(format_args!("the archive holds {what}, not an image"))
        .hint(format_args!("to make a container of it: {hint}"))
}

/// What is no file may be meant as an image's name.
fn or_an_image(error: Error, path: &Path) -> Error {
    let is_name = path.to_str().is_some_and(|text| Reference::parse(text).is_ok());
    match error.kind() == Kind::NotFound && is_name {
        true => error
            .hint(format_args!("to get an image from its registry: chroot-distro pull {}", path.display())),
        false => error,
    }
}

fn tell(app: &App, kept: &[Kept]) {
    for image in kept {
        match &image.name {
            Some(name) => app.ui.print(name),
            None => app.ui.print(&image.digest),
        }
    }
    if let Some(image) = kept.iter().find(|image| image.name.is_none()) {
        let short = image.digest.short();
        app.ui.info(&format!("Image {short} has no name. To give it one: chroot-distro tag {short} NAME"));
    }
}
