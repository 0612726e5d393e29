//! Guides: a small part of Markdown, taken apart, and laid out for a terminal. [`super::man`] lays the same parts out for
//! roff.
//!
//! What a guide may use: `#` and `##` headings, paragraphs, lists of one level, fenced code, tables of two columns (their
//! titles are for the web alone), and inside a line `` `code` ``, `**strong**` and `[text](target)`. Code is a shell's: a line
//! of it that is too long goes on in the next behind a backslash.

use super::wrap;

/// A part of a guide. Text is as in the source, but on one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block<'a> {
    /// How many `#` stand before it, and what follows.
    Heading(usize, &'a str),
    /// Running text.
    Paragraph(String),
    /// What marks it (`-` or `1.`), and its text.
    Item(&'a str, String),
    /// Lines, as they stand.
    Code(Vec<&'a str>),
    /// First and second cells.
    Table(Vec<(&'a str, &'a str)>),
}

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Span<'a> {
    Plain(&'a str),
    Code(&'a str),
    Strong(&'a str),
    /// What is shown, and the address where it is one of the web.
    Link(&'a str, Option<&'a str>),
}

/// The title: the text of the first line.
pub fn title(markdown: &str) -> &str {
    markdown.lines().next().unwrap_or_default().trim_start_matches('#').trim()
}

/// The guide for a terminal of this many columns. Headings stand at the edge, everything else two columns from it.
pub fn page(markdown: &str, width: usize) -> String {
    let mut page = String::new();
    let mut before = None;
    for block in blocks(markdown) {
        let close = match (&before, &block) {
            (None | Some(Block::Heading(2.., _)), _) => true,
            (Some(before), block) => matches!((before, block), (Block::Item(..), Block::Item(..))),
        };
        page.push_str(if close { "" } else { "\n" });
        put(&mut page, &block, width);
        before = Some(block);
    }
    page
}

fn put(page: &mut String, block: &Block, width: usize) {
    const INDENT: usize = 2;
    match block {
        Block::Heading(_, text) => wrap::paragraph(page, &plain(text, ""), 0, width),
        Block::Paragraph(text) => wrap::paragraph(page, &plain(text, "'"), INDENT, width),
        Block::Item(mark, text) => item(page, mark, &plain(text, "'"), INDENT, width),
        Block::Code(lines) => lines.iter().for_each(|line| code(page, line, 2 * INDENT, width)),
        Block::Table(rows) => {
            let row = |(term, text): &(&str, &str)| (plain(term, ""), plain(text, "'"));
            wrap::definitions(page, &rows.iter().map(row).collect::<Vec<_>>(), width);
        }
    }
}

/// A line without its marks. Code that begins as words do is put between `quote`s.
fn plain(text: &str, quote: &str) -> String {
    let span = |span: Span| match span {
        Span::Plain(text) | Span::Strong(text) => text.to_owned(),
        Span::Code(text) if text.starts_with(|first: char| first.is_ascii_lowercase()) => {
            format!("{quote}{text}{quote}")
        }
        Span::Code(text) => text.to_owned(),
        Span::Link(text, None) => plain(text, quote),
        Span::Link(text, Some(address)) => format!("{} ({address})", plain(text, quote)),
    };
    spans(text).into_iter().map(span).collect()
}

/// Its lines stand behind the mark.
fn item(page: &mut String, mark: &str, text: &str, indent: usize, width: usize) {
    let wide = mark.len();
    for (at, line) in wrap::lines(text, width.saturating_sub(indent + wide + 1)).iter().enumerate() {
        let mark = if at == 0 { mark } else { "" };
        page.push_str(&format!("{:indent$}{mark:wide$} {line}\n", ""));
    }
}

fn code(page: &mut String, line: &str, indent: usize, width: usize) {
    const ON: &str = " \\";
    let parts = match indent + line.chars().count() <= width {
        true => vec![line.to_owned()],
        false => wrap::lines(line, width.saturating_sub(2 * indent + ON.len())),
    };
    for (at, part) in parts.iter().enumerate() {
        let indent = if at == 0 { indent } else { 2 * indent };
        let on = if at + 1 < parts.len() { ON } else { "" };
        page.push_str(format!("{:indent$}{part}{on}", "").trim_end());
        page.push('\n');
    }
}

/// The parts of a guide, in order.
pub(super) fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    // Whether the next line may belong to the last block.
    let mut open = false;
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let text = line.trim();
        let goes_on = std::mem::replace(&mut open, true);
        match (text.split_once(' '), blocks.last_mut()) {
            _ if text.is_empty() => open = false,
            _ if text.starts_with("```") => {
                blocks
                    .push(Block::Code(lines.by_ref().take_while(|line| !line.starts_with("```")).collect()));
                open = false;
            }
            (Some((mark, text)), _) if mark.trim_matches('#').is_empty() => {
                blocks.push(Block::Heading(mark.len(), text));
                open = false;
            }
            (_, Some(Block::Table(rows))) if goes_on && text.starts_with('|') => rows.extend(row(text)),
            // The titles.
            _ if text.starts_with('|') => blocks.push(Block::Table(Vec::new())),
            (Some((mark, text)), _) if is_mark(mark) => blocks.push(Block::Item(mark, text.to_owned())),
            (_, Some(Block::Paragraph(before) | Block::Item(_, before))) if goes_on => {
                before.push(' ');
                before.push_str(text);
            }
            _ => blocks.push(Block::Paragraph(text.to_owned())),
        }
    }
    blocks
}

/// Whether a word begins an item of a list.
fn is_mark(word: &str) -> bool {
    let number = word.strip_suffix('.').unwrap_or_default();
    word == "-" || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The cells of a table's row, unless it is the rule below the titles.
fn row(line: &str) -> Option<(&str, &str)> {
    let (term, text) = line.trim_matches('|').split_once('|')?;
    (!term.starts_with("--")).then(|| (term.trim(), text.trim()))
}

/// The parts of a line.
pub(super) fn spans(text: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(found) = rest[from..].find(['`', '*', '[']) {
        let at = from + found;
        match span(&rest[at..]) {
            Some((span, after)) => {
                spans.extend([Span::Plain(&rest[..at]), span]);
                (rest, from) = (after, 0);
            }
            None => from = at + 1,
        }
    }
    spans.push(Span::Plain(rest));
    spans
}

/// The marked part at the beginning of `text`, and what follows it.
fn span(text: &str) -> Option<(Span<'_>, &str)> {
    if let Some(code) = text.strip_prefix('`') {
        return code.split_once('`').map(|(code, after)| (Span::Code(code), after));
    }
    if let Some(strong) = text.strip_prefix("**") {
        return strong.split_once("**").map(|(strong, after)| (Span::Strong(strong), after));
    }
    let (shown, after) = text.strip_prefix('[')?.split_once("](")?;
    let (target, after) = after.split_once(')')?;
    let address = Some(target).filter(|target| target.contains("://"));
    (!shown.contains(']')).then_some((Span::Link(shown, address), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "\
# Boxes: a *guide*

Text of `code`, **strong** and [a link](x.md),
over [RUST] two lines.
See [there](https://a.example/).

## Lists

- one `-x`
  and more
- two
10. ten

```
chroot-distro login box

cd x   # far
```
| option | what |
|---|---|
| `-a`, `--all` | all of `them` |
| x | y |

End.
";

    #[test]
    fn the_parts_are_told_apart() {
        let text = "Text of `code`, **strong** and [a link](x.md), over [RUST] two lines. See [there](https://a.example/).";
        let expected = [
            Block::Heading(1, "Boxes: a *guide*"),
            Block::Paragraph(text.to_owned()),
            Block::Heading(2, "Lists"),
            Block::Item("-", "one `-x` and more".to_owned()),
            Block::Item("-", "two".to_owned()),
            Block::Item("10.", "ten".to_owned()),
            Block::Code(vec!["chroot-distro login box", "", "cd x   # far"]),
            Block::Table(vec![("`-a`, `--all`", "all of `them`"), ("x", "y")]),
            Block::Paragraph("End.".to_owned()),
        ];
        assert_eq!(blocks(GUIDE), expected);
        assert_eq!(title(GUIDE), "Boxes: a *guide*");
    }

    #[test]
    fn a_terminal_shows_them() {
        let expected = "\
Boxes: a *guide*

  Text of 'code', strong and a link, over
  [RUST] two lines. See there
  (https://a.example/).

Lists
  - one -x and more
  - two
  10. ten

    chroot-distro login box

    cd x   # far

  -a, --all  all of 'them'
  x          y

  End.
";
        assert_eq!(page(GUIDE, 42), expected);
    }

    #[test]
    fn long_code_goes_on_behind_a_backslash() {
        let shown = page("```\nchroot-distro login box --bind /srv\n```\n", 30);
        assert_eq!(shown, "    chroot-distro login \\\n        box --bind /srv\n");
        let item = page("- a list whose text is long", 20);
        assert_eq!(item, "  - a list whose\n    text is long\n");
    }

    #[test]
    fn marks_without_a_partner_are_text() {
        for text in ["a ` b", "2 * 3", "a [b] c", "[a](b", "**a"] {
            assert_eq!(plain(text, "'"), text);
        }
        assert_eq!(plain("[x] [`help y`](y.md)", "'"), "[x] 'help y'");
    }
}
