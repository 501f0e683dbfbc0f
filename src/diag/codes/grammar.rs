//! E1: the grammar of the files.

family_pages! {
    "E101", "unknown key", "Unknown keys are errors, so that a typing mistake is never silently without effect. Keys that begin with `x-` are yours and ignored.", "feilds: …   did you mean `fields`?";
    "E102", "a key is missing", "The key is required here.";
    "E103", "a value of another kind is expected", "The message names the kind: a length of time needs a unit, a list needs brackets, a map needs keys.", "poll: 10 minutes";
    "E104", "not one of the choices", "The key takes one of a few words; the message lists them with their meaning.";
    "E105", "two keys exclude each other", "Only one of the two may be there; the message says which combination has a meaning.";
    "E106", "a row is incomplete", "A row names at least one field and where its value comes from: the field of the other side, `const`, or an expression.";
    "E107", "a two-way row describes only one way", "In a pipeline that flows both ways, a row that computes one way must say what happens the other way: `true` (copy), `false` (does not flow) or an expression.", "to_app: true";
}
