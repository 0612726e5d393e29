//! The manual page, in the macros of man(7), from the same table as the help.

use argh::FlagInfo;

use super::help;
use super::syntax::Syntax;

/// What stands at the page's head and foot.
pub struct Title<'a> {
    /// The program's name.
    pub program: &'a str,
    /// Its version.
    pub version: &'a str,
    /// `YYYY-MM-DD`.
    pub date: &'a str,
}

/// The page of the program: what it is (`global`), its commands, and `sections` of a title and paragraphs each.
pub fn page<'a>(
    title: &Title,
    global: &Syntax,
    commands: impl Iterator<Item = &'a Syntax>,
    sections: &[(&str, &[&str])],
) -> String {
    let Title { program, version, date } = title;
    let upper = program.to_uppercase();
    let mut page = format!(".TH {upper} 1 {date} \"{program} {version}\"\n.SH NAME\n");
    page.push_str(&format!(
        "{} \\- {}\n",
        text(program),
        text((global.info)().description.trim_end_matches('.'))
    ));
    page.push_str(&format!(".SH SYNOPSIS\n.B {}\n[OPTIONS] COMMAND [ARGUMENTS]\n", text(program)));
    page.push_str(".SH OPTIONS\n");
    options(&mut page, global);
    page.push_str(".SH COMMANDS\n");
    for syntax in commands {
        command(&mut page, program, syntax);
    }
    for (title, paragraphs) in sections {
        page.push_str(&format!(".SH {title}\n"));
        paragraph_list(&mut page, paragraphs);
    }
    page
}

fn command(page: &mut String, program: &str, syntax: &Syntax) {
    let info = (syntax.info)();
    page.push_str(&format!(".SS {}\n", text(syntax.name)));
    page.push_str(&format!("{}\n.PP\n", text(&format!("{program} {}", help::synopsis(syntax)))));
    paragraph(page, &help::sentence(info.description));
    if !syntax.aliases.is_empty() {
        page.push_str(".PP\n");
        paragraph(page, &format!("Aliases: {}.", syntax.aliases.join(", ")));
    }
    for positional in info.positionals.iter().filter(|positional| !positional.hidden) {
        page.push_str(&format!(".TP\n.I {}\n", text(&positional.name.to_uppercase())));
        paragraph(page, positional.description);
    }
    options(page, syntax);
    for note in info.notes {
        page.push_str(".PP\n");
        paragraph(page, &help::sentence(note));
    }
    if !info.examples.is_empty() {
        page.push_str(".PP\nExamples:\n.PP\n.RS 4\n.nf\n");
        for example in info.examples {
            page.push_str(&format!("{}\n", text(example)));
        }
        page.push_str(".fi\n.RE\n");
    }
}

fn options(page: &mut String, syntax: &Syntax) {
    for flag in syntax.flags().iter().filter(|flag| !flag.hidden && flag.long != "--help") {
        option(page, syntax, flag);
    }
}

fn option(page: &mut String, syntax: &Syntax, flag: &FlagInfo) {
    page.push_str(&format!(".TP\n.B {}\n", text(help::term(flag).trim_start())));
    paragraph(page, &help::explanation(syntax, flag));
}

fn paragraph_list(page: &mut String, paragraphs: &[&str]) {
    for (at, text) in paragraphs.iter().enumerate() {
        page.push_str(if at == 0 { "" } else { ".PP\n" });
        paragraph(page, text);
    }
}

/// One input line a sentence: roff fills.
fn paragraph(page: &mut String, prose: &str) {
    let words: Vec<&str> = prose.split_whitespace().collect();
    for sentence in words.join(" ").replace(". ", ".\n").lines() {
        page.push_str(&format!("{}\n", text(sentence)));
    }
}

/// Text that roff prints as it stands: its escape and control characters mean nothing, `-` is ASCII's.
fn text(plain: &str) -> String {
    let mut safe = String::with_capacity(plain.len() + 8);
    for (at, letter) in plain.char_indices() {
        match letter {
            '\\' => safe.push_str("\\e"),
            '-' => safe.push_str("\\-"),
            '\'' => safe.push_str("\\(aq"),
            '"' => safe.push_str("\\(dq"),
            '.' if at == 0 => safe.push_str("\\&."),
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roff_obeys_nothing_in_the_text() {
        assert_eq!(text(".sy \\x 'a' \"b\" --c"), "\\&.sy \\ex \\(aqa\\(aq \\(dqb\\(dq \\-\\-c");
    }

    #[test]
    fn a_sentence_begins_no_request() {
        let mut page = String::new();
        paragraph(&mut page, "One.  Two\nlines. .Three");
        assert_eq!(page, "One.\nTwo lines.\n\\&.Three\n");
    }
}
