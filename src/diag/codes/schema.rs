//! E3: what the systems have.

family_pages! {
    "E301", "unknown object", "The org has no such object, or the integration user may not see it.";
    "E302", "unknown field", "The object has no such field, or the integration user may not see it (field-level security gives the same answer).";
    "E303", "the two fields hold different kinds of values", "Some conversions are made without being asked (see the language); everything else needs an expression.", "to_app: 'to_text(value)'";
    "E304", "the field cannot be written", "It is a formula, a roll-up, an auto number, or read-only for the integration user. Let it flow one way.", "to_salesforce: false";
    "E305", "a required field is not filled", "Every create would be refused. Add a row, with a `default` if the app may have nothing.";
    "E306", "not a value of the picklist", "The value is not offered, or not for this record type.";
    "W307", "nothing can tell an existing record from a new one", "After a crash the same record could be created twice. Match on a field that is unique, such as an External ID.";
    "E308", "the object has no change events", "Remove `push: cdc`; changes are found by polling. `push: webhook` needs `webhook:` on the connection, which says how callers prove themselves.";
    "E309", "the table does not exist", "Create it with the statement in the message, or let sfsync do it: `create_tables: true` on the connection.";
    "E310", "the table has no such column", "Add it with the statement in the message, or let sfsync do it: `create_tables: true` on the connection.";
    "E311", "the table has no usable key", "A record must be found again: the table needs a primary key of one column, or `key:` on the resource.";
    "E312", "the object cannot be queried", "The API offers no queries for it; sync an object that holds the same data.";
    "E313", "the integration user may not do that", "Give the user's permission set the right on the object, or remove the operation.";
    "E314", "`backfill.by` is no date", "`last` counts back from now on a date or date-time field.", "backfill: { last: 6 months, by: CreatedDate }";
    "E315", "the object has no date of change", "Without SystemModstamp, LastModifiedDate or CreatedDate nothing tells what changed; set `poll: off` and let `reconcile` compare everything.";
    "E316", "the value does not fit the field", "A constant, a default, a value of a filter or of `values` must be of the kind of its field.";
    "E317", "the field cannot stand in a query", "Salesforce does not filter by long text, by virtual fields and by some others. Use `filter` with an expression.";
    "E318", "`LinkedEntityId` needs a `lookup`", "A note is found through the record it hangs on; the lookup says on which records notes are searched.";
    "E319", "`where` is not a SOQL condition", "The condition is read before anything runs. SOQL has = != < <= > >= LIKE, IN, NOT IN, INCLUDES, EXCLUDES, joined by AND, OR and NOT; texts are in single quotes.", "where: Status = 'Open'";
    "E320", "the path goes up more than five parents", "Salesforce follows up to five parents in a query.";
    "E321", "unknown date or date literal", "Such as TODAY, THIS_MONTH, LAST_N_DAYS:30. Dates are written 2026-03-01, times 2026-03-01T10:00:00Z, both without quotes.", "where: CreatedDate = LAST_N_DAYS:30";
    "E322", "nothing tells when a row changed", "Changes of a table are found by the column that `updated_at` of its resource names: a date-time that the database sets on every change. Without one every look reads all rows, and a `backfill` of a part cannot tell old rows from new ones.", "updated_at: changed_at";
    "W323", "`match` cannot look for every spelling", "Salesforce can be asked for a domain, an address or a phone number in all of their spellings, and not for a text in whatever HTML. From the app only records are found in which the text is stored as it is written.";
}
