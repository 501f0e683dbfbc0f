//! E3: what the systems have.

family_pages! {
    "E301", "unknown object", "The org has no such object, or the integration user may not see it.";
    "E302", "unknown field", "The object has no such field, or the integration user may not see it (field-level security gives the same answer).";
    "E303", "the two fields hold different kinds of values", "Some conversions are made without being asked (see the language); everything else needs an expression.", "to_app: 'to_text(value)'";
    "E304", "the field cannot be written", "It is a formula, a roll-up, an auto number, or read-only for the integration user. Let it flow one way.", "to_salesforce: false";
    "E305", "a required field is not filled", "Every create would be refused. Add a row, with a `default` if the app may have nothing.";
    "E306", "not a value of the picklist", "The value is not offered, or not for this record type.";
    "W307", "nothing can tell an existing record from a new one", "After a crash the same record could be created twice. Match on a field that is unique, such as an External ID.";
    "E308", "the object has no change events", "Remove `push: cdc`; changes are found by polling.";
    "E309", "the table does not exist", "Create it with the statement in the message, or let sfsync do it: `create_tables: true` on the connection.";
    "E310", "the table has no such column", "Add it with the statement in the message, or let sfsync do it: `create_tables: true` on the connection.";
    "E311", "the table has no usable key", "A record must be found again: the table needs a primary key of one column, or `key:` on the resource.";
    "W312", "checked without the schema", "The system was never reached, so fields and types could not be checked. Run `sfsync check --online`.";
}
