//! `run`: what the container's image says is to be run.

use argh::{ArgsInfo, FromArgs};

use super::session::{CONFLICTS, Start};
use crate::cli::os_string;
use crate::host::Host;
use crate::running::SessionKind;
use crate::session::Request;

/// start the program that the image defines: its Entrypoint and Cmd. Arguments after '--' replace the Cmd.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro run nextcloud",
    example = "chroot-distro run web --detach",
    example = "chroot-distro run ubuntu -- /bin/echo hi",
    note = "With --detach, the output goes to a log: see 'chroot-distro logs'. To stop the program: 'chroot-distro kill'."
)]
pub struct RunImage {
    /// run this program instead of the image's Entrypoint and Cmd; '' clears both (default: CD_ENTRYPOINT)
    #[argh(option, arg_name = "PROGRAM")]
    entrypoint: Option<String>,

    /// run in the background
    #[argh(switch, short = 'd')]
    detach: bool,

    /// the container
    #[argh(positional)]
    container: String,

    /// arguments that replace the image's Cmd
    #[argh(positional, greedy)]
    args: Vec<String>,
}

impl Start for RunImage {
    const NAME: &'static str = "run";
    const CONFLICTS: &'static [(&'static str, &'static str)] =
        &[CONFLICTS[0], CONFLICTS[1], CONFLICTS[2], ("--detach", "--tty")];

    fn container(&self) -> &str {
        &self.container
    }

    fn request(&self, common: Request, host: &Host) -> Request {
        let entrypoint = self.entrypoint.as_deref().map(os_string);
        Request {
            kind: SessionKind::Run,
            entrypoint: entrypoint.or(host.var_or_empty("CD_ENTRYPOINT").map(Into::into)),
            detach: self.detach,
            command: self.args.iter().map(|word| os_string(word)).collect(),
            ..common
        }
    }
}
