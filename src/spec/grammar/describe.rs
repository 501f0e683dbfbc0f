//! Shapes in words: for titles, for `explain`, for the reference page.

use super::shape::Shape;

/// After "is": `a length of time`.
pub(super) fn noun(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Template | Shape::Secret => "a text",
        Shape::Url => "an address",
        Shape::Bool => "true or false",
        Shape::Int { .. } => "a whole number",
        Shape::Period | Shape::Poll => "a length of time",
        Shape::Schedule => "a schedule",
        Shape::Rate => "a rate",
        Shape::Share => "a share",
        Shape::Hours => "hours of the day",
        Shape::Timezone => "a time zone",
        Shape::Timestamp => "a time",
        Shape::Path => "a field",
        Shape::Name => "a name",
        Shape::Object => "the API name of an object",
        Shape::ResourceRef => "`connection.resource`",
        Shape::Protected => "a field of an object",
        Shape::Request => "a request",
        Shape::UrlPath => "a path",
        Shape::Expression => "an expression",
        Shape::Flow => "true, false or an expression",
        Shape::Soql => "a SOQL condition",
        Shape::Sql => "a SQL condition",
        Shape::Literal => "a value",
        Shape::Selector => "an id or a mapping of fields",
        Shape::Choice(_) => "a word",
        Shape::List(_) => "a list",
        Shape::OneOrMore(item) => noun(item),
        Shape::Map(_) | Shape::ByWord(_) | Shape::MapOf(_) => "a mapping",
        Shape::Either(short, _) => noun(short),
        Shape::Filters { .. } => "a mapping of fields, or a list of them",
        Shape::Record => "a mapping of fields",
        Shape::RecordOrDeleted => "a mapping of fields, or `deleted`",
    }
}

/// For tables: `list of text`, `duration`.
pub(super) fn short(shape: &Shape) -> String {
    match shape {
        Shape::Choice(choices) => {
            choices.iter().map(|choice| format!("`{}`", choice.word)).collect::<Vec<_>>().join(" ")
        }
        Shape::List(item) => format!("list of {}", short(item)),
        Shape::OneOrMore(item) => format!("{}, or list", short(item)),
        Shape::Map(mapping) => format!("mapping ({})", mapping.name),
        Shape::ByWord(by) => format!("mapping ({})", by.name),
        Shape::MapOf(each) => format!("{} → {}", short(&each.key), short(&each.value)),
        Shape::Either(short_form, mapping) => format!("{}, or mapping ({})", short(short_form), mapping.name),
        Shape::Period => "duration".to_owned(),
        Shape::Poll => "duration, `off`".to_owned(),
        Shape::Secret => "secret".to_owned(),
        Shape::Template => "text".to_owned(),
        Shape::Int { .. } => "int".to_owned(),
        Shape::Bool => "bool".to_owned(),
        _ => noun(shape).trim_start_matches("a ").trim_start_matches("an ").to_owned(),
    }
}
