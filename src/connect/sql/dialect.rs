//! Where the two databases differ in the text of statements. Pure; the differences in types are in `types`.

/// The databases a pipeline can write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite, bundled.
    Sqlite,
    /// PostgreSQL 13 or later.
    Postgres,
}

impl Dialect {
    /// The name people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// An object out of pairs of key and JSON expression.
    pub(super) fn json_object(self, pairs: &[(&str, String)]) -> String {
        let function = match self {
            Self::Sqlite => "json_object",
            Self::Postgres => "jsonb_build_object",
        };
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{}, {value}", text(key))).collect();
        format!("{function}({})", pairs.join(", "))
    }

    /// An object with some keys set to JSON expressions; whatever else it has stays.
    pub(super) fn json_with(self, base: &str, pairs: &[(&str, String)]) -> String {
        match self {
            Self::Sqlite => {
                let pairs: Vec<_> =
                    pairs.iter().map(|(key, value)| format!("{}, {value}", text(&json_path(key)))).collect();
                format!("json_set(COALESCE({base}, '{{}}'), {})", pairs.join(", "))
            }
            Self::Postgres => format!("COALESCE({base}::jsonb, '{{}}') || {}", self.json_object(pairs)),
        }
    }

    /// The JSON under a key; nothing where there is no such key and where it is JSON's own null.
    pub(super) fn json_get(self, base: &str, key: &str) -> String {
        match self {
            Self::Sqlite => format!("NULLIF({base} -> {}, 'null')", text(&json_path(key))),
            Self::Postgres => format!("NULLIF({base}::jsonb -> {}, 'null')", text(key)),
        }
    }

    /// JSON text that is bound as a parameter, as JSON.
    pub(super) fn json_value(self, parameter: &str) -> String {
        match self {
            Self::Sqlite => format!("json({parameter})"),
            Self::Postgres => parameter.to_owned(),
        }
    }

    /// The comparison that takes two nulls for equal.
    pub(super) fn differs(self, left: &str, right: &str) -> String {
        match self {
            Self::Sqlite => format!("{left} IS NOT {right}"),
            Self::Postgres => format!("{left} IS DISTINCT FROM {right}"),
        }
    }
}

/// Quotes an identifier.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text literal.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// SQLite's path of one key; a double quote inside a key is escaped as JSON does.
pub(super) fn json_path(key: &str) -> String {
    format!("$.\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}
