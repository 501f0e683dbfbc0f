//! Plain columns: two spaces between them, numbers to the right, no lines drawn, so that `awk` and `cut` can read it too.

/// One column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    title: &'static str,
    least: usize,
    right: bool,
}

/// Text, at least as wide as given.
pub(super) const fn text(title: &'static str, least: usize) -> Column {
    Column { title, least, right: false }
}

/// A number.
pub(super) const fn number(title: &'static str) -> Column {
    Column { title, least: 0, right: true }
}

/// The table, with a line of titles if there are any. `paint` colours a cell after it got its width.
pub(super) fn render(
    columns: &[Column],
    rows: &[Vec<String>],
    paint: impl Fn(usize, &str, &str) -> String,
) -> String {
    let widths: Vec<usize> = (0..columns.len()).map(|at| width(columns[at], rows, at)).collect();
    let mut text = String::new();
    if columns.iter().any(|column| !column.title.is_empty()) {
        let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
        line(&mut text, columns, &widths, &titles, |_, padded, _| padded.to_owned());
    }
    for row in rows {
        line(&mut text, columns, &widths, row, &paint);
    }
    text
}

/// No colours.
pub(super) fn plain(_: usize, padded: &str, _: &str) -> String {
    padded.to_owned()
}

fn width(column: Column, rows: &[Vec<String>], at: usize) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
    cells.chain([column.title.chars().count(), column.least]).max().unwrap_or_default()
}

fn line(
    text: &mut String,
    columns: &[Column],
    widths: &[usize],
    cells: &[String],
    paint: impl Fn(usize, &str, &str) -> String,
) {
    let mut line = String::new();
    for (at, cell) in cells.iter().enumerate() {
        let width = widths.get(at).copied().unwrap_or_default();
        let right = columns.get(at).is_some_and(|column| column.right);
        let padded = if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        if at > 0 {
            line.push_str("  ");
        }
        line.push_str(&paint(at, &padded, cell));
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_count_characters_and_numbers_stand_right() {
        let columns = [text("NAME", 6), number("N"), text("WHY", 0)];
        let rows = [
            vec!["é".to_owned(), "8 120".to_owned(), "–".to_owned()],
            vec!["ab".to_owned(), "2".to_owned(), String::new()],
        ];
        assert_eq!(render(&columns, &rows, plain), "NAME        N  WHY\né       8 120  –\nab          2\n");
    }
}
