//! Describe (section 4) into [`ObjectInfo`]. Unknown keys are ignored and missing ones have defaults, because versions differ.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::{FieldInfo, Kind, ObjectInfo, PicklistValue, RecordTypeInfo};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // describe attributes, one to one
struct WireObject {
    name: String,
    label: String,
    key_prefix: Option<String>,
    fields: Vec<WireField>,
    record_type_infos: Vec<WireRecordType>,
    queryable: bool,
    createable: bool,
    updateable: bool,
    deletable: bool,
    replicateable: bool,
    undeletable: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools)] // describe attributes, one to one
struct WireField {
    name: String,
    label: String,
    #[serde(rename = "type")]
    wire: String,
    length: u32,
    precision: u32,
    digits: u32,
    scale: u32,
    nillable: bool,
    defaulted_on_create: bool,
    createable: bool,
    updateable: bool,
    calculated: bool,
    auto_number: bool,
    external_id: bool,
    id_lookup: bool,
    unique: bool,
    filterable: bool,
    sortable: bool,
    reference_to: Vec<String>,
    relationship_name: Option<String>,
    picklist_values: Vec<WirePicklistValue>,
    restricted_picklist: bool,
    compound_field_name: Option<String>,
    html_formatted: bool,
    deprecated_and_hidden: bool,
}

#[derive(Deserialize)]
struct WirePicklistValue {
    #[serde(default)]
    value: String,
    #[serde(default)]
    active: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireRecordType {
    record_type_id: String,
    developer_name: String,
    name: String,
    available: bool,
    active: bool,
}

#[derive(Deserialize)]
struct WireGlobal {
    sobjects: Vec<GlobalObject>,
}

/// One object in the list of all objects (section 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GlobalObject {
    /// API name.
    pub name: String,
    /// Label.
    #[serde(default)]
    pub label: String,
    /// First three characters of its ids.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// May be queried.
    #[serde(default)]
    pub queryable: bool,
}

/// Reads the describe of one object.
pub fn decode_object(body: &[u8], read_at: Timestamp) -> Result<ObjectInfo, serde_json::Error> {
    let wire: WireObject = serde_json::from_slice(body)?;
    if wire.name.is_empty() || wire.fields.is_empty() {
        return Err(serde::de::Error::custom("a describe without name or fields"));
    }
    Ok(ObjectInfo {
        name: wire.name,
        label: wire.label,
        key_prefix: wire.key_prefix,
        fields: wire.fields.into_iter().filter(|field| !field.deprecated_and_hidden).map(field).collect(),
        record_types: wire.record_type_infos.into_iter().map(record_type).collect(),
        queryable: wire.queryable,
        createable: wire.createable,
        updateable: wire.updateable,
        deletable: wire.deletable,
        replicateable: wire.replicateable,
        undeletable: wire.undeletable,
        read_at,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireOffers {
    picklist_field_values: BTreeMap<String, WireOffer>,
}

#[derive(Deserialize)]
struct WireOffer {
    values: Vec<WireOffered>,
}

#[derive(Deserialize)]
struct WireOffered {
    value: String,
}

/// Reads what a record type offers (UI API, picklist values of a record type): the values by field.
pub fn decode_offers(body: &[u8]) -> Result<BTreeMap<String, Vec<String>>, serde_json::Error> {
    let wire: WireOffers = serde_json::from_slice(body)?;
    let values = |offer: WireOffer| offer.values.into_iter().map(|offered| offered.value).collect();
    Ok(wire.picklist_field_values.into_iter().map(|(field, offer)| (field, values(offer))).collect())
}

/// Notes in the picklists of an object what one of its record types offers.
pub fn note_offers(object: &mut ObjectInfo, record_type: &str, offers: &BTreeMap<String, Vec<String>>) {
    let kind = object.record_types.iter_mut().find(|kind| kind.developer_name == record_type);
    let Some(kind) = kind else { return };
    kind.offers_read = true;
    for field in &mut object.fields {
        let offered = offers.get(&field.name).map_or(&[][..], Vec::as_slice);
        for choice in field.picklist.iter_mut().filter(|choice| offered.contains(&choice.value)) {
            choice.record_types.push(record_type.to_owned());
        }
    }
}

/// Reads the list of all objects the user may see.
pub fn decode_global(body: &[u8]) -> Result<Vec<GlobalObject>, serde_json::Error> {
    serde_json::from_slice::<WireGlobal>(body).map(|global| global.sobjects)
}

fn field(wire: WireField) -> FieldInfo {
    FieldInfo {
        kind: kind(&wire.wire),
        name: wire.name,
        label: wire.label,
        wire: wire.wire,
        length: wire.length,
        precision: wire.precision.max(wire.digits),
        scale: wire.scale,
        nillable: wire.nillable,
        defaulted_on_create: wire.defaulted_on_create,
        createable: wire.createable,
        updateable: wire.updateable,
        calculated: wire.calculated,
        auto_number: wire.auto_number,
        external_id: wire.external_id,
        id_lookup: wire.id_lookup,
        unique: wire.unique,
        filterable: wire.filterable,
        sortable: wire.sortable,
        reference_to: wire.reference_to,
        relationship: wire.relationship_name,
        picklist: wire.picklist_values.into_iter().map(choice).collect(),
        restricted: wire.restricted_picklist,
        compound: wire.compound_field_name,
        html: wire.html_formatted,
    }
}

fn choice(wire: WirePicklistValue) -> PicklistValue {
    PicklistValue { value: wire.value, active: wire.active, record_types: Vec::new() }
}

fn record_type(wire: WireRecordType) -> RecordTypeInfo {
    RecordTypeInfo {
        id: wire.record_type_id,
        developer_name: wire.developer_name,
        name: wire.name,
        available: wire.available,
        active: wire.active,
        offers_read: false,
    }
}

/// What a wire type holds (section 3.4).
pub fn kind(wire: &str) -> Kind {
    match wire {
        "id" | "reference" => Kind::Id,
        "boolean" => Kind::Bool,
        "int" | "long" => Kind::Int,
        "double" | "currency" | "percent" => Kind::Decimal,
        "date" => Kind::Date,
        "datetime" => Kind::DateTime,
        "time" => Kind::Time,
        "multipicklist" => Kind::List,
        "address" | "location" | "complexvalue" | "json" => Kind::Json,
        "anyType" => Kind::Any,
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_describe_with_known_unknown_and_missing_keys() {
        let body = br#"{"name":"Account","label":"Account","keyPrefix":"001","queryable":true,"createable":true,"futureKey":{"a":1},
            "recordTypeInfos":[{"active":true,"available":true,"developerName":"Master","master":true,"name":"Master","recordTypeId":"012000000000000AAA"}],
            "fields":[
              {"name":"Id","type":"id","length":18,"idLookup":true,"filterable":true,"sortable":true},
              {"name":"SystemModstamp","type":"datetime"},
              {"name":"OwnerId","type":"reference","referenceTo":["User"],"relationshipName":"Owner","updateable":true},
              {"name":"Tags__c","type":"multipicklist","picklistValues":[{"active":true,"label":"A","value":"a","validFor":null}],"restrictedPicklist":true},
              {"name":"BillingCity","type":"string","length":40,"compoundFieldName":"BillingAddress","relationshipName":null},
              {"name":"NumberOfEmployees","type":"int","digits":8},
              {"name":"Old__c","type":"string","deprecatedAndHidden":true}]}"#;
        let object = decode_object(body, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            (object.name.as_str(), object.key_prefix.as_deref(), object.fields.len()),
            ("Account", Some("001"), 6)
        );
        assert_eq!(object.stamp_field().unwrap().name, "SystemModstamp");
        let owner = object.field("ownerid").unwrap();
        assert_eq!(
            (owner.kind, owner.relationship.as_deref(), owner.reference_to.as_slice()),
            (Kind::Id, Some("Owner"), &["User".to_owned()][..])
        );
        let tags = object.field("Tags__c").unwrap();
        assert_eq!((tags.kind, tags.restricted, tags.picklist[0].value.as_str()), (Kind::List, true, "a"));
        assert_eq!(object.field("BillingCity").unwrap().compound.as_deref(), Some("BillingAddress"));
        assert_eq!(object.field("NumberOfEmployees").unwrap().precision, 8);
        assert_eq!(object.record_types[0].developer_name, "Master");
    }

    #[test]
    fn an_answer_that_is_no_describe_is_refused() {
        assert!(decode_object(b"{}", Timestamp::UNIX_EPOCH).is_err());
        assert!(decode_object(b"<html>", Timestamp::UNIX_EPOCH).is_err());
    }
}
