//! What an app is: its kinds of records, how lists go on, how callers prove themselves. Read from a small YAML file.
//! May not serve anything. Read [`Description`] first.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::AppError;

const SHIPPED: [(&str, &str); 4] = [
    ("operating", include_str!("../../apps/operating.yaml")),
    ("worksights", include_str!("../../apps/worksights.yaml")),
    ("startdeliver", include_str!("../../apps/startdeliver.yaml")),
    ("conversion", include_str!("../../apps/conversion.yaml")),
];

/// A whole app.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    /// In front of every path: `/v1`
    pub base: String,
    /// How callers prove themselves.
    pub auth: Auth,
    /// How lists go on.
    pub pages: Pages,
    /// How the calls of the app prove themselves.
    pub webhooks: Signing,
    /// Kinds of records, by name.
    pub resources: BTreeMap<String, Resource>,
}

/// How the app wants requests to prove themselves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Anybody may.
    #[default]
    Open,
    /// `Authorization: Bearer <this>`
    Bearer(String),
    /// `<name>: <value>`
    Header {
        /// Of the header.
        name: String,
        /// What it must hold.
        value: String,
    },
    /// `?<name>=<value>`
    Param {
        /// Of the parameter.
        name: String,
        /// What it must hold.
        value: String,
    },
    /// Tokens that `POST /token` gives.
    Oauth {
        /// The client's secret.
        secret: String,
        /// The first refresh token; without one, none is asked for.
        #[serde(default)]
        refresh: Option<String>,
        /// Every answer has another refresh token, and only that one holds.
        #[serde(default)]
        rotates: bool,
    },
}

impl Auth {
    /// What a caller must know.
    pub fn secret(&self) -> &str {
        match self {
            Self::Open => "",
            Self::Bearer(secret)
            | Self::Header { value: secret, .. }
            | Self::Param { value: secret, .. }
            | Self::Oauth { secret, .. } => secret,
        }
    }
}

/// How lists go on.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// The way.
    pub by: Paging,
    /// Records of a page at most.
    pub size: usize,
    /// Parameter that asks for fewer.
    pub size_param: Option<String>,
    /// Parameter with the page, the offset or the cursor.
    pub param: String,
    /// Member of the answer, `meta.next_cursor`, with the cursor or the address of the next page.
    pub next: String,
}

impl Default for Pages {
    fn default() -> Self {
        let (param, next) = ("cursor".to_owned(), "next".to_owned());
        Self { by: Paging::default(), size: 100, size_param: None, param, next }
    }
}

/// The ways in which lists go on, the wrong ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// Everything at once.
    #[default]
    Whole,
    /// `?page=2&per_page=…`
    Page,
    /// `?offset=…&limit=…`
    Offset,
    /// `?cursor=…`, the next one is in the answer.
    Cursor,
    /// `Link: <…>; rel="next"`
    Link,
    /// The address of the next page is in the answer.
    NextUrl,
    /// The page is not understood: always the first one.
    Deaf,
    /// The next address leads to the same page.
    Circle,
    /// The next addresses lead to pages without records, for ever.
    Endless,
}

/// How the app's own calls prove themselves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signing {
    /// `Authorization: Bearer <this>`
    pub token: Option<String>,
    /// HMAC-SHA256 of the body with this secret …
    pub secret: Option<String>,
    /// … in this header.
    pub header: Option<String>,
}

/// One kind of record.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resource {
    /// `/people`, `/tasks/{parent}/comments`
    pub path: String,
    /// Member of list answers that has the records.
    pub records: Option<String>,
    /// Member of single answers that has the record.
    pub record: Option<String>,
    /// Member of bodies that has the record.
    pub wrap: Option<String>,
    /// Field with the change time.
    pub updated: Option<String>,
    /// Parameter that asks for changes since.
    pub since: Option<String>,
    /// Deleted records stay, and say so here.
    pub deleted: Option<String>,
    /// Parameters that ask by a field.
    pub finds: BTreeMap<String, String>,
    /// Fields that it finds however small letters and capitals stand.
    pub finds_any_case: Vec<String>,
    /// Fields of which no value comes twice.
    pub unique: Vec<String>,
    /// Records of these names are not taken: what is answered instead.
    pub refused: Vec<Refusal>,
    /// Field that holds the parent, where the path has one.
    pub parent: Option<String>,
    /// Ids are text.
    pub text_ids: bool,
    /// Creates answer without the record: its address is in `Location`.
    pub only_location: bool,
    /// Calls when a record changes.
    pub webhook: Option<Hook>,
    /// What a record may hold, besides its `id`. Without it: anything.
    pub fields: BTreeMap<String, Field>,
    /// Other fields than those are taken, too.
    pub takes_anything: bool,
    /// Records that are there from the start where [`super::AppSettings::seed`] says so.
    pub seed: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A record that the app does not like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Its name.
    pub name: String,
    /// What is answered.
    pub status: u16,
    /// What is said.
    pub body: String,
}

/// What a call says: `{ "<event>": "<name>.created", "<record>": { … } }`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Member with the event.
    pub event: String,
    /// First part of the event.
    pub name: String,
    /// Member with the record.
    pub record: String,
}

/// What a field may hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Field {
    /// Its type.
    pub r#type: FieldType,
    /// No record is without it.
    pub required: bool,
    /// The app fills it.
    pub read_only: bool,
    /// Nothing else.
    pub one_of: Vec<String>,
}

/// Types of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Any JSON.
    #[default]
    Json,
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number with all its digits.
    Decimal,
    /// True or false.
    Boolean,
    /// `2026-11-28`
    Date,
    /// `2026-11-28T10:00:00Z`, any offset.
    Datetime,
    /// Texts.
    List,
}

impl Description {
    /// A shipped app by name, or a file by path.
    pub fn load(name_or_path: &str) -> Result<Self, AppError> {
        if let Some((_, yaml)) = SHIPPED.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(yaml);
        }
        let yaml = std::fs::read_to_string(name_or_path)
            .map_err(|error| AppError::Unreadable(name_or_path.to_owned(), error))?;
        Self::parse(&yaml)
    }

    /// Reads the text of a description.
    pub fn parse(yaml: &str) -> Result<Self, AppError> {
        serde_yaml::from_str(yaml).map_err(|error| AppError::Invalid(error.to_string()))
    }

    /// Names of the shipped apps.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// A resource by its name or its path.
    pub(super) fn named(&self, name_or_path: &str) -> Result<(&str, &Resource), AppError> {
        let found = self
            .resources
            .iter()
            .find(|(name, resource)| name.as_str() == name_or_path || resource.path == name_or_path);
        let found = found.map(|(name, resource)| (name.as_str(), resource));
        found.ok_or_else(|| AppError::NoResource(name_or_path.to_owned()))
    }
}
