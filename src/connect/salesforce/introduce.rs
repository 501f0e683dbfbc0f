//! What the schema of a connection needs, in few calls: the objects that its pipelines name are described several at a time, and the first
//! such call brings the org itself along. Read [`Client::describe_all`] first.

use serde_json::json;

use super::api::composite::{Composite, Part};
use super::api::describe;
use super::api::soql;
use super::budget::Purpose;
use super::client::{Call, Client, Established};
use super::org::{self, OrgFacts};
use super::versions;
use crate::connect::ConnectError;
use crate::model::{Class, ObjectInfo};

/// Describes of one call. A request may have 25 parts, but a describe of a large object has some hundred kilobytes.
const AT_ONCE: usize = 10;

/// What became of one part.
type Told<T> = Result<T, ConnectError>;

impl Client {
    /// Objects as the integration user sees them, in the order of the names; `None` where there is none, which looks the same as a hidden
    /// one. One call for every ten of them, and none more for the org where that is not known yet.
    pub async fn describe_all(&self, names: &[String]) -> Result<Vec<Option<ObjectInfo>>, ConnectError> {
        let (first, others) = names.split_at(names.len().min(AT_ONCE));
        let mut told = None;
        let introduced = self.establish(Box::pin(async {
            let data = versions::choose(self).await?;
            let (org, objects) = self.introduce(&data, first).await?;
            told = Some(objects);
            Ok(Established { data, org })
        }));
        introduced.await?;
        let data = self.data_path().await?;
        let mut all = match told {
            Some(objects) => self.settled(first, objects).await?,
            None => self.several(data, first).await?,
        };
        for names in others.chunks(AT_ONCE) {
            all.extend(self.several(data, names).await?);
        }
        Ok(all)
    }

    /// The org and some objects.
    async fn introduce(
        &self,
        data: &str,
        names: &[String],
    ) -> Result<(OrgFacts, Vec<Told<ObjectInfo>>), ConnectError> {
        if names.is_empty() {
            return Ok((self.organization(data).await?, Vec::new()));
        }
        let organization = soql::query_path(data, false, org::ORGANIZATION);
        let parts = std::iter::once(organization).chain(names.iter().map(|name| path(data, name)));
        let read_at = self.clock().now();
        let answer = self.composite(data, parts.collect(), |parts| {
            let (organization, objects) = parts.split_first()?;
            let org = organization.told().and_then(|body| org::first(body.as_bytes()));
            Some((org, objects.iter().map(|part| object(part, read_at)).collect::<Vec<_>>()))
        });
        match answer.await {
            Ok((Ok(org), objects)) if objects.len() == names.len() => Ok((org, objects)),
            Err(error) if error.class != Class::Pipeline => Err(error),
            // The org alone says best what is wrong with it.
            _ => Ok((self.organization(data).await?, Vec::new())),
        }
    }

    async fn several(&self, data: &str, names: &[String]) -> Result<Vec<Option<ObjectInfo>>, ConnectError> {
        if names.len() < 2 {
            return self.settled(names, Vec::new()).await;
        }
        let read_at = self.clock().now();
        let parts = names.iter().map(|name| path(data, name)).collect();
        let answer = self.composite(data, parts, |parts| {
            Some(parts.iter().map(|part| object(part, read_at)).collect::<Vec<_>>())
        });
        match answer.await {
            Ok(objects) => self.settled(names, objects).await,
            Err(error) if error.class != Class::Pipeline => Err(error),
            Err(_) => self.settled(names, Vec::new()).await,
        }
    }

    /// Asks for what was not told by itself, whose answer says best what is wrong.
    async fn settled(
        &self,
        names: &[String],
        told: Vec<Told<ObjectInfo>>,
    ) -> Result<Vec<Option<ObjectInfo>>, ConnectError> {
        let mut told = told.into_iter();
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            let object = match told.next() {
                Some(Ok(object)) => Ok(Some(object)),
                Some(Err(error)) if is_missing(&error) => Ok(None),
                _ => self.describe(name, None).await.map(|described| described.map(|known| known.object)),
            };
            all.push(match object {
                Err(error) if is_missing(&error) => None,
                object => object?,
            });
        }
        Ok(all)
    }

    /// Several GETs as one call. An answer that `read` cannot read is asked for again.
    async fn composite<T>(
        &self,
        data: &str,
        paths: Vec<String>,
        read: impl Fn(&[Part<'_>]) -> Option<T>,
    ) -> Result<T, ConnectError> {
        let part = |(at, url): (usize, String)| json!({ "method": "GET", "url": url, "referenceId": format!("part{at}") });
        let parts: Vec<_> = paths.into_iter().enumerate().map(part).collect();
        let body = json!({ "compositeRequest": parts });
        let call = Call::post(format!("{data}/composite"), body.to_string(), Purpose::Control);
        self.read(&call, |answer| {
            let answer: Composite<'_> = serde_json::from_slice(&answer.body)?;
            read(&answer.parts).ok_or_else(|| serde::de::Error::custom("parts are missing"))
        })
        .await
    }
}

fn path(data: &str, name: &str) -> String {
    format!("{data}/sobjects/{name}/describe")
}

fn object(part: &Part<'_>, read_at: jiff::Timestamp) -> Told<ObjectInfo> {
    let unreadable = |_| ConnectError::new("R106", Class::TRANSIENT, "a describe cannot be read");
    part.told().and_then(|body| describe::decode_object(body.as_bytes(), read_at).map_err(unreadable))
}

fn is_missing(error: &ConnectError) -> bool {
    error.remote.as_deref() == Some("NOT_FOUND")
}
