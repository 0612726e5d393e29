//! What may stand next on a line that is being typed, read off the same table as everything else.

use argh::{FlagInfo, FlagInfoKind, Optionality};

use super::help;
use super::line::{Line, Names, Word, classify, takes_value};
use super::syntax::Syntax;

/// What a shell may offer.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing that we know of: a guest's command line.
    Nothing,
    /// One of these words.
    Words(Vec<Candidate>),
    /// A value.
    Value {
        /// What help pages call it: `CONTAINER`.
        name: String,
        /// Where in the word it begins, in bytes: behind `--option=`.
        from: usize,
    },
}

/// A word, and what it does.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word.
    pub text: String,
    /// At most a sentence.
    pub help: String,
}

impl Candidate {
    /// One.
    pub fn new(text: impl Into<String>, help: impl Into<String>) -> Candidate {
        Candidate { text: text.into(), help: help.into() }
    }
}

/// What may stand in the place of `word`, behind the words `before` it. Also what of those are positional arguments.
pub fn wanted(syntax: &Syntax, global: &Syntax, before: &[String], word: &str) -> (Wanted, Vec<String>) {
    let names = Names::of(syntax, global);
    let (before, pending) = match before {
        [rest @ .., last] if !rest.iter().any(|word| word == "--") => match expecting(&names, last) {
            Some(flag) => (rest, Some(flag)),
            None => (before, None),
        },
        _ => (before, None),
    };
    let (line, _) = Line::scan(syntax, &names, "", before);
    let wanted = match (pending, classify(word), &line.trailing) {
        (Some(flag), _, _) => value(flag, 0),
        (None, Word::Long(name, Some(_)), None) => match names.long(name) {
            Ok((_, flag)) if takes_value(flag) => value(flag, "--=".len() + name.len()),
            _ => Wanted::Nothing,
        },
        (None, Word::Short(_), None) if word != "-" => Wanted::Nothing,
        (None, Word::Plain, None) if word != "-" => {
            positional(syntax, line.positionals.len(), &names, &line, word)
        }
        (None, _, None) => options(&names, &line, word),
        (None, _, Some(_)) if syntax.trailing().is_some() => Wanted::Nothing,
        (None, _, Some(trailing)) => {
            positional(syntax, line.positionals.len() + trailing.len(), &names, &line, word)
        }
    };
    (wanted, line.positionals)
}

/// The option that the next word belongs to.
fn expecting(names: &Names, word: &str) -> Option<&'static FlagInfo<'static>> {
    let flag = match classify(word) {
        Word::Long(name, None) => names.long(name).ok()?.1,
        Word::Short(letters) => {
            // The first that takes a value takes what is left.
            let mut flags =
                letters.char_indices().map_while(|(at, letter)| Some((at, letter, names.short(letter)?)));
            let (at, letter, flag) = flags.find(|(_, _, flag)| takes_value(flag))?;
            Some(flag).filter(|_| at + letter.len_utf8() == letters.len())?
        }
        _ => return None,
    };
    takes_value(flag).then_some(flag)
}

fn value(flag: &FlagInfo, from: usize) -> Wanted {
    match flag.kind {
        FlagInfoKind::Option { arg_name } => Wanted::Value { name: arg_name.to_uppercase(), from },
        FlagInfoKind::Switch => Wanted::Nothing,
    }
}

/// The positional argument at this place; options where there is none.
fn positional(syntax: &Syntax, at: usize, names: &Names, line: &Line, word: &str) -> Wanted {
    let all = syntax.positionals();
    let wanted = all.get(at).or(all.last().filter(|last| last.optionality == Optionality::Repeating));
    match wanted {
        Some(positional) if positional.optionality != Optionality::Greedy => {
            Wanted::Value { name: positional.name.to_uppercase(), from: 0 }
        }
        _ => options(names, line, word),
    }
}

/// Options that begin with `word`. Other names of an option are offered when nothing else fits.
fn options(names: &Names, line: &Line, word: &str) -> Wanted {
    let fits = |primary: bool| {
        let all = names
            .long
            .iter()
            .filter(|(name, flag)| (*name == flag.long) == primary && name.starts_with(word));
        let free = all.filter(|(_, flag)| !flag.hidden && line.has_room_for(flag));
        free.map(|(name, flag)| Candidate::new(*name, gist(help::description(flag)))).collect::<Vec<_>>()
    };
    match fits(true) {
        none if none.is_empty() => Wanted::Words(fits(false)),
        some => Wanted::Words(some),
    }
}

/// Those of the commands whose name begins with `word`, else those with such an alias.
pub fn commands<'a>(all: impl Iterator<Item = &'a Syntax> + Clone, word: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for syntax in all {
        let names = [syntax.name].into_iter().chain(syntax.aliases.iter().copied());
        let name = names.into_iter().find(|name| name.starts_with(word));
        found.extend(name.map(|name| Candidate::new(name, help::summary(syntax))));
    }
    found
}

/// What goes into a menu: the beginning of an explanation, up to where it goes into detail.
fn gist(description: &str) -> &str {
    let end = description.find([';', '(', ':']).unwrap_or(description.len());
    description[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use argh::{ArgsInfo, FromArgs};

    use super::*;

    /// a command.
    #[derive(FromArgs, ArgsInfo)]
    #[allow(dead_code)]
    struct Sample {
        /// a switch; with detail
        #[argh(switch, short = 'a')]
        all: bool,

        /// a number
        #[argh(option, short = 'n')]
        number: Option<i32>,

        /// words
        #[argh(option, short = 'e', arg_name = "WORD")]
        each: Vec<String>,

        /// a place
        #[argh(positional)]
        place: String,

        /// a command
        #[argh(positional, greedy)]
        rest: Vec<String>,
    }

    static SAMPLE: Syntax = Syntax {
        name: "sample",
        aliases: &["sam", "other"],
        long_aliases: &[("--count", "--number")],
        conflicts: &[("--all", "--each")],
        silent: &[],
        elsewhere: &[],
        command_follows: false,
        info: Sample::get_args_info,
        common: None,
    };

    /// What is offered behind these words; the last of them is being typed.
    fn offered(words: &str) -> String {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let (word, before) = words.split_last().unwrap();
        match wanted(&SAMPLE, &SAMPLE, before, word).0 {
            Wanted::Nothing => String::new(),
            Wanted::Value { name, from } => format!("{name} {from}"),
            Wanted::Words(words) => {
                words.into_iter().map(|candidate| candidate.text).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn the_place_on_the_line_decides() {
        for (typed, expected) in [
            ("", "PLACE 0"),
            ("x", "PLACE 0"),
            ("-", "--help --all --number --each"),
            ("--al", "--all"),
            ("--c", "--count"),
            ("--zzz", ""),
            ("-a", ""),
            ("x ", "--help --all --number --each"),
            ("x -- ", ""),
            ("x -- --a", ""),
            ("--number ", "NUMBER 0"),
            ("--num ", "NUMBER 0"),
            ("--count ", "NUMBER 0"),
            ("--count=", "NUMBER 8"),
            ("--all=", ""),
            ("-an ", "NUMBER 0"),
            ("-an1 ", "PLACE 0"),
            ("-e x -e ", "WORD 0"),
            ("-e x -", "--help --number --each"),
            ("-a x --", "--help --number"),
            ("-n 1 x --n", ""),
        ] {
            assert_eq!(offered(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn commands_by_name_or_alias() {
        let texts = |word| {
            let found = commands([&SAMPLE].into_iter(), word);
            found.into_iter().map(|candidate| candidate.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(""), ["sample"]);
        assert_eq!(texts("sa"), ["sample"]);
        assert_eq!(texts("o"), ["other"]);
        assert!(texts("x").is_empty());
    }
}
