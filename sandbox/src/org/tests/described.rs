//! Describe: key sets and what they say.

use serde_json::{Value, json};

use super::*;

const OBJECT_KEYS: &str = "actionOverrides activateable associateEntityType associateParentEntity childRelationships compactLayoutable createable custom customSetting deepCloneable defaultImplementation deletable deprecatedAndHidden extendedBy extendsInterfaces feedEnabled fields hasSubtypes implementedBy implementsInterfaces isInterface isSubtype keyPrefix label labelPlural layoutable listviewable lookupLayoutable mergeable mruEnabled name namedLayoutInfos networkScopeFieldName queryable recordTypeInfos replicateable retrieveable searchLayoutable searchable sobjectDescribeOption supportedScopes triggerable undeletable updateable urls";
const FIELD_KEYS: &str = "aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive compoundFieldName controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted externalId extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType name nameField namePointing nillable permissionable picklistValues polymorphicForeignKey precision queryByDistance referenceTargetField referenceTo relationshipName relationshipOrder restrictedDelete restrictedPicklist scale searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead";
const GLOBAL_KEYS: &str = "activateable associateEntityType associateParentEntity createable custom customSetting deepCloneable deletable deprecatedAndHidden feedEnabled hasSubtypes isInterface isSubtype keyPrefix label labelPlural layoutable mergeable mruEnabled name queryable replicateable retrieveable searchable triggerable undeletable updateable urls";

fn keys(value: &Value) -> String {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys.join(" ")
}

fn described(org: &Org, object: &str) -> Value {
    serde_json::from_slice(&org.describe(object).unwrap().json).unwrap()
}

fn field(described: &Value, name: &str) -> Value {
    described["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).unwrap().clone()
}

#[test]
fn every_object_has_the_recorded_keys() {
    let org = org();
    let global: Value = serde_json::from_slice(&org.describe_global().json).unwrap();
    for entry in global["sobjects"].as_array().unwrap() {
        assert_eq!(keys(entry), GLOBAL_KEYS);
        let object = described(&org, entry["name"].as_str().unwrap());
        assert_eq!(keys(&object), OBJECT_KEYS);
        for field in object["fields"].as_array().unwrap() {
            assert_eq!(keys(field), FIELD_KEYS, "{}", field["name"]);
        }
    }
    assert!(global["sobjects"].as_array().unwrap().len() >= 38);
}

#[test]
fn fields_are_described_as_recorded() {
    let opportunity = described(&org(), "Opportunity");
    for (name, key, expected) in [
        ("Amount", "type", json!("currency")),
        ("Amount", "precision", json!(18)),
        ("Amount", "scale", json!(2)),
        ("Amount", "groupable", json!(false)),
        ("Name", "length", json!(120)),
        ("Name", "byteLength", json!(360)),
        ("Name", "nameField", json!(true)),
        ("ExpectedRevenue", "calculated", json!(true)),
        ("ExpectedRevenue", "createable", json!(false)),
        ("StageName", "nillable", json!(false)),
        ("CloseDate", "soapType", json!("xsd:date")),
        ("Description", "filterable", json!(false)),
        ("OwnerId", "relationshipName", json!("Owner")),
        ("OwnerId", "referenceTo", json!(["User"])),
        ("Id", "idLookup", json!(true)),
        ("Id", "soapType", json!("tns:ID")),
        ("SystemModstamp", "updateable", json!(false)),
        ("IsWon", "defaultValue", json!(false)),
    ] {
        assert_eq!(field(&opportunity, name)[key], expected, "{name}.{key}");
    }
    assert_eq!(field(&described(&org(), "Contact"), "FirstName")["compoundFieldName"], "Name");
    assert_eq!(field(&described(&org(), "Account"), "BillingCity")["compoundFieldName"], "BillingAddress");
    assert_eq!(field(&described(&org(), "Task"), "WhoId")["polymorphicForeignKey"], true);
}

#[test]
fn record_types_offer_their_own_stages() {
    let org = org();
    let infos = described(&org, "Opportunity")["recordTypeInfos"].as_array().unwrap().clone();
    let renewal = infos.iter().find(|info| info["developerName"] == "Renewal").unwrap();
    let id = renewal["recordTypeId"].as_str().unwrap();
    let offered = org.record_type_picklists("Opportunity", id).unwrap();
    let stages: Vec<&str> = offered["picklistFieldValues"]["StageName"]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value["value"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        ["Needs Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost"]
    );
    assert_eq!(org.record_type_picklists("Opportunity", "012000000000000").unwrap()["picklistFieldValues"]["StageName"]["values"].as_array().unwrap().len(), 10);
    assert_eq!(org.record_type_picklists("Opportunity", "012Hq0000000001").unwrap_err().status, 404);
}

#[test]
fn features_add_their_fields() {
    let plain = org();
    let rich = Org::new(OrgConfig {
        multicurrency: true,
        person_accounts: true,
        state_picklists: true,
        ..OrgConfig::default()
    })
    .unwrap();
    for (object, name) in [
        ("Opportunity", "CurrencyIsoCode"),
        ("Account", "IsPersonAccount"),
        ("Account", "BillingCountryCode"),
    ] {
        let has = |org: &Org| {
            described(org, object)["fields"].as_array().unwrap().iter().any(|f| f["name"] == name)
        };
        assert!(has(&rich) && !has(&plain), "{object}.{name}");
    }
    assert!(plain.describe("CurrencyType").is_err());
    assert_eq!(
        records(&rich, "SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true")[0]["IsoCode"],
        "EUR"
    );
}

#[test]
fn the_stamp_and_the_etag_move_with_permissions() {
    let org = org();
    let before = org.describe("Account").unwrap();
    org.clock().advance(jiff::SignedDuration::from_secs(60));
    assert_eq!(org.describe("Account").unwrap().last_modified, before.last_modified);
    org.set_visibility(&[VisibilityRule::HideField("Account".into(), "Industry".into())]);
    let after = org.describe("Account").unwrap();
    assert!(after.last_modified > before.last_modified);
    assert_ne!(after.etag, before.etag);
}
