//! What `login` and `run` have in common: their options, and what those and the environment ask for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::command::App;
use crate::cli::os_string;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::session::{self, Bind, Mode, Network, Request, Terminal, confine};

/// What env(1) and chroot(1) exit with when they themselves fail.
pub(super) const OUR_FAILURE: u8 = 125;

/// Defines the struct of a command that starts a session: the options of all such commands, then its own. (argh has
/// no way to share options between commands.) It gets a method `common(&self) -> Options`.
macro_rules! session_command {
    ($(#[$attribute:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(argh::FromArgs, argh::ArgsInfo)]
        $(#[$attribute])*
        pub struct $name {
            /// who to be: NAME, UID, NAME:GROUP or UID:GID (default: root, the image's user for run, or CD_USER)
            #[argh(option, short = 'u', arg_name = "USER")]
            user: Option<String>,

            /// namespaces of its own, few privileges, and nothing of the host's but what is asked for
            #[argh(switch)]
            isolated: bool,

            /// the host's core pseudo-filesystems only, and a stripped environment
            #[argh(switch)]
            minimal: bool,

            /// show your home directory at the user's home
            #[argh(switch)]
            shared_home: bool,

            /// show the host's temporary files at /tmp
            #[argh(switch)]
            shared_tmp: bool,

            /// share the display (X11, Wayland), sound and the session bus
            #[argh(switch)]
            shared_display: bool,

            /// also show SRC of the host, at DST; OPTIONS are ro, nosuid, nodev, noexec
            #[argh(option, short = 'b', arg_name = "SRC[:DST[:OPTIONS]]")]
            bind: Vec<String>,

            /// the network: host, or none for a loopback interface only (default: host)
            #[argh(option, arg_name = "NETWORK")]
            network: Option<String>,

            /// give an isolated guest a capability back, such as NET_ADMIN; ALL is every one
            #[argh(option, arg_name = "NAME")]
            cap_add: Vec<String>,

            /// the hostname inside; the host keeps its own (default: the host's, or localhost with --isolated)
            #[argh(option, arg_name = "NAME")]
            hostname: Option<String>,

            /// where to begin (default: the user's home, the image's directory for run, or CD_WORKDIR)
            #[argh(option, short = 'w', arg_name = "PATH")]
            work_dir: Option<String>,

            /// set a variable inside; CD_ENV holds more, one a line
            #[argh(option, short = 'e', arg_name = "VAR=VALUE")]
            env: Vec<String>,

            /// a terminal of its own even where input or output is none
            #[argh(switch, short = 't')]
            tty: bool,

            /// no terminal of its own
            #[argh(switch, short = 'T')]
            no_tty: bool,

            /// nothing inside gains privileges, also not by setuid programs
            #[argh(switch)]
            no_new_privs: bool,

            /// fail where this kernel lacks something instead of going without
            #[argh(switch)]
            strict: bool,

            /// print the command line that comes nearest to it, with env and chroot, and run nothing
            #[argh(switch)]
            get_chroot_cmd: bool,

            $($own)*
        }

        impl $name {
            fn common(&self) -> $crate::commands::session::Options<'_> {
                $crate::commands::session::Options {
                    user: self.user.as_deref(),
                    isolated: self.isolated,
                    minimal: self.minimal,
                    shared_home: self.shared_home,
                    shared_tmp: self.shared_tmp,
                    shared_display: self.shared_display,
                    bind: &self.bind,
                    network: self.network.as_deref(),
                    cap_add: &self.cap_add,
                    hostname: self.hostname.as_deref(),
                    work_dir: self.work_dir.as_deref(),
                    env: &self.env,
                    tty: self.tty,
                    no_tty: self.no_tty,
                    no_new_privs: self.no_new_privs,
                    strict: self.strict,
                }
            }
        }
    };
}
pub(super) use session_command;

/// Other long names of the common options.
pub(super) const LONG_ALIASES: &[(&str, &str)] =
    &[("--isolate", "--isolated"), ("--shared-x11", "--shared-display")];
/// Common options that exclude each other.
pub(super) const CONFLICTS: &[(&str, &str)] = &[("--isolated", "--minimal"), ("--tty", "--no-tty")];

/// The common options as given.
pub(super) struct Options<'a> {
    pub user: Option<&'a str>,
    pub isolated: bool,
    pub minimal: bool,
    pub shared_home: bool,
    pub shared_tmp: bool,
    pub shared_display: bool,
    pub bind: &'a [String],
    pub network: Option<&'a str>,
    pub cap_add: &'a [String],
    pub hostname: Option<&'a str>,
    pub work_dir: Option<&'a str>,
    pub env: &'a [String],
    pub tty: bool,
    pub no_tty: bool,
    pub no_new_privs: bool,
    pub strict: bool,
}

impl Options<'_> {
    /// What was asked for, with the environment's defaults. Errors are of kind `Usage`.
    pub(super) fn request(&self, host: &Host) -> Result<Request> {
        let from_host = |key: &str| host.var(key).map(OsString::from);
        let set = |key: &str| host.var(key).is_some_and(|value| value == "1");
        let mut env = Vec::new();
        for line in from_host("CD_ENV").unwrap_or_default().as_bytes().split(|&byte| byte == b'\n') {
            if !line.is_empty() {
                env.push(variable(OsString::from_vec(line.to_vec()), "CD_ENV")?);
            }
        }
        for entry in self.env {
            env.push(variable(os_string(entry), "--env")?);
        }
        Ok(Request {
            mode: match (self.isolated, self.minimal) {
                (true, _) => Mode::Isolated,
                // Whoever set it for all sessions relies on it.
                (false, true) if set("CD_USE_ISOLATION") => {
                    return Err(Error::usage("CD_USE_ISOLATION=1 and '--minimal' exclude each other")
                        .hint("unset the variable for a session without isolation"));
                }
                (false, true) => Mode::Minimal,
                (false, false) if set("CD_USE_ISOLATION") => Mode::Isolated,
                (false, false) => Mode::Default,
            },
            namespaces: set("CD_USE_NS"),
            strict: self.strict,
            network: match self.network {
                None => None,
                Some("host") => Some(Network::Host),
                Some("none") => Some(Network::None),
                Some(other) => {
                    return Err(Error::usage(format!("--network '{other}': it is host or none")));
                }
            },
            cap_add: match self.cap_add {
                [] => None,
                names => Some(names.iter().map(|name| confine::capability(name)).collect::<Result<_>>()?),
            },
            shared_home: self.shared_home,
            shared_tmp: self.shared_tmp,
            shared_display: self.shared_display,
            no_new_privs: self.no_new_privs || set("CD_NO_NEW_PRIVS"),
            no_seccomp: set("CD_NO_SECCOMP"),
            terminal: match (self.tty, self.no_tty) {
                (true, _) => Terminal::Always,
                (_, true) => Terminal::Never,
                _ => Terminal::Auto,
            },
            user: self.user.map(os_string).or(from_host("CD_USER")),
            work_dir: self.work_dir.map(os_string).or(from_host("CD_WORKDIR")).map(Into::into),
            env,
            binds: self.bind.iter().map(|bind| Bind::parse(&os_string(bind))).collect::<Result<_>>()?,
            hostname: self.hostname.map(hostname).transpose()?,
            ..Request::default()
        })
    }
}

/// Starts the session, or prints the nearest command line.
pub(super) fn start(app: &App, container: &str, request: &Request, host: &Host, print: bool) -> Result<u8> {
    let container = app.container(container)?;
    if print {
        app.ui.print(session::describe(&container, request, host)?);
        return Ok(0);
    }
    session::enter(&container, request, host, &app.ui)
}

/// What RFC 1123 lets a host be called, and `_`; the kernel takes 64 bytes (uname(2)).
fn hostname(name: &str) -> Result<OsString> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        let shown = os_string(name);
        return Err(Error::usage(format!("--hostname '{}' is no host name", shown.display()))
            .hint("it is 1 to 64 letters, digits, '-', '.' and '_'"));
    }
    Ok(name.into())
}

/// `NAME=VALUE`, the value being anything.
fn variable(entry: OsString, origin: &str) -> Result<(OsString, OsString)> {
    let bytes = entry.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) if at > 0 => {
            Ok((OsStr::from_bytes(&bytes[..at]).to_owned(), OsStr::from_bytes(&bytes[at + 1..]).to_owned()))
        }
        _ => Err(Error::usage(format!("{origin} '{}' is not VAR=VALUE", entry.display()))),
    }
}
