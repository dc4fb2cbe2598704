//! Which columns of a table a terminal shows, and how wide.

use std::collections::BTreeSet;

use super::{Columns, GAP};

/// A longer cell may be broken into lines.
const WRAP_CHARS: u16 = 18;
/// No column is made narrower than this to make room.
const NARROWEST: u16 = 8;
/// How much of an id's end stands for it, the first that tells all rows apart: ids
/// begin with their time, so that the beginnings of those of one hour are the same.
const ID_ENDS_CHARS: [u16; 3] = [8, 12, 17];

/// Which columns are shown, and how wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Each column with its width.
    columns: Vec<(usize, u16)>,
    /// Characters of the ends of ids that are shown; none for whole ids.
    id_chars: Option<u16>,
}

impl Layout {
    /// What fits into `columns_max` characters. Widths are those of the cells,
    /// and at least the `usual` ones.
    pub(super) fn of(
        columns: &Columns,
        rows: &[Vec<String>],
        usual: &[u16],
        columns_max: usize,
    ) -> Self {
        let mut natural = natural(columns, rows);
        for (width, usual) in natural.iter_mut().zip(usual) {
            *width = (*width).max(*usual);
        }
        let mut layout = Self {
            columns: natural.into_iter().enumerate().collect(),
            id_chars: columns.ids_can_be_short.then(|| end_chars(rows)).flatten(),
        };
        if let Some(chars) = layout.id_chars {
            layout.columns[0].1 = chars;
        }
        for column in columns.expendable {
            if layout.needed() > columns_max {
                layout.columns.retain(|(other, _)| other != column);
            }
        }
        layout.narrow(columns_max);
        layout
    }

    /// The columns that are shown.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|(column, _)| *column)
    }

    pub(super) fn widths(&self) -> impl Iterator<Item = u16> {
        self.columns.iter().map(|(_, width)| *width)
    }

    /// The cells of a row that are shown.
    pub(super) fn cells(&self, row: &[String]) -> impl Iterator<Item = String> {
        self.shown().map(|column| match (column, self.id_chars) {
            (0, Some(chars)) => end(&row[0], chars).to_owned(),
            _ => row[column].clone(),
        })
    }

    /// Characters that it takes if long cells are broken.
    fn needed(&self) -> usize {
        let widths = self.columns.iter().map(|(column, width)| match column {
            0 => *width,
            _ => *width.min(&WRAP_CHARS),
        });
        with_gaps(widths)
    }

    /// Takes from the widest column, again and again, until all fit. The first
    /// one keeps its width: an id that is broken over two lines cannot be copied.
    fn narrow(&mut self, columns_max: usize) {
        let total = with_gaps(self.widths());
        for _ in columns_max..total {
            let widest = self
                .columns
                .iter_mut()
                .skip(1)
                .max_by_key(|(_, width)| *width);
            match widest {
                Some((_, width)) if *width > NARROWEST => *width -= 1,
                _ => return,
            }
        }
    }
}

/// Characters of columns with the gaps between them.
fn with_gaps(widths: impl Iterator<Item = u16>) -> usize {
    let all: usize = widths.map(|width| usize::from(width + GAP)).sum();
    all.saturating_sub(usize::from(GAP))
}

/// How wide each column is if nothing is broken.
fn natural(columns: &Columns, rows: &[Vec<String>]) -> Vec<u16> {
    let mut table = comfy_table::Table::new();
    table.set_header(columns.header).add_rows(rows);
    table.column_max_content_widths()
}

/// The last characters of an id.
fn end(id: &str, chars: u16) -> &str {
    let from = id.len().saturating_sub(usize::from(chars));
    id.get(from..).unwrap_or(id)
}

/// How much of the ids' ends tells all rows apart; none if they are too much alike.
fn end_chars(rows: &[Vec<String>]) -> Option<u16> {
    ID_ENDS_CHARS.into_iter().find(|chars| {
        let distinct: BTreeSet<_> = rows.iter().map(|row| end(&row[0], *chars)).collect();
        distinct.len() == rows.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = Columns {
        header: &["TASK", "FROM", "SENT", "TITLE"],
        usual: &[36, 12, 16, 30],
        expendable: &[2],
        ids_can_be_short: true,
    };

    fn rows(ids: [&str; 2]) -> Vec<Vec<String>> {
        let row = |id: &str| {
            ["", "ana", "2026-11-27 16:00", "A title that is rather long"]
                .map(str::to_owned)
                .into_iter()
                .enumerate()
                .map(|(at, text)| if at == 0 { id.to_owned() } else { text })
                .collect()
        };
        ids.map(row).to_vec()
    }

    const IDS: [&str; 2] = [
        "01935b7e-0000-7000-8000-0000aaaa0001",
        "01935b7e-0000-7000-8000-0000bbbb0001",
    ];

    fn widths(columns_max: usize) -> Vec<(usize, u16)> {
        Layout::of(&COLUMNS, &rows(IDS), &[], columns_max).columns
    }

    #[test]
    fn what_fits_is_shown() {
        let all = vec![(0, 8), (1, 4), (2, 16), (3, 27)];
        assert_eq!(widths(200), all);
        assert_eq!(widths(usize::MAX), all);
    }

    #[test]
    fn the_narrower_the_terminal_the_less_is_shown() {
        // Titles are broken first, then columns left out.
        assert_eq!(widths(58), [(0, 8), (1, 4), (2, 16), (3, 24)]);
        assert_eq!(widths(38), [(0, 8), (1, 4), (3, 22)]);
        assert_eq!(widths(10), [(0, 8), (1, 4), (3, 8)]);
    }

    #[test]
    fn as_much_of_an_id_is_shown_as_tells_it_from_the_others() {
        let shown = |one: &'static str, other: &'static str| {
            let rows = rows([one, other]);
            let layout = Layout::of(&COLUMNS, &rows, &[], 200);
            layout.cells(&rows[0]).next().unwrap()
        };
        assert_eq!(shown(IDS[0], IDS[1]), "aaaa0001");
        let other = "01935b7e-0000-7000-8000-0001aaaa0001";
        assert_eq!(shown(IDS[0], other), "0000aaaa0001");
        let other = "01935b7e-0000-7000-9000-0000aaaa0001";
        assert_eq!(shown(IDS[0], other), "8000-0000aaaa0001");
        let other = "01935b7e-0001-7000-8000-0000aaaa0001";
        assert_eq!(shown(IDS[0], other), IDS[0]);
    }

    #[test]
    fn cells_follow_the_layout() {
        let rows = rows(IDS);
        let layout = Layout::of(&COLUMNS, &rows, &[], 38);
        let cells: Vec<_> = layout.cells(&rows[0]).collect();
        assert_eq!(cells, ["aaaa0001", "ana", "A title that is rather long"]);
    }
}
