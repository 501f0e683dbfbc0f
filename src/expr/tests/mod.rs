//! The sentences of section 5 of the language, one by one.

mod language;
mod laws;
mod messages;
