//! What `login` and `run` have in common: their options, and what those and the environment ask for.

use std::ffi::OsString;

use argh::{ArgsInfo, FromArgs};

use super::command::{Action, App, Command};
use super::{elsewhere, limits, variables};
use crate::cli::{Line, Syntax, os_string};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::report::Report;
use crate::session::{self, Bind, Mode, Network, Request, Terminal, confine};
use crate::store::Container;

/// What env(1) and chroot(1) exit with when they themselves fail.
const OUR_FAILURE: u8 = 125;

/// A command that starts a session: it has the options of all such commands, and its own beside them.
pub(super) trait Start: argh::FromArgs + argh::ArgsInfo + 'static {
    /// The word that chooses it.
    const NAME: &'static str;
    /// Other names, as documented.
    const ALIASES: &'static [&'static str] = &[];
    /// Words that choose it too, but are shown nowhere.
    const SILENT: &'static [&'static str] = &[];
    /// Options that exclude each other.
    const CONFLICTS: &'static [(&'static str, &'static str)] = CONFLICTS;
    /// The container to start it in.
    fn container(&self) -> &str;
    /// What is asked for, beside what the common options ask for.
    fn request(&self, common: Request, host: &Host) -> Request;
}

/// The row of such a command.
pub(super) const fn command<C: Start>() -> Command {
    let syntax = Syntax {
        name: C::NAME,
        aliases: C::ALIASES,
        long_aliases: LONG_ALIASES,
        conflicts: C::CONFLICTS,
        silent: C::SILENT,
        elsewhere: elsewhere::SESSION_OPTIONS,
        command_follows: false,
        info: C::get_args_info,
        common: Some(Options::get_args_info),
    };
    Command::reading(syntax, OUR_FAILURE, prepare::<C>, |line, host| {
        let options: Options = line.options()?;
        variables::names(host, &options.env_file, &options.env)
    })
}

fn prepare<C: Start>(line: &Line) -> Result<Action> {
    let (options, command): (Options, C) = (line.options()?, line.parse()?);
    Ok(Box::new(move |app| {
        let request = command.request(options.request(&app.host)?, &app.host);
        let container = app.container(command.container())?;
        let request = as_set(&container, request, options.no_isolated)?;
        start(app, &container, &request, options.get_chroot_cmd)
    }))
}

/// The options of every command that starts a session.
#[derive(FromArgs, ArgsInfo)]
pub(super) struct Options {
    /// user to log in as: NAME, UID, NAME:GROUP, UID:GID or :GROUP; a UID without an account gets group 0 (default:
    /// CD_USER, else root; for run the image's user)
    #[argh(option, short = 'u', arg_name = "USER")]
    pub(super) user: Option<String>,

    /// isolate the container: its own namespaces, few privileges, no host directories
    #[argh(switch)]
    pub(super) isolated: bool,

    /// do not isolate the container, also if it was made with --isolated
    #[argh(switch)]
    pub(super) no_isolated: bool,

    /// mount only /dev, /proc and /sys, and pass a minimal environment
    #[argh(switch)]
    pub(super) minimal: bool,

    /// mount your home directory at the user's home
    #[argh(switch)]
    pub(super) shared_home: bool,

    /// mount the host's temporary directory at /tmp
    #[argh(switch)]
    pub(super) shared_tmp: bool,

    /// share the display (X11, Wayland), sound and the session bus
    #[argh(switch)]
    pub(super) shared_display: bool,

    /// mount SRC of the host at DST; OPTIONS are ro, nosuid, nodev, noexec, noidmap, separated by commas
    #[argh(option, short = 'b', arg_name = "SRC[:DST[:OPTIONS]]")]
    pub(super) bind: Vec<String>,

    /// network: 'host' uses the host's network, 'none' has only a loopback interface (default: host)
    #[argh(option, arg_name = "NETWORK")]
    pub(super) network: Option<String>,

    /// users of an isolated container: with 'auto' its root is a user without rights on this machine, with 'host' it is this
    /// machine's root with few rights (default: host)
    #[argh(option, arg_name = "USERS")]
    pub(super) userns: Option<String>,

    /// give an isolated container a capability, such as NET_ADMIN, or ALL
    #[argh(option, arg_name = "NAME")]
    pub(super) cap_add: Vec<String>,

    /// limit the memory of all programs in the container, for example 512M or 2G
    #[argh(option, arg_name = "SIZE")]
    pub(super) memory: Option<String>,

    /// limit the CPU time of all programs in the container; 1.5 is the time of one and a half CPUs
    #[argh(option, arg_name = "NUMBER")]
    pub(super) cpus: Option<String>,

    /// limit the number of processes and threads in the container; 0 is no limit (default: with --isolated 2048)
    #[argh(option, arg_name = "NUMBER")]
    pub(super) pids_limit: Option<String>,

    /// hostname inside the container (default: the host's, with --isolated 'localhost')
    #[argh(option, arg_name = "NAME")]
    pub(super) hostname: Option<String>,

    /// working directory (default: CD_WORKDIR, else the user's home; for run the image's directory)
    #[argh(option, short = 'w', arg_name = "PATH")]
    pub(super) work_dir: Option<String>,

    /// set an environment variable; without =VALUE, the variable keeps the value that it has outside. CD_ENV can hold more, one per line
    #[argh(option, short = 'e', arg_name = "VAR[=VALUE]")]
    pub(super) env: Vec<String>,

    /// read environment variables from a file, one per line as for --env; lines that start with # are comments. --env overrides the file
    #[argh(option, arg_name = "FILE")]
    pub(super) env_file: Vec<String>,

    /// always create a terminal, also if input or output is not a terminal
    #[argh(switch, short = 't')]
    pub(super) tty: bool,

    /// never create a terminal
    #[argh(switch, short = 'T')]
    pub(super) no_tty: bool,

    /// do not let programs inside gain privileges, for example by setuid
    #[argh(switch)]
    pub(super) no_new_privs: bool,

    /// fail if the kernel lacks a feature, instead of continuing without it
    #[argh(switch)]
    pub(super) strict: bool,

    /// print a similar command line that uses env and chroot, and do not run anything
    #[argh(switch)]
    pub(super) get_chroot_cmd: bool,
}

/// Other long names of the common options.
const LONG_ALIASES: &[(&str, &str)] = &[("--isolate", "--isolated"), ("--shared-x11", "--shared-display")];
/// Common options that exclude each other.
pub(super) const CONFLICTS: &[(&str, &str)] =
    &[("--isolated", "--minimal"), ("--isolated", "--no-isolated"), ("--tty", "--no-tty")];

impl Options {
    /// What was asked for, with the environment's defaults. Errors are of kind `Usage`.
    fn request(&self, host: &Host) -> Result<Request> {
        let from_host = |key: &str| host.var(key).map(OsString::from);
        let isolation = host.switch("CD_USE_ISOLATION")? && !self.no_isolated;
        Ok(Request {
            mode: match (self.isolated, self.minimal) {
                (true, _) => Mode::Isolated,
                // Whoever set it for all sessions relies on it.
                (false, true) if isolation => {
                    return Err(Error::usage("CD_USE_ISOLATION and '--minimal' exclude each other")
                        .hint("unset the variable for a session without isolation"));
                }
                (false, true) => Mode::Minimal,
                (false, false) if isolation => Mode::Isolated,
                (false, false) => Mode::Default,
            },
            namespaces: host.switch("CD_USE_NS")?,
            strict: self.strict,
            network: match self.network.as_deref() {
                None => None,
                Some("host") => Some(Network::Host),
                Some("none") => Some(Network::None),
                Some(other) => {
                    return Err(Error::usage(format_args!("--network '{other}': it is host or none")));
                }
            },
            users: match self.userns.as_deref() {
                None | Some("host") => false,
                Some("auto") => true,
                Some(other) => {
                    return Err(Error::usage(format_args!("--userns '{other}': it is auto or host")));
                }
            },
            cap_add: match &self.cap_add[..] {
                [] => None,
                names => Some(names.iter().map(|name| confine::capability(name)).collect::<Result<_>>()?),
            },
            limits: limits::limits(&self.memory, &self.cpus, &self.pids_limit)?,
            shared_home: self.shared_home,
            shared_tmp: self.shared_tmp,
            shared_display: self.shared_display,
            no_new_privs: host.switch("CD_NO_NEW_PRIVS")? || self.no_new_privs,
            no_seccomp: host.switch("CD_NO_SECCOMP")?,
            terminal: match (self.tty, self.no_tty) {
                (true, _) => Terminal::Always,
                (_, true) => Terminal::Never,
                _ => Terminal::Auto,
            },
            user: self.user.as_deref().map(os_string).or(from_host("CD_USER")),
            work_dir: self.work_dir.as_deref().map(os_string).or(from_host("CD_WORKDIR")).map(Into::into),
            no_time_zone: host.switch("CD_NO_TZ")?,
            env: variables::variables(host, &self.env_file, &self.env)?,
            binds: self.bind.iter().map(|bind| Bind::parse(&os_string(bind))).collect::<Result<_>>()?,
            hostname: self.hostname.as_deref().map(hostname).transpose()?,
            ..Request::default()
        })
    }
}

/// The request as it is for a container that may always be isolated. `not`: not this time.
fn as_set(container: &Container, request: Request, not: bool) -> Result<Request> {
    if not || request.mode == Mode::Isolated || !container.is_isolated()? {
        return Ok(request);
    }
    if request.mode == Mode::Minimal {
        return Err(Error::usage(format!(
            "'{}' is always isolated, and '--minimal' is not",
            container.name()
        ))
        .hint("add '--no-isolated' for a session without isolation"));
    }
    Ok(Request { mode: Mode::Isolated, ..request })
}

/// Starts the session, or prints the nearest command line.
fn start(app: &App, container: &Container, request: &Request, print: bool) -> Result<u8> {
    if print {
        app.ui.print(session::describe(container, request, &app.host)?);
        return Ok(0);
    }
    if let Err(error) = container.identity() {
        app.ui.warn(&error.to_string());
    }
    let beside = match request.detach {
        true => container.sessions()?.iter().filter(|session| session.detached).count(),
        false => 0,
    };
    let code = session::enter(container, request, &app.host, &app.ui)?;
    if request.detach {
        tell_detached(app, container, beside);
    }
    Ok(code)
}

/// What can be done with a program in the background; `beside` others ran there before.
fn tell_detached(app: &App, container: &Container, beside: usize) {
    let name = container.name();
    app.ui.info(&format!("To see its output: chroot-distro logs {name}"));
    app.ui.info(&format!("To stop it: chroot-distro kill {name}"));
    if beside > 0 {
        let (runs, end) =
            if beside == 1 { ("program was", "that, too") } else { ("programs were", "those, too") };
        app.ui.info(&format!(
            "{beside} {runs} already running in the background of '{name}'; 'kill {name}' stops {end}"
        ));
    }
}

/// What RFC 1123 lets a host be called, and `_`; the kernel takes 64 bytes (uname(2)).
fn hostname(name: &str) -> Result<OsString> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        let shown = os_string(name);
        return Err(Error::usage(format_args!("--hostname '{}' is no host name", shown.display()))
            .hint("it is 1 to 64 letters, digits, '-', '.' and '_'"));
    }
    Ok(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(words: &[&str], variables: &[(&str, &str)]) -> Result<Request> {
        let host = Host::at("/nonexistent", variables.iter().copied());
        Options::from_args(&["login"], words).unwrap().request(&host)
    }

    #[test]
    fn options_win_over_the_environment() {
        let variables = [("CD_USER", "a"), ("CD_WORKDIR", "/w"), ("CD_ENV", "A=1\nB=x y=z\n")];
        let asked = request(&[], &variables).unwrap();
        assert_eq!(asked.user, Some("a".into()));
        assert_eq!(asked.work_dir, Some("/w".into()));
        assert_eq!(asked.env, [("A".into(), "1".into()), ("B".into(), "x y=z".into())]);
        let asked = request(&["--user", "b", "--env", "A=2", "--minimal"], &variables).unwrap();
        assert_eq!(asked.user, Some("b".into()));
        assert_eq!(asked.env.last(), Some(&("A".into(), "2".into())));
        assert_eq!(asked.mode, Mode::Minimal);
    }
}
