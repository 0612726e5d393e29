//! `login`: a shell or a command inside a container.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use argh::{ArgsInfo, FromArgs};

use super::{App, Run};
use crate::cli::os_string;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::session::{self, Bind, Mode, Request};
use crate::store::Name;

/// What env(1) and chroot(1) exit with when they themselves fail.
const OUR_FAILURE: u8 = 125;

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
    /// who to be: NAME, UID, NAME:GROUP or UID:GID (default: root, or CD_USER)
    #[argh(option, short = 'u', arg_name = "USER")]
    user: Option<String>,

    /// namespaces of its own, and nothing of the host's but what --bind asks for
    #[argh(switch)]
    isolated: bool,

    /// the host's core pseudo-filesystems only, and a stripped environment
    #[argh(switch)]
    minimal: bool,

    /// also show SRC of the host, at DST; OPTIONS are ro, nosuid, nodev, noexec
    #[argh(option, short = 'b', arg_name = "SRC[:DST[:OPTIONS]]")]
    bind: Vec<String>,

    /// the hostname inside; the host keeps its own
    #[argh(option, arg_name = "NAME")]
    hostname: Option<String>,

    /// where to begin (default: the user's home, or CD_WORKDIR)
    #[argh(option, short = 'w', arg_name = "PATH")]
    work_dir: Option<String>,

    /// set a variable inside; CD_ENV holds more, one a line
    #[argh(option, short = 'e', arg_name = "VAR=VALUE")]
    env: Vec<String>,

    /// print the command line that comes nearest to it, with env and chroot, and run nothing
    #[argh(switch)]
    get_chroot_cmd: bool,

    /// the container
    #[argh(positional)]
    container: String,

    /// the command to run instead of the user's shell
    #[argh(positional, greedy)]
    command: Vec<String>,
}

impl Run for Login {
    const NAME: &'static str = "login";
    const ALIASES: &'static [&'static str] = &["sh"];
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[("--isolate", "--isolated")];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--isolated", "--minimal")];

    fn run(self, app: &App) -> Result<u8> {
        let host = Host::detect();
        let container = Name::parse(&self.container).and_then(|name| app.store.container(&name));
        let print = self.get_chroot_cmd;
        let request = self.request(&host)?;
        let entered = container.and_then(|container| {
            if print {
                app.ui.print(session::describe(&container, &request, &host)?);
                return Ok(0);
            }
            session::enter(&container, &request, &host, &app.ui)
        });
        entered.map_err(|error| if error.kind() == Kind::Usage { error } else { error.exits(OUR_FAILURE) })
    }
}

impl Login {
    /// What was asked, with the environment's defaults.
    fn request(self, host: &Host) -> Result<Request> {
        let from_host = |key: &str| host.var(key).map(OsString::from);
        let mut env = Vec::new();
        for line in from_host("CD_ENV").unwrap_or_default().as_bytes().split(|&byte| byte == b'\n') {
            if !line.is_empty() {
                env.push(variable(OsString::from_vec(line.to_vec()), "CD_ENV")?);
            }
        }
        for entry in &self.env {
            env.push(variable(os_string(entry), "--env")?);
        }
        Ok(Request {
            mode: match (self.isolated, self.minimal) {
                (true, _) => Mode::Isolated,
                (false, true) => Mode::Minimal,
                (false, false) => Mode::Default,
            },
            user: self.user.map(|user| os_string(&user)).or(from_host("CD_USER")),
            work_dir: self.work_dir.map(|path| os_string(&path)).or(from_host("CD_WORKDIR")).map(Into::into),
            env,
            binds: self.bind.iter().map(|bind| Bind::parse(&os_string(bind))).collect::<Result<_>>()?,
            hostname: self.hostname.map(|name| os_string(&name)),
            command: self.command.iter().map(|word| os_string(word)).collect(),
        })
    }
}

/// `NAME=VALUE`, the value being anything.
fn variable(entry: OsString, origin: &str) -> Result<(OsString, OsString)> {
    let bytes = entry.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) if at > 0 => {
            Ok((OsString::from_vec(bytes[..at].to_vec()), OsString::from_vec(bytes[at + 1..].to_vec())))
        }
        _ => Err(Error::usage(format!("{origin} '{}' is not VAR=VALUE", entry.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
