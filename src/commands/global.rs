//! The options of the program itself. They stand before the command; after it they are understood too.

use argh::{ArgsInfo, FromArgs};

use crate::cli::Syntax;

/// run Linux containers with the kernel's chroot, mounts and namespaces.
#[derive(FromArgs, ArgsInfo, Default)]
pub struct Global {
    /// print the version and exit
    #[argh(switch, short = 'V')]
    pub version: bool,

    /// fail instead of asking sudo, doas, pkexec or su for root (CHROOT_DISTRO_NO_ELEVATE=1)
    #[argh(switch)]
    pub no_elevate: bool,

    /// on Termux, try sudo before su (CHROOT_DISTRO_USE_SUDO=1)
    #[argh(switch)]
    pub use_sudo: bool,

    /// take over the environment of the process that asked for root: PID:FD
    #[argh(option, hidden_help)]
    pub elevated: Option<String>,
}

/// Their table.
pub static GLOBAL: Syntax = Syntax {
    name: "",
    aliases: &[],
    long_aliases: &[],
    conflicts: &[],
    silent: &[],
    elsewhere: &[],
    command_follows: false,
    info: Global::get_args_info,
    common: None,
};

/// `chroot-distro VERSION (COMMIT)`; a build outside a clone knows no commit.
pub fn version() -> String {
    match env!("CHROOT_DISTRO_COMMIT") {
        "" => format!("chroot-distro {}", env!("CARGO_PKG_VERSION")),
        commit => format!("chroot-distro {} ({commit})", env!("CARGO_PKG_VERSION")),
    }
}
