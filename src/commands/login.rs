//! `login`: a shell or a command inside a container.

use argh::{ArgsInfo, FromArgs};

use super::session::Start;
use crate::cli::os_string;
use crate::host::Host;
use crate::session::Request;

/// start a shell or a command in a container. The container can see the host's /dev, /proc, /sys, /run and /tmp; on
/// Termux it can also see Android's programs and storage. The host's mount table never changes.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro login ubuntu",
    example = "chroot-distro login ubuntu -- /bin/uname -a",
    example = "chroot-distro login ubuntu --user me --bind /srv/data:/data:ro",
    note = "The exit code is that of the command; 128+N if signal N ended the command; 127 if the command was not found; 126 if it cannot be executed; 125 if the session could not be started."
)]
pub struct Login {
    /// the container
    #[argh(positional)]
    container: String,

    /// the command to run instead of the user's shell
    #[argh(positional, greedy)]
    command: Vec<String>,
}

impl Start for Login {
    const NAME: &'static str = "login";
    const ALIASES: &'static [&'static str] = &["sh"];
    const SILENT: &'static [&'static str] = &["enter"];

    fn container(&self) -> &str {
        &self.container
    }

    fn request(&self, common: Request, _host: &Host) -> Request {
        Request { command: self.command.iter().map(|word| os_string(word)).collect(), ..common }
    }
}
