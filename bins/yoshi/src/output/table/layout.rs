//! Which columns of a table a terminal shows, and how wide.

use std::collections::BTreeSet;

use super::{Columns, GAP};

/// A longer cell may be broken into lines.
const WRAP_CHARS: u16 = 18;
/// No column is made narrower than this to make room.
const NARROWEST: u16 = 8;
/// The beginning of an id that differs even between tasks of one
/// millisecond: its time, and twelve bits besides.
const SHORT_ID_CHARS: u16 = 18;

/// Which columns are shown, and how wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Each column with its width.
    columns: Vec<(usize, u16)>,
    short_ids: bool,
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
            short_ids: false,
        };
        if columns.ids_can_be_short && layout.needed() > columns_max && short_ids_differ(rows) {
            layout.short_ids = true;
            layout.columns[0].1 = layout.columns[0].1.min(SHORT_ID_CHARS);
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
        self.shown().map(|column| match column {
            0 if self.short_ids => short(&row[0]),
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

fn short(id: &str) -> String {
    id.chars().take(usize::from(SHORT_ID_CHARS)).collect()
}

fn short_ids_differ(rows: &[Vec<String>]) -> bool {
    let distinct: BTreeSet<_> = rows.iter().map(|row| short(&row[0])).collect();
    distinct.len() == rows.len()
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
        "01935b7e-0000-7000-8000-000000000001",
        "01935b7e-0000-7001-8000-000000000001",
    ];

    fn widths(columns_max: usize) -> (Vec<(usize, u16)>, bool) {
        let layout = Layout::of(&COLUMNS, &rows(IDS), &[], columns_max);
        (layout.columns, layout.short_ids)
    }

    #[test]
    fn what_fits_is_shown_whole() {
        let all = vec![(0, 36), (1, 4), (2, 16), (3, 27)];
        assert_eq!(widths(200), (all.clone(), false));
        assert_eq!(widths(usize::MAX), (all, false));
    }

    #[test]
    fn the_narrower_the_terminal_the_less_is_shown() {
        // Titles are broken first, then ids cut, then columns left out.
        assert_eq!(widths(83), (vec![(0, 36), (1, 4), (2, 16), (3, 21)], false));
        assert_eq!(widths(68), (vec![(0, 18), (1, 4), (2, 16), (3, 24)], true));
        assert_eq!(widths(48), (vec![(0, 18), (1, 4), (3, 22)], true));
        assert_eq!(widths(10), (vec![(0, 18), (1, 4), (3, 8)], true));
        let same = Layout::of(&COLUMNS, &rows([IDS[0]; 2]), &[], 60);
        assert_eq!((same.short_ids, same.columns[0].1), (false, 36));
    }

    #[test]
    fn cells_follow_the_layout() {
        let rows = rows(IDS);
        let layout = Layout::of(&COLUMNS, &rows, &[], 48);
        let cells: Vec<_> = layout.cells(&rows[0]).collect();
        assert_eq!(
            cells,
            ["01935b7e-0000-7000", "ana", "A title that is rather long"]
        );
    }
}
