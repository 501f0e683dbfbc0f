//! Describe of objects and describe global.
//! May not describe fields itself. Read [`object`] first.

use serde_json::{Map, Value, json};

use super::field::{Rights, describe as describe_field};
use crate::org::ids::Id;
use crate::org::render::API_VERSION;
use crate::org::schema::{FieldRef, Object, Schema};
use crate::org::setup::{RecordType, Setup};
use crate::org::store::Store;
use crate::org::visibility::Visibility;

/// What describe depends on.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) store: &'a Store,
    pub(crate) setup: &'a Setup,
    pub(crate) visibility: &'a Visibility,
    pub(crate) instance_url: &'a str,
}

/// The id that describe gives for records without a record type.
const MASTER_RECORD_TYPE: &str = "012000000000000AAA";

/// The answer of describe global (section 4.1).
pub(crate) fn global(sight: Sight<'_>) -> Value {
    let schema = &sight.store.schema;
    let visible = (0u16..).zip(&schema.objects).filter(|(index, _)| sight.visibility.sees_object(*index));
    let objects: Vec<Value> = visible.map(|(index, _)| brief(sight, index)).collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })
}

/// One entry of describe global.
pub(crate) fn brief(sight: Sight<'_>, index: u16) -> Value {
    let object = sight.store.schema.object(index);
    let mut entry = abilities(sight, index);
    let path = format!("/services/data/{API_VERSION}/sobjects/{}", object.name);
    let mut urls = Map::new();
    for (key, rest) in [
        ("compactLayouts", "/describe/compactLayouts"),
        ("rowTemplate", "/{ID}"),
        ("approvalLayouts", "/describe/approvalLayouts"),
        ("listviews", "/listviews"),
        ("describe", "/describe"),
        ("quickActions", "/quickActions"),
        ("layouts", "/describe/layouts"),
        ("sobject", ""),
    ] {
        urls.insert(key.to_owned(), format!("{path}{rest}").into());
    }
    entry.insert("urls".to_owned(), urls.into());
    entry.into()
}

/// The keys that describe global and describe share.
fn abilities(sight: Sight<'_>, index: u16) -> Map<String, Value> {
    let schema = &sight.store.schema;
    let object = schema.object(index);
    let changes = sight.visibility.changes_object(index);
    let has = |word: &str| object.abilities.has(word);
    let parent = object.abilities.value("historyof");
    let prefix = std::str::from_utf8(&object.prefix).unwrap_or_default();
    let value = json!({
        "activateable": false,
        "associateEntityType": parent.map(|_| "History"),
        "associateParentEntity": parent,
        "createable": changes && !has("nocreate"),
        "custom": object.custom,
        "customSetting": false,
        "deepCloneable": false,
        "deletable": changes && !has("nodelete"),
        "deprecatedAndHidden": false,
        "feedEnabled": has("feed"),
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": prefix,
        "label": object.label,
        "labelPlural": object.plural,
        "layoutable": has("feed"),
        "mergeable": has("merge"),
        "mruEnabled": has("feed"),
        "name": object.name,
        "queryable": true,
        "replicateable": has("replicate"),
        "retrieveable": true,
        "searchable": has("feed"),
        "triggerable": has("feed"),
        "undeletable": has("undelete"),
        "updateable": changes && !has("noupdate"),
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The answer of describe (section 4.2).
pub(crate) fn object(sight: Sight<'_>, index: u16) -> Value {
    let schema = &sight.store.schema;
    let object = schema.object(index);
    let mut entry = abilities(sight, index);
    for key in
        ["defaultImplementation", "extendedBy", "extendsInterfaces", "implementedBy", "implementsInterfaces"]
    {
        entry.insert(key.to_owned(), Value::Null);
    }
    let layoutable = object.abilities.has("feed");
    let more = json!({
        "actionOverrides": [],
        "childRelationships": child_relationships(sight, index),
        "compactLayoutable": layoutable,
        "fields": fields(sight, index),
        "listviewable": null,
        "lookupLayoutable": null,
        "namedLayoutInfos": [],
        "networkScopeFieldName": null,
        "recordTypeInfos": record_type_infos(sight, object),
        "searchLayoutable": layoutable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": supported_scopes(object),
        "urls": urls(sight, object),
    });
    if let Value::Object(more) = more {
        entry.extend(more);
    }
    entry.sort_keys();
    entry.into()
}

fn fields(sight: Sight<'_>, index: u16) -> Vec<Value> {
    let schema: &Schema = &sight.store.schema;
    let object = schema.object(index);
    let changes = sight.visibility.changes_object(index);
    let right = |at: FieldRef, creating: bool| {
        let barred = if creating { "nocreate" } else { "noupdate" };
        changes && !object.abilities.has(barred) && sight.visibility.writes(schema, at, creating)
    };
    (0u16..)
        .zip(&object.fields)
        .map(|(field, definition)| (FieldRef { object: index, field }, definition))
        .filter(|(at, _)| sight.visibility.sees(*at))
        .map(|(at, definition)| {
            let rights = Rights { create: right(at, true), update: right(at, false) };
            describe_field(object, definition, object.name_field == Some(at.field), rights)
        })
        .collect()
}

fn child_relationships(sight: Sight<'_>, index: u16) -> Vec<Value> {
    let schema = &sight.store.schema;
    schema
        .children_of(index)
        .into_iter()
        .filter(|child| {
            sight.visibility.sees_object(child.lookup.object) && sight.visibility.sees(child.lookup)
        })
        .map(|child| {
            json!({
                "cascadeDelete": child.cascade,
                "childSObject": schema.object(child.lookup.object).name,
                "deprecatedAndHidden": false,
                "field": schema.field(child.lookup).name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": child.name,
                "restrictedDelete": false,
            })
        })
        .collect()
}

fn record_type_infos(sight: Sight<'_>, object: &Object) -> Vec<Value> {
    let layouts = format!("/services/data/{API_VERSION}/sobjects/{}/describe/layouts", object.name);
    let info = |name: &str, developer_name: &str, id: &str, default: bool, master: bool| {
        json!({
            "active": true,
            "available": true,
            "defaultRecordTypeMapping": default,
            "developerName": developer_name,
            "master": master,
            "name": name,
            "recordTypeId": id,
            "urls": {"layout": format!("{layouts}/{id}")},
        })
    };
    let own: Vec<&RecordType> = sight.setup.record_types_of(&object.name).collect();
    let mut infos: Vec<Value> = own
        .iter()
        .enumerate()
        .map(|(number, kind)| {
            let id = sight.store.id_of(kind.at).to_string();
            info(&kind.name, &kind.developer_name, &id, number == 0, false)
        })
        .collect();
    infos.push(info("Master", "Master", MASTER_RECORD_TYPE, own.is_empty(), true));
    infos
}

fn supported_scopes(object: &Object) -> Value {
    let plural = object.plural.to_lowercase();
    json!([
        {"label": format!("All {plural}"), "name": "everything"},
        {"label": format!("My {plural}"), "name": "mine"},
    ])
}

fn urls(sight: Sight<'_>, object: &Object) -> Value {
    let path = format!("/services/data/{API_VERSION}/sobjects/{}", object.name);
    let site = sight.instance_url;
    let prefix = std::str::from_utf8(&object.prefix).unwrap_or_default();
    json!({
        "compactLayouts": format!("{path}/describe/compactLayouts"),
        "rowTemplate": format!("{path}/{{ID}}"),
        "approvalLayouts": format!("{path}/describe/approvalLayouts"),
        "uiDetailTemplate": format!("{site}/{{ID}}"),
        "uiEditTemplate": format!("{site}/{{ID}}/e"),
        "defaultValues": format!("{path}/defaultValues?recordTypeId&fields"),
        "listviews": format!("{path}/listviews"),
        "describe": format!("{path}/describe"),
        "uiNewRecord": format!("{site}/{prefix}/e"),
        "quickActions": format!("{path}/quickActions"),
        "layouts": format!("{path}/describe/layouts"),
        "sobject": path,
    })
}

/// The picklist values that a record type offers, in the form of the UI API
/// (`/ui-api/object-info/{object}/picklist-values/{recordTypeId}`); `None` for an unknown record type.
pub(crate) fn record_type_picklists(sight: Sight<'_>, index: u16, record_type: &Id) -> Option<Value> {
    let object = sight.store.schema.object(index);
    let is_master = record_type.to_string() == MASTER_RECORD_TYPE;
    let mut own = sight.setup.record_types_of(&object.name);
    let kind = own.find(|kind| sight.store.id_of(kind.at) == *record_type);
    if kind.is_none() && !is_master {
        return None;
    }
    let path = format!(
        "/services/data/{API_VERSION}/ui-api/object-info/{}/picklist-values/{record_type}",
        object.name
    );
    let mut values = Map::new();
    for field in object.fields.iter().filter(|field| !field.picklist.is_empty()) {
        let offered: Vec<Value> = field
            .picklist
            .iter()
            .filter(|value| kind.is_none_or(|kind| kind.offers(&field.name, value)))
            .map(|value| json!({"attributes": null, "label": value, "validFor": [], "value": value}))
            .collect();
        let entry = json!({
            "controllerValues": {},
            "defaultValue": null,
            "url": format!("{path}/{}", field.name),
            "values": offered,
        });
        values.insert(field.name.clone(), entry);
    }
    Some(json!({ "picklistFieldValues": values }))
}
