//! `install`: makes a container from an image, an archive or a URL.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, name};
use crate::cli::os_string;
use crate::error::{Result, WRONG_USAGE};
use crate::image::Source;
use crate::install::{self, NewContainer};
use crate::net::Settings;
use crate::oci::Platform;
use crate::report::Report;
use crate::session::emulator;

/// make a container from an image in a registry, a local archive or a URL. A path starts with '/', './', '../' or
/// '~'; anything else is an image.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro install ubuntu:24.04",
    example = "chroot-distro install alpine --name work",
    example = "chroot-distro install ghcr.io/foo/bar:latest --architecture arm64",
    example = "chroot-distro install ./rootfs.tar.xz",
    note = "Private images: set CD_DOCKER_AUTH=user:password, or log in with docker, podman or skopeo.\n\
            Archives: a root filesystem, an OCI layout, the output of 'docker save' or a backup, compressed \
            with gzip, bzip2, xz, lzma, zstd or not at all."
)]
pub struct Install {
    /// name of the container; the image's or archive's name by default
    #[argh(option, short = 'n')]
    name: Option<String>,

    /// CPU to install for: aarch64, arm, i686, riscv64, x86_64, or a platform such as linux/arm/v7; this machine's
    /// by default
    #[argh(option, short = 'a')]
    architecture: Option<String>,

    /// do not check TLS certificates, and speak plain HTTP where a registry does
    #[argh(switch)]
    allow_insecure: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// an image, a path or a URL
    #[argh(positional)]
    image: String,
}

impl Run for Install {
    const NAME: &'static str = "install";
    const ALIASES: &'static [&'static str] = &["add", "i", "in", "ins"];
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[("--override-alias", "--name")];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--name", "--override-alias")];

    fn run(self, app: &App) -> Result<u8> {
        let host = &app.host;
        let home = host.var("HOME").map(std::path::Path::new);
        let source = Source::parse(&os_string(&self.image), home)?;
        let name = match self.name {
            Some(argument) => name(&argument)?,
            None => source.default_name()?,
        };
        let platform = match self.architecture {
            Some(text) => Platform::parse(&text).map_err(|error| error.exits(WRONG_USAGE))?,
            None => Platform::host(),
        };
        if let Err(error) = emulator::available(platform.arch, host) {
            let hint = error.hint_text().map(|hint| format!(" ({hint})")).unwrap_or_default();
            app.ui.warn(&format!("{error}{hint}"));
        }
        let settings = Settings::of(host, self.allow_insecure);
        let new = NewContainer { source, name, platform, settings };
        let container = install::install(&app.store, &new, host, &app.ui)?;
        app.ui.info(&format!("Start shell: chroot-distro login {}", container.name()));
        if let Some(provenance) = container.provenance()?
            && !provenance.config().entrypoint().is_empty()
        {
            app.ui.info(&format!("Run entrypoint: chroot-distro run {}", container.name()));
        }
        Ok(0)
    }
}
