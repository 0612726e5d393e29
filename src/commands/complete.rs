//! `complete`: what may stand next on a line, for the scripts of [`super::completions`]. It elevates never and reads
//! little: somebody waits with a finger on the key.
//!
//! The first line says what a shell may offer of its own where nothing else follows: `words` (nothing), `files` or
//! `directories`. Then one word a line, and in zsh and fish what it does.

use std::ffi::OsString;

use argh::{ArgsInfo, FromArgs};

use super::choose::{find, known, visible};
use super::command::{App, Run};
use super::completions::SHELLS;
use super::global::GLOBAL;
use super::{applets, auth, autostart, guides, set};
use crate::cli::complete::{Candidate, Wanted, commands, wanted};
use crate::cli::guide;
use crate::error::{Error, Result};
use crate::guest::accounts;
use crate::image::shown;
use crate::oci::Arch;
use crate::store::{Container, Name};

/// print what may stand next on a command line.
#[derive(FromArgs, ArgsInfo)]
pub struct Complete {
    /// the shell that asks
    #[argh(positional)]
    shell: String,

    /// bash: the word as bash sees it, and the line; else: the words, the last of them being typed
    #[argh(positional, greedy)]
    words: Vec<String>,
}

impl Run for Complete {
    const NAME: &'static str = "complete";
    const ROOT: bool = false;
    const HIDDEN: bool = true;

    fn run(self, app: &App) -> Result<u8> {
        let split;
        let words = match &self.words[..] {
            [_, line] if self.shell == "bash" => {
                split = split_line(line);
                &split[..]
            }
            words => words,
        };
        let [program, before @ .., word] = words else {
            return Err(Error::usage("no line to complete"));
        };
        let offer = offer(app, program, before, word);
        app.ui.print(offer.own);
        // bash replaces only what stands behind a '=' or ':', and knows no explanations.
        let kept = match &self.words[..] {
            [seen, _] if self.shell == "bash" => word.len() - replaced(seen, word),
            _ => 0,
        };
        for Candidate { text, help } in offer.words {
            let text = text.get(kept..).unwrap_or_default();
            app.ui.print(match &self.shell[..] {
                "zsh" => format!("{}:{help}", text.replace(':', "\\:")),
                "fish" => format!("{text}\t{help}"),
                _ => text.to_owned(),
            });
        }
        Ok(0)
    }
}

/// How much of the word's end bash will replace, in bytes, by what it takes for the word.
fn replaced(seen: &str, word: &str) -> usize {
    let seen = split_line(seen).pop().unwrap_or_default();
    match &seen[..] {
        // One of its separators was just typed.
        "=" | ":" => 0,
        seen if word.ends_with(seen) => seen.len(),
        _ => word.len(),
    }
}

/// What a shell may offer.
struct Offer {
    /// `words`, `files` or `directories`: what of its own.
    own: &'static str,
    words: Vec<Candidate>,
}

fn offer(app: &App, program: &str, before: &[String], word: &str) -> Offer {
    let name = program.rsplit('/').next().unwrap_or_default();
    let first = before.iter().position(|word| !word.starts_with('-'));
    let option = |word: &str| applets::options(app.commands).any(|command| command.syntax.answers_to(word));
    let (command, rest) = match (name.strip_prefix("cd-"), first) {
        (Some(name), _) => (find(app.commands, name), before),
        (None, _) if before.first().is_some_and(|first| option(first)) => {
            (find(app.commands, &before[0]), &before[1..])
        }
        (None, Some(at)) => (find(app.commands, &before[at]), &before[at + 1..]),
        (None, None) if word.starts_with('-') => {
            let mut offer = of(app, wanted(&GLOBAL, &GLOBAL, before, word), word);
            offer.words.extend(commands(applets::options(app.commands).map(|command| &command.syntax), word));
            return offer;
        }
        (None, None) => {
            return Offer {
                own: "words",
                words: commands(visible(app.commands).map(|command| &command.syntax), word),
            };
        }
    };
    match command {
        Ok(command) => of(app, wanted(&command.syntax, &GLOBAL, rest, word), word),
        Err(_) => Offer { own: "words", words: Vec::new() },
    }
}

fn of(app: &App, (wanted, positionals): (Wanted, Vec<String>), word: &str) -> Offer {
    match wanted {
        Wanted::Nothing => Offer { own: "words", words: Vec::new() },
        Wanted::Words(words) => Offer { own: "words", words },
        Wanted::Value { name, from } => {
            let (option, typed) = word.split_at_checked(from).unwrap_or((word, ""));
            let mut offer = values(app, &name, &positionals, typed);
            offer.words.retain(|candidate| candidate.text.starts_with(typed) && is_plain(&candidate.text));
            for candidate in &mut offer.words {
                candidate.text.insert_str(0, option);
            }
            offer
        }
    }
}

/// What a shell may put on a command line as it stands: names from a container are anybody's.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.,:/@+=%".contains(&byte))
}

/// The values that help pages call `name`.
fn values(app: &App, name: &str, positionals: &[String], typed: &str) -> Offer {
    let words = |words: Vec<Candidate>| Offer { own: "words", words };
    let plain = |all: &[&str]| words(all.iter().map(|text| Candidate::new(*text, "")).collect());
    let name = name.trim_end_matches(|letter: char| !letter.is_ascii_uppercase());
    if name == "CONTAINER|IMAGE" {
        return words(containers(app, "").into_iter().chain(images(app)).collect());
    }
    match name.split(['[', '=', ':', ' ', '|']).next().unwrap_or_default() {
        "CONTAINER" | "CONTAINERS" => words(containers(app, "")),
        "IMAGE" => Offer { own: "files", words: images(app) },
        "USER" => words(users(app, positionals)),
        "ARCHITECTURE" | "ARCH" => words(Arch::ALL.map(|arch| Candidate::new(arch.to_string(), "")).into()),
        "PLATFORM" => words(Arch::ALL.map(|arch| Candidate::new(format!("linux/{}", arch.oci()), "")).into()),
        "FORMAT" => plain(&["oci", "docker"]),
        "NETWORK" => plain(&["host", "none"]),
        "ACTION" => plain(&autostart::ACTIONS),
        "SETTING" => plain(&set::SETTINGS),
        "OPERATION" => plain(&auth::ACTIONS),
        "SHELL" => plain(&SHELLS.map(|(shell, _)| shell)),
        "COMMAND" => words(commands_and_topics(app, typed)),
        "DIR" | "DIRECTORY" | "CONTEXT" => Offer { own: "directories", words: Vec::new() },
        // A path of the host, or one in a container: CONTAINER:PATH.
        "SOURCE" | "DESTINATION" | "DEST" | "TARGET" => Offer { own: "files", words: containers(app, ":") },
        "SRC" | "FILE" | "ARCHIVE" | "OUTPUT" | "BACKUP" => Offer { own: "files", words: Vec::new() },
        _ => words(Vec::new()),
    }
}

/// What `help` explains. A word that is both is the command.
fn commands_and_topics(app: &App, typed: &str) -> Vec<Candidate> {
    let mut all = commands(visible(app.commands).map(|command| &command.syntax), typed);
    let texts = guides::texts().unwrap_or_default();
    let guides = guides::topics().zip(&texts).map(|(topic, text)| Candidate::new(topic, guide::title(text)));
    all.extend(guides.filter(|guide| known(app.commands, &guide.text).is_none()).collect::<Vec<_>>());
    all
}

fn containers(app: &App, behind: &str) -> Vec<Candidate> {
    let image = |container: &Container| {
        let provenance = container.provenance().ok().flatten();
        provenance.and_then(|provenance| provenance.image_ref().map(str::to_owned)).unwrap_or_default()
    };
    let all = app.store.containers().unwrap_or_default();
    all.iter()
        .map(|container| Candidate::new(format!("{}{behind}", container.name()), image(container)))
        .collect()
}

/// Those that are stored, those in the cache, and those that containers were made of.
fn images(app: &App) -> Vec<Candidate> {
    let mut names: Vec<String> = app.store.cached_references().unwrap_or_default();
    names.extend(app.store.library().images().unwrap_or_default().iter().filter_map(shown));
    names.extend(containers(app, "").into_iter().map(|container| container.help));
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| Candidate::new(name, "")).collect()
}

/// The users of the container that the line names.
fn users(app: &App, positionals: &[String]) -> Vec<Candidate> {
    let container = positionals.first().and_then(|name| app.store.container(&Name::parse(name).ok()?).ok());
    let rootfs = container.and_then(|container| container.rootfs().ok());
    let names: Vec<OsString> = rootfs.map(|rootfs| accounts::users(&rootfs)).unwrap_or_default();
    names.iter().map(|name| Candidate::new(name.to_string_lossy(), "")).collect()
}

/// The words of a line for bash. What is quoted but not closed belongs to the last one.
fn split_line(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut letters = line.trim_start().chars().peekable();
    let put = |words: &mut Vec<String>, letter| {
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    };
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => letters.next().into_iter().for_each(|next| put(&mut words, next)),
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (' ' | '\t' | '\n', None) => {
                if letters.peek().is_none_or(|next| !next.is_whitespace()) {
                    words.push(String::new());
                }
            }
            _ => put(&mut words, letter),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_splits_as_in_a_shell() {
        assert_eq!(split_line("a  b"), ["a", "b"]);
        assert_eq!(split_line(" a b "), ["a", "b", ""]);
        assert_eq!(split_line(r#"a 'b c' "d \" e" f\ g"#), ["a", "b c", "d \" e", "f g"]);
        assert_eq!(split_line("a 'b c"), ["a", "b c"]);
    }

    #[test]
    fn a_shell_obeys_nothing_that_is_offered() {
        assert!(is_plain("ghcr.io/a/b:1.2@sha256:00") && is_plain("--arch=x86_64"));
        for bad in ["$(x)", "a b", "`x`", "a;b", "a\n", "a*", "~a", "a'", "é"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
