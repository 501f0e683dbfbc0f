//! Whether a text is a value of its shape, and what to say if it is not.

use super::shape::Shape;
use crate::spec::Scalar;
use crate::spec::values::{Path, Period, Rate, Schedule, Share, TimeWindow, ValueError};

/// Why a text does not fit: a label, and more to say.
pub(super) struct Misfit {
    pub(super) label: String,
    pub(super) help: Vec<String>,
    /// What it should be written as, where that is sure.
    pub(super) repaired: Option<String>,
}

impl Misfit {
    fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), help: Vec::new(), repaired: None }
    }

    fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// Checks a single value; shapes that hold several are the checker's business.
pub(super) fn fits(shape: &Shape, scalar: &Scalar) -> Result<(), Misfit> {
    let text = &*scalar.text;
    match shape {
        Shape::Bool => boolean(text),
        Shape::Int { min, max } => whole(text, *min, *max),
        Shape::Period => Period::parse(text).map(drop).map_err(|error| period(text, &error, "")),
        Shape::Poll if text == "off" => Ok(()),
        Shape::Poll => Period::parse(text).map(drop).map_err(|error| period(text, &error, " · off")),
        Shape::Schedule => Schedule::parse(text).map(drop).map_err(|error| {
            other(text, &error).help("daily · daily at 02:00 · sunday at 02:00 · 6 hours · off")
        }),
        Shape::Rate => Rate::parse(text)
            .map(drop)
            .map_err(|error| other(text, &error).help("10 per second · 100 per minute")),
        Shape::Share => Share::parse(text).map(drop).map_err(|error| other(text, &error).help("25% · 5000")),
        Shape::Hours => {
            TimeWindow::parse(text).map(drop).map_err(|error| other(text, &error).help("20:00-06:00"))
        }
        Shape::Path => Path::parse(text).map(drop).map_err(|error| other(text, &error)),
        Shape::Timezone => match jiff::tz::TimeZone::get(text) {
            Ok(_) => Ok(()),
            Err(_) => Err(Misfit::new("no such time zone").help("Europe/Helsinki · America/New_York · UTC")),
        },
        Shape::Timestamp => match text.parse::<jiff::Timestamp>() {
            Ok(_) => Ok(()),
            Err(_) => Err(Misfit::new("").help("2026-03-01T10:00:00Z")),
        },
        Shape::Name => name(text),
        Shape::Object => object(text),
        Shape::ResourceRef => resource(text),
        Shape::Protected => dotted(text, "Account.OwnerId · customers.email"),
        Shape::Request => request(text),
        Shape::UrlPath if text.starts_with('/') => Ok(()),
        Shape::UrlPath => Err(Misfit::new("begins with `/`").help(format!("/{text}"))),
        _ => Ok(()),
    }
}

fn boolean(text: &str) -> Result<(), Misfit> {
    let repaired = match text.to_ascii_lowercase().as_str() {
        _ if matches!(text, "true" | "false") => return Ok(()),
        "true" | "yes" | "on" | "y" | "1" => Some("true"),
        "false" | "no" | "off" | "n" | "0" => Some("false"),
        _ => None,
    };
    Err(Misfit { label: String::new(), help: Vec::new(), repaired: repaired.map(str::to_owned) })
}

fn whole(text: &str, min: u64, max: u64) -> Result<(), Misfit> {
    match text.parse::<u64>() {
        Ok(number) if number < min => Err(Misfit::new(format!("at least {min}"))),
        Ok(number) if number > max => Err(Misfit::new(format!("at most {max}"))),
        Ok(_) => Ok(()),
        Err(_) => {
            let plain = text.replace(['_', ',', ' ', '\u{a0}'], "");
            let repaired = plain.parse::<u64>().ok().map(|number| number.to_string());
            Err(Misfit { label: String::new(), help: Vec::new(), repaired })
        }
    }
}

fn period(text: &str, error: &ValueError, more: &str) -> Misfit {
    match error {
        ValueError::NoUnit => {
            Misfit::new(format!("{text} what?")).help(format!("{text} minutes · 2 hours · 1 day{more}"))
        }
        ValueError::Other(why) => {
            Misfit::new(why.clone()).help(format!("10 minutes · 2 hours · 1 day{more}"))
        }
    }
}

fn other(text: &str, error: &ValueError) -> Misfit {
    match error {
        ValueError::NoUnit => Misfit::new(format!("{text} what?")),
        ValueError::Other(why) => Misfit::new(why.clone()),
    }
}

/// Whether it can be the name of a file: `a-z 0-9 _ -`, up to 60 characters.
pub(in crate::spec) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 60
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

fn name(text: &str) -> Result<(), Misfit> {
    if is_name(text) {
        return Ok(());
    }
    let stem = text.strip_suffix(".yaml").or_else(|| text.strip_suffix(".yml")).unwrap_or(text);
    let stem = stem.rsplit('/').next().unwrap_or(stem);
    let misfit = Misfit::new("names are a-z, 0-9, _ and -");
    Err(if stem != text && is_name(stem) { misfit.help(format!("the name alone: {stem}")) } else { misfit })
}

fn object(text: &str) -> Result<(), Misfit> {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if word && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
        return Ok(());
    }
    Err(Misfit::new("not the API name of an object").help("Account · Opportunity · Invoice__c"))
}

fn resource(text: &str) -> Result<(), Misfit> {
    let help = "connection.resource, such as warehouse.clients: the file in connections/, then what is in that system";
    match text.split_once('.') {
        Some((connection, resource))
            if is_name(connection) && !resource.is_empty() && !resource.contains(char::is_whitespace) =>
        {
            Ok(())
        }
        Some((connection, _)) if !is_name(connection) => {
            Err(Misfit::new("connection names are a-z, 0-9, _ and -").help(help))
        }
        _ => Err(Misfit::new("a connection and a resource, with a dot between").help(help)),
    }
}

fn dotted(text: &str, example: &str) -> Result<(), Misfit> {
    match text.split_once('.') {
        Some((object, field)) if !object.is_empty() && Path::parse(field).is_ok() => Ok(()),
        _ => Err(Misfit::new("an object and a field, with a dot between").help(example)),
    }
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

fn request(text: &str) -> Result<(), Misfit> {
    if text == "none" {
        return Ok(());
    }
    let help = "GET /me · PUT /customer/{id} · none";
    match text.split_once(' ') {
        Some((method, path)) if METHODS.contains(&method) && path.starts_with('/') && !path.contains(' ') => {
            Ok(())
        }
        Some((method, _)) if !METHODS.contains(&method) => {
            Err(Misfit::new(format!("`{method}` is not a method")).help(help))
        }
        _ => Err(Misfit::new("a method and a path that begins with `/`").help(help)),
    }
}
