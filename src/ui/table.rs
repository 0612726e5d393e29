//! Tables: aligned columns, cut to a terminal's width. What a terminal would obey is spelled out, see [`text`].
//!
//! A column gives way only if it was said to: a name or a PID that is cut is of no use. Of an image the registry goes first.

use std::borrow::Cow;

use super::text;

/// Rows under a header.
pub struct Table {
    rows: Vec<Vec<String>>,
    yielding: &'static [&'static str],
}

impl Table {
    /// A table with these column titles.
    pub fn new<const N: usize>(titles: [&str; N]) -> Table {
        Table { rows: vec![titles.map(str::to_owned).to_vec()], yielding: &[] }
    }

    /// The columns of these titles give way where there is no room.
    #[must_use]
    pub fn yielding(self, titles: &'static [&'static str]) -> Table {
        Table { yielding: titles, ..self }
    }

    /// Appends a row: as many cells as there are titles.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| text::line(cell).replace('\t', " ")).collect());
    }

    /// Lines without trailing blanks. With a `width`, the widest of the yielding columns give way until a line fits, or
    /// all of them are short. If that is not enough, the last column goes below the others.
    pub(super) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let all = self.rows[0].len();
        let room = width.unwrap_or(usize::MAX);
        let (whole, without_last) = (self.widths(all, room), self.widths(all - 1, room));
        let fits = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * (widths.len().max(1) - 1) <= room;
        match fits(&whole) || all == 1 {
            true => self.rows.iter().map(|row| line(row, &whole)).collect(),
            false => {
                let below = |row: &Vec<String>| [line(row, &without_last), format!("  {}", row[all - 1])];
                self.rows.iter().flat_map(below).collect()
            }
        }
    }

    /// The widths of the first `columns` columns.
    fn widths(&self, columns: usize, room: usize) -> Vec<usize> {
        let widest = |column: usize| self.rows.iter().map(|row| text::width(&row[column])).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns).map(widest).collect();
        let room = room.saturating_sub(GAP * (columns.max(1) - 1));
        let yields = |column: usize| self.yielding.contains(&self.rows[0][column].as_str());
        while widths.iter().sum::<usize>() > room {
            let yielding = widths.iter_mut().enumerate().filter(|(column, _)| yields(*column));
            match yielding.max_by_key(|(_, width)| **width) {
                Some((_, widest)) if *widest > LEAST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

/// Columns between two cells.
const GAP: usize = 2;
/// What a yielding column keeps.
const LEAST: usize = 8;

/// The first cells of a row, as many as there are widths.
fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, &width)| {
        let cell = shortened(cell, width);
        let missing = width.saturating_sub(text::width(&cell));
        format!("{cell}{:missing$}", "")
    });
    cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
}

/// At most `room` columns: without what stands before the last `/`, where that is enough (an image's registry and
/// owner), else cut at the end.
fn shortened(cell: &str, room: usize) -> Cow<'_, str> {
    let name = cell.split(' ').next().unwrap_or_default();
    match name.rfind('/') {
        Some(slash) if text::width(cell) > room => text::truncate(&cell[slash + 1..], room),
        _ => text::truncate(cell, room),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_and_gives_way() {
        let mut table = Table::new(["NAME", "IMAGE"]).yielding(&["IMAGE"]);
        table.row(["a".to_owned(), "registry.example/some/image:latest".to_owned()]);
        assert_eq!(table.lines(None), ["NAME  IMAGE", "a     registry.example/some/image:latest"]);
        assert_eq!(table.lines(Some(20)), ["NAME  IMAGE", "a     image:latest"]);
        assert_eq!(table.lines(Some(15)), ["NAME  IMAGE", "a     image:la…"]);
    }

    #[test]
    fn what_must_be_whole_is_never_cut() {
        let mut table = Table::new(["NAME", "IMAGE", "STATUS"]).yielding(&["IMAGE"]);
        let cells = ["a-long-name-for-a-container", "example.org/x:1", "in use (PID 4711: run)"];
        table.row(cells.map(str::to_owned));
        assert_eq!(
            table.lines(Some(40)),
            [
                "NAME                         IMAGE",
                "  STATUS",
                "a-long-name-for-a-container  x:1",
                "  in use (PID 4711: run)"
            ]
        );
    }

    #[test]
    fn lines_up_whatever_a_cell_holds() {
        let mut table = Table::new(["NAME", "X"]);
        table.row(["\u{1b}[2J".to_owned(), "a\tb".to_owned()]);
        table.row(["数据库".to_owned(), "c".to_owned()]);
        assert_eq!(table.lines(None), ["NAME       X", "\\u{1b}[2J  a b", "数据库     c"]);
    }
}
