//! A table: aligned and fitted on a terminal, tab-separated without a header else.

mod layout;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Width};
use owo_colors::OwoColorize;

use crate::exit::{Exit, Failure};

pub(crate) use layout::Layout;

/// Blanks between two columns.
const GAP: u16 = 2;

/// What is known about a table's columns beforehand.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) header: &'static [&'static str],
    /// How wide each usually is: for rows that are printed before the next ones are known.
    pub(crate) usual: &'static [u16],
    /// Columns that go, the first one first, while the terminal is too narrow.
    pub(crate) expendable: &'static [usize],
    /// Whether people are shown the ends of the ids in the first column.
    pub(crate) ids_can_be_short: bool,
}

impl Columns {
    /// What the rows are where no person reads them, for `--help`.
    pub(crate) fn help(&self) -> String {
        format!(
            "Piped, each row is a line without a header; its columns, separated by tabs:\n  {}",
            self.header.join(", ")
        )
    }
}

/// Rows of text. The first column holds ids or names and is never broken.
#[derive(Debug)]
pub(crate) struct Table {
    columns: &'static Columns,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &'static Columns) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row; every cell is on one line and clean already.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints the rows; nothing at all if there are none.
    pub(crate) fn print(&self) -> Result<Exit, Failure> {
        if super::to_terminal() && !self.rows.is_empty() {
            let layout = Layout::of(self.columns, &self.rows, &[], terminal_columns());
            super::lines(&self.fitted(&layout, true))
        } else {
            self.print_separated()
        }
    }

    /// Prints these rows below those that were printed before with the same
    /// layout: the first ones decide it, and get the header.
    pub(crate) fn print_below(&self, layout: &mut Option<Layout>) -> Result<Exit, Failure> {
        if !super::to_terminal() {
            return self.print_separated();
        }
        let with_header = layout.is_none();
        let layout = layout.get_or_insert_with(|| {
            let usual = self.columns.usual;
            Layout::of(self.columns, &self.rows, usual, terminal_columns())
        });
        if self.rows.is_empty() && !with_header {
            return Ok(Exit::Done);
        }
        super::lines(&self.fitted(layout, with_header))
    }

    fn print_separated(&self) -> Result<Exit, Failure> {
        if self.rows.is_empty() {
            return Ok(Exit::Done);
        }
        super::lines(&self.separated())
    }

    /// Colours go where they are wanted: whoever prints drops them else.
    fn separated(&self) -> String {
        let row = |row: &Vec<String>| {
            let cells: Vec<_> = row.iter().map(|text| tinted(text)).collect();
            cells.join("\t")
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        rows.join("\n")
    }

    fn fitted(&self, layout: &Layout, with_header: bool) -> String {
        let mut table = comfy_table::Table::new();
        table
            .load_style(NOTHING)
            .enforce_styling()
            .set_content_arrangement(ContentArrangement::Disabled);
        table.style_text_only();
        if with_header {
            let titles = layout.shown().map(|column| self.columns.header[column]);
            table.set_header(titles.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
        }
        for row in &self.rows {
            table.add_row(layout.cells(row).map(cell));
        }
        for (column, width) in table.column_iter_mut().zip(layout.widths()) {
            column
                .set_padding((0, GAP))
                .set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + GAP)));
        }
        table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Columns of the terminal; more than enough if it does not say.
fn terminal_columns() -> usize {
    comfy_table::Table::new()
        .width()
        .map_or(usize::MAX, usize::from)
}

/// How the few words look that call for attention wherever they stand alone.
fn color(text: &str) -> Option<comfy_table::Color> {
    match text {
        "critical" | "destroyed" | "disabled" | "silent" => Some(comfy_table::Color::Red),
        "high" | "joining" | "behind" | "draining" => Some(comfy_table::Color::Yellow),
        "serving" => Some(comfy_table::Color::Green),
        _ => None,
    }
}

fn cell(text: String) -> Cell {
    match color(&text) {
        Some(color) => Cell::new(text).fg(color),
        None => Cell::new(text),
    }
}

/// The same for a line of text.
fn tinted(text: &str) -> String {
    match color(text) {
        Some(comfy_table::Color::Red) => text.red().to_string(),
        Some(comfy_table::Color::Yellow) => text.yellow().to_string(),
        Some(_) => text.green().to_string(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = Columns {
        header: &["A", "B", "STATE"],
        usual: &[1, 9, 8],
        expendable: &[1],
        ids_can_be_short: false,
    };

    fn table() -> Table {
        let mut table = Table::new(&COLUMNS);
        table.row(vec!["1".into(), "x y".into(), "serving".into()]);
        table.row(vec!["2".into(), "z".into(), "?".into()]);
        table
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn help_names_the_columns_of_piped_rows() {
        assert!(COLUMNS.help().ends_with("\n  A, B, STATE"));
    }

    #[test]
    fn piped_rows_are_separated_by_tabs() {
        let rows = table().separated();
        assert_eq!(plain(&rows), "1\tx y\tserving\n2\tz\t?");
        // Whether colours are wanted is for whoever prints to know.
        assert_eq!(rows, "1\tx y\t\u{1b}[32mserving\u{1b}[39m\n2\tz\t?");
    }

    #[test]
    fn a_terminal_gets_a_header_and_columns_that_stay() {
        let table = table();
        let layout = Layout::of(&COLUMNS, &table.rows, COLUMNS.usual, 80);
        let first = plain(&table.fitted(&layout, true));
        assert_eq!(
            first,
            "A  B          STATE\n1  x y        serving\n2  z          ?"
        );
        let mut later = Table::new(&COLUMNS);
        later.row(vec!["3".into(), "twelve chars".into(), "high".into()]);
        let later = plain(&later.fitted(&layout, false));
        assert_eq!(later, "3  twelve     high\n   chars");
    }
}
