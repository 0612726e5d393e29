//! `login`: a shell or a command inside a container.

use super::command::{App, Run};
use super::elsewhere;
use super::session::{CONFLICTS, LONG_ALIASES, OUR_FAILURE, session_command, start};
use crate::cli::os_string;
use crate::error::Result;
use crate::host::Host;
use crate::session::Request;

session_command! {
    /// start a shell or a command inside a container. The host's /dev, /proc, /sys, /run and /tmp are visible in
    /// it, on Termux also Android's own programs and storage; the host's mount table never changes.
    #[argh(
        example = "chroot-distro login ubuntu",
        example = "chroot-distro login ubuntu -- /bin/uname -a",
        example = "chroot-distro login ubuntu --user me --bind /srv/data:/data:ro",
        note = "It exits with the command's own code, with 128+N when signal N ended it, with 127 or 126 when it was not found or cannot be executed, and with 125 when the session could not be started."
    )]
    Login {
        /// the container
        #[argh(positional)]
        container: String,

        /// the command to run instead of the user's shell
        #[argh(positional, greedy)]
        command: Vec<String>,
    }
}

impl Run for Login {
    const NAME: &'static str = "login";
    const ALIASES: &'static [&'static str] = &["sh"];
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = LONG_ALIASES;
    const SILENT: &'static [&'static str] = &["enter"];
    const ELSEWHERE: &'static [(&'static str, &'static str)] = elsewhere::SESSION_OPTIONS;
    const CONFLICTS: &'static [(&'static str, &'static str)] = CONFLICTS;
    const FAILURE: u8 = OUR_FAILURE;

    fn run(self, app: &App) -> Result<u8> {
        let host = &app.host;
        let request = self.request(host)?;
        start(app, &self.container, &request, host, self.get_chroot_cmd)
    }
}

impl Login {
    fn request(&self, host: &Host) -> Result<Request> {
        let command = self.command.iter().map(|word| os_string(word)).collect();
        Ok(Request { command, ..self.common().request(host)? })
    }
}

#[cfg(test)]
mod tests {
    use argh::FromArgs;

    use super::*;
    use crate::session::Mode;

    fn login(words: &[&str]) -> Login {
        Login::from_args(&["login"], words).unwrap()
    }

    #[test]
    fn options_win_over_the_environment() {
        let host =
            Host::at("/nonexistent", [("CD_USER", "a"), ("CD_WORKDIR", "/w"), ("CD_ENV", "A=1\nB=x y=z\n")]);
        let request = login(&["x", "sh", "-c"]).request(&host).unwrap();
        assert_eq!(request.user, Some("a".into()));
        assert_eq!(request.work_dir, Some("/w".into()));
        assert_eq!(request.env, [("A".into(), "1".into()), ("B".into(), "x y=z".into())]);
        assert_eq!(request.command, ["sh", "-c"]);
        let request = login(&["--user", "b", "--env", "A=2", "--minimal", "x"]).request(&host).unwrap();
        assert_eq!(request.user, Some("b".into()));
        assert_eq!(request.env.last(), Some(&("A".into(), "2".into())));
        assert_eq!(request.mode, Mode::Minimal);
    }

    #[test]
    fn a_variable_has_a_name() {
        let host = Host::at("/nonexistent", [("", ""); 0]);
        for entry in ["A", "=1", ""] {
            assert_eq!(login(&["--env", entry, "x"]).request(&host).unwrap_err().exit_code(), 2);
        }
    }
}
