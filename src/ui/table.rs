//! Tables: aligned columns, cut to a terminal's width. What a terminal would obey is spelled out, see [`text`].

use super::text;

/// Rows under a header.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column titles.
    pub fn new<const N: usize>(titles: [&str; N]) -> Table {
        Table { rows: vec![titles.map(str::to_owned).to_vec()] }
    }

    /// Appends a row: as many cells as there are titles.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| text::line(cell).replace('\t', " ")).collect());
    }

    /// Lines without trailing blanks. With a `width`, the widest columns give way until a line fits.
    pub(super) fn lines(&self, width: Option<usize>) -> Vec<String> {
        const GAP: usize = 2;
        const LEAST: usize = 8;
        let columns = self.rows[0].len();
        let widest = |column: usize| self.rows.iter().map(|row| text::width(&row[column])).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns).map(widest).collect();
        let room = width.unwrap_or(usize::MAX).saturating_sub(GAP * (columns - 1));
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > LEAST => *widest -= 1,
                _ => break,
            }
        }
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| {
                let cell = text::truncate(cell, width);
                let missing = width.saturating_sub(text::width(&cell));
                format!("{cell}{:missing$}", "")
            });
            cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_and_gives_way() {
        let mut table = Table::new(["NAME", "IMAGE"]);
        table.row(["a".to_owned(), "registry.example/some/image:latest".to_owned()]);
        assert_eq!(table.lines(None), ["NAME  IMAGE", "a     registry.example/some/image:latest"]);
        assert_eq!(table.lines(Some(20)), ["NAME  IMAGE", "a     registry.exam…"]);
    }

    #[test]
    fn lines_up_whatever_a_cell_holds() {
        let mut table = Table::new(["NAME", "X"]);
        table.row(["\u{1b}[2J".to_owned(), "a\tb".to_owned()]);
        table.row(["数据库".to_owned(), "c".to_owned()]);
        assert_eq!(table.lines(None), ["NAME       X", "\\u{1b}[2J  a b", "数据库     c"]);
    }
}
