//! `help`: the page of the program or of one command.

use argh::{ArgsInfo, FromArgs};

use super::applets;
use super::choose::{find, visible};
use super::command::{App, Command, Run};
use super::global::GLOBAL;
use crate::cli::help;
use crate::error::Result;

/// show how a command is used, or which commands there are.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro help install")]
pub struct Help {
    /// the command to explain
    #[argh(positional)]
    command: Option<String>,
}

impl Run for Help {
    const NAME: &'static str = "help";
    const ALIASES: &'static [&'static str] = &["h", "he", "hel"];
    const ROOT: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let width = app.ui.width();
        let page = match self.command {
            None => overview(app.commands, width),
            Some(word) => {
                let command = find(app.commands, &word)?;
                help::page(&command.syntax, &command.call(), width)
            }
        };
        app.ui.print(page.trim_end());
        Ok(0)
    }
}

/// The page of the program.
pub fn overview(commands: &'static [Command], width: usize) -> String {
    let mut page = String::from("Usage: chroot-distro [OPTIONS] COMMAND [ARGUMENTS]\n\n");
    page.push_str(&help::sentence((GLOBAL.info)().description));
    page.push('\n');
    let rows: Vec<_> = visible(commands).map(row).collect();
    help::section(&mut page, "Commands", &rows, width);
    help::options(&mut page, "Options", &GLOBAL, width);
    let links: Vec<_> = applets::options(commands)
        .map(|command| (help::synopsis(&command.syntax), help::summary(&command.syntax).to_owned()))
        .collect();
    help::section(&mut page, "Links", &links, width);
    page.push_str(
        "\nFirst steps:\n  chroot-distro install alpine\n  chroot-distro login alpine\n  chroot-distro remove alpine\n\n\
         'chroot-distro COMMAND --help' explains a command.\n",
    );
    page
}

fn row(command: &Command) -> (String, String) {
    let names: Vec<&str> = [command.syntax.name].iter().chain(command.syntax.aliases).copied().collect();
    (names.join(", "), help::summary(&command.syntax).to_owned())
}
