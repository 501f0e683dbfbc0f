//! The rows of `fields`.

use super::fields::{Fields, list, literal, pipeline_name};
use crate::spec::yaml::{Data, Node};
use crate::spec::{
    Conflict, Flow, Literal, Missing, NormalForm, OnError, OnNull, RowSpec, Spanned, ValueMap, Write,
};

/// Every row that is a mapping, with its number in the file.
pub(super) fn rows(node: &Node) -> Vec<RowSpec> {
    let items = node.items().unwrap_or_default();
    items.iter().enumerate().filter_map(|(at, item)| row(item, at + 1)).collect()
}

fn row(node: &Node, number: usize) -> Option<RowSpec> {
    let fields = Fields::of(node)?;
    Some(RowSpec {
        span: fields.span,
        number,
        incomplete: broken(&fields),
        salesforce: fields.path("salesforce"),
        app: fields.path("app"),
        to_app: fields.entry("to_app", flow),
        to_salesforce: fields.entry("to_salesforce", flow),
        constant: fields.entry("const", literal),
        lookup: fields.entry("lookup", |node| Some(list(node, pipeline_name))),
        missing: fields.word("missing", Missing::from_word),
        values: fields.entry("values", value_map),
        normal_form: fields.word("as", NormalForm::from_word),
        default: fields.entry("default", literal),
        write: fields.word("write", Write::from_word),
        group: fields.text("group"),
        on_null: fields.word("on_null", OnNull::from_word),
        conflict: fields.word("conflict", Conflict::from_word),
        on_error: fields.word("on_error", OnError::from_word),
    })
}

/// Whether something of the row was reported. Keys for the user's own notes do not count.
fn broken(fields: &Fields<'_>) -> bool {
    fields.pairs().iter().any(|(key, value)| value.has_bad() && !key.text.starts_with("x-"))
}

fn flow(node: &Node) -> Option<Flow> {
    let scalar = node.scalar()?;
    Some(match &*scalar.text {
        "true" if !scalar.style.is_quoted() => Flow::Copy,
        "false" if !scalar.style.is_quoted() => Flow::Off,
        _ => Flow::Expression(scalar.clone()),
    })
}

fn value_map(node: &Node) -> Option<ValueMap> {
    let mut map = ValueMap::default();
    for (key, value) in node.entries()? {
        if matches!(value.data, Data::Bad) {
            continue;
        }
        let to = Spanned::new(literal(value)?, value.span);
        if &*key.text == "else" && !key.style.is_quoted() {
            map.otherwise = Some(to);
        } else {
            map.pairs.push((Spanned::new(Literal::of_scalar(key), key.span), to));
        }
    }
    Some(map)
}
