//! What the user asked for. Pure.

use std::ffi::OsString;
use std::path::PathBuf;

use rustix::thread::CapabilitySet;

use super::bind::Bind;
use crate::cgroup::Limits;
use crate::running::SessionKind;

/// How much of the host a session sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The host's devices, processes and temporary files; Android's own on Termux.
    #[default]
    Default,
    /// No host path but those asked for, and namespaces as the kernel has them.
    Isolated,
    /// The host's core pseudo-filesystems, and a stripped environment.
    Minimal,
    /// A step of a build: what an isolated guest sees, with all of root's rights, and no variable but those that the
    /// step is given.
    Build,
}

impl Mode {
    /// Whether it has pseudo-filesystems and namespaces of its own, and no host path.
    pub fn is_private(self) -> bool {
        matches!(self, Mode::Isolated | Mode::Build)
    }
}

impl Request {
    /// Whether the program has few rights: an isolated guest, or a confined step of a build.
    pub fn is_isolated(&self) -> bool {
        self.mode == Mode::Isolated || (self.mode == Mode::Build && self.confined)
    }
}

/// Whether the guest's program gets a terminal of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Terminal {
    /// When standard input and output are terminals.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: it inherits what is there.
    Never,
}

/// What the network namespace of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The host's.
    Host,
    /// One of its own, with a loopback interface that is up.
    None,
}

/// What the user asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `login`, or `run`: the image's entry point.
    pub kind: SessionKind,
    /// How much of the host is seen.
    pub mode: Mode,
    /// `CD_USE_NS`: namespaces as the kernel has them, with the host's paths all the same.
    pub namespaces: bool,
    /// `--userns auto`: root of an isolated container is a user of the host's that has no rights there.
    pub users: bool,
    /// What the kernel lacks is an error.
    pub strict: bool,
    /// The network: the running container's, or the host's, when not given.
    pub network: Option<Network>,
    /// What the container may have of the machine.
    pub limits: Limits,
    /// What an isolated guest may do on top of [`super::confine::KEPT`].
    pub cap_add: Option<CapabilitySet>,
    /// The host user's home is seen at the guest user's.
    pub shared_home: bool,
    /// The host's temporary files are seen at `/tmp`.
    pub shared_tmp: bool,
    /// The host's display, sound and session bus.
    pub shared_display: bool,
    /// A step of a build has no more rights than an isolated guest.
    pub confined: bool,
    /// `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privs: bool,
    /// `CD_NO_SECCOMP`: without the seccomp filter of an isolated session.
    pub no_seccomp: bool,
    /// A terminal of its own?
    pub terminal: Terminal,
    /// In the background, its output going to a log.
    pub detach: bool,
    /// Instead of the image's `Entrypoint`; an empty one: without it.
    pub entrypoint: Option<OsString>,
    /// A name or number, with `:` and a group's; root when not given.
    pub user: Option<OsString>,
    /// Where to begin instead of at home.
    pub work_dir: Option<PathBuf>,
    /// Variables, later ones winning.
    pub env: Vec<(OsString, OsString)>,
    /// `CD_NO_TZ`: the guest does not get the host's time zone.
    pub no_time_zone: bool,
    /// Host paths to see, in order.
    pub binds: Vec<Bind>,
    /// Of the container alone.
    pub hostname: Option<OsString>,
    /// For `login` the program and its arguments, or nothing for the user's shell; for `run` what follows the entry
    /// point.
    pub command: Vec<OsString>,
}
