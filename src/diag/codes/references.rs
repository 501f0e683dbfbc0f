//! E2: references between files.

family_pages! {
    "E201", "unknown connection", "There is no file of that name under `connections/`.";
    "E202", "unknown resource", "The connection has no such resource. For databases a resource is a table; for HTTP apps it is declared under `resources:`.";
    "E203", "`lookup` names a pipeline that does not exist", "A lookup finds the linked record of another pipeline; its name is the file name.";
    "E204", "the connection is of the wrong type", "`salesforce:` needs a connection of type salesforce, `app:` a database or an HTTP app, `notify:` slack, email or webhook.";
    "E205", "`match` names a field that no row has", "`match` lists app fields of rows; add the row it should match on.";
    "E206", "two rows write the same field", "Within one pipeline each field is written by one row. Keep one, or join them in an expression.";
    "E207", "two pipelines write the same field", "Each would undo the other. Remove one of the rows, tell the records apart with `const` rows that differ, or use `links: many_to_one` in both files.";
    "E208", "`lookup` goes in a circle", "Each pipeline would wait for the other. Add `missing: empty` to the less important row; it is filled in afterwards.";
    "E209", "unknown group", "The row names a group that `groups:` does not list.";
    "E211", "two files have the same name", "`clients.yaml` and `clients.yml` are one pipeline to sfsync. Keep one of them.";
    "E212", "the lookup finds ids of another system", "A lookup gives the linked id of another pipeline; that pipeline must have the same app connection and the same org, or its ids mean nothing here.";
    "W212", "the field never refers to such records", "The field refers to other objects than the one that the looked-up pipeline links, so it can never be linked. Name the pipeline of the right object.";
    "W210", "a file looks like it was renamed", "A file disappeared and another one with the same two sides appeared. Say `renamed_from:` to keep links and cursors, or `generation: 1` to begin anew.";
}
