//! `install`: makes a container from an image, an archive or a URL.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, name, platform};
use crate::cli::os_string;
use crate::error::{Error, Kind, Result};
use crate::guest::accounts::has_shell;
use crate::image::Source;
use crate::install::{self, NewContainer};
use crate::net::Settings;
use crate::oci::Platform;
use crate::report::Report;
use crate::session::emulator;
use crate::store::{Container, Name};

/// create a container from an image, an archive or a URL. A path starts with '/', './', '../' or '~'. Everything else is
/// the name of an image.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro install ubuntu:24.04",
    example = "chroot-distro install alpine --name work",
    example = "chroot-distro install ghcr.io/foo/bar:latest --architecture arm64",
    example = "chroot-distro install ./rootfs.tar.xz",
    example = "chroot-distro install - --name work <rootfs.tar.xz",
    note = "Private images: log in by 'chroot-distro auth add REGISTRY', or set CD_DOCKER_AUTH=user:password. The logins of docker, podman and skopeo count too.\n\
            An archive can be a root filesystem, an OCI layout, the output of 'docker save' or a backup. It can \
            be compressed with gzip, bzip2, xz, lzma or zstd.\n\
            For a backup, 'chroot-distro restore' is better: it also brings back what 'diff' compares with."
)]
pub struct Install {
    /// name of the container (default: the name of the image or archive)
    #[argh(option, short = 'n')]
    name: Option<String>,

    /// CPU of the container: aarch64, arm, i686, riscv64, x86_64, or a platform such as linux/arm/v7 (default: the CPU of this
    /// machine)
    #[argh(option, short = 'a')]
    architecture: Option<String>,

    /// isolate every session of the container from this machine, as with 'login --isolated'
    #[argh(switch)]
    isolated: bool,

    /// do not check TLS certificates, and use plain HTTP if the registry uses it
    #[argh(switch)]
    allow_insecure: bool,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// an image, a path, a URL, or '-' to read an archive from standard input
    #[argh(positional)]
    image: String,

    /// more images; each becomes a container of its own
    #[argh(positional, arg_name = "IMAGE")]
    more: Vec<String>,
}

impl Run for Install {
    const NAME: &'static str = "install";
    const ALIASES: &'static [&'static str] = &["add", "i", "in", "ins"];
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[("--override-alias", "--name")];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--name", "--override-alias")];

    fn run(self, app: &App) -> Result<u8> {
        let wanted = self.wanted(app)?;
        let platform = platform(self.architecture.as_deref())?.unwrap_or_else(Platform::host);
        if let Err(error) = emulator::available(platform.arch, &app.host) {
            let hint = error.hint_text().map(|hint| format!(" ({hint})")).unwrap_or_default();
            app.ui.warn(&format!("{error}{hint}"));
        }
        let _told = app.ui.interruptible("Stopped. Run the same command again: what was downloaded is kept");
        app.all(&wanted, &mut |Wanted { typed, source, name }| {
            let settings = Settings::of(&app.host, self.allow_insecure);
            let (source, name) = (source.clone(), name.clone());
            let new = NewContainer { source, name, platform: platform.clone(), settings };
            let container = install::install(&app.store, &new, &app.host, &app.ui)
                .map_err(|error| or_reset(or_a_file(error, typed), &new))?;
            // A list may remember another container of that name.
            if self.isolated != container.is_isolated()? {
                container.set_isolated(self.isolated)?;
            }
            tell_next(app, &container)
        })?;
        Ok(0)
    }
}

impl Install {
    /// Each image and what its container will be called. Two of one name are refused before anything is done.
    fn wanted(&self, app: &App) -> Result<Vec<Wanted<'_>>> {
        let home = app.host.var("HOME").map(Path::new);
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        for typed in [&self.image].into_iter().chain(&self.more) {
            let source = Source::parse(&os_string(typed), home)?;
            refuse_archive(&source, typed)?;
            let name = match &self.name {
                Some(_) if !self.more.is_empty() => {
                    return Err(Error::usage("'--name' gives one name, but there are several images")
                        .hint("leave out '--name', or install one after the other"));
                }
                Some(argument) => name(argument)?,
                None => source.default_name()?,
            };
            if let Some(other) = wanted.iter().find(|other| other.name == name) {
                let other = &other.source;
                return Err(Error::usage(format_args!(
                    "'{other}' and '{source}' would both be called '{name}'"
                ))
                .hint("install one after the other, with '--name NAME'"));
            }
            wanted.push(Wanted { typed, source, name });
        }
        Ok(wanted)
    }
}

/// Without `./` it is the name of an image, and somebody else may have one of that name in a registry.
fn refuse_archive(source: &Source, typed: &str) -> Result<()> {
    let file = os_string(typed);
    let path = Path::new(&file);
    let ends = |ending: &&str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    if !matches!(source, Source::Registry(_)) || !ARCHIVES.iter().any(ends) || !path.is_file() {
        return Ok(());
    }
    let shown = path.display();
    Err(Error::usage(format_args!("'{shown}' is the name of an image, and of a file here"))
        .hint(format_args!("to install the file, type './{shown}'")))
}

/// How the names of archives end.
const ARCHIVES: [&str; 11] = ["tar", "gz", "tgz", "xz", "txz", "bz2", "tbz", "tbz2", "zst", "tzst", "lzma"];

/// What was typed as an image may be a file, if no such image is found.
fn or_a_file(error: Error, typed: &str) -> Error {
    let file = os_string(typed);
    let (path, kind) = (Path::new(&file), error.kind());
    let is_source = path.is_file() || path.join("index.json").is_file();
    match is_source && matches!(kind, Kind::NotFound | Kind::Denied | Kind::Network) {
        true => error.hint_instead(format_args!(
            "there is a file '{0}' here; to install it, type './{0}'",
            path.display()
        )),
        false => error,
    }
}

/// Who installs again an image that was built anew wants its container anew.
fn or_reset(error: Error, new: &NewContainer) -> Error {
    match (error.kind(), &new.source) {
        (Kind::Exists, Source::Registry(_) | Source::Kept(_)) => error.hint_instead(format_args!(
            "to make it anew from its image: chroot-distro reset {0}, which deletes what was changed in it. To keep it and \
             have a second one, add '--name NAME'",
            new.name
        )),
        _ => error,
    }
}

/// One of the images on the line.
struct Wanted<'a> {
    typed: &'a str,
    source: Source,
    name: Name,
}

/// What can be done with the new container.
fn tell_next(app: &App, container: &Container) -> Result<()> {
    if container.rootfs().is_ok_and(|rootfs| has_shell(&rootfs)) {
        app.ui.info(&format!("Start shell: chroot-distro login {}", container.name()));
    }
    if let Some(provenance) = container.provenance()?
        && !provenance.config().entrypoint().is_empty()
    {
        app.ui.info(&format!("Run entrypoint: chroot-distro run {}", container.name()));
    }
    Ok(())
}
