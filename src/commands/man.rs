//! `man`: the manual page.

use argh::{ArgsInfo, FromArgs};

use super::applets;
use super::choose::visible;
use super::command::{App, Run};
use super::global::GLOBAL;
use crate::cli::man::{Title, page};
use crate::error::Result;

/// print the manual page, in the format of man(7).
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro man | man -l -",
    example = "chroot-distro man > /usr/local/share/man/man1/chroot-distro.1"
)]
pub struct Man {}

impl Run for Man {
    const NAME: &'static str = "man";
    const ROOT: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let title = Title {
            program: "chroot-distro",
            version: env!("CARGO_PKG_VERSION"),
            date: env!("CHROOT_DISTRO_DATE"),
        };
        let syntaxes =
            visible(app.commands).chain(applets::options(app.commands)).map(|command| &command.syntax);
        app.ui.print(page(&title, &GLOBAL, syntaxes, SECTIONS).trim_end());
        Ok(0)
    }
}

const SECTIONS: &[(&str, &[&str])] = &[
    (
        "EXIT STATUS",
        &[
            "0 on success, 1 when the attempt failed, 2 when the command line is wrong.",
            "login and run exit with the guest's own code, with 128+N when signal N ended it, with 125 when the session \
             could not be started, 126 when the program cannot be executed and 127 when it was not found.",
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            "CD_USER, CD_WORKDIR, CD_ENV (one VAR=VALUE a line) and CD_ENTRYPOINT are what --user, --work-dir, --env and \
             --entrypoint are by default. CD_USE_ISOLATION=1 and CD_NO_NEW_PRIVS=1 stand for --isolated and \
             --no-new-privs; CD_USE_NS=1 gives every session namespaces of its own and leaves everything shared; \
             CD_NO_SECCOMP=1 leaves the seccomp filter of --isolated out.",
            "CD_DOCKER_AUTH, or else PD_DOCKER_AUTH, is user:password for registries; DOCKER_CONFIG and \
             REGISTRY_AUTH_FILE say where Docker and podman keep theirs. CD_DOWNLOAD_WORKERS (4), \
             CD_DOWNLOAD_RATE_LIMIT (such as 5M), CD_DOWNLOAD_MAX_RETRIES (3) and CD_REGISTRY_MIRRORS \
             ([registry=]URL...) are for downloads, as are http_proxy, https_proxy, all_proxy, no_proxy, SSL_CERT_FILE \
             and SSL_CERT_DIR. CD_SEARCH_URL is what search asks.",
            "CHROOT_DISTRO_NO_ELEVATE=1 and CHROOT_DISTRO_USE_SUDO=1 stand for --no-elevate and --use-sudo. NO_COLOR and \
             CD_FORCE_NO_COLORS turn colours off.",
        ],
    ),
    (
        "FILES",
        &[
            "$XDG_DATA_HOME/chroot-distro (~/.local/share/chroot-distro) holds the containers and \
             $XDG_CACHE_HOME/chroot-distro (~/.cache/chroot-distro) what was downloaded; on Termux both are in \
             $PREFIX/var/lib/chroot-distro.",
            "Commands that run as root use root's home.",
        ],
    ),
];
