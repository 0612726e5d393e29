//! Tables: aligned columns, cut to a terminal's width. What a terminal would obey is spelled out, see [`text`].
//!
//! A column gives way only if it was said to: a name or a PID that is cut is of no use. Of an image the registry goes first.

use std::borrow::Cow;
use std::ops::Range;

use super::text;

/// Rows under a header.
pub struct Table {
    rows: Vec<Vec<String>>,
    yielding: &'static [&'static str],
    above: bool,
}

impl Table {
    /// A table with these column titles.
    pub fn new<const N: usize>(titles: [&str; N]) -> Table {
        Table { rows: vec![titles.map(str::to_owned).to_vec()], yielding: &[], above: false }
    }

    /// The columns of these titles give way where there is no room.
    #[must_use]
    pub fn yielding(self, titles: &'static [&'static str]) -> Table {
        Table { yielding: titles, ..self }
    }

    /// Where a table does not fit, its first column goes above the others, and not its last one below.
    #[must_use]
    pub fn first_above(self) -> Table {
        Table { above: true, ..self }
    }

    /// Appends a row: as many cells as there are titles.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| text::line(cell).replace('\t', " ")).collect());
    }

    /// Lines without trailing blanks. With a `width`, the widest of the yielding columns give way until a line fits, or
    /// all of them are short. If that is not enough, the last column goes below the others, or the first one above.
    pub(super) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let all = self.rows[0].len();
        let room = width.unwrap_or(usize::MAX);
        let whole = self.widths(0..all, room);
        let fits = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * (widths.len().max(1) - 1) <= room;
        match fits(&whole) || all == 1 {
            true => self.rows.iter().map(|row| line(row, &whole)).collect(),
            false if self.above => {
                let rest = self.widths(1..all, room.saturating_sub(GAP));
                let above = |row: &Vec<String>| [row[0].clone(), format!("  {}", line(&row[1..], &rest))];
                self.rows.iter().flat_map(above).collect()
            }
            false => {
                let first = self.widths(0..all - 1, room);
                let below = |row: &Vec<String>| [line(row, &first), format!("  {}", row[all - 1])];
                self.rows.iter().flat_map(below).collect()
            }
        }
    }

    /// The widths of these columns.
    fn widths(&self, columns: Range<usize>, room: usize) -> Vec<usize> {
        let widest = |column: usize| self.rows.iter().map(|row| text::width(&row[column])).max().unwrap_or(0);
        let first = columns.start;
        let mut widths: Vec<usize> = columns.map(widest).collect();
        let room = room.saturating_sub(GAP * (widths.len().max(1) - 1));
        let yields = |column: usize| self.yielding.contains(&self.rows[0][first + column].as_str());
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
        // A list is no name.
        Some(slash) if text::width(cell) > room && !name.ends_with(',') => {
            text::truncate(&cell[slash + 1..], room)
        }
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
    fn the_first_column_goes_above_where_it_must_be_whole_and_the_others_are_many() {
        let mut table = Table::new(["IMAGE", "PLATFORM", "SIZE"]).yielding(&["PLATFORM"]).first_above();
        table.row(["example.org/me/x:1", "linux/amd64, linux/arm64", "1 KiB"].map(str::to_owned));
        let lines = table.lines(Some(30));
        let second = "  linux/amd64, linux/a…  1 KiB";
        assert_eq!(lines, ["IMAGE", "  PLATFORM               SIZE", "example.org/me/x:1", second]);
        assert_eq!(table.lines(None).len(), 2);
    }

    #[test]
    fn lines_up_whatever_a_cell_holds() {
        let mut table = Table::new(["NAME", "X"]);
        table.row(["\u{1b}[2J".to_owned(), "a\tb".to_owned()]);
        table.row(["数据库".to_owned(), "c".to_owned()]);
        assert_eq!(table.lines(None), ["NAME       X", "\\u{1b}[2J  a b", "数据库     c"]);
    }
}
