//! `help`: the page of the program, of one command, or a guide.

use argh::{ArgsInfo, FromArgs};

use super::choose::{known, unknown, visible};
use super::command::{App, Command, Run};
use super::global::GLOBAL;
use super::{applets, guides};
use crate::cli::{guide, help, paragraph};
use crate::error::Result;

/// show the help of a command, or a guide. Without an argument it lists the commands and the guides.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro help install",
    example = "chroot-distro help isolation",
    example = "chroot-distro help topics"
)]
pub struct Help {
    /// the command, or the guide
    #[argh(positional, arg_name = "COMMAND|TOPIC")]
    word: Option<String>,
}

impl Run for Help {
    const NAME: &'static str = "help";
    const ALIASES: &'static [&'static str] = &["h", "he", "hel"];
    const ROOT: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let width = app.ui.width();
        let page = match self.word {
            None => overview(app.commands, width),
            Some(word) => explained(app.commands, &word, width)?,
        };
        app.ui.print(page.trim_end());
        Ok(0)
    }
}

/// The page of the command or, where it names none, the guide. An unknown word is an error of kind `Usage`.
fn explained(commands: &'static [Command], word: &str, width: usize) -> Result<String> {
    if let Some(command) = known(commands, word) {
        return Ok(help::page(&command.syntax, &command.call(), width));
    }
    if word.eq_ignore_ascii_case("topics") {
        return topics(width);
    }
    let guide = guides::on(word)?;
    guide
        .map(|guide| guide::page(&guide, width))
        .ok_or_else(|| unknown(commands, &guides::topics().collect::<Vec<_>>(), word))
}

/// What each guide is about: its title, without the topic's own name.
fn topics(width: usize) -> Result<String> {
    let texts = guides::texts()?;
    let about = |text: &String| {
        let title = guide::title(text);
        title.split_once(": ").map_or(title, |(_, about)| about).to_owned()
    };
    let rows: Vec<_> = guides::topics().map(str::to_owned).zip(texts.iter().map(about)).collect();
    let mut page = String::from("Usage: chroot-distro help TOPIC\n");
    help::section(&mut page, "Guides", &rows, width);
    Ok(page)
}

/// The page of the program.
pub fn overview(commands: &'static [Command], width: usize) -> String {
    let mut page = String::from("Usage: chroot-distro [OPTIONS] COMMAND [ARGUMENTS]\n\n");
    paragraph(&mut page, &help::sentence((GLOBAL.info)().description), 0, width);
    for (title, words) in GROUPS {
        let of = |word: &&str| visible(commands).find(|command| command.syntax.name == *word);
        let rows: Vec<_> = words.iter().filter_map(of).map(row).collect();
        help::section(&mut page, title, &rows, width);
    }
    let others: Vec<_> = visible(commands).filter(|command| !is_grouped(command)).map(row).collect();
    help::section(&mut page, "Others", &others, width);
    help::options(&mut page, "Options", &GLOBAL, width);
    let links: Vec<_> = applets::options(commands)
        .map(|command| (help::synopsis(&command.syntax), help::summary(&command.syntax).to_owned()))
        .collect();
    help::section(&mut page, "Links", &links, width);
    page.push_str(
        "\nFirst steps:\n  chroot-distro install alpine\n  chroot-distro login alpine\n  chroot-distro remove alpine\n\n",
    );
    paragraph(
        &mut page,
        "'chroot-distro COMMAND --help' shows the options and aliases of a command.",
        0,
        width,
    );
    let topics: Vec<_> = guides::topics().collect();
    let guides = format!("'chroot-distro help TOPIC' shows a guide: {}", topics.join(", "));
    paragraph(&mut page, &guides, 0, width);
    page
}

fn row(command: &Command) -> (String, String) {
    let summary = help::summary(&command.syntax);
    // What follows a colon or a semicolon goes into detail.
    let short = summary.split([':', ';']).next().unwrap_or(summary);
    (command.syntax.name.to_owned(), short.to_owned())
}

/// The commands by what they are for.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Containers", &["install", "login", "run", "list", "set", "rename", "reset", "remove"]),
    ("What is running", &["ps", "logs", "kill", "unmount", "autostart"]),
    (
        "Files and images",
        &[
            "copy",
            "sync",
            "backup",
            "restore",
            "export",
            "clone",
            "diff",
            "build",
            "commit",
            "push",
            "pull",
            "images",
            "inspect",
            "tag",
            "rmi",
            "prune",
            "save",
            "load",
            "search",
            "auth",
            "clear-cache",
        ],
    ),
    ("This program", &["info", "selftest", "setup", "completions", "man", "help"]),
];

fn is_grouped(command: &Command) -> bool {
    GROUPS.iter().any(|(_, words)| words.contains(&command.syntax.name))
}
