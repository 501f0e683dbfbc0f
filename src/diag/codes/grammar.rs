//! E1: the grammar of the files.

family_pages! {
    "E101", "unknown key", "Unknown keys are errors, so that a typing mistake is never silently without effect. Keys that begin with `x-` are yours and ignored. A key with `)` in it is the rest of an expression that needs quotes.", "feilds: …   did you mean `fields`?";
    "E102", "a key is missing", "The key is required here, or another key needs it.";
    "E103", "a value of another kind is expected", "The message names the kind: a length of time needs a unit, a list needs brackets, a map needs keys.", "poll: 10 minutes";
    "E104", "not one of the choices", "The key takes one of a few words; the message lists them with their meaning.";
    "E105", "two keys exclude each other", "Only one of the two may be there; the message says which combination has a meaning.", "backfill: { where: IsClosed = false }";
    "E106", "keys that do not fit together", "A row names at least one field and where its value comes from: the field of the other side, `const`, or an expression. Some keys need another one.", "- { app: status, const: tentative }";
    "E107", "a two-way row describes only one way", "In a pipeline that flows both ways, a row that computes one way must say what happens the other way: `true` (copy), `false` (does not flow) or an expression.", "to_app: true";
    "E108", "a number out of range", "The title says what is possible.";
    "E109", "nothing flows", "At least one of `to_app` and `to_salesforce` lists operations. Nothing is written that the file does not say.", "to_app: [create, update]";
    "E110", "something is empty", "An empty list or mapping here would mean that nothing ever happens. Name something, or remove the key.", "include: { StageName: [Proposal] }";
    "E111", "something is listed twice", "Once is enough.";
    "E112", "`link` stands alone", "`[link]` means: remember which records belong together and write nothing. It cannot be combined with writing.", "to_app: [link]";
    "E113", "a test that shows nothing", "A test has a name of its own and changes something.";
}
