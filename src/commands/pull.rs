//! `pull`: gets images from registries and keeps them.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, platform, reference};
use crate::error::{Attempt, Result};
use crate::image::{self, Keeping, Pull};
use crate::net::Settings;
use crate::oci::Platform;
use crate::report::Report;

/// download images without creating containers. 'install' can then create a container without a network.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro pull alpine:3.21",
    example = "chroot-distro pull --architecture arm64 ghcr.io/foo/bar",
    note = "'chroot-distro images' shows what is kept, 'chroot-distro rmi' deletes it. 'clear-cache' does not."
)]
pub struct PullImages {
    /// CPU to download for, or a platform such as linux/arm/v7; this machine's by default
    #[argh(option, short = 'a')]
    architecture: Option<String>,

    /// do not check TLS certificates, and speak plain HTTP where a registry does
    #[argh(switch)]
    allow_insecure: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the image
    #[argh(positional)]
    image: String,

    /// further ones
    #[argh(positional, arg_name = "IMAGE")]
    more: Vec<String>,
}

impl Run for PullImages {
    const NAME: &'static str = "pull";
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("--name", "type 'chroot-distro tag IMAGE NAME' afterwards"),
        ("-n", "type 'chroot-distro tag IMAGE NAME' afterwards"),
    ];
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[("--platform", "--architecture")];

    fn run(self, app: &App) -> Result<u8> {
        let platform = platform(self.architecture.as_deref())?.unwrap_or_else(Platform::host);
        let images = [&self.image].into_iter().chain(&self.more).map(|text| reference(text));
        let images = images.collect::<Result<Vec<_>>>()?;
        let settings = Settings::of(&app.host, self.allow_insecure);
        app.all(&images, &mut |reference| {
            app.ui.info(&format!("Pulling {reference}"));
            let pull = Pull::new(&app.store, reference, &platform, settings.clone(), &app.host, &app.ui);
            let kept = Keeping::healing(&app.store, &app.ui)?;
            let digest = image::pull(&pull, &kept, settings.workers, &app.ui)
                .attempt(format_args!("pull '{reference}'"))?;
            app.ui.info(&format!("Pulled {reference}: {digest}"));
            Ok(())
        })?;
        Ok(0)
    }
}
