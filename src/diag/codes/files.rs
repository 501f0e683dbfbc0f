//! E0: the file and its YAML.

family_pages! {
    "E001", "a tab is used for indentation", "YAML allows only spaces for indentation. Use two spaces per level; `sfsync fmt` replaces tabs.", "→salesforce: Account";
    "E002", "a value must be in quotes", "YAML reads `: `, ` #`, a leading backtick or `@` as its own syntax. Put the value in single quotes, inside it use double quotes for text.", "to_app: 'if value == \"a\" { \"x: y\" } else { \"z\" }'";
    "E003", "anchors, aliases, tags and merge keys are not supported", "One file is one pipeline, so there is little to share, and an alias can make a small file huge. Write the value out.";
    "E004", "a key is given twice", "YAML would silently keep one of the two. Keep one of them.";
    "E005", "`${...}` must be in quotes inside `{ }`", "Inside braces YAML ends the value at the brace of the reference. Put it in double quotes or write one key per line.", "auth: { type: bearer, token: \"${env:TOKEN}\" }";
    "E006", "the file is not valid YAML", "The place is where the parser could not go on; the mistake is often just before it: an unclosed bracket or quote, a wrong indentation.";
    "E007", "the file is too large, too deep or not text", "A file is UTF-8 text of at most 1 MiB, with at most 20 levels and one document.";
    "E008", "the name of the file is not a name", "Names of pipelines and connections are their file names: a-z, 0-9, `_` and `-`, up to 60 characters.";
    "E009", "the file cannot be read", "The daemon's user must be able to read it.";
}
