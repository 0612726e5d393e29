//! `completions`: the few lines that have a shell ask this program what may stand next. See [`super::complete`].

use argh::{ArgsInfo, FromArgs};

use super::applets;
use super::command::{App, Run};
use crate::error::{Error, Result};

/// print a completion script for a shell. It completes commands, options, containers, images and users. The shell asks the
/// program while you type, so the completions are always up to date.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro completions bash > /usr/local/share/bash-completion/completions/chroot-distro",
    example = "chroot-distro completions zsh > /usr/local/share/zsh/site-functions/_chroot-distro",
    example = "chroot-distro completions fish > ~/.config/fish/completions/chroot-distro.fish",
    note = "For the current bash session only: source <(chroot-distro completions bash)"
)]
pub struct Completions {
    /// bash, zsh or fish
    #[argh(positional)]
    shell: String,
}

/// The shells, each with its script; `@NAMES@` stands for all names of the program.
pub(super) const SHELLS: [(&str, &str); 3] = [
    ("bash", include_str!("completions/bash")),
    ("zsh", include_str!("completions/zsh")),
    ("fish", include_str!("completions/fish")),
];

impl Run for Completions {
    const NAME: &'static str = "completions";
    const ROOT: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let Some((_, script)) = SHELLS.iter().find(|(shell, _)| *shell == self.shell) else {
            return Err(Error::usage(format_args!("there are no completions for '{}'", self.shell))
                .hint("the shells are bash, zsh and fish"));
        };
        let names: Vec<String> =
            ["chroot-distro".to_owned()].into_iter().chain(applets::names(app.commands)).collect();
        app.ui.print(script.replace("@NAMES@", &names.join(" ")).trim_end());
        Ok(0)
    }
}
