//! The manual page, in the macros of man(7), from the same table as the help, and from the guides.

use argh::FlagInfo;

use super::guide::{self, Block, Span};
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

/// The page of the program: what it is (`global`), its commands, `sections` of a title and paragraphs each, and `guides`
/// of a topic and Markdown.
pub fn page<'a>(
    title: &Title,
    global: &Syntax,
    commands: impl Iterator<Item = &'a Syntax>,
    sections: &[(&str, &[&str])],
    guides: &[(&str, &str)],
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
    for (topic, markdown) in guides {
        page.push_str(&format!(".SH {}\n", text(&topic.to_uppercase())));
        guide_blocks(&mut page, markdown);
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
    for flag in syntax.flags().filter(|flag| !flag.hidden && flag.long != "--help") {
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

/// A guide below its section's head. Its title becomes the first line.
fn guide_blocks(page: &mut String, markdown: &str) {
    // Below a head stands no empty line.
    let mut begin = "";
    for block in guide::blocks(markdown) {
        match &block {
            Block::Heading(1, title) => sentences(page, "", &spans(title)),
            Block::Heading(_, title) => sentences(page, ".SS ", &spans(title)),
            Block::Paragraph(text) => sentences(page, begin, &spans(text)),
            Block::Item(mark, text) => {
                page.push_str(&format!(".IP {mark} 4\n"));
                sentences(page, "", &spans(text));
            }
            Block::Code(lines) => {
                page.push_str(begin);
                page.push_str(".RS 4\n.nf\n");
                lines.iter().for_each(|line| page.push_str(&(text(line) + "\n")));
                page.push_str(".fi\n.RE\n");
            }
            Block::Table(rows) => rows.iter().for_each(|(term, text)| {
                sentences(page, ".TP\n", &spans(term));
                sentences(page, "", &spans(text));
            }),
        }
        begin = if matches!(block, Block::Heading(2.., _)) { "" } else { ".PP\n" };
    }
}

/// A line of a guide in roff: code and what is strong are bold.
fn spans(line: &str) -> String {
    let span = |span: Span| match span {
        Span::Plain(plain) => text(plain),
        Span::Code(bold) | Span::Strong(bold) => format!("\\fB{}\\fR", text(bold)),
        Span::Link(shown, None) => spans(shown),
        Span::Link(shown, Some(address)) => format!("{} ({})", spans(shown), text(address)),
    };
    guide::spans(line).into_iter().map(span).collect()
}

/// One input line a sentence: roff fills.
fn paragraph(page: &mut String, prose: &str) {
    let words: Vec<&str> = prose.split_whitespace().collect();
    sentences(page, "", &text(&words.join(" ")));
}

/// Lines that are safe already, behind the macro that begins them, one a sentence.
fn sentences(page: &mut String, begin: &str, safe: &str) {
    page.push_str(begin);
    page.push_str(&safe.replace(". ", ".\n").replace("\n.", "\n\\&."));
    page.push('\n');
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
    fn the_parts_of_a_guide() {
        let mut page = String::new();
        let guide = "# A guide.\n\nOne `-x`. .Two\n\n## More\n\n- a\n1. b\n```\ncd . x\n```\n|a|b|\n|---|---|\n| `c` | d |\n\nE.";
        guide_blocks(&mut page, guide);
        let expected = "A guide.\n.PP\nOne \\fB\\-x\\fR\\&.\n\\&.Two\n.SS More\n.IP - 4\na\n.IP 1. 4\nb\n\
                        .PP\n.RS 4\n.nf\ncd . x\n.fi\n.RE\n.TP\n\\fBc\\fR\nd\n.PP\nE.\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_sentence_begins_no_request() {
        let mut page = String::new();
        paragraph(&mut page, "One.  Two\nlines. .Three");
        assert_eq!(page, "One.\nTwo lines.\n\\&.Three\n");
    }
}
