//! `login`: a shell or a command inside a container.

use argh::{ArgsInfo, FromArgs};

use super::session::Start;
use crate::cli::os_string;
use crate::host::Host;
use crate::session::Request;

/// start a shell or a command inside a container. The host's /dev, /proc, /sys, /run and /tmp are visible in
/// it, on Termux also Android's own programs and storage; the host's mount table never changes.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro login ubuntu",
    example = "chroot-distro login ubuntu -- /bin/uname -a",
    example = "chroot-distro login ubuntu --user me --bind /srv/data:/data:ro",
    note = "It exits with the command's own code, with 128+N when signal N ended it, with 127 or 126 when it was not found or cannot be executed, and with 125 when the session could not be started."
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
