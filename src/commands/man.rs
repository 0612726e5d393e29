//! `man`: the manual page.

use argh::{ArgsInfo, FromArgs};

use super::applets;
use super::choose::visible;
use super::command::{App, Run};
use super::global::GLOBAL;
use super::guides;
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
        let texts = guides::texts()?;
        let guides: Vec<(&str, &str)> = guides::topics().zip(texts.iter().map(String::as_str)).collect();
        app.ui.print(page(&title, &GLOBAL, syntaxes, SECTIONS, &guides).trim_end());
        Ok(0)
    }
}

const SECTIONS: &[(&str, &[&str])] = &[
    (
        "EXIT STATUS",
        &[
            "0: success. 1: the command failed. 2: the command line is wrong.",
            "login and run exit with the guest's own code, with 128+N when signal N ended it, with 125 when the session \
             could not be started, 126 when the program cannot be executed and 127 when it was not found.",
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
