//! Functions of dates and date-times. Where a day is needed of an instant, it is the day in the time zone of the settings.
//!
//! Text is taken where it is written as a date: apps without declared types send dates as text.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, Zoned};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::expr::Context;
use crate::expr::convert::{midnight, read_date, read_datetime, read_with_offset};
use crate::expr::operators::{days_from, move_days};
use crate::expr::stop::{Outcome, misfit};
use crate::model::Value;

use super::{Args, Function, arg, number_arg, text_arg, whole_arg, wrong};

const GROUP: &str = "dates";

pub(super) const TABLE: &[Function] = &[
    Function::new(
        GROUP,
        "date(x)",
        "The day of a date-time or of a text such as `2026-03-01`.",
        (1, 1),
        |context, args| Ok(Value::Date(moment("date", args, 0, context)?.day(context))),
    )
    .examples(&[
        (r#"date("2026-03-01")"#, "2026-03-01"),
        (r#"date("2026-02-28T23:00:00Z")"#, "2026-03-01"),
        (r#"date(datetime("2026-02-28T23:00:00Z"))"#, "2026-03-01"),
    ]),
    Function::new(
        GROUP,
        "datetime(x)",
        "The instant of a text, or the beginning of a day.",
        (1, 1),
        |context, args| moment("datetime", args, 0, context)?.instant(context).map(Value::DateTime),
    )
    .examples(&[
        (r#"datetime("2026-03-01T12:00:00+02:00")"#, "2026-03-01T10:00:00Z"),
        (r#"datetime(date("2026-03-01"))"#, "2026-02-28T22:00:00Z"),
    ]),
    Function::new(
        GROUP,
        "add_days(d, n)",
        "So many days later; a date-time keeps its time of day.",
        (2, 2),
        add_days,
    )
    .examples(&[(r#"add_days(date("2026-02-27"), 3)"#, "2026-03-02")]),
    Function::new(
        GROUP,
        "add_months(d, n)",
        "So many months later, at most the last day of that month.",
        (2, 2),
        add_months,
    )
    .examples(&[
        (r#"add_months(date("2026-01-31"), 1)"#, "2026-02-28"),
        (r#"add_months(date("2026-03-31"), -1)"#, "2026-02-28"),
    ]),
    Function::new(GROUP, "add_hours(d, n)", "So many hours later, fractions too.", (2, 2), add_hours)
        .examples(&[(r#"add_hours(datetime("2026-03-01T10:00:00Z"), 1.5)"#, "2026-03-01T11:30:00Z")]),
    Function::new(
        GROUP,
        "days_between(a, b)",
        "Whole days from the first day to the second.",
        (2, 2),
        |context, args| {
            let (a, b) =
                (moment("days_between", args, 0, context)?, moment("days_between", args, 1, context)?);
            Ok(Value::Int(days_from(a.day(context), b.day(context))))
        },
    )
    .examples(&[(r#"days_between(date("2026-02-27"), date("2026-03-02"))"#, "3")]),
    Function::new(GROUP, "start_of_month(d)", "The first day of the month.", (1, 1), |context, args| {
        Ok(Value::Date(moment("start_of_month", args, 0, context)?.day(context).first_of_month()))
    })
    .examples(&[(r#"start_of_month(date("2026-02-27"))"#, "2026-02-01")]),
    Function::new(GROUP, "end_of_month(d)", "The last day of the month.", (1, 1), |context, args| {
        Ok(Value::Date(moment("end_of_month", args, 0, context)?.day(context).last_of_month()))
    })
    .examples(&[(r#"end_of_month(date("2026-02-27"))"#, "2026-02-28")]),
    Function::new(
        GROUP,
        "to_timezone(dt, zone)",
        "The instant as text in another time zone, for `format_date` and `date`.",
        (2, 2),
        to_timezone,
    )
    .examples(&[
        (r#"to_timezone(datetime("2026-03-01T10:00:00Z"), "Asia/Tokyo")"#, r#""2026-03-01T19:00:00+09:00""#),
        (
            r#"format_date(to_timezone(datetime("2026-03-01T20:00:00Z"), "Asia/Tokyo"), "%d.%m. %H:%M")"#,
            r#""02.03. 05:00""#,
        ),
    ])
    .literal(|argument, text| {
        let known = argument != 1 || zone(text).is_some();
        if known { Ok(()) } else { Err("a time zone is written as in \"Europe/Helsinki\"".to_owned()) }
    }),
    Function::new(
        GROUP,
        "format_date(d, format)",
        "As text: `%Y` year, `%m` month, `%d` day, `%H:%M` time.",
        (2, 2),
        format_date,
    )
    .examples(&[(r#"format_date(date("2026-03-01"), "%d.%m.%Y")"#, r#""01.03.2026""#)])
    .literal(|argument, text| {
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let fine = argument != 1 || strtime::format(text, &sample).is_ok();
        if fine {
            Ok(())
        } else {
            Err("the format is not understood, write it as in \"%Y-%m-%d\"".to_owned())
        }
    }),
    Function::new(
        GROUP,
        "parse_date(text, format)",
        "A date from text in this format, or a date-time if the format has a time.",
        (2, 2),
        parse_date,
    )
    .examples(&[
        (r#"parse_date("1.3.2026", "%d.%m.%Y")"#, "2026-03-01"),
        (r#"parse_date("1.3.2026 12:30", "%d.%m.%Y %H:%M")"#, "2026-03-01T10:30:00Z"),
    ]),
];

/// What a date argument can be.
enum Moment {
    Day(Date),
    Instant(Timestamp),
    /// Text that says its own offset.
    Local(Zoned),
}

impl Moment {
    fn day(&self, context: &dyn Context) -> Date {
        match self {
            Self::Day(date) => *date,
            Self::Instant(stamp) => stamp.to_zoned(context.timezone().clone()).date(),
            Self::Local(zoned) => zoned.date(),
        }
    }

    fn instant(&self, context: &dyn Context) -> Outcome<Timestamp> {
        match self {
            Self::Day(date) => {
                midnight(*date, context.timezone()).or_else(|_| misfit("the date is out of range"))
            }
            Self::Instant(stamp) => Ok(*stamp),
            Self::Local(zoned) => Ok(zoned.timestamp()),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Day(date) => Value::Date(*date),
            Self::Instant(stamp) => Value::DateTime(*stamp),
            Self::Local(zoned) => Value::DateTime(zoned.timestamp()),
        }
    }
}

fn moment(function: &str, args: Args<'_>, at: usize, context: &dyn Context) -> Outcome<Moment> {
    match arg(function, args, at)? {
        Value::Date(date) => Ok(Moment::Day(*date)),
        Value::DateTime(stamp) => Ok(Moment::Instant(*stamp)),
        Value::Text(text) => match read(text.trim(), context.timezone()) {
            Some(moment) => Ok(moment),
            None => misfit(format!("{function}() takes a date, and the text is none; see parse_date")),
        },
        other => wrong(function, "a date", other),
    }
}

fn read(text: &str, timezone: &TimeZone) -> Option<Moment> {
    if text.len() <= 10 {
        return read_date(text, timezone).map(Moment::Day);
    }
    let local = read_with_offset(text).map(Moment::Local);
    local.or_else(|| read_datetime(text, timezone).map(Moment::Instant))
}

fn add_days(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let value = moment("add_days", args, 0, context)?.value();
    move_days(&value, whole_arg("add_days", args, 1)?, context)
}

fn add_months(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let months = whole_arg("add_months", args, 1)?;
    let Ok(span) = Span::new().try_months(months) else { return misfit("the date is out of range") };
    let moved = match moment("add_months", args, 0, context)? {
        Moment::Day(date) => date.checked_add(span).map(Value::Date),
        other => {
            let local = other.instant(context)?.to_zoned(context.timezone().clone());
            local.checked_add(span).map(|moved| Value::DateTime(moved.timestamp()))
        }
    };
    moved.or_else(|_| misfit("the date is out of range"))
}

fn add_hours(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let stamp = moment("add_hours", args, 0, context)?.instant(context)?;
    let seconds =
        number_arg("add_hours", args, 1)?.checked_mul(Decimal::from(3_600)).and_then(|s| s.round().to_i64());
    let moved = seconds
        .and_then(|seconds| Span::new().try_seconds(seconds).ok())
        .and_then(|span| stamp.checked_add(span).ok());
    moved.map_or_else(|| misfit("the date is out of range"), |moved| Ok(Value::DateTime(moved)))
}

/// The zones that come with sfsync, so that every machine gives the same result.
fn zone(name: &str) -> Option<TimeZone> {
    static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
    ZONES.get(name).ok()
}

fn to_timezone(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let stamp = moment("to_timezone", args, 0, context)?.instant(context)?;
    let Some(zone) = zone(&text_arg("to_timezone", args, 1)?) else {
        return misfit("to_timezone() takes a time zone as in \"Europe/Helsinki\"");
    };
    let offset = zone.to_offset(stamp);
    Ok(stamp.display_with_offset(offset).to_string().into())
}

fn format_date(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let format = text_arg("format_date", args, 1)?;
    let formatted = match moment("format_date", args, 0, context)? {
        Moment::Day(date) => strtime::format(format.as_bytes(), date),
        Moment::Instant(stamp) => {
            strtime::format(format.as_bytes(), &stamp.to_zoned(context.timezone().clone()))
        }
        Moment::Local(zoned) => strtime::format(format.as_bytes(), &zoned),
    };
    formatted.map_or_else(
        |_| misfit("format_date() does not understand the format for this value"),
        |text| Ok(text.into()),
    )
}

fn parse_date(context: &dyn Context, args: Args<'_>) -> Outcome<Value> {
    let (text, format) = (text_arg("parse_date", args, 0)?, text_arg("parse_date", args, 1)?);
    let text = text.trim();
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let Ok(parsed) = strtime::parse(format.as_bytes(), text) else {
        return misfit("parse_date(): the text is not in the format");
    };
    if let Ok(stamp) = parsed.to_timestamp() {
        return Ok(Value::DateTime(stamp));
    }
    if parsed.hour().is_none() {
        return parsed.to_date().map_or_else(
            |_| misfit("parse_date(): the format needs a whole date"),
            |date| Ok(Value::Date(date)),
        );
    }
    let zoned = parsed.to_datetime().and_then(|civil| civil.to_zoned(context.timezone().clone()));
    zoned.map_or_else(
        |_| misfit("parse_date(): there is no such time"),
        |zoned| Ok(Value::DateTime(zoned.timestamp())),
    )
}
