//! Text laid out in columns.

/// Words of `text`, broken into lines of at most `width` characters (a longer word stands alone).
pub fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + letters <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + letters;
            }
            _ => {
                lines.push(word.to_owned());
                length = letters;
            }
        }
    }
    lines
}

/// Appends `text` as a paragraph that is indented by `indent`.
pub fn paragraph(page: &mut String, text: &str, indent: usize, width: usize) {
    for line in lines(text, width.saturating_sub(indent)) {
        page.push_str(&format!("{:indent$}{line}\n", ""));
    }
}

/// Appends rows of a term and its explanation: side by side where the terms leave room for every word, else one below the
/// other.
pub fn definitions(page: &mut String, rows: &[(String, String)], width: usize) {
    const INDENT: usize = 2;
    const GAP: usize = 2;
    let longest = rows.iter().map(|(term, _)| term.chars().count()).max().unwrap_or(0);
    let column = INDENT + longest + GAP;
    let longest_word =
        rows.iter().flat_map(|(_, text)| text.split_whitespace()).map(|word| word.chars().count()).max();
    let beside = column <= width / 2 && column + longest_word.unwrap_or(0) <= width;
    for (term, text) in rows {
        if beside {
            let mut explained = lines(text, width - column).into_iter();
            let first = explained.next().unwrap_or_default();
            page.push_str(format!("{:INDENT$}{term:longest$}{:GAP$}{first}", "", "").trim_end());
            page.push('\n');
            for line in explained {
                page.push_str(&format!("{:column$}{line}\n", ""));
            }
        } else {
            page.push_str(&format!("{:INDENT$}{term}\n", ""));
            paragraph(page, text, 3 * INDENT, width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_between_words() {
        assert_eq!(lines("one two  three\nfour", 9), ["one two", "three", "four"]);
        assert_eq!(lines("incomprehensibilities a", 5), ["incomprehensibilities", "a"]);
    }

    #[test]
    fn definitions_go_below_when_there_is_no_room() {
        let rows = [("-x, --example".to_owned(), "a b".to_owned())];
        let mut wide = String::new();
        definitions(&mut wide, &rows, 40);
        assert_eq!(wide, "  -x, --example  a b\n");
        let mut narrow = String::new();
        definitions(&mut narrow, &rows, 20);
        assert_eq!(narrow, "  -x, --example\n      a b\n");
        let mut long = String::new();
        definitions(&mut long, &[("x".to_owned(), "a /long/name".to_owned())], 14);
        assert_eq!(long, "  x\n      a\n      /long/name\n");
    }
}
