//! A command line taken apart by GNU's rules and checked against a [`Syntax`].
//!
//! `--name=x`, `--name x`, unambiguous beginnings of long names, `-n x`, `-nx`, bundles (`-rv`), options anywhere
//! before `--`, everything after it verbatim. The last of a repeated option wins. A value given as a word of its
//! own may not begin with `-` (it is an option whose value was forgotten); after `=` it may be anything.

use argh::{ArgsInfo, FlagInfo, FlagInfoKind, FromArgs, Optionality};

use super::argument::shown;
use super::syntax::{HELP, Syntax};
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// What stands on a command line.
pub struct Line<'a> {
    syntax: &'a Syntax,
    /// How the user calls the command: `chroot-distro login`, `cd-login`.
    call: String,
    given: Vec<Given>,
    pub(super) positionals: Vec<String>,
    pub(super) trailing: Option<Vec<String>>,
}

/// An option as given.
struct Given {
    /// The long name that the user meant, perhaps an alias.
    typed: &'static str,
    flag: &'static FlagInfo<'static>,
    value: Option<String>,
}

impl Given {
    fn is(&self, long: &str) -> bool {
        self.typed == long || self.flag.long == long
    }
}

impl<'a> Line<'a> {
    /// Takes `arguments` apart. The switches of `global` are accepted beside those of `syntax`.
    ///
    /// With `--help` among the options nothing else is checked. Errors are of kind `Usage`.
    pub fn read(syntax: &'a Syntax, global: &Syntax, call: &str, arguments: &[String]) -> Result<Line<'a>> {
        let (line, problem) = Line::scan(syntax, &Names::of(syntax, global), call, arguments);
        if line.has(HELP) {
            return Ok(line);
        }
        problem.map_or(Ok(()), |message| Err(line.usage(&message)))?;
        line.check_conflicts()?;
        line.check_positionals()?;
        Ok(line)
    }

    /// What can be understood of `arguments`, and what first cannot.
    pub(super) fn scan(
        syntax: &'a Syntax,
        names: &Names,
        call: &str,
        arguments: &[String],
    ) -> (Line<'a>, Option<String>) {
        let mut line =
            Line { syntax, call: call.to_owned(), given: vec![], positionals: vec![], trailing: None };
        let mut problem = None;
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let taken = match classify(word) {
                Word::End => {
                    line.trailing = Some(words.by_ref().cloned().collect());
                    Ok(())
                }
                Word::Long(name, value) => line.take_long(names, name, value, &mut words),
                Word::Short(letters) => line.take_short(names, letters, &mut words),
                Word::Plain => {
                    line.positionals.push(word.clone());
                    if syntax.command_follows {
                        let rest: Vec<String> = words.by_ref().cloned().collect();
                        let command = rest.strip_prefix(&["--".to_owned()]).unwrap_or(&rest);
                        line.trailing = (!command.is_empty()).then(|| command.to_vec());
                    }
                    Ok(())
                }
            };
            problem = problem.or(taken.err().map(|message| line.answer(word, message)));
        }
        (line, problem)
    }

    /// Whether the option could still be given: not a second time, unless it may be repeated, and not beside one that
    /// excludes it.
    pub(super) fn has_room_for(&self, flag: &FlagInfo) -> bool {
        let excluded = self.syntax.conflicts.iter().any(|&(one, other)| {
            let given = |name: &str| self.given.iter().any(|given| given.is(name));
            (flag.long == one && given(other)) || (flag.long == other && given(one))
        });
        !excluded && (flag.optionality == Optionality::Repeating || !self.has(flag.long))
    }

    /// Whether the option with this long name was given.
    pub fn has(&self, long: &str) -> bool {
        self.given.iter().any(|given| given.flag.long == long)
    }

    /// The arguments that are no options.
    pub fn arguments(&self) -> &[String] {
        &self.positionals
    }

    /// Hands the command's own options and the arguments to argh.
    pub fn parse<C: FromArgs + ArgsInfo>(&self) -> Result<C> {
        let mut words = self.given(C::get_args_info().flags);
        words.push("--");
        words.extend(self.positionals.iter().map(String::as_str));
        words.extend(self.trailing.iter().flatten().map(String::as_str));
        self.hand_over(&words)
    }

    /// Hands to argh those of the options that `O` has.
    pub fn options<O: FromArgs + ArgsInfo>(&self) -> Result<O> {
        self.hand_over(&self.given(O::get_args_info().flags))
    }

    /// Those of `flags` that were given, as argh reads them.
    fn given(&self, flags: &[FlagInfo]) -> Vec<&str> {
        let mut words: Vec<&str> = Vec::new();
        for (at, given) in self.given.iter().enumerate() {
            let repeats = given.flag.optionality == Optionality::Repeating;
            let last = !self.given[at + 1..].iter().any(|later| later.flag.long == given.flag.long);
            if (repeats || last) && flags.iter().any(|flag| flag.long == given.flag.long && flag.long != HELP)
            {
                words.push(given.flag.long);
                words.extend(given.value.as_deref());
            }
        }
        words
    }

    fn hand_over<T: FromArgs>(&self, words: &[&str]) -> Result<T> {
        T::from_args(&[&self.call], words).map_err(|exit| {
            let text = shown(exit.output.trim_end());
            // What argh and the standard library call them.
            let text = text.replacen("Error parsing ", "cannot read ", 1);
            self.usage(&text.replacen("invalid digit found in string", "it is not a whole number", 1))
        })
    }

    fn take_long<'w>(
        &mut self,
        names: &Names,
        name: &str,
        value: Option<&str>,
        words: &mut impl Iterator<Item = &'w String>,
    ) -> Result<(), String> {
        let (typed, flag) = names.long(name)?;
        let value = match (takes_value(flag), value) {
            (true, Some(value)) => Some(value.to_owned()),
            (true, None) => Some(next_value(typed, words)?),
            (false, Some(_)) => return Err(format!("option '{typed}' takes no value")),
            (false, None) => None,
        };
        self.given.push(Given { typed, flag, value });
        Ok(())
    }

    fn take_short<'w>(
        &mut self,
        names: &Names,
        letters: &str,
        words: &mut impl Iterator<Item = &'w String>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let flag = names.short(letter).ok_or_else(|| match nearest_long(names, letters) {
                Some(long) => format!("unknown option '-{}'; did you mean '{long}'?", shown(letters)),
                None => format!("unknown option '-{}'", shown(&letter.to_string())),
            })?;
            let rest = &letters[at + letter.len_utf8()..];
            let value = match (takes_value(flag), rest) {
                (false, _) => None,
                (true, "") => Some(next_value(&format!("-{letter}"), words)?),
                (true, _) => Some(rest.to_owned()),
            };
            let whole = value.is_some();
            self.given.push(Given { typed: flag.long, flag, value });
            if whole {
                break;
            }
        }
        Ok(())
    }

    fn check_conflicts(&self) -> Result<()> {
        for &(one, other) in self.syntax.conflicts {
            // Of a name and its own alias each stands for itself.
            let given = |name, rest| self.given.iter().any(|given| given.is(name) && given.typed != rest);
            if given(one, other) && given(other, one) {
                return Err(self.usage(&format!("'{one}' and '{other}' exclude each other")));
            }
        }
        Ok(())
    }

    fn check_positionals(&self) -> Result<()> {
        let trailing = self.syntax.trailing();
        let wanted = self.syntax.positionals();
        let wanted = &wanted[..wanted.len() - usize::from(trailing.is_some())];
        let mut given =
            self.positionals.iter().chain(self.trailing.iter().flatten().filter(|_| trailing.is_none()));
        for positional in wanted {
            match positional.optionality {
                Optionality::Repeating | Optionality::Greedy => return Ok(()),
                Optionality::Required if given.next().is_none() => {
                    return Err(self.usage(&format!("{} is missing", positional.name.to_uppercase())));
                }
                Optionality::Required => {}
                Optionality::Optional => {
                    given.next();
                }
            }
        }
        match given.next() {
            None => Ok(()),
            Some(extra) if trailing.is_some() && self.trailing.is_none() => {
                let call = [&self.call[..], &self.positionals[..wanted.len()].join(" ")].join(" ");
                Err(self.error(&format!("unexpected argument '{}'", shown(extra))).hint(format_args!(
                    "a command to run goes after '--': {} -- {} ...",
                    shown(&call),
                    shown(extra)
                )))
            }
            Some(extra) => {
                let error = self.error(&format!("unexpected argument '{}'", shown(extra)));
                let answer = self.syntax.elsewhere.iter().find(|(known, _)| known.is_empty());
                Err(match answer {
                    Some((_, answer)) => error.hint(answer.replace("{}", &shown(extra))),
                    None => error.hint(format_args!("see '{} --help'", self.call)),
                })
            }
        }
    }

    /// The answer to an option of another tool, or `message`.
    fn answer(&self, word: &str, message: String) -> String {
        let option = word.split_once('=').map_or(word, |(option, _)| option);
        // `-p8080:80` is `-p` with its value.
        let is = |known: &str| known == option || (known.len() == 2 && option.starts_with(known));
        match self.syntax.elsewhere.iter().find(|(known, _)| is(known)) {
            Some((known, answer)) => format!("unknown option '{known}': {answer}"),
            None => message,
        }
    }

    fn error(&self, message: &str) -> Error {
        match self.syntax.name {
            "" => Error::usage(message),
            name => Error::usage(format_args!("{name}: {message}")),
        }
    }

    fn usage(&self, message: &str) -> Error {
        self.error(message).hint(format_args!("see '{} --help'", self.call))
    }
}

pub(super) enum Word<'w> {
    End,
    Long(&'w str, Option<&'w str>),
    Short(&'w str),
    Plain,
}

pub(super) fn classify(word: &str) -> Word<'_> {
    if word == "--" {
        return Word::End;
    }
    if let Some(long) = word.strip_prefix("--") {
        return match long.split_once('=') {
            Some((name, value)) => Word::Long(name, Some(value)),
            None => Word::Long(long, None),
        };
    }
    match word.strip_prefix('-') {
        Some(letters) if !letters.is_empty() && !is_number(letters) => Word::Short(letters),
        _ => Word::Plain,
    }
}

fn is_number(word: &str) -> bool {
    let digits = word.replacen('.', "", 1);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn takes_value(flag: &FlagInfo) -> bool {
    matches!(flag.kind, FlagInfoKind::Option { .. })
}

/// The word after an option.
fn next_value<'w>(option: &str, words: &mut impl Iterator<Item = &'w String>) -> Result<String, String> {
    let word = words.next().ok_or_else(|| format!("option '{option}' needs a value"))?;
    match classify(word) {
        Word::Plain => Ok(word.clone()),
        _ => {
            let written =
                if option.starts_with("--") { format!("{option}={word}") } else { format!("{option}{word}") };
            Err(format!(
                "option '{option}' needs a value; if '{0}' is one, write '{1}'",
                shown(word),
                shown(&written)
            ))
        }
    }
}

/// Every name that an option has.
pub(super) struct Names {
    pub(super) long: Vec<(&'static str, &'static FlagInfo<'static>)>,
}

impl Names {
    pub(super) fn of(syntax: &Syntax, global: &Syntax) -> Names {
        let mut long: Vec<(&'static str, &'static FlagInfo<'static>)> = Vec::new();
        for flag in syntax.flags().chain(global.flags()) {
            if !long.iter().any(|&(name, _)| name == flag.long) {
                long.push((flag.long, flag));
            }
        }
        for &(alias, name) in syntax.long_aliases {
            let flag = long.iter().find(|(long, _)| *long == name).map(|&(_, flag)| flag);
            long.extend(flag.map(|flag| (alias, flag)));
        }
        Names { long }
    }

    /// By its whole name, or by a beginning that only one option has.
    pub(super) fn long(&self, name: &str) -> Result<(&'static str, &'static FlagInfo<'static>), String> {
        let bare = |full: &'static str| &full[2..];
        if let Some(&found) = self.long.iter().find(|(full, _)| bare(full) == name) {
            return Ok(found);
        }
        let mut begun: Vec<_> = self
            .long
            .iter()
            .filter(|(full, flag)| !name.is_empty() && !flag.hidden && bare(full).starts_with(name))
            .collect();
        begun.dedup_by_key(|(_, flag)| flag.long);
        match begun[..] {
            [&found] => Ok(found),
            [] => Err(match nearest_long(self, name) {
                Some(near) => format!("unknown option '--{}'; did you mean '{near}'?", shown(name)),
                None => format!("unknown option '--{}'", shown(name)),
            }),
            _ => {
                let all: Vec<&str> = begun.iter().map(|(full, _)| *full).collect();
                Err(format!("option '--{name}' may mean {}", all.join(" or ")))
            }
        }
    }

    pub(super) fn short(&self, letter: char) -> Option<&'static FlagInfo<'static>> {
        if letter == 'h' {
            return self.long.iter().find(|(long, _)| *long == HELP).map(|&(_, flag)| flag);
        }
        self.long.iter().map(|&(_, flag)| flag).find(|flag| flag.short == Some(letter))
    }
}

fn nearest_long(names: &Names, typed: &str) -> Option<&'static str> {
    let visible = names.long.iter().filter(|(_, flag)| !flag.hidden);
    let near = nearest(typed, visible.map(|(long, _)| &long[2..]))?;
    names.long.iter().map(|&(long, _)| long).find(|long| &long[2..] == near)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a command.
    #[derive(FromArgs, ArgsInfo, Debug, PartialEq)]
    struct Sample {
        /// a switch
        #[argh(switch, short = 'a')]
        all: bool,

        /// a number
        #[argh(option, short = 'n')]
        number: Option<i32>,

        /// any number of words
        #[argh(option, short = 'e')]
        each: Vec<String>,

        /// a word
        #[argh(positional)]
        first: String,

        /// a command
        #[argh(positional, greedy)]
        rest: Vec<String>,
    }

    static SAMPLE: Syntax = Syntax {
        name: "sample",
        aliases: &[],
        long_aliases: &[("--count", "--number")],
        conflicts: &[("--all", "--each"), ("--number", "--count")],
        silent: &[],
        elsewhere: &[],
        command_follows: false,
        info: Sample::get_args_info,
        common: None,
    };

    fn parse(words: &[&str]) -> Result<Sample, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let line = Line::read(&SAMPLE, &SAMPLE, "sample", &words);
        line.and_then(|line| line.parse()).map_err(|error| error.to_string())
    }

    fn sample(
        all: bool,
        number: Option<i32>,
        each: &[&str],
        first: &str,
        rest: &[&str],
    ) -> Result<Sample, String> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Ok(Sample { all, number, each: owned(each), first: first.to_owned(), rest: owned(rest) })
    }

    #[test]
    fn every_spelling_means_the_same() {
        let expected = sample(true, Some(7), &[], "x", &[]);
        for words in [
            &["-a", "-n", "7", "x"][..],
            &["-an7", "x"],
            &["x", "-n7", "--all"],
            &["--al", "--num=7", "x"],
            &["--count", "7", "x", "-aa"],
            &["-n1", "-n", "2", "--number=7", "-a", "x", "--"],
        ] {
            assert_eq!(parse(words), expected, "{words:?}");
        }
        assert_eq!(parse(&["-n", "-7", "-"]), sample(false, Some(-7), &[], "-", &[]));
        assert_eq!(
            parse(&["-e", "a", "--each=-a", "-e=", "x"]),
            sample(false, None, &["a", "-a", "="], "x", &[])
        );
        assert_eq!(parse(&["help"]), sample(false, None, &[], "help", &[]));
        let rest = ["--all", "--", "-n", "--help", "help"];
        assert_eq!(parse(&[&["x", "--"], &rest[..]].concat()), sample(false, None, &[], "x", &rest));
    }

    #[test]
    fn mistakes_say_what_is_wrong() {
        for (words, message) in [
            (
                &["x", "-n", "seven"][..],
                "cannot read option '--number' with value 'seven': it is not a whole number",
            ),
            (&["x", "--"], ""),
            (&["--", "x"], "FIRST is missing"),
            (&["x", "-a", "-e", "b"], "'--all' and '--each' exclude each other"),
            (&["x", "-n1", "--count=2"], "'--number' and '--count' exclude each other"),
            (&["x", "--count=1", "--count=2"], ""),
            (&["x", "--=1"], "unknown option '--'"),
            (&["x", "-."], "unknown option '-.'"),
            (&["x", "-1.2.3"], "unknown option '-1'"),
            (&["x", "--al=1"], "option '--all' takes no value"),
            (&["x", "-\u{EF80}"], "unknown option '-\u{FFFD}'"),
        ] {
            let told = parse(words).err().unwrap_or_default();
            assert!(told.contains(message) && told.is_empty() == message.is_empty(), "{words:?}: {told}");
        }
    }
}
