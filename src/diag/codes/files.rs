//! E0: the file and its YAML.

family_pages! {
    "E001", "a tab is used for indentation", "YAML allows only spaces for indentation. Use two spaces per level; `sfsync fmt` replaces tabs.", "→salesforce: Account";
    "E002", "a value must be in quotes", "Without quotes YAML reads `: ` in a value as a new key, and inside `{ }` a bracket as something new. Put the value in single quotes, inside it use double quotes for text.", "to_app: 'if value == \"a\" { \"x: y\" } else { \"z\" }'";
    "E003", "anchors, aliases, tags, directives and merge keys are not supported", "One file is one pipeline, so there is little to share, and an alias can make a small file huge. Write the value out.";
    "E004", "a key is given twice", "YAML would silently keep one of the two. Keep one of them.";
    "E005", "`${...}` must be in quotes inside `{ }`", "Inside braces YAML ends the value at the brace of the reference. Put it in double quotes or write one key per line.", "auth: { type: bearer, token: \"${env:TOKEN}\" }";
    "E006", "the file is not valid YAML", "The place is where the parser could not go on; the mistake is often just before it: an unclosed bracket or quote, a wrong indentation. Keys of one mapping begin in the same column.";
    "E007", "the file is too large, too deep or not text", "A file is UTF-8 text without a byte order mark or control characters, of at most 1 MiB, with at most 20 levels, 50 000 values and one document.";
    "E008", "the name of the file is not a name", "Names of pipelines and connections are their file names: a-z, 0-9, `_` and `-`, up to 60 characters.";
    "E009", "the file cannot be read", "The daemon's user must be able to read it.";
    "E010", "a value cannot begin with a backtick or `@`", "YAML reserves both. Put the value in single quotes.", "to_app: '`${record.FirstName} ${record.LastName}`'";
    "E011", "` #` in an expression without quotes", "YAML reads the rest of the line as a comment, and what remains is no expression. Put it in single quotes.", "to_app: 'value + \" #1\"'";
    "E012", "a quote is not closed, or text follows it", "A value that begins with a quote ends with it. Inside single quotes a quote is doubled.", "name: 'Bob''s accounts'";
    "E013", "a bracket is not closed", "Every `[` needs its `]`, every `{` its `}`.", "to_app: [create, update]";
}
