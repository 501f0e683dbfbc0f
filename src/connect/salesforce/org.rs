//! Facts about the org and the user that the connection reached: is it the right one, what may the user see.
//! Read [`OrgFacts`] and [`Client::check`] first.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Environment;
use super::api::describe::{self, GlobalObject};
use super::api::limits::{Limit, parse_limits};
use super::api::oauth::TokenAnswer;
use super::api::soql;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;
use crate::model::{Class, ObjectInfo};

/// The org, as its own `Organization` record has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OrgFacts {
    /// Id, 18 characters.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Enterprise Edition` and others; some editions have no name of their own.
    #[serde(rename = "OrganizationType", default)]
    pub edition: Option<String>,
    /// Whether it is a sandbox (or a scratch org).
    pub is_sandbox: bool,
    /// The instance it lives on.
    #[serde(rename = "InstanceName", default)]
    pub instance: Option<String>,
    /// Country of its address, as somebody wrote it.
    #[serde(default)]
    pub country: Option<String>,
    /// Its locale: `en_US`, `ja_JP`.
    #[serde(rename = "DefaultLocaleSidKey", default)]
    pub locale: Option<String>,
}

impl OrgFacts {
    /// The country (two letters) of phone numbers that do not say theirs: that of its address where it is a code, else that of its locale.
    pub fn region(&self) -> Option<String> {
        let code = |text: &str| {
            let text = text.trim();
            let fits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            fits.then(|| text.to_ascii_uppercase())
        };
        let of_locale = || self.locale.as_ref()?.split(['_', '-']).skip(1).find_map(code);
        self.country.as_deref().and_then(code).or_else(of_locale)
    }
}

/// The user as whom everything is read and written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserFacts {
    /// Id.
    pub id: String,
    /// Sign-in name.
    pub username: String,
    /// Full name.
    #[serde(default)]
    pub name: Option<String>,
    /// Profile, whose permissions decide what is visible.
    #[serde(default)]
    pub profile: Option<ProfileFacts>,
}

/// The user's profile.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProfileFacts {
    /// Its name.
    pub name: String,
}

/// What a check found.
#[derive(Debug)]
pub struct OrgCheck {
    /// The org.
    pub org: OrgFacts,
    /// The user.
    pub user: UserFacts,
    /// `66.0`.
    pub api_version: String,
    /// E603: the org is not of the environment that the connection names. Nothing else works then.
    pub problem: Option<ConnectError>,
}

/// A describe that is newer than the one the caller has.
#[derive(Clone, Debug)]
pub struct Described {
    /// The object.
    pub object: ObjectInfo,
    /// For the next conditional describe.
    pub last_modified: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Rows<T> {
    records: Vec<T>,
}

/// Brings [`OrgFacts`].
pub(super) const ORGANIZATION: &str = "SELECT Id, Name, OrganizationType, IsSandbox, InstanceName, Country, DefaultLocaleSidKey FROM Organization";

/// The only record of an answer.
pub(super) fn first<T: DeserializeOwned>(body: &[u8]) -> Result<T, ConnectError> {
    let rows: Option<Rows<T>> = serde_json::from_slice(body).ok();
    rows.and_then(|rows| rows.records.into_iter().next()).ok_or_else(hidden)
}

fn hidden() -> ConnectError {
    let text = "the org shows neither itself nor its user to the integration user";
    ConnectError::new("R120", Class::Pipeline, text)
        .help("give the integration user the permission to read its own user and the organization")
}

impl Client {
    /// Signs in and tells org, user and version. Two calls, one of them only once.
    pub async fn check(&self) -> Result<OrgCheck, ConnectError> {
        let established = self.established().await?;
        let live = self.sign_in().await?;
        let Some((_, user_id)) = TokenAnswer::ids(&live.identity) else {
            return Err(ConnectError::new(
                "R106",
                Class::Pipeline,
                "the sign-in did not tell which user it is",
            ));
        };
        let soql =
            format!("SELECT Id, Username, Name, Profile.Name FROM User WHERE Id = {}", soql::quoted(user_id));
        let user = self.one(&established.data, &soql).await?;
        Ok(OrgCheck {
            org: established.org.clone(),
            user,
            api_version: established.data.rsplit('v').next().unwrap_or_default().to_owned(),
            problem: self.wrong_environment(&established.org),
        })
    }

    /// Signs in and tells the org, unless it is not what the connection says. One call, and only once.
    pub async fn reach(&self) -> Result<&OrgFacts, ConnectError> {
        let org = &self.established().await?.org;
        self.wrong_environment(org).map_or(Ok(org), Err)
    }

    /// E603 if the org is not what the connection says.
    pub(super) fn wrong_environment(&self, org: &OrgFacts) -> Option<ConnectError> {
        let expected = self.config().environment;
        let found = if org.is_sandbox { Environment::Sandbox } else { Environment::Production };
        if found == expected {
            return None;
        }
        let kind = if org.is_sandbox { "a sandbox" } else { "production" };
        let text = format!("the org is {kind}, but `environment` says {}", expected.name());
        let help = format!(
            "environment: {}, or sign in to the other org: sfsync connect {}",
            found.name(),
            self.config().name
        );
        Some(ConnectError::new("E603", Class::Pipeline, text).help(help))
    }

    /// The `Organization` record.
    pub(super) async fn organization(&self, data: &str) -> Result<OrgFacts, ConnectError> {
        self.one(data, ORGANIZATION).await
    }

    async fn one<T: DeserializeOwned>(&self, data: &str, soql: &str) -> Result<T, ConnectError> {
        let call = Call::get(soql::query_path(data, false, soql), Purpose::Control);
        let rows: Rows<T> = self.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
        rows.records.into_iter().next().ok_or_else(hidden)
    }

    /// Describe of an object as the integration user sees it (section 4.2). `None`: not modified since then. An object that does not
    /// exist and one that is hidden are the same `R231`. One call.
    pub async fn describe(
        &self,
        object: &str,
        since: Option<Timestamp>,
    ) -> Result<Option<Described>, ConnectError> {
        let path = format!("{}/sobjects/{object}/describe", self.data_path().await?);
        let call = Call { since, ..Call::get(path, Purpose::Control) };
        let read_at = self.clock().now();
        self.read(&call, |answer| {
            if answer.status == 304 {
                return Ok(None);
            }
            let object = describe::decode_object(&answer.body, read_at)?;
            Ok(Some(Described { object, last_modified: answer.last_modified }))
        })
        .await
    }

    /// What a record type offers in the picklists of an object, by field. One call, to the UI API: a describe does not tell.
    pub async fn offers(
        &self,
        object: &str,
        record_type_id: &str,
    ) -> Result<std::collections::BTreeMap<String, Vec<String>>, ConnectError> {
        let data = self.data_path().await?;
        let path = format!("{data}/ui-api/object-info/{object}/picklist-values/{record_type_id}");
        let call = Call::get(path, Purpose::Control);
        self.read(&call, |answer| describe::decode_offers(&answer.body)).await
    }

    /// All objects that the integration user may see (section 4.1), for suggestions. One call.
    pub async fn objects(&self) -> Result<Vec<GlobalObject>, ConnectError> {
        let call = Call::get(format!("{}/sobjects", self.data_path().await?), Purpose::Control);
        self.read(&call, |answer| describe::decode_global(&answer.body)).await
    }

    /// The limits of the org (section 9.1). One call; ask rarely.
    pub async fn limits(&self) -> Result<std::collections::BTreeMap<String, Limit>, ConnectError> {
        let call = Call::get(format!("{}/limits", self.data_path().await?), Purpose::Control);
        self.read(&call, |answer| parse_limits(&answer.body)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_of_phone_numbers_is_that_of_the_address_or_of_the_locale() {
        let region = |country: Option<&str>, locale: Option<&str>| {
            let org = OrgFacts {
                id: String::new(),
                name: String::new(),
                edition: None,
                is_sandbox: false,
                instance: None,
                country: country.map(str::to_owned),
                locale: locale.map(str::to_owned),
            };
            org.region()
        };
        assert_eq!(region(Some("fi"), Some("en_US")).as_deref(), Some("FI"));
        assert_eq!(region(Some("Finland"), Some("fi_FI")).as_deref(), Some("FI"));
        assert_eq!(region(None, Some("zh_Hant_TW")).as_deref(), Some("TW"));
        assert_eq!(region(None, Some("ja_JP_JP")).as_deref(), Some("JP"));
        assert_eq!(region(Some("日本"), Some("de")), None);
        assert_eq!(region(None, None), None);
    }
}
