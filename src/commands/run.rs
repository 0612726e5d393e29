//! `run`: what the container's image says is to be run.

use super::command::{App, Run};
use super::elsewhere;
use super::session::{CONFLICTS, LONG_ALIASES, OUR_FAILURE, session_command, start};
use crate::cli::os_string;
use crate::error::Result;
use crate::host::Host;
use crate::running::SessionKind;
use crate::session::Request;

session_command! {
    /// run what the container's image defines: its Entrypoint and Cmd. Arguments after '--' replace the Cmd.
    #[argh(
        example = "chroot-distro run nextcloud",
        example = "chroot-distro run web --detach",
        example = "chroot-distro run ubuntu -- /bin/echo hi",
        note = "A detached run writes its output to a log: see 'chroot-distro logs'. 'chroot-distro kill' ends it."
    )]
    RunImage {
        /// run this program instead of the image's Entrypoint and Cmd (default: CD_ENTRYPOINT)
        #[argh(option, arg_name = "PROGRAM")]
        entrypoint: Option<String>,

        /// run it in the background
        #[argh(switch, short = 'd')]
        detach: bool,

        /// the container
        #[argh(positional)]
        container: String,

        /// arguments in place of the image's Cmd
        #[argh(positional, greedy)]
        args: Vec<String>,
    }
}

impl Run for RunImage {
    const NAME: &'static str = "run";
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = LONG_ALIASES;
    const ELSEWHERE: &'static [(&'static str, &'static str)] = elsewhere::SESSION_OPTIONS;
    const CONFLICTS: &'static [(&'static str, &'static str)] =
        &[CONFLICTS[0], CONFLICTS[1], ("--detach", "--tty")];
    const FAILURE: u8 = OUR_FAILURE;

    fn run(self, app: &App) -> Result<u8> {
        let host = &app.host;
        let request = self.request(host)?;
        start(app, &self.container, &request, host, self.get_chroot_cmd)
    }
}

impl RunImage {
    fn request(&self, host: &Host) -> Result<Request> {
        Ok(Request {
            kind: SessionKind::Run,
            entrypoint: self
                .entrypoint
                .as_deref()
                .map(os_string)
                .or(host.var("CD_ENTRYPOINT").map(Into::into)),
            detach: self.detach,
            command: self.args.iter().map(|word| os_string(word)).collect(),
            ..self.common().request(host)?
        })
    }
}
