//! What a database answered, as classes: one table for SQLSTATE, one for SQLite's codes. What neither names halts the
//! pipeline, loudly.
//!
//! Codes: `R102` the database cannot be reached or is shutting down, `R103` it has no room for another connection, `R105`
//! the connection broke, `R108` it refused the statement, `R131` it is busy, `R132` its disk is full, `R133` it failed in
//! another way, `R134` it refused the sign-in; per record `R221` duplicate, `R222` required, `R223` reference, `R224` check, `R225`
//! does not fit into the column, `R226` NUL character, `R229` another reason.

use super::convert::Misfit;
use super::{ColumnSpec, Dialect};
use crate::connect::ConnectError;
use crate::model::{Class, Existing, RecordError};

/// A failed statement before it is known whether it is about one record or about all.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) class: Class,
    /// SQLSTATE or SQLite's name of the code.
    pub(super) remote: Option<String>,
    /// What the database said; may quote values, so it never enters a [`ConnectError`] of class `Record`.
    pub(super) message: String,
    pub(super) columns: Vec<String>,
}

impl Refusal {
    /// Whether the other records of a batch can still be written.
    pub(super) fn is_record(&self) -> bool {
        self.class == Class::Record
    }

    /// As the outcome of one record.
    pub(super) fn into_record(self) -> RecordError {
        let Self { code, class, remote, message, columns } = self;
        RecordError { code, remote, message, fields: columns, existing: Existing::default(), class }
    }

    /// As the failure of a read. What would be one record's failure in a write stops a query as a whole, until its condition or
    /// the data change.
    pub(super) fn into_read(self, system: &str) -> ConnectError {
        if !self.is_record() {
            return self.into_connect(system);
        }
        let mut error =
            ConnectError::new("R108", Class::Pipeline, format!("{system}: the query fails on a record"));
        error.remote = self.remote;
        error.help("does a `where` of the pipeline compute with a value that a record does not have?")
    }

    /// As the failure of a whole call. `system` names the database and the table.
    pub(super) fn into_connect(self, system: &str) -> ConnectError {
        let said = if self.is_record() { "refused a record".to_owned() } else { self.message };
        let mut error = ConnectError::new(self.code, self.class, format!("{system}: {said}"));
        error.remote = self.remote;
        error.help = help(self.code).map(str::to_owned);
        error
    }
}

/// Why a batch was not written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// The database refused it.
    Refused(Refusal),
    /// Its creates could not be noted, so it was taken back.
    Unnoted(ConnectError),
}

impl Unwritten {
    /// As the failure of a whole call.
    pub(super) fn into_connect(self, system: &str) -> ConnectError {
        match self {
            Self::Refused(refused) => refused.into_connect(system),
            Self::Unnoted(error) => error,
        }
    }
}

impl From<Refusal> for Unwritten {
    fn from(refused: Refusal) -> Self {
        Self::Refused(refused)
    }
}

/// The way out, by code.
pub(super) fn help(code: &str) -> Option<&'static str> {
    Some(match code {
        "R102" => "is it running, and is the address right? sfsync tries again by itself",
        "R103" => {
            "raise max_connections of the server or lower `pool` of the connection; sfsync tries again by itself"
        }
        "R134" => "compare user and password of the connection with the database",
        "R132" => {
            "free some space on the disk of the database, or see to the disk where it has space; nothing is lost, sfsync tries again by itself"
        }
        "R108" => {
            "`sfsync check --online` names a missing table, column or permission and prints the DDL to paste"
        }
        _ => return None,
    })
}

/// Class and code of a SQLSTATE (PostgreSQL, appendix A).
pub(super) fn sqlstate(state: &str) -> (&'static str, Class) {
    match state {
        "23505" | "21000" | "23P01" => ("R221", Class::Record),
        "23502" => ("R222", Class::Record),
        "23503" => ("R223", Class::Record),
        "23514" | "23000" | "23001" | "44000" => ("R224", Class::Record),
        "22021" => ("R226", Class::Record),
        "53100" => ("R132", Class::TRANSIENT),
        "53300" => ("R103", Class::TRANSIENT),
        "40001" | "40P01" | "55P03" | "55006" | "57014" => ("R131", Class::TRANSIENT),
        "P0001" => ("R229", Class::Record),
        _ => match state.get(..2).unwrap_or_default() {
            "22" => ("R225", Class::Record),
            "23" => ("R229", Class::Record),
            "08" => ("R105", Class::TRANSIENT),
            "57" => ("R102", Class::TRANSIENT),
            "53" | "58" => ("R133", Class::TRANSIENT),
            "40" => ("R131", Class::TRANSIENT),
            "28" => ("R134", Class::Pipeline),
            "42" | "3F" | "3D" | "25" | "0A" => ("R108", Class::Pipeline),
            _ => ("R133", Class::Pipeline),
        },
    }
}

/// Class and code of SQLite's extended result code (https://sqlite.org/rescode.html).
pub(super) fn sqlite_code(extended: i32) -> (&'static str, Class) {
    match extended {
        2067 | 1555 | 2579 => ("R221", Class::Record),
        1299 => ("R222", Class::Record),
        787 => ("R223", Class::Record),
        275 => ("R224", Class::Record),
        3091 => ("R225", Class::Record),
        // WRITE, FSYNC, TRUNCATE, SHMOPEN, SHMSIZE, SHMMAP: what a full disk, a quota or a limit on file sizes makes of the log and its index.
        778 | 1034 | 1546 | 4618 | 4874 | 5386 => ("R132", Class::TRANSIENT),
        _ => match extended & 0xff {
            19 => ("R229", Class::Record),
            18 | 20 | 25 => ("R225", Class::Record),
            5 | 6 | 17 => ("R131", Class::TRANSIENT),
            13 => ("R132", Class::TRANSIENT),
            4 | 7 | 9 | 10 => ("R133", Class::TRANSIENT),
            1 | 3 | 8 | 23 => ("R108", Class::Pipeline),
            14 => ("R102", Class::Pipeline),
            _ => ("R133", Class::Pipeline),
        },
    }
}

/// The outcome of a record with a value that does not fit, found before the database saw it.
pub(super) fn misfit(dialect: Dialect, misfit: Misfit, column: &ColumnSpec) -> RecordError {
    let (path, name) = (column.path(), dialect.name());
    let native = if column.native.is_empty() { "no type" } else { &column.native };
    let (code, message) = match misfit {
        Misfit::Nul => {
            ("R226", format!("the text for `{path}` has a NUL character, which {name} does not keep"))
        }
        Misfit::Digits => (
            "R225",
            format!(
                "the number for `{path}` has more digits than a column of type {native} keeps exactly in {name}"
            ),
        ),
        Misfit::Kind => {
            ("R225", format!("the value for `{path}` does not fit into a column of type {native}"))
        }
        Misfit::Range => ("R225", format!("the value for `{path}` is outside of the range of {native}")),
        Misfit::Numeral => (
            "R225",
            format!(
                "the text for `{path}` would become a number in a column of type {native}, which {name} takes for one; declare it TEXT"
            ),
        ),
    };
    RecordError::new(code, Class::Record, message).about([path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_have_their_class() {
        for (state, code, class) in [
            ("23505", "R221", Class::Record),
            ("23502", "R222", Class::Record),
            ("22001", "R225", Class::Record),
            ("22P02", "R225", Class::Record),
            ("08006", "R105", Class::TRANSIENT),
            ("57P01", "R102", Class::TRANSIENT),
            ("53300", "R103", Class::TRANSIENT),
            ("53100", "R132", Class::TRANSIENT),
            ("40001", "R131", Class::TRANSIENT),
            ("40P01", "R131", Class::TRANSIENT),
            ("42P01", "R108", Class::Pipeline),
            ("42501", "R108", Class::Pipeline),
            ("28P01", "R134", Class::Pipeline),
            ("XX000", "R133", Class::Pipeline),
            ("", "R133", Class::Pipeline),
        ] {
            assert_eq!(sqlstate(state), (code, class), "{state}");
        }
    }

    #[test]
    fn sqlite_codes_have_their_class() {
        for (extended, code, class) in [
            (2067, "R221", Class::Record),
            (1299, "R222", Class::Record),
            (5, "R131", Class::TRANSIENT),
            (517, "R131", Class::TRANSIENT),
            (13, "R132", Class::TRANSIENT),
            (778, "R132", Class::TRANSIENT),
            (4874, "R132", Class::TRANSIENT),
            (266, "R133", Class::TRANSIENT),
            (1, "R108", Class::Pipeline),
            (11, "R133", Class::Pipeline),
            (26, "R133", Class::Pipeline),
        ] {
            assert_eq!(sqlite_code(extended), (code, class), "{extended}");
        }
    }
}
