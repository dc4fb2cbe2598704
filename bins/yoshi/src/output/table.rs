//! A table: aligned and fitted on a terminal, tab-separated without a header else.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement};

use crate::exit::{Exit, Failure};

/// A cell that is longer may be broken into lines.
const WRAP_CHARS: usize = 24;

/// Rows of text. The first column holds ids and is never broken.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    /// Columns that go, the first one first, while the terminal is too narrow.
    expendable: &'static [usize],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            expendable: &[],
            rows: Vec::new(),
        }
    }

    /// Names the columns that a narrow terminal can do without.
    pub(crate) fn expendable(mut self, columns: &'static [usize]) -> Self {
        self.expendable = columns;
        self
    }

    /// Adds a row; every cell is on one line and clean already.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn print(&self) -> Result<Exit, Failure> {
        if super::to_terminal() {
            super::lines(&self.fitted())
        } else if self.rows.is_empty() {
            Ok(Exit::Done)
        } else {
            super::lines(&self.separated())
        }
    }

    fn separated(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(|row| row.join("\t")).collect();
        rows.join("\n")
    }

    fn fitted(&self) -> String {
        let mut table = comfy_table::Table::new();
        let shown = self.shown(table.width().map_or(usize::MAX, usize::from));
        let titles = shown.iter().map(|column| self.header[*column]);
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(titles.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
        for row in &self.rows {
            table.add_row(shown.iter().map(|column| cell(&row[*column])));
        }
        // An id that is broken over two lines cannot be copied.
        if let Some(ids) = table.column_mut(0) {
            ids.set_constraint(ColumnConstraint::ContentWidth);
        }
        table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Table {
    /// The columns that fit into so many characters.
    fn shown(&self, width: usize) -> Vec<usize> {
        let mut shown: Vec<_> = (0..self.header.len()).collect();
        for column in self.expendable {
            let needed: usize = shown.iter().map(|column| self.needed(*column)).sum();
            if needed > width {
                shown.retain(|other| other != column);
            }
        }
        shown
    }

    /// Characters of a column, its padding included. A long one wraps.
    fn needed(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].chars().count());
        let longest = cells.chain([self.header[column].len()]).max().unwrap_or(0);
        let most = if column == 0 { longest } else { WRAP_CHARS };
        longest.min(most) + 2
    }
}

/// The few words that call for attention wherever they stand alone.
fn cell(text: &str) -> Cell {
    let cell = Cell::new(text);
    match text {
        "critical" | "destroyed" | "disabled" => cell.fg(Color::Red),
        "high" | "joining" | "behind" | "draining" => cell.fg(Color::Yellow),
        "serving" => cell.fg(Color::Green),
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn piped_rows_are_separated_by_tabs() {
        let mut table = Table::new(&["A", "B"]);
        table.row(vec!["1".into(), "x y".into()]);
        table.row(vec!["2".into(), "z".into()]);
        assert_eq!(table.separated(), "1\tx y\n2\tz");
        assert_eq!(table.shown(80), [0, 1]);
        assert_eq!(table.expendable(&[1]).shown(3), [0]);
    }

    #[test]
    fn a_terminal_gets_a_header() {
        let mut table = Table::new(&["A", "B"]);
        table.row(vec!["1".into(), "x y".into()]);
        assert!(table.fitted().contains('A') && table.fitted().contains("x y"));
    }
}
