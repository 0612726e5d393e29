//! Messages and rows, broken between words where a terminal would break within one.
//!
//! What is to be typed stays in one piece, so that it can be copied: a command line from `chroot-distro` on, and whatever
//! is quoted.

use super::text::width as columns;

/// `text` in lines of at most `width` columns, where its pieces let it; those after the first are indented by `indent`.
pub fn lines(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for piece in pieces(text) {
        let wide = columns(piece);
        match lines.last_mut() {
            Some(line) if used + 1 + wide <= width => {
                line.push(' ');
                line.push_str(piece);
                used += 1 + wide;
            }
            Some(_) => {
                lines.push(format!("{:indent$}{piece}", ""));
                used = indent + wide;
            }
            None => {
                lines.push(piece.to_owned());
                used = wide;
            }
        }
    }
    lines
}

/// A row of a term and what is said of it, which goes on below itself where there is a `width`.
pub fn row(term: &str, column: usize, text: &str, width: Option<usize>) -> String {
    let start = format!("{term:column$} ");
    let room = width.map(|width| width.saturating_sub(columns(&start)));
    match room {
        Some(room) if columns(text) > room && room >= 10 => {
            let indent = format!("\n{:1$}", "", columns(&start));
            format!("{start}{}", lines(text, room, 0).join(&indent))
        }
        _ => format!("{start}{text}").trim_end().to_owned(),
    }
}

/// What must not be broken: words, quotations, command lines.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_end();
    let leading = rest.len() - rest.trim_start().len();
    let mut from = leading;
    while !rest[from..].is_empty() {
        let end = end(&rest[from..]) + from;
        pieces.push(&rest[..end]);
        rest = rest[end..].trim_start();
        from = 0;
    }
    pieces
}

/// Where the piece at the start of `text` ends.
fn end(text: &str) -> usize {
    let word = text.find(' ').unwrap_or(text.len());
    if text.starts_with("chroot-distro ") {
        return text.len();
    }
    if !text.starts_with('\'') || text[1..word.max(1)].contains('\'') {
        return word;
    }
    match text[1..].find('\'') {
        Some(close) => {
            let close = close + 2;
            close + text[close..].find(' ').unwrap_or(text.len() - close)
        }
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_between_words_and_keeps_what_is_typed_whole() {
        assert_eq!(lines("one two three", 8, 2), ["one two", "  three"]);
        assert_eq!(lines("  hint: a b", 10, 4), ["  hint: a", "    b"]);
        assert_eq!(
            lines("Start shell: chroot-distro login a-name", 20, 2),
            ["Start shell:", "  chroot-distro login a-name"]
        );
        let text = "see 'chroot-distro ps --all', and wait";
        assert_eq!(lines(text, 12, 2), ["see", "  'chroot-distro ps --all',", "  and wait"]);
        assert_eq!(lines("isn't 'a b' it's 'open", 10, 0), ["isn't", "'a b' it's", "'open"]);
        assert_eq!(lines("", 9, 0), Vec::<String>::new());
    }

    #[test]
    fn rows_go_on_below_themselves() {
        assert_eq!(
            row("clock", 8, "it is wrong by a year", Some(23)),
            "clock    it is wrong by\n         a year"
        );
        assert_eq!(row("clock", 8, "it is wrong by a year", None), "clock    it is wrong by a year");
        assert_eq!(row("clock", 8, "", None), "clock");
    }
}
