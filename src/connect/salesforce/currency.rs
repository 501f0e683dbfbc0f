//! What an org calculates with: its own currency, and the rates of the others.
//!
//! An org with one currency tells it by its Connect resource alone; one with several has them as records.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::api::soql;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;
use crate::model::Class;

/// The currencies of an org.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Currencies {
    /// ISO code of its own; `None`: the org does not tell.
    pub own: Option<String>,
    /// How much of a currency is one of its own; empty where it has but one.
    pub rates: HashMap<String, Decimal>,
}

#[derive(Deserialize)]
struct Organization {
    features: Features,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Features {
    multi_currency: bool,
    default_currency_iso_code: Option<String>,
}

#[derive(Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    records: Vec<CurrencyType<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CurrencyType<'a> {
    iso_code: String,
    /// Exactly as it is written.
    #[serde(borrow)]
    conversion_rate: &'a RawValue,
    is_corporate: bool,
}

impl Client {
    /// The currencies of the org, asked for once: one call, or two where there are several. What the integration user may not see is
    /// not known, and no error.
    pub async fn currencies(&self) -> Result<&Currencies, ConnectError> {
        self.currencies_cell().get_or_try_init(|| self.ask_currencies()).await
    }

    async fn ask_currencies(&self) -> Result<Currencies, ConnectError> {
        let features = known(self.features().await)?.unwrap_or_default();
        if !features.multi_currency {
            let own = features.default_currency_iso_code.filter(|code| !code.is_empty());
            return Ok(Currencies { own, rates: HashMap::new() });
        }
        Ok(known(self.currency_types().await)?.unwrap_or_default())
    }

    async fn features(&self) -> Result<Features, ConnectError> {
        let path = format!("{}/connect/organization", self.data_path().await?);
        let call = Call::get(path, Purpose::Control);
        let told: Organization = self.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
        Ok(told.features)
    }

    async fn currency_types(&self) -> Result<Currencies, ConnectError> {
        let soql = "SELECT IsoCode, ConversionRate, IsCorporate FROM CurrencyType WHERE IsActive = true";
        let path = soql::query_path(self.data_path().await?, false, soql);
        self.read(&Call::get(path, Purpose::Control), |answer| {
            let rows: Rows<'_> = serde_json::from_slice(&answer.body)?;
            let mut found = Currencies::default();
            for row in rows.records {
                if row.is_corporate {
                    found.own = Some(row.iso_code.clone());
                }
                let text = row.conversion_rate.get().trim_matches('"');
                let rate = text.parse().or_else(|_| Decimal::from_scientific(text));
                found.rates.extend(rate.ok().map(|rate| (row.iso_code, rate)));
            }
            Ok(found)
        })
        .await
    }
}

/// What is hidden, or what this org does not have, is not known; everything else is an error.
fn known<T>(asked: Result<T, ConnectError>) -> Result<Option<T>, ConnectError> {
    match asked {
        Ok(told) => Ok(Some(told)),
        Err(error) if error.class == Class::Pipeline => {
            tracing::info!(%error, "the currency of the org is not known: set default_currency of the connection");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
