//! What single objects derive from what is written: stages, names, closed flags, defaults.
//! May not convert or stamp. Read [`Session::after_insert`] first.

use std::sync::Arc;

use super::Session;
use super::save::Given;
use crate::org::dates::{civil, days_of_stamp};
use crate::org::error::ApiError;
use crate::org::schema::Object;
use crate::org::value::{RowRef, Value};

/// Defaults of fields that were not given: object, field, value.
const DEFAULTS: [(&str, &str, &str); 13] = [
    ("Task", "Status", "Not Started"),
    ("Task", "Priority", "Normal"),
    ("Task", "TaskSubtype", "Task"),
    ("Event", "GroupEventType", "0"),
    ("Event", "ShowAs", "Busy"),
    ("Lead", "Status", "Open - Not Contacted"),
    ("Case", "Status", "New"),
    ("Case", "Priority", "Medium"),
    ("CampaignMember", "Status", "Sent"),
    ("FeedItem", "Type", "TextPost"),
    ("FeedItem", "Status", "Published"),
    ("EmailMessage", "Status", "3"),
    ("ContentDocumentLink", "Visibility", "AllUsers"),
];

impl Session<'_> {
    /// Completes a new record.
    pub(super) fn after_insert(&mut self, object: &Object, at: RowRef, given: &Given) {
        for (name, field, value) in DEFAULTS {
            if name == object.name && self.value(at, field).is_null() {
                self.set_named(at, field, &value.into());
            }
        }
        if self.value(at, "RecordTypeId").is_null()
            && let Some(kind) = self.setup.record_types_of(&object.name).next().map(|kind| kind.at)
        {
            self.set_named(at, "RecordTypeId", &kind.into());
        }
        match object.name.as_str() {
            "Opportunity" => self.new_opportunity(at, is_given(object, given, "Probability")),
            "ContentNote" => self.new_note(at),
            "ContentVersion" => self.new_version(at),
            "FeedItem" => self.set_named(at, "InsertedById", &self.author.into()),
            _ => {}
        }
        self.derive(object, at, given);
    }

    /// Completes a changed record. `before` holds the values of all fields in their order.
    pub(super) fn after_update(
        &mut self,
        object: &Object,
        at: RowRef,
        before: &[Value<'static>],
        given: &Given,
    ) {
        match object.name.as_str() {
            "Opportunity" => self.changed_opportunity(object, at, before, given),
            "ContentNote" => self.changed_note(at),
            _ => {}
        }
        self.derive(object, at, given);
    }

    /// What holds for new and changed records alike.
    fn derive(&mut self, object: &Object, at: RowRef, given: &Given) {
        match object.name.as_str() {
            "Contact" | "Lead" | "User" => self.derive_name(at),
            "Task" => self.derive_task(at),
            "Event" => self.derive_event(at, is_given(object, given, "EndDateTime")),
            "Case" => self.derive_case(at),
            "EmailMessage" => {
                let subject = self.value(at, "Subject").into_owned();
                self.set_named(at, "Name", &subject);
            }
            _ => {}
        }
    }

    /// A converted lead cannot be changed any more.
    pub(super) fn check_changeable(&self, object: &Object, at: RowRef) -> Result<(), ApiError> {
        if object.name == "Lead" && self.value(at, "IsConverted") == Value::Bool(true) {
            let message = "cannot reference converted lead";
            return Err(ApiError::dml("CANNOT_UPDATE_CONVERTED_LEAD", message, &[]));
        }
        Ok(())
    }

    /// Rules over several fields of a new record.
    pub(super) fn check_record(&self, object: &Object, given: &Given) -> Result<(), ApiError> {
        let reference = |name: &str| {
            let index = object.field_index(name)?;
            given.iter().find(|(known, _)| *known == index).and_then(|(_, value)| match value {
                Value::Reference(at) => Some(*at),
                _ => None,
            })
        };
        if object.name != "ContentDocumentLink" {
            return Ok(());
        }
        let (Some(document), Some(entity)) = (reference("ContentDocumentId"), reference("LinkedEntityId"))
        else {
            return Ok(());
        };
        let Some(column) = object.column("ContentDocumentId") else { return Ok(()) };
        let table = self.store.table(object.table);
        let linked = table.referring(column, document.pack()).any(|row| {
            let at = RowRef { table: object.table, row };
            !table.is_deleted(row) && self.value(at, "LinkedEntityId") == Value::Reference(entity)
        });
        if linked {
            let message = "The record is already linked to this document.";
            return Err(ApiError::dml("DUPLICATE_VALUE", message, &["ContentDocumentId"]));
        }
        Ok(())
    }

    fn derive_name(&mut self, at: RowRef) {
        let part = |field: &str| self.value(at, field).as_text().unwrap_or("").to_owned();
        let parts = [part("FirstName"), part("MiddleName"), part("LastName"), part("Suffix")];
        let name = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ");
        self.set_named(at, "Name", &name.into());
    }

    fn derive_task(&mut self, at: RowRef) {
        let closed = self.value(at, "Status").as_text() == Some("Completed");
        let high = self.value(at, "Priority").as_text() == Some("High");
        let was_completed = !self.value(at, "CompletedDateTime").is_null();
        self.set_named(at, "IsClosed", &closed.into());
        self.set_named(at, "IsHighPriority", &high.into());
        if closed != was_completed {
            let completed = if closed { Value::Stamp(self.stamp) } else { Value::Null };
            self.set_named(at, "CompletedDateTime", &completed);
        }
        self.derive_activity_account(at);
    }

    fn derive_event(&mut self, at: RowRef, end_given: bool) {
        if let Value::Stamp(start) = self.value(at, "StartDateTime") {
            self.set_named(at, "ActivityDateTime", &Value::Stamp(start));
            self.set_named(at, "ActivityDate", &Value::Date(days_of_stamp(start)));
            let minutes = self.value(at, "DurationInMinutes").into_owned();
            let end = self.value(at, "EndDateTime").into_owned();
            match (minutes, end) {
                (_, Value::Stamp(end)) if end_given => {
                    self.set_named(at, "DurationInMinutes", &Value::Number((end - start) / 60, 0));
                }
                (Value::Number(minutes, _), _) => {
                    self.set_named(at, "EndDateTime", &Value::Stamp(start + minutes * 60));
                }
                _ => {}
            }
        }
        if let Value::Stamp(end) = self.value(at, "EndDateTime") {
            self.set_named(at, "EndDate", &Value::Date(days_of_stamp(end)));
        }
        self.derive_activity_account(at);
    }

    /// The account of what the activity is about, else that of the contact.
    fn derive_activity_account(&mut self, at: RowRef) {
        let account_of = |value: Value<'_>| match value {
            Value::Reference(to) if self.store.schema.table_object(to.table).name == "Account" => {
                Value::Reference(to)
            }
            Value::Reference(to) => self.value(to, "AccountId").into_owned(),
            _ => Value::Null,
        };
        let of_what = account_of(self.value(at, "WhatId"));
        let account = if of_what.is_null() { account_of(self.value(at, "WhoId")) } else { of_what };
        let account = account.into_owned();
        self.set_named(at, "AccountId", &account);
    }

    fn derive_case(&mut self, at: RowRef) {
        let closed = self.value(at, "Status").as_text() == Some("Closed");
        let was_closed = self.value(at, "IsClosed") == Value::Bool(true);
        self.set_named(at, "IsClosed", &closed.into());
        if closed != was_closed {
            let closed_date = if closed { Value::Stamp(self.stamp) } else { Value::Null };
            self.set_named(at, "ClosedDate", &closed_date);
        }
    }

    fn new_opportunity(&mut self, at: RowRef, probability_given: bool) {
        self.apply_stage(at, probability_given);
        self.set_named(at, "PushCount", &Value::Number(0, 0));
        if let Value::Reference(contact) = self.value(at, "ContactId") {
            let schema = Arc::clone(&self.store.schema);
            if let Some(object) = schema.named("OpportunityContactRole") {
                let role = self.create(object, &Vec::new());
                self.set_named(role, "OpportunityId", &at.into());
                self.set_named(role, "ContactId", &contact.into());
                self.set_named(role, "IsPrimary", &true.into());
            }
        }
        self.snapshot_opportunity(at, &[]);
    }

    fn changed_opportunity(&mut self, object: &Object, at: RowRef, before: &[Value<'static>], given: &Given) {
        let old =
            |name: &str| object.field_index(name).map_or(&Value::Null, |index| &before[usize::from(index)]);
        let stage_changed = self.value(at, "StageName") != *old("StageName");
        if stage_changed {
            self.apply_stage(at, is_given(object, given, "Probability"));
            self.set_named(at, "LastStageChangeDate", &Value::Stamp(self.stamp));
        }
        if let (Value::Date(was), Value::Date(is)) = (old("CloseDate"), self.value(at, "CloseDate"))
            && month(is) > month(*was)
        {
            let pushes = match self.value(at, "PushCount") {
                Value::Number(pushes, _) => pushes,
                _ => 0,
            };
            self.set_named(at, "PushCount", &Value::Number(pushes + 1, 0));
        }
        let moved = ["StageName", "Amount", "CloseDate", "Probability"]
            .iter()
            .any(|name| self.value(at, name) != *old(name));
        if moved {
            let previous = [("Amount", old("Amount").clone()), ("CloseDate", old("CloseDate").clone())];
            self.snapshot_opportunity(at, &previous);
        }
    }

    /// Sets what follows from the stage. A stage that is unknown is open and in the pipeline.
    fn apply_stage(&mut self, at: RowRef, probability_given: bool) {
        let name = self.value(at, "StageName").as_text().unwrap_or("").to_owned();
        let stage = self.setup.stages.iter().find(|stage| *stage.name == *name);
        let stage = stage.unwrap_or(&self.setup.stages[0]).clone();
        self.set_named(at, "IsClosed", &stage.closed.into());
        self.set_named(at, "IsWon", &stage.won.into());
        self.set_named(at, "ForecastCategory", &stage.forecast.0.into());
        self.set_named(at, "ForecastCategoryName", &stage.forecast.1.into());
        if !probability_given {
            self.set_named(at, "Probability", &Value::Number(stage.probability, 0));
        }
    }

    /// The row of OpportunityHistory with the values after the change.
    fn snapshot_opportunity(&mut self, at: RowRef, previous: &[(&str, Value<'static>)]) {
        let schema = Arc::clone(&self.store.schema);
        let Some(object) = schema.named("OpportunityHistory") else { return };
        let row = self.create(object, &Vec::new());
        self.set_named(row, "OpportunityId", &at.into());
        let copied =
            ["StageName", "Amount", "ExpectedRevenue", "CloseDate", "Probability", "ForecastCategory"];
        for name in copied {
            let value = self.value(at, name).into_owned();
            self.set_named(row, name, &value);
        }
        for (name, old) in previous {
            self.set_named(row, &format!("Prev{name}"), old);
            if self.value(at, name) != *old {
                self.set_named(at, &format!("Last{name}ChangedHistoryId"), &row.into());
            }
        }
    }
}

fn is_given(object: &Object, given: &Given, name: &str) -> bool {
    object.field_index(name).is_some_and(|index| given.iter().any(|(known, _)| *known == index))
}

fn month(days: i32) -> i32 {
    let (year, month, _) = civil(days);
    year * 12 + i32::try_from(month).unwrap_or(0)
}
