//! Describe of one field, with the key set of section 4.2.
//! May not know objects other than the field's own. Read [`describe`] first.

use serde_json::{Map, Value, json};

use crate::org::schema::{Derived, Field, FieldType, Flags, Object, Source};

/// Whether the user may give the field on create and on update.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rights {
    pub(super) create: bool,
    pub(super) update: bool,
}

/// Keys that are false for every field of this org.
const FALSE: [&str; 15] = [
    "aiPredictionField",
    "caseSensitive",
    "dependentPicklist",
    "deprecatedAndHidden",
    "displayLocationInDecimal",
    "encrypted",
    "formulaTreatNullNumberAsZero",
    "highScaleNumber",
    "htmlFormatted",
    "queryByDistance",
    "restrictedDelete",
    "searchPrefilterable",
    "writeRequiresMasterRead",
    "cascadeDelete",
    "polymorphicForeignKey",
];

/// Keys that are null for every field of this org.
const NULL: [&str; 8] = [
    "controllerName",
    "defaultValueFormula",
    "filteredLookupInfo",
    "inlineHelpText",
    "mask",
    "maskType",
    "referenceTargetField",
    "relationshipOrder",
];

/// The entry of `fields`, its keys in alphabetical order as in recorded answers.
pub(super) fn describe(object: &Object, field: &Field, is_name: bool, rights: Rights) -> Value {
    let mut entry = Map::new();
    entry.extend(FALSE.map(|key| (key.to_owned(), false.into())));
    entry.extend(NULL.map(|key| (key.to_owned(), Value::Null)));
    for part in [value_part(field), use_part(field, rights), identity_part(object, field, is_name)] {
        if let Value::Object(part) = part {
            entry.extend(part);
        }
    }
    entry.sort_keys();
    entry.into()
}

/// What values look like.
fn value_part(field: &Field) -> Value {
    let size = Size::of(field);
    json!({
        "byteLength": size.bytes,
        "digits": size.digits,
        "length": size.characters,
        "picklistValues": picklist_values(field),
        "precision": size.precision,
        "restrictedPicklist": field.has(Flags::RESTRICTED),
        "scale": size.scale,
        "soapType": field.kind.soap_name(),
        "type": field.kind.name(),
    })
}

/// What may be done with the field.
fn use_part(field: &Field, rights: Rights) -> Value {
    let filterable = field.has(Flags::FILTER) && !field.is_long_text();
    let is_flag = field.kind == FieldType::Boolean;
    json!({
        "aggregatable": is_aggregatable(field),
        "autoNumber": field.has(Flags::AUTONUMBER),
        "createable": rights.create,
        "defaultValue": if is_flag { json!(false) } else { Value::Null },
        "defaultedOnCreate": field.has(Flags::DEFAULTED),
        "externalId": field.has(Flags::EXTERNAL),
        "filterable": filterable,
        "groupable": filterable && is_groupable(field.kind),
        "idLookup": field.has(Flags::LOOKUP),
        "nillable": field.has(Flags::NILLABLE),
        "permissionable": field.has(Flags::CUSTOM) || rights.update && field.has(Flags::NILLABLE),
        "sortable": field.has(Flags::SORT) && !field.is_long_text(),
        "unique": field.has(Flags::UNIQUE),
        "updateable": rights.update,
    })
}

/// What the field is and where it leads.
fn identity_part(object: &Object, field: &Field, is_name: bool) -> Value {
    let lookup = field.kind == FieldType::Reference;
    let several = lookup && field.is_polymorphic();
    let calculated = matches!(field.source, Source::Derived(_)) && field.kind != FieldType::Address;
    json!({
        "calculated": calculated,
        // A roll-up is calculated and has no formula.
        "calculatedFormula": field.formula.as_ref().filter(|_| !matches!(field.source, Source::Derived(Derived::RollUp(_)))),
        "cascadeDelete": lookup && field.children.as_ref().is_some_and(|(_, cascade)| *cascade),
        "compoundFieldName": compound_name(object, field),
        "custom": field.has(Flags::CUSTOM),
        "extraTypeInfo": extra_type_info(object, field),
        "label": field.label,
        "name": field.name,
        "nameField": is_name,
        "namePointing": several,
        "polymorphicForeignKey": several,
        "referenceTo": field.targets,
        "relationshipName": field.relationship,
    })
}

/// The numbers of describe that tell how large a value may be.
struct Size {
    characters: u32,
    bytes: u32,
    digits: u32,
    precision: u8,
    scale: u8,
}

impl Size {
    fn of(field: &Field) -> Self {
        let mut size = Self { characters: 0, bytes: 0, digits: 0, precision: 0, scale: 0 };
        match field.kind {
            FieldType::Int => size.digits = field.length,
            FieldType::Double | FieldType::Currency | FieldType::Percent => {
                (size.precision, size.scale) = (field.precision, field.scale);
            }
            FieldType::Id | FieldType::Reference => (size.characters, size.bytes) = (18, 18),
            FieldType::MultiPicklist => (size.characters, size.bytes) = (field.length, field.length),
            kind if kind.is_text() => (size.characters, size.bytes) = (field.length, field.length * 3),
            _ => {}
        }
        size
    }
}

fn is_aggregatable(field: &Field) -> bool {
    !field.is_long_text()
        && !matches!(
            field.kind,
            FieldType::MultiPicklist
                | FieldType::Boolean
                | FieldType::Address
                | FieldType::Base64
                | FieldType::AnyType
        )
}

fn is_groupable(kind: FieldType) -> bool {
    !matches!(
        kind,
        FieldType::Double
            | FieldType::Currency
            | FieldType::Percent
            | FieldType::Datetime
            | FieldType::MultiPicklist
            | FieldType::Address
    )
}

/// The compound that a field is a part of.
fn compound_name<'a>(object: &'a Object, field: &Field) -> Option<&'a str> {
    const NAME_PARTS: [&str; 5] = ["Salutation", "FirstName", "MiddleName", "LastName", "Suffix"];
    let column = field.column()?;
    let address = object.fields.iter().find(|compound| match &compound.source {
        Source::Derived(Derived::Address(parts)) => parts.iter().any(|(_, part)| *part == column),
        _ => false,
    });
    if let Some(address) = address {
        return Some(&address.name);
    }
    let is_person = object.field("LastName").is_some() && object.field("Name").is_some();
    (is_person && NAME_PARTS.contains(&field.name.as_str())).then_some("Name")
}

fn extra_type_info(object: &Object, field: &Field) -> Option<&'static str> {
    match field.kind {
        FieldType::TextArea => Some("plaintextarea"),
        FieldType::Url if field.name.ends_with("PhotoUrl") => Some("imageurl"),
        FieldType::Text if field.name == "Name" && object.field("LastName").is_some() => Some("personname"),
        _ => None,
    }
}

fn picklist_values(field: &Field) -> Vec<Value> {
    field
        .picklist
        .iter()
        .map(|value| {
            json!({
                "active": true,
                "defaultValue": false,
                "label": value,
                "validFor": null,
                "value": value,
            })
        })
        .collect()
}
