//! Help pages, laid out from the table for a given width.

use argh::{FlagInfo, FlagInfoKind, Optionality};

use super::syntax::Syntax;
use super::wrap;

/// The page of one command, called as `call`.
pub fn page(syntax: &Syntax, call: &str, width: usize) -> String {
    let info = (syntax.info)();
    let mut page = usage(syntax, call);
    page.push('\n');
    wrap::paragraph(&mut page, &sentence(info.description), 0, width);
    if !syntax.aliases.is_empty() {
        page.push('\n');
        wrap::paragraph(&mut page, &format!("Aliases: {}", syntax.aliases.join(", ")), 0, width);
    }
    let arguments: Vec<_> = info
        .positionals
        .iter()
        .filter(|positional| !positional.hidden)
        .map(|positional| (positional.name.to_uppercase(), positional.description.to_owned()))
        .collect();
    section(&mut page, "Arguments", &arguments, width);
    options(&mut page, "Options", syntax, width);
    if !info.examples.is_empty() {
        page.push_str("\nExamples:\n");
        for example in info.examples {
            page.push_str(&format!("  {example}\n"));
        }
    }
    for note in info.notes {
        page.push('\n');
        wrap::paragraph(&mut page, &sentence(note), 0, width);
    }
    page
}

/// Appends rows of terms and explanations under a title.
pub fn section(page: &mut String, title: &str, rows: &[(String, String)], width: usize) {
    if !rows.is_empty() {
        page.push_str(&format!("\n{title}:\n"));
        wrap::definitions(page, rows, width);
    }
}

/// Appends the options of `syntax` under a title.
pub fn options(page: &mut String, title: &str, syntax: &Syntax, width: usize) {
    let (help, own): (Vec<_>, Vec<_>) =
        syntax.flags().filter(|flag| !flag.hidden).partition(|flag| flag.long == "--help");
    let rows: Vec<_> = own
        .into_iter()
        .map(|flag| (term(flag), explanation(syntax, flag)))
        .chain(help.iter().map(|flag| ("-h, --help".to_owned(), description(flag).to_owned())))
        .collect();
    section(page, title, &rows, width);
}

/// The first sentence of the description.
pub fn summary(syntax: &Syntax) -> &'static str {
    let description = (syntax.info)().description;
    let end = description.find(". ").unwrap_or(description.len());
    description[..end].trim_end_matches('.')
}

/// A paragraph that begins with a capital letter, as argh does not let doc comments do.
pub fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `Usage: `, how the user calls the command, and what it takes.
fn usage(syntax: &Syntax, call: &str) -> String {
    format!("Usage: {call}{}\n", arguments(syntax))
}

/// The command's name and what it takes: `login [OPTIONS] CONTAINER`.
pub fn synopsis(syntax: &Syntax) -> String {
    format!("{}{}", syntax.name, arguments(syntax))
}

fn arguments(syntax: &Syntax) -> String {
    let mut usage = String::new();
    if syntax.flags().any(|flag| !flag.hidden && flag.long != "--help") {
        usage.push_str(" [OPTIONS]");
    }
    for positional in syntax.positionals().iter().filter(|positional| !positional.hidden) {
        let name = positional.name.to_uppercase();
        usage.push_str(&match positional.optionality {
            Optionality::Required => format!(" {name}"),
            Optionality::Optional => format!(" [{name}]"),
            Optionality::Repeating => format!(" [{name}...]"),
            Optionality::Greedy => format!(" [-- {name}...]"),
        });
    }
    usage
}

/// What the option does. argh has its own words for `--help`.
pub(super) fn description(flag: &FlagInfo<'static>) -> &'static str {
    if flag.long == "--help" { "show this help" } else { flag.description }
}

pub(super) fn term(flag: &FlagInfo) -> String {
    let short = flag.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
    match flag.kind {
        FlagInfoKind::Switch => format!("{short}{}", flag.long),
        FlagInfoKind::Option { arg_name } => format!("{short}{} {}", flag.long, value(arg_name)),
    }
}

/// A value as the help shows it: what stands for a word in capitals. With `=` in it, it says itself which these are.
fn value(name: &str) -> String {
    if name.contains('=') { name.to_owned() } else { name.to_uppercase() }
}

pub(super) fn explanation(syntax: &Syntax, flag: &FlagInfo) -> String {
    let mut remarks: Vec<String> = Vec::new();
    let repeats = flag.optionality == Optionality::Repeating;
    remarks.extend(repeats.then(|| "can be repeated".to_owned()));
    let aliases = syntax.long_aliases.iter().filter(|(_, name)| *name == flag.long);
    remarks.extend(aliases.map(|(alias, _)| format!("also {alias}")));
    let others = syntax.conflicts.iter().filter_map(|&(one, other)| match flag.long {
        long if long == one => Some(other),
        long if long == other => Some(one),
        _ => None,
    });
    let aliased = |other: &&str| !syntax.long_aliases.iter().any(|(alias, _)| alias == other);
    remarks.extend(others.filter(aliased).map(|other| format!("not with {other}")));
    match remarks[..] {
        [] => flag.description.to_owned(),
        _ => format!("{} [{}]", flag.description, remarks.join("; ")),
    }
}
