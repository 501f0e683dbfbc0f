//! The records that every org has from the start: organization, licences, profiles, users, stages, record types.
//! May not make business records. Read [`Setup`] first.

mod given;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::given::{LICENSES, NEW_STAGES, PEOPLE, PROFILES, RENEWAL_STAGES, STAGES, StageRow};
use super::config::OrgConfig;
use super::dates::DAY;
use super::rules::Rules;
use super::rules_file::RecordTypeSpec;
use super::schema::Schema;
use super::store::Store;
use super::value::{RowRef, Value};

/// Age of the org, in days, when it is made.
const ORG_AGE_DAYS: i64 = 3 * 365;

/// What the rest of the engine needs to know of the set-up records.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) organization: RowRef,
    pub(crate) integration_user: RowRef,
    /// Everybody who may own records, inactive people among them.
    pub(crate) owners: Vec<RowRef>,
    pub(crate) stages: Vec<Stage>,
    /// The record types, those of Opportunity with the stages of each; the default one of an object comes first.
    pub(crate) record_types: Vec<RecordType>,
    /// Validation, duplicate and assignment rules.
    pub(crate) rules: Rules,
    /// Decimals that do not fit are rounded, not cut.
    pub(crate) rounds_decimals: bool,
}

impl Setup {
    /// The record types of an object, the default one first.
    pub(crate) fn record_types_of<'a>(
        &'a self,
        object: &'a str,
    ) -> impl Iterator<Item = &'a RecordType> + 'a {
        self.record_types.iter().filter(move |kind| kind.object == object)
    }
}

/// A stage of the sales process; the fields of an opportunity follow it.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) name: Arc<str>,
    pub(crate) probability: i64,
    pub(crate) closed: bool,
    pub(crate) won: bool,
    /// Value of ForecastCategory and its label.
    pub(crate) forecast: (&'static str, &'static str),
}

/// A record type with the picklist values that it offers.
#[derive(Debug, Clone)]
pub(crate) struct RecordType {
    pub(crate) at: RowRef,
    pub(crate) object: String,
    pub(crate) developer_name: String,
    pub(crate) name: String,
    /// Stages of the generated opportunities.
    pub(crate) stages: Vec<Arc<str>>,
    /// What the record type offers where it does not offer everything.
    pub(crate) picklists: BTreeMap<String, Vec<String>>,
}

impl RecordType {
    /// Whether the record type offers a value of a picklist.
    pub(crate) fn offers(&self, field: &str, value: &str) -> bool {
        match self.picklists.get(field) {
            Some(offered) => offered.iter().any(|known| known == value),
            None => {
                field != "StageName"
                    || self.stages.is_empty()
                    || self.stages.iter().any(|known| **known == *value)
            }
        }
    }
}

/// Makes all set-up records.
pub(crate) fn make(store: &mut Store, config: &OrgConfig, now: i64) -> Setup {
    let schema = Arc::clone(&store.schema);
    let mut maker = Maker { store, schema, created: now - ORG_AGE_DAYS * DAY, author: None };
    let organization = maker.organization(config);
    let profiles = maker.profiles();
    let users = maker.users(&profiles);
    let record_types = maker.record_types(config);
    let stages = maker.stages(config);
    maker.statuses();
    maker.groups();
    maker.currencies();
    let owners = (1..PEOPLE.len()).filter(|at| PEOPLE[*at].2 <= 2).map(|at| users[at]).collect();
    Setup {
        organization,
        integration_user: users[0],
        owners,
        stages,
        record_types,
        rules: Rules::default(),
        rounds_decimals: config.rounds_decimals,
    }
}

struct Maker<'a> {
    store: &'a mut Store,
    schema: Arc<Schema>,
    created: i64,
    author: Option<RowRef>,
}

impl Maker<'_> {
    /// Adds a row with its stamps; an object that this org does not have is left out.
    fn add(&mut self, object: &str, values: &[(&str, Value<'_>)]) -> RowRef {
        let schema = Arc::clone(&self.schema);
        let Some(object) = schema.named(object) else { return RowRef { table: 0, row: 0 } };
        let row = self.store.table_mut(object.table).add_row();
        let at = RowRef { table: object.table, row };
        let author = self.author.unwrap_or(at);
        let stamp = Value::Stamp(self.created);
        self.store.put_all(
            object,
            row,
            &[
                ("CreatedDate", stamp.clone()),
                ("LastModifiedDate", stamp.clone()),
                ("SystemModstamp", stamp),
                ("CreatedById", author.into()),
                ("LastModifiedById", author.into()),
            ],
        );
        self.store.put_all(object, row, values);
        at
    }

    fn organization(&mut self, config: &OrgConfig) -> RowRef {
        self.add(
            "Organization",
            &[
                ("Name", config.name.as_str().into()),
                ("OrganizationType", config.edition.organization_type().into()),
                ("IsSandbox", config.is_sandbox.into()),
                ("InstanceName", if config.is_sandbox { "CS42" } else { "EU42" }.into()),
                ("LanguageLocaleKey", "en_US".into()),
                ("DefaultLocaleSidKey", "en_US".into()),
                ("TimeZoneSidKey", "GMT".into()),
                ("FiscalYearStartMonth", Value::Number(1, 0)),
                ("City", "Paris".into()),
                ("Country", "FR".into()),
            ],
        )
    }

    fn profiles(&mut self) -> Vec<RowRef> {
        let licenses: Vec<RowRef> = LICENSES
            .iter()
            .map(|(name, key, total)| {
                self.add(
                    "UserLicense",
                    &[
                        ("Name", (*name).into()),
                        ("MasterLabel", (*name).into()),
                        ("LicenseDefinitionKey", (*key).into()),
                        ("Status", "Active".into()),
                        ("TotalLicenses", Value::Number(*total, 0)),
                        ("UsedLicenses", Value::Number(total / 2, 0)),
                    ],
                )
            })
            .collect();
        let profile = |maker: &mut Self, (name, license, user_type): (&str, usize, &str)| {
            let license = licenses[license];
            maker.add(
                "Profile",
                &[("Name", name.into()), ("UserLicenseId", license.into()), ("UserType", user_type.into())],
            )
        };
        PROFILES.iter().map(|row| profile(self, *row)).collect()
    }

    fn users(&mut self, profiles: &[RowRef]) -> Vec<RowRef> {
        let role = self.add("UserRole", &[("Name", "Sales".into()), ("DeveloperName", "Sales".into())]);
        let mut users = Vec::new();
        for (number, (first, last, profile, active)) in PEOPLE.iter().enumerate() {
            let user_type = PROFILES[*profile].2;
            let user = self.add("User", &user_fields(number, first, last, *active, user_type));
            let manager = users.get(1).copied().filter(|_| *profile == 2);
            if let Some(object) = Arc::clone(&self.schema).named("User") {
                let links = [
                    ("ProfileId", profiles[*profile].into()),
                    ("UserRoleId", Some(role).filter(|_| *profile == 2).into()),
                    ("ManagerId", manager.into()),
                ];
                self.store.put_all(object, user.row, &links);
            }
            self.author = self.author.or(Some(user));
            users.push(user);
        }
        users
    }

    /// Those of Opportunity, then those of the customizations, the default one of each object first.
    fn record_types(&mut self, config: &OrgConfig) -> Vec<RecordType> {
        let kinds: [(&str, &str, &[&str]); 2] =
            [("New_Business", "New Business", &NEW_STAGES), ("Renewal", "Renewal", &RENEWAL_STAGES)];
        let mut types: Vec<RecordType> = kinds
            .into_iter()
            .map(|(developer_name, name, stages)| {
                let stages = stages.iter().map(|stage| config.stage_name(stage)).collect();
                self.record_type(("Opportunity", developer_name, name), stages, BTreeMap::new())
            })
            .collect();
        for customization in &config.customizations {
            for (object, named) in customization.rules().record_types {
                let mut named: Vec<(String, RecordTypeSpec)> = named.into_iter().collect();
                named.sort_by_key(|(_, spec)| !spec.default);
                for (developer_name, spec) in named {
                    let name = spec.label.unwrap_or_else(|| developer_name.replace('_', " "));
                    types.push(self.record_type(
                        (&object, &developer_name, &name),
                        Vec::new(),
                        spec.picklists,
                    ));
                }
            }
        }
        types
    }

    fn record_type(
        &mut self,
        (object, developer_name, name): (&str, &str, &str),
        stages: Vec<Arc<str>>,
        picklists: BTreeMap<String, Vec<String>>,
    ) -> RecordType {
        let values = [
            ("DeveloperName", developer_name.into()),
            ("Name", name.into()),
            ("SobjectType", object.into()),
            ("IsActive", true.into()),
        ];
        let at = self.add("RecordType", &values);
        let (object, developer_name, name) = (object.to_owned(), developer_name.to_owned(), name.to_owned());
        RecordType { at, object, developer_name, name, stages, picklists }
    }

    fn stages(&mut self, config: &OrgConfig) -> Vec<Stage> {
        let stage = |(name, probability, closed, won, forecast): StageRow| Stage {
            name: config.stage_name(name),
            probability,
            closed,
            won,
            forecast,
        };
        let stages: Vec<Stage> = STAGES.into_iter().map(stage).collect();
        for (number, stage) in (1..).zip(&stages) {
            self.add(
                "OpportunityStage",
                &[
                    ("MasterLabel", stage.name.as_ref().into()),
                    ("ApiName", stage.name.as_ref().into()),
                    ("IsActive", true.into()),
                    ("IsClosed", stage.closed.into()),
                    ("IsWon", stage.won.into()),
                    ("SortOrder", Value::Number(number, 0)),
                    ("DefaultProbability", Value::Number(stage.probability, 0)),
                    ("ForecastCategory", stage.forecast.0.into()),
                    ("ForecastCategoryName", stage.forecast.1.into()),
                ],
            );
        }
        stages
    }

    /// Status values of leads, tasks and cases, from the picklists of their objects.
    fn statuses(&mut self) {
        for (object, status_object, flag, finished) in [
            ("Lead", "LeadStatus", "IsConverted", "Closed - Converted"),
            ("Task", "TaskStatus", "IsClosed", "Completed"),
            ("Case", "CaseStatus", "IsClosed", "Closed"),
        ] {
            let schema = Arc::clone(&self.schema);
            let values = schema.named(object).and_then(|object| object.field("Status"));
            for (number, value) in (1..).zip(values.map_or(&[] as &[String], |field| &field.picklist)) {
                self.add(
                    status_object,
                    &[
                        ("MasterLabel", value.as_str().into()),
                        ("ApiName", value.as_str().into()),
                        ("SortOrder", Value::Number(number, 0)),
                        ("IsDefault", (number == 1).into()),
                        (flag, (value == finished).into()),
                    ],
                );
            }
        }
    }

    fn groups(&mut self) {
        for (name, kind) in [("Inbound Leads", "Queue"), ("Support", "Queue"), ("All Sales", "Regular")] {
            let developer_name = name.replace(' ', "_");
            self.add(
                "Group",
                &[("Name", name.into()), ("DeveloperName", developer_name.into()), ("Type", kind.into())],
            );
        }
    }

    fn currencies(&mut self) {
        for (code, rate, corporate) in
            [("EUR", 1_000_000, true), ("USD", 1_085_000, false), ("JPY", 162_500_000, false)]
        {
            self.add(
                "CurrencyType",
                &[
                    ("IsoCode", code.into()),
                    ("ConversionRate", Value::Number(rate, 6)),
                    ("DecimalPlaces", Value::Number(if code == "JPY" { 0 } else { 2 }, 0)),
                    ("IsActive", true.into()),
                    ("IsCorporate", corporate.into()),
                ],
            );
        }
    }
}

fn user_fields<'a>(
    number: usize,
    first: &'a str,
    last: &'a str,
    active: bool,
    user_type: &'a str,
) -> Vec<(&'static str, Value<'a>)> {
    let name = if first.is_empty() { last.to_owned() } else { format!("{first} {last}") };
    let address = format!("user{number:02}@acme.example");
    vec![
        ("FirstName", first.into()),
        ("LastName", last.into()),
        ("Name", name.into()),
        (
            "Username",
            if number == 0 { "integration@acme.example".to_owned() } else { address.clone() }.into(),
        ),
        ("Email", address.into()),
        ("Alias", format!("u{number:02}").into()),
        ("CommunityNickname", format!("user{number:02}").into()),
        ("IsActive", active.into()),
        ("UserType", user_type.into()),
        ("TimeZoneSidKey", "GMT".into()),
        ("LocaleSidKey", "en_US".into()),
        ("LanguageLocaleKey", "en_US".into()),
        ("EmailEncodingKey", "UTF-8".into()),
        ("Title", if user_type == "Standard" { "Account Executive" } else { "" }.into()),
    ]
}
