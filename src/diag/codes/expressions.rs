//! E4: expressions.

family_pages! {
    "E401", "syntax error in expression", "An expression is one expression: no `let`, no `;`, no loops. `if a { x } else { y }`, `a ?? b`, `&&`, `||`, `!` are there.";
    "E402", "unknown variable", "The variables are record, value, other, old, now, today, op and pipeline.";
    "E403", "unknown function", "`sfsync explain functions` lists them all with examples.";
    "E404", "a function is called with the wrong number of arguments", "The message shows the form and an example.";
    "E405", "an expression cannot change anything", "`=` assigns; to compare write `==`.";
    "E406", "a whole record where a value is needed", "`record`, `other` and `old` have fields; name one of them. A field that does not exist is E302.";
    "E407", "a computed field name needs `select`", "`record[…]` with a computed name cannot be known before running; list the fields under `salesforce: { select: […] }`.";
}
