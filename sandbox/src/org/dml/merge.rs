//! Merge of records and conversion of leads (sections 12.3 and 12.4): what SOAP, Apex and people do.
//! May not check fields. Read [`Session::merge`] first.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{Session, Undo};
use crate::org::change_log::ChangeKind;
use crate::org::dates::{date_of, days_of_stamp};
use crate::org::error::ApiError;
use crate::org::table::{BIN_SECONDS, Removal};
use crate::org::value::{RowRef, Value};
use crate::org::write::{Conversion, Converted};

/// Records that one merge takes up.
const MOST_LOSERS: usize = 2;
/// Days until the opportunity of a conversion closes.
const CLOSE_DAYS: i32 = 90;

impl Session<'_> {
    /// Merges `losers` into `master`: children move over, losers go to the recycle bin and name the master.
    /// Gives the records that were moved.
    pub(crate) fn merge(
        &mut self,
        object: u16,
        master: &str,
        losers: &[String],
        fields: &Map<String, Json>,
    ) -> Result<Vec<RowRef>, ApiError> {
        let schema = Arc::clone(&self.store.schema);
        let definition = schema.object(object);
        if !definition.abilities.has("merge") || losers.is_empty() || losers.len() > MOST_LOSERS {
            let message = format!("{} cannot be merged like this", definition.plural);
            return Err(ApiError::dml("INVALID_OPERATION", message, &[]));
        }
        let winner = self.live(object, master)?;
        let losers = losers.iter().map(|id| self.live(object, id)).collect::<Result<Vec<_>, _>>()?;
        if losers.contains(&winner) || losers.first() == losers.get(1) {
            return Err(ApiError::dml("INVALID_OPERATION", "a record cannot be merged with itself", &[]));
        }
        self.update(object, master, fields)?;
        let mut moved = Vec::new();
        for loser in losers {
            moved.extend(self.reparent(object, loser, winner));
            self.lose(loser, winner);
        }
        if let Some(history) = definition.history {
            let field = format!("{}Merged", definition.name.to_lowercase());
            self.add_history(history, winner, &field, "Text", (None, None));
        }
        Ok(moved)
    }

    /// Moves all live children of one record to another.
    fn reparent(&mut self, object: u16, from: RowRef, to: RowRef) -> Vec<RowRef> {
        let schema = Arc::clone(&self.store.schema);
        let mut moved = Vec::new();
        for child in schema.children_of(object) {
            let children = schema.object(child.lookup.object);
            let lookup = schema.field(child.lookup);
            let Some(column) = lookup.column().filter(|_| lookup.name != "MasterRecordId") else { continue };
            let table = self.store.table(children.table);
            let rows: Vec<u32> =
                table.referring(column, from.pack()).filter(|row| !table.is_deleted(*row)).collect();
            for row in rows {
                let at = RowRef { table: children.table, row };
                self.move_to(at, column, &lookup.name, to);
                moved.push(at);
            }
        }
        moved
    }

    fn move_to(&mut self, at: RowRef, column: u16, lookup: &str, to: RowRef) {
        self.set(at, column, &to.into());
        self.touch(at);
        self.publish(at, ChangeKind::Update, vec![lookup.to_owned()]);
    }

    /// The loser of a merge goes alone: what belonged to it has moved.
    fn lose(&mut self, loser: RowRef, winner: RowRef) {
        let batch = self.store.next_delete();
        let removal = Removal { deleted_at: self.stamp, purged_at: self.stamp + BIN_SECONDS, batch };
        self.set_named(loser, "MasterRecordId", &winner.into());
        self.set_removal(loser, Some(removal));
        self.touch(loser);
        self.undo.push(Undo::Logged { table: loser.table });
        let stamp = self.stamp;
        self.store.table_mut(loser.table).delete_log.push((stamp, loser.row));
        self.publish(loser, ChangeKind::Delete, Vec::new());
    }

    /// Converts a lead into account, contact and opportunity.
    pub(crate) fn convert_lead(&mut self, wanted: &Conversion) -> Result<Converted, ApiError> {
        let schema = Arc::clone(&self.store.schema);
        let Some(leads) = schema.find("Lead") else { return Err(ApiError::not_found()) };
        let lead = self.live(leads, &wanted.lead)?;
        self.check_changeable(schema.object(leads), lead)?;
        let account = self.account_of(lead, wanted)?;
        let contact = self.contact_of(lead, account, wanted)?;
        let opportunity = if wanted.without_opportunity {
            None
        } else {
            Some(self.opportunity_of(lead, account, contact, wanted)?)
        };
        let status = wanted.status.as_deref().unwrap_or("Closed - Converted");
        for (name, value) in [
            ("Status", status.into()),
            ("IsConverted", true.into()),
            ("ConvertedDate", Value::Date(days_of_stamp(self.stamp))),
            ("ConvertedAccountId", account.into()),
            ("ConvertedContactId", contact.into()),
            ("ConvertedOpportunityId", opportunity.into()),
        ] {
            self.set_named(lead, name, &value);
        }
        self.touch(lead);
        if let Some(history) = schema.object(leads).history {
            self.add_history(history, lead, "leadConverted", "Text", (None, None));
        }
        let opportunity_field = opportunity.map(|_| "ConvertedOpportunityId");
        let fields = ["Status", "IsConverted", "ConvertedDate", "ConvertedAccountId", "ConvertedContactId"];
        let fields = fields.into_iter().chain(opportunity_field).map(str::to_owned).collect();
        self.publish(lead, ChangeKind::Update, fields);
        self.move_activities(lead, contact);
        let id = |at: RowRef| self.store.id_of(at);
        Ok(Converted {
            lead: id(lead),
            account: id(account),
            contact: id(contact),
            opportunity: opportunity.map(id),
        })
    }

    fn account_of(&mut self, lead: RowRef, wanted: &Conversion) -> Result<RowRef, ApiError> {
        let pairs = [
            ("Name", "Company"),
            ("Phone", "Phone"),
            ("Website", "Website"),
            ("Industry", "Industry"),
            ("BillingStreet", "Street"),
            ("BillingCity", "City"),
            ("BillingState", "State"),
            ("BillingPostalCode", "PostalCode"),
            ("BillingCountry", "Country"),
        ];
        self.given_or_new("Account", wanted.account.as_deref(), lead, &pairs, json!({}))
    }

    fn contact_of(&mut self, lead: RowRef, account: RowRef, wanted: &Conversion) -> Result<RowRef, ApiError> {
        let pairs = [
            ("FirstName", "FirstName"),
            ("LastName", "LastName"),
            ("Email", "Email"),
            ("Phone", "Phone"),
            ("MobilePhone", "MobilePhone"),
            ("Title", "Title"),
            ("LeadSource", "LeadSource"),
        ];
        let account = self.store.id_of(account).to_string();
        self.given_or_new("Contact", wanted.contact.as_deref(), lead, &pairs, json!({ "AccountId": account }))
    }

    fn opportunity_of(
        &mut self,
        lead: RowRef,
        account: RowRef,
        contact: RowRef,
        wanted: &Conversion,
    ) -> Result<RowRef, ApiError> {
        let company = self.value(lead, "Company").as_text().unwrap_or("").to_owned();
        let name: String = wanted.opportunity_name.clone().unwrap_or(company).chars().take(80).collect();
        let close = date_of(days_of_stamp(self.stamp) + CLOSE_DAYS).to_string();
        let body = json!({
            "Name": name, "StageName": self.setup.stages[0].name.as_ref(), "CloseDate": close,
            "AccountId": self.store.id_of(account).to_string(),
            "ContactId": self.store.id_of(contact).to_string(),
        });
        self.given_or_new("Opportunity", None, lead, &[("LeadSource", "LeadSource")], body)
    }

    /// The record that is named, or a new one with fields of the lead.
    fn given_or_new(
        &mut self,
        object: &str,
        named: Option<&str>,
        lead: RowRef,
        pairs: &[(&str, &str)],
        body: Json,
    ) -> Result<RowRef, ApiError> {
        let schema = Arc::clone(&self.store.schema);
        let Some(index) = schema.find(object) else { return Err(ApiError::not_found()) };
        if let Some(id) = named {
            return self.live(index, id);
        }
        let Json::Object(mut fields) = body else { return Err(ApiError::not_found()) };
        for (to, from) in pairs {
            if let Some(text) = self.value(lead, from).as_text() {
                fields.insert((*to).to_owned(), text.into());
            }
        }
        self.insert(index, &fields)
    }

    /// Tasks, events and the like of the lead are the contact's from now on.
    fn move_activities(&mut self, lead: RowRef, contact: RowRef) {
        let schema = Arc::clone(&self.store.schema);
        for object in ["Task", "Event"].iter().filter_map(|name| schema.named(name)) {
            let Some(column) = object.column("WhoId") else { continue };
            let table = self.store.table(object.table);
            let rows: Vec<u32> =
                table.referring(column, lead.pack()).filter(|row| !table.is_deleted(*row)).collect();
            for row in rows {
                self.move_to(RowRef { table: object.table, row }, column, "WhoId", contact);
            }
        }
    }
}
