//! Tasks, events, emails and cases.
//! May not make the records that they are about. Read [`tasks`] first.

use std::sync::Arc;

use super::maker::{Life, Maker, clip};
use super::words::Texts;
use crate::org::dates::{DAY, days_of_stamp};
use crate::org::value::{RowRef, Value};

/// Activities this long over are archived.
const ARCHIVE_DAYS: i64 = 365;

/// Whom and what an activity is about.
struct About {
    who: Option<RowRef>,
    what: Option<RowRef>,
    account: Value<'static>,
}

impl About {
    /// A lead alone, or a contact with an account, deal, case or campaign; sometimes nothing.
    fn draw(maker: &mut Maker<'_>) -> Self {
        if maker.rng.chance(15) {
            return Self { who: maker.any("Lead"), what: None, account: Value::Null };
        }
        let who = if maker.rng.chance(60) { maker.any("Contact") } else { None };
        let kind = maker.rng.word(&["Account", "Opportunity", "Opportunity", "Case", "Campaign", ""]);
        let what = maker.any(kind);
        let account = match what {
            Some(at) if kind == "Account" => at.into(),
            Some(at) => account_of(maker, at),
            None => who.map_or(Value::Null, |at| account_of(maker, at)),
        };
        Self { who, what, account }
    }
}

fn account_of(maker: &Maker<'_>, at: RowRef) -> Value<'static> {
    let column = maker.schema.table_object(at.table).column("AccountId");
    column.map_or(Value::Null, |column| {
        maker.store.reader(maker.now).column(at.table, column, at.row).into_owned()
    })
}

/// Makes tasks; closed ones that are a year old are archived.
pub(super) fn tasks(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Task") else { return };
    for _ in 0..count {
        let life = maker.life();
        let about = About::draw(maker);
        let due = maker.day_around_now();
        let status = maker.choice(object, "Status");
        let closed = status.as_text() == Some("Completed");
        let age = i64::from(days_of_stamp(maker.now)) - i64::from(due);
        let priority = maker.rng.word(&["Normal", "Normal", "High", "Low"]);
        let call = maker.rng.chance(30);
        let subject = clip(if call { "Call" } else { Texts::sentence(&mut maker.rng) }, 255);
        let duration = Value::Number(maker.rng.between(5, 3_600), 0);
        let values = [
            ("Subject", subject.into()),
            ("Status", status),
            ("IsClosed", closed.into()),
            ("CompletedDateTime", if closed { Value::Stamp(life.modified) } else { Value::Null }),
            ("IsArchived", (closed && age >= ARCHIVE_DAYS).into()),
            ("Priority", priority.into()),
            ("IsHighPriority", (priority == "High").into()),
            ("ActivityDate", if maker.rng.chance(90) { Value::Date(due) } else { Value::Null }),
            ("TaskSubtype", if call { "Call" } else { "Task" }.into()),
            ("CallType", if call { "Outbound".into() } else { Value::Null }),
            ("CallDurationInSeconds", if call { duration } else { Value::Null }),
            (
                "Description",
                if maker.rng.chance(20) { Texts::description(&mut maker.rng).into() } else { Value::Null },
            ),
            ("WhoId", about.who.into()),
            ("WhatId", about.what.into()),
            ("AccountId", about.account),
        ];
        let row = maker.add(object, &life, &values);
        maker.fill_custom(object, row);
        if maker.rng.one_in(200) {
            maker.remove(object, row);
        }
    }
}

/// Makes events, all-day ones among them; old ones are archived.
pub(super) fn events(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Event") else { return };
    for _ in 0..count {
        let life = maker.life();
        let about = About::draw(maker);
        let all_day = maker.rng.chance(10);
        let day = maker.day_around_now();
        let hour = if all_day { 0 } else { maker.rng.between(7, 18) };
        let minutes = if all_day { 1_440 } else { maker.rng.between(1, 8) * 15 };
        let start = i64::from(day) * DAY + hour * 3_600;
        let age = i64::from(days_of_stamp(maker.now)) - i64::from(day);
        let place = maker.rng.word(&["", "Zoom", "Room \"Å\", 3rd floor", "On site\nask at the desk"]);
        let values = [
            ("Subject", clip(Texts::sentence(&mut maker.rng), 255).into()),
            ("Location", place.into()),
            ("IsAllDayEvent", all_day.into()),
            ("StartDateTime", Value::Stamp(start)),
            ("ActivityDateTime", Value::Stamp(start)),
            ("ActivityDate", Value::Date(day)),
            ("DurationInMinutes", Value::Number(minutes, 0)),
            ("EndDateTime", Value::Stamp(start + minutes * 60)),
            ("EndDate", Value::Date(days_of_stamp(start + minutes * 60 - 1))),
            ("IsArchived", (age >= ARCHIVE_DAYS).into()),
            ("GroupEventType", "0".into()),
            ("ShowAs", "Busy".into()),
            ("WhoId", about.who.into()),
            ("WhatId", about.what.into()),
            ("AccountId", about.account),
        ];
        maker.add(object, &life, &values);
    }
}

/// Makes emails about cases and opportunities.
pub(super) fn emails(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("EmailMessage") else { return };
    for number in 0..count {
        let life = maker.life();
        let of_case = maker.rng.chance(40);
        let parent = if of_case { maker.any("Case") } else { None };
        let related = if of_case { None } else { maker.any("Opportunity") };
        let incoming = maker.rng.chance(50);
        let subject = clip(&format!("Re: {}", Texts::sentence(&mut maker.rng)), 3_000);
        let body = Texts::description(&mut maker.rng);
        let html = format!("<html><body><p>{}</p></body></html>", escape_html(&body));
        let sender = Texts::email(&mut maker.rng, number);
        let receivers =
            format!("{};{}", Texts::email(&mut maker.rng, number + 1), Texts::email(&mut maker.rng, 0));
        let status = if incoming { maker.rng.word(&["0", "1", "2"]) } else { "3" };
        let values = [
            ("Name", clip(&subject, 255).into()),
            ("Subject", subject.into()),
            ("TextBody", body.into()),
            ("HtmlBody", html.into()),
            ("FromAddress", sender.into()),
            ("ToAddress", receivers.into()),
            ("Incoming", incoming.into()),
            ("Status", status.into()),
            ("MessageDate", Value::Stamp(life.created)),
            ("MessageIdentifier", format!("<{number}.{}@mail.example>", maker.rng.below(1_000_000)).into()),
            ("ThreadIdentifier", format!("<thread-{}@mail.example>", number / 3).into()),
            ("ParentId", parent.into()),
            ("RelatedToId", related.into()),
        ];
        maker.add(object, &life, &values);
    }
}

pub(super) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Makes cases with comments and history.
pub(super) fn cases(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("Case") else { return };
    for _ in 0..count {
        let life = maker.life();
        let contact = if maker.rng.chance(80) { maker.any("Contact") } else { None };
        let account = contact.map_or(Value::Null, |at| account_of(maker, at));
        let status = maker.choice(object, "Status");
        let closed = status.as_text() == Some("Closed");
        let number = {
            let table = maker.store.table_mut(object.table);
            table.next_number = table.next_number.max(1_000) + 1;
            table.next_number
        };
        let values = [
            ("CaseNumber", format!("{number:08}").into()),
            ("Subject", clip(Texts::sentence(&mut maker.rng), 255).into()),
            ("Description", Texts::description(&mut maker.rng).into()),
            ("Status", status),
            ("IsClosed", closed.into()),
            ("ClosedDate", if closed { Value::Stamp(life.modified) } else { Value::Null }),
            ("Priority", maker.choice(object, "Priority")),
            ("Origin", maker.choice(object, "Origin")),
            ("Reason", if maker.rng.chance(50) { maker.choice(object, "Reason") } else { Value::Null }),
            ("ContactId", contact.into()),
            ("AccountId", account),
            ("SuppliedEmail", Texts::email(&mut maker.rng, number).into()),
        ];
        let row = maker.add(object, &life, &values);
        maker.fill_custom(object, row);
        around_case(maker, RowRef { table: object.table, row }, &life);
    }
}

fn around_case(maker: &mut Maker<'_>, case: RowRef, life: &Life) {
    let schema = Arc::clone(&maker.schema);
    for _ in 0..maker.rng.below(3) {
        let Some(object) = schema.named("CaseComment") else { return };
        let text = clip(&Texts::description(&mut maker.rng), 4_000);
        let published = maker.rng.chance(50);
        maker.add(
            object,
            life,
            &[("ParentId", case.into()), ("CommentBody", text.into()), ("IsPublished", published.into())],
        );
    }
    if let Some(object) = schema.named("CaseHistory").filter(|_| maker.rng.chance(30)) {
        let moment = Life { created: life.modified, ..*life };
        maker.add(
            object,
            &moment,
            &[
                ("CaseId", case.into()),
                ("Field", "Priority".into()),
                ("DataType", "DynamicEnum".into()),
                ("OldValue", "\"Low\"".into()),
                ("NewValue", "\"High\"".into()),
            ],
        );
    }
}
