//! What an org is like before it has records.
//! May not hold state. Read [`OrgConfig`] first.

use std::sync::Arc;

use jiff::Timestamp;

use super::customization::Customization;

/// The editions that an org may report in `Organization.OrganizationType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edition {
    /// Developer Edition: small limits.
    Developer,
    /// Professional Edition: API access only as an add-on.
    Professional,
    /// Enterprise Edition.
    #[default]
    Enterprise,
    /// Unlimited Edition.
    Unlimited,
}

impl Edition {
    /// The value of `OrganizationType`.
    pub fn organization_type(self) -> &'static str {
        match self {
            Self::Developer => "Developer Edition",
            Self::Professional => "Professional Edition",
            Self::Enterprise => "Enterprise Edition",
            Self::Unlimited => "Unlimited Edition",
        }
    }
}

/// How an org is made. `OrgConfig::default()` is an Enterprise production org on the wall clock.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // each is a feature of an org that is on or off
pub struct OrgConfig {
    /// Everything generated depends on this number alone.
    pub seed: u64,
    /// Name of the organization.
    pub name: String,
    /// Edition of the organization.
    pub edition: Edition,
    /// Whether the org calls itself a sandbox.
    pub is_sandbox: bool,
    /// ISO code of the currency of an org that has but one.
    pub currency: String,
    /// Adds `CurrencyIsoCode` and the `CurrencyType` object.
    pub multicurrency: bool,
    /// Adds the person account fields.
    pub person_accounts: bool,
    /// Adds the state and country code fields.
    pub state_picklists: bool,
    /// A frozen start of the clock; `None` runs with the wall clock.
    pub now: Option<Timestamp>,
    /// Custom fields and objects, applied in order.
    pub customizations: Vec<Customization>,
    /// The address that describe names as the org's own, without a trailing slash.
    pub instance_url: String,
    /// Decimals that do not fit are rounded half up; otherwise they are cut, as the documentation says.
    pub rounds_decimals: bool,
}

impl OrgConfig {
    /// What this org calls a stage of opportunities.
    pub(crate) fn stage_name(&self, name: &str) -> Arc<str> {
        let other = self.customizations.iter().find_map(|customization| customization.stage(name));
        Arc::from(other.unwrap_or(name))
    }
}

impl Default for OrgConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            name: "Acme".to_owned(),
            edition: Edition::default(),
            is_sandbox: false,
            currency: "EUR".to_owned(),
            multicurrency: false,
            person_accounts: false,
            state_picklists: false,
            now: None,
            customizations: Vec::new(),
            instance_url: "https://acme.my.salesforce.com".to_owned(),
            rounds_decimals: false,
        }
    }
}
