//! Reads of single records.
//! May not run queries. Read [`get`] first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::ApiError;
use super::ids::Id;
use super::render::json::Writer;
use super::schema::{FieldRef, Flags};
use super::soql::resolve::{End, Names};
use super::soql::run::Scope;
use super::soql::select::{Node, all_fields};
use super::value::RowRef;

/// One record with all readable fields, or with `fields` and `Id`.
pub(crate) fn get(
    scope: &Scope<'_>,
    object: u16,
    id: &str,
    fields: Option<&[&str]>,
) -> Result<Vec<u8>, ApiError> {
    let store = scope.reader.store;
    let definition = store.schema.object(object);
    let names = Names { soql: "", schema: &store.schema, visibility: scope.visibility };
    let mut wanted = match fields {
        None => all_fields(&names, object),
        Some(fields) => {
            fields.iter().map(|name| find_field(scope, object, name)).collect::<Result<_, _>>()?
        }
    };
    if let Some(id_field) = definition.field_index("Id").map(|field| FieldRef { object, field })
        && !wanted.contains(&id_field)
    {
        wanted.push(id_field);
    }
    let at = find(scope, object, id)?;
    let node = |at: &FieldRef| Node::Field { key: store.schema.field(*at).name.clone(), end: End::One(*at) };
    let nodes: Vec<Node> = wanted.iter().map(node).collect();
    let mut out = Vec::new();
    Writer { scope }.record(at, &definition.name, &nodes, &mut out);
    Ok(out)
}

/// All records of an object as a JSON array, in the order of their creation.
pub(crate) fn all(scope: &Scope<'_>, object: u16) -> Vec<u8> {
    let store = scope.reader.store;
    let definition = store.schema.object(object);
    let names = Names { soql: "", schema: &store.schema, visibility: scope.visibility };
    let node = |at: FieldRef| Node::Field { key: store.schema.field(at).name.clone(), end: End::One(at) };
    let nodes: Vec<Node> = all_fields(&names, object).into_iter().map(node).collect();
    let mut out = b"[".to_vec();
    for row in (0..store.table(definition.table).rows()).filter(|row| scope.sees_row(definition, *row)) {
        if out.len() > 1 {
            out.push(b',');
        }
        Writer { scope }.record(RowRef { table: definition.table, row }, &definition.name, &nodes, &mut out);
    }
    out.push(b']');
    out
}

/// The bytes of a base64 field; nothing when it is empty.
pub(crate) fn blob(scope: &Scope<'_>, object: u16, id: &str, field: &str) -> Result<Vec<u8>, ApiError> {
    let field = find_field(scope, object, field).map_err(|_| ApiError::not_found())?;
    let at = find(scope, object, id)?;
    let value = scope.reader.field(field, at.row);
    let text = value.as_text().unwrap_or("");
    Ok(STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec()))
}

/// Live records with this text in an external id field.
pub(crate) fn find_by(scope: &Scope<'_>, object: u16, field: &str, text: &str) -> Result<Vec<Id>, ApiError> {
    let store = scope.reader.store;
    let unknown = || {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        ApiError { message, ..ApiError::not_found() }
    };
    let at = find_field(scope, object, field).map_err(|_| unknown())?;
    if !store.schema.field(at).has(Flags::LOOKUP) {
        return Err(unknown());
    }
    let definition = store.schema.object(object);
    let found = scope.reader.holders(definition, store.schema.field(at), text);
    Ok(found.into_iter().map(|at| store.id_of(at)).collect())
}

fn find_field(scope: &Scope<'_>, object: u16, name: &str) -> Result<FieldRef, ApiError> {
    let definition = scope.reader.store.schema.object(object);
    let field = definition.field_index(name.trim()).map(|field| FieldRef { object, field });
    field.filter(|at| scope.visibility.sees(*at)).ok_or_else(|| {
        let message = format!("No such column '{}' on sobject of type {}", name.trim(), definition.name);
        ApiError::request("INVALID_FIELD", message)
    })
}

fn find(scope: &Scope<'_>, object: u16, id: &str) -> Result<RowRef, ApiError> {
    let store = scope.reader.store;
    let definition = store.schema.object(object);
    let id = Id::parse(id).map_err(|_| ApiError::not_found())?;
    let at = store.find(&id).filter(|at| at.table == definition.table && store.in_view(definition, at.row));
    let at = at.ok_or_else(ApiError::not_found)?;
    let table = store.table(at.table);
    if !table.is_visible(at.row, true, scope.reader.now) {
        return Err(ApiError::not_found());
    }
    if table.is_deleted(at.row) {
        // The loser of a merge cannot be told from a record that never was.
        let merged = definition.field("MasterRecordId");
        if merged.is_some_and(|field| !scope.reader.read(definition, field, at.row).is_null()) {
            return Err(ApiError::not_found());
        }
        return Err(ApiError::entity_is_deleted());
    }
    Ok(at)
}
