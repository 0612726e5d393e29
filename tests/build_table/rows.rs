//! The rows, as they stand in `tests/dockerfiles`.

use std::fs;
use std::path::PathBuf;

/// One Dockerfile.
pub struct Row {
    pub name: String,
    /// Makes the context, in it: a script for sh.
    pub context: String,
    /// More words for the command line.
    pub args: Vec<String>,
    /// Why buildah is not asked.
    pub rule: Option<String>,
    /// What the error says, parted by ` | `.
    pub refused: Option<String>,
    pub dockerfile: String,
}

fn path(chapter: &str, ending: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfiles").join(format!("{chapter}.{ending}"))
}

fn read(chapter: &str, ending: &str) -> String {
    let path = path(chapter, ending);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands below each line `== NAME`.
fn sections(text: &str) -> Vec<(String, String)> {
    let all = text.split("\n== ").skip(1);
    all.map(|section| {
        let (name, rest) = section.split_once('\n').unwrap_or((section, ""));
        (name.to_owned(), rest.to_owned() + if rest.is_empty() || rest.ends_with('\n') { "" } else { "\n" })
    })
    .collect()
}

/// The rows of a chapter.
pub fn of(chapter: &str) -> Vec<Row> {
    let rows: Vec<Row> = sections(&read(chapter, "txt")).into_iter().map(row).collect();
    for (number, row) in rows.iter().enumerate() {
        assert!(
            rows[..number].iter().all(|other| other.name != row.name),
            "two rows are called {}",
            row.name
        );
    }
    rows
}

fn row((name, text): (String, String)) -> Row {
    let mut row = Row {
        name,
        context: String::new(),
        args: Vec::new(),
        rule: None,
        refused: None,
        dockerfile: String::new(),
    };
    let mut rest = text.as_str();
    while let Some((line, after)) = rest.split_once('\n') {
        match line.split_once(": ") {
            Some(("context", script)) => row.context += &format!("{script}\n"),
            Some(("args", words)) => row.args.extend(words.split(' ').map(str::to_owned)),
            Some(("rule", rule)) => row.rule = Some(rule.to_owned()),
            Some(("refused", words)) => row.refused = Some(words.to_owned()),
            _ => break,
        }
        rest = after;
    }
    // What an editor would take for an ending of the line, or not show.
    row.dockerfile = rest.replace("<CR>", "\r").replace("<BOM>", "\u{feff}").replace("<END>\n", "");
    row
}

/// What a row must become.
pub fn expected(chapter: &str, name: &str) -> String {
    let found = sections(&read(chapter, "expected")).into_iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("'{name}' stands not in {chapter}.expected: CD_BLESS=1 writes it")).1
}

/// Writes what they must become.
pub fn bless(chapter: &str, rows: &[(String, String)]) {
    let text: String = rows.iter().map(|(name, text)| format!("\n== {name}\n{text}")).collect();
    fs::write(path(chapter, "expected"), text).expect("write what is expected");
}
