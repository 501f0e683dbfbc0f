//! Columns: the compact form of one field over all rows of a table.
//! May not know fields or objects. Read [`Column`] first.

use std::borrow::Cow;
use std::collections::HashMap;

use super::schema::Storage;
use super::value::{RowRef, Value};

/// Interned texts of picklists: one number for each distinct text.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Symbols {
    /// The number of a text; 0 is never given.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        number
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        self.texts.get((number as usize).wrapping_sub(1)).map_or("", |text| text)
    }
}

const CHUNK: usize = 1 << 20;

/// Texts of one table, appended to chunks. A text that is replaced stays until the org ends.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    chunks: Vec<String>,
}

impl Texts {
    /// Keeps a text and gives its cell: chunk, offset and length + 1, so that 0 stands for null.
    fn push(&mut self, text: &str) -> u64 {
        let text = clip(text);
        let fits = self.chunks.last().is_some_and(|chunk| chunk.len() + text.len() < CHUNK);
        if !fits {
            self.chunks.push(String::with_capacity(CHUNK.max(text.len())));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let offset = chunk.len();
        chunk.push_str(text);
        (number as u64) << 40 | (offset as u64) << 20 | (text.len() as u64 + 1)
    }

    #[allow(clippy::cast_possible_truncation)] // masked to twenty bits, or a chunk number
    pub(crate) fn get(&self, cell: u64) -> Option<&str> {
        let length = ((cell & 0xF_FFFF) as usize).checked_sub(1)?;
        let offset = ((cell >> 20) & 0xF_FFFF) as usize;
        self.chunks.get((cell >> 40) as usize)?.get(offset..offset + length)
    }
}

/// A cell can hold texts up to one chunk; no field is that long.
fn clip(text: &str) -> &str {
    let mut end = text.len().min(CHUNK - 2);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// One column. Rows behind its end are null, so that a column without values costs nothing.
#[derive(Debug)]
pub(crate) enum Column {
    Bool(Vec<bool>),
    Number(Vec<i64>, u8),
    Date(Vec<i32>),
    Stamp(Vec<i64>),
    Symbol(Vec<u32>),
    Text(Vec<u64>),
    Reference(Vec<u64>),
}

/// A value to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    /// In the scale of the column.
    Number(i64),
    Date(i32),
    Stamp(i64),
    Symbol(u32),
    Text(Cow<'a, str>),
    Reference(RowRef),
}

const NO_NUMBER: i64 = i64::MIN;
const NO_DATE: i32 = i32::MIN;

impl Column {
    pub(crate) fn new((storage, scale): (Storage, u8)) -> Self {
        match storage {
            Storage::Bool => Self::Bool(Vec::new()),
            Storage::Number => Self::Number(Vec::new(), scale),
            Storage::Date => Self::Date(Vec::new()),
            Storage::Stamp => Self::Stamp(Vec::new()),
            Storage::Symbol => Self::Symbol(Vec::new()),
            Storage::Text => Self::Text(Vec::new()),
            Storage::Reference => Self::Reference(Vec::new()),
        }
    }

    /// Reads a cell; booleans are never null.
    pub(crate) fn get<'a>(&'a self, row: u32, texts: &'a Texts, symbols: &'a Symbols) -> Value<'a> {
        let at = row as usize;
        match self {
            Self::Bool(cells) => Value::Bool(cells.get(at).copied().unwrap_or(false)),
            Self::Number(cells, scale) => match cells.get(at) {
                None | Some(&NO_NUMBER) => Value::Null,
                Some(mantissa) => Value::Number(*mantissa, *scale),
            },
            Self::Date(cells) => match cells.get(at) {
                None | Some(&NO_DATE) => Value::Null,
                Some(days) => Value::Date(*days),
            },
            Self::Stamp(cells) => match cells.get(at) {
                None | Some(&NO_NUMBER) => Value::Null,
                Some(seconds) => Value::Stamp(*seconds),
            },
            Self::Symbol(cells) => match cells.get(at) {
                None | Some(0) => Value::Null,
                Some(number) => Value::Text(Cow::Borrowed(symbols.text(*number))),
            },
            Self::Text(cells) => cells
                .get(at)
                .and_then(|cell| texts.get(*cell))
                .map_or(Value::Null, |text| Value::Text(Cow::Borrowed(text))),
            Self::Reference(cells) => {
                cells.get(at).and_then(|cell| RowRef::unpack(*cell)).map_or(Value::Null, Value::Reference)
            }
        }
    }

    /// Reads the cells of these rows and forgets them. Cells of rows far apart are slow to reach one by one, with the writing of a record
    /// between them, and quick in a row: whoever reads them next finds them near.
    pub(crate) fn bring_near(&self, rows: &[u32], texts: &Texts) {
        fn read<T: Copy>(cells: &[T], rows: &[u32], each: impl Fn(T) -> u64) -> u64 {
            let cell = |row: &u32| cells.get(*row as usize).map_or(0, |cell| each(*cell));
            rows.iter().fold(0, |sum, row| sum ^ cell(row))
        }
        let first = |cell| texts.get(cell).and_then(|text| text.bytes().next()).map_or(0, u64::from);
        std::hint::black_box(match self {
            Self::Bool(cells) => read(cells, rows, u64::from),
            Self::Number(cells, _) | Self::Stamp(cells) => read(cells, rows, i64::cast_unsigned),
            Self::Date(cells) => read(cells, rows, |cell| u64::from(cell.cast_unsigned())),
            Self::Symbol(cells) => read(cells, rows, u64::from),
            Self::Reference(cells) => read(cells, rows, |cell| cell),
            Self::Text(cells) => read(cells, rows, first),
        });
    }

    /// Writes a cell. A value of another kind than the column's is written as null.
    pub(crate) fn set(&mut self, row: u32, cell: &Cell<'_>, texts: &mut Texts, capacity: usize) {
        match self {
            Self::Bool(cells) => put(cells, row, matches!(cell, Cell::Bool(true)), false, capacity),
            Self::Number(cells, _) => {
                let value = if let Cell::Number(mantissa) = cell { *mantissa } else { NO_NUMBER };
                put(cells, row, value, NO_NUMBER, capacity);
            }
            Self::Date(cells) => {
                let value = if let Cell::Date(days) = cell { *days } else { NO_DATE };
                put(cells, row, value, NO_DATE, capacity);
            }
            Self::Stamp(cells) => {
                let value = if let Cell::Stamp(seconds) = cell { *seconds } else { NO_NUMBER };
                put(cells, row, value, NO_NUMBER, capacity);
            }
            Self::Symbol(cells) => {
                let value = if let Cell::Symbol(number) = cell { *number } else { 0 };
                put(cells, row, value, 0, capacity);
            }
            Self::Text(cells) => {
                let value = match cell {
                    Cell::Text(text) if !text.is_empty() => texts.push(text),
                    _ => 0,
                };
                put(cells, row, value, 0, capacity);
            }
            Self::Reference(cells) => {
                let value = if let Cell::Reference(at) = cell { at.pack() } else { 0 };
                put(cells, row, value, 0, capacity);
            }
        }
    }
}

fn put<T: Copy + PartialEq>(cells: &mut Vec<T>, row: u32, value: T, null: T, capacity: usize) {
    let at = row as usize;
    if at >= cells.len() {
        if value == null {
            return;
        }
        if cells.capacity() < capacity {
            cells.reserve_exact(capacity - cells.len());
        }
        cells.resize(at + 1, null);
    }
    cells[at] = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_without_values_stays_empty() {
        let mut texts = Texts::default();
        let mut column = Column::new((Storage::Number, 2));
        column.set(1000, &Cell::Null, &mut texts, 2000);
        assert!(matches!(&column, Column::Number(cells, _) if cells.is_empty() && cells.capacity() == 0));
        column.set(2, &Cell::Number(5), &mut texts, 2000);
        assert_eq!(column.get(2, &texts, &Symbols::default()), Value::Number(5, 2));
        assert_eq!(column.get(1, &texts, &Symbols::default()), Value::Null);
        assert_eq!(column.get(1000, &texts, &Symbols::default()), Value::Null);
    }

    #[test]
    fn texts_of_any_length_come_back() {
        let mut texts = Texts::default();
        let kept: Vec<(String, u64)> = (0..200)
            .map(|n| {
                let text = "å".repeat(n * 37 % 20_000 + 1);
                let cell = texts.push(&text);
                (text, cell)
            })
            .collect();
        assert!(kept.iter().all(|(text, cell)| texts.get(*cell) == Some(text)));
        assert_eq!(texts.get(0), None);
    }
}
