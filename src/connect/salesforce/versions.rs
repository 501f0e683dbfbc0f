//! Which API version a connection speaks (section 2): the configured one if the org has it, else the newest that both know.

use serde::Deserialize;

use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;
use crate::model::Class;

/// The newest version whose answers are known here.
const NEWEST: (u16, u16) = (66, 0);
/// The oldest: result pages of bulk jobs in SELECT order, upserts that tell whether they created.
const OLDEST: (u16, u16) = (50, 0);

#[derive(Deserialize)]
struct Entry {
    version: String,
}

/// Asks the org (the list is not counted) and chooses. Gives the path of the data services.
pub(super) async fn choose(client: &Client) -> Result<String, ConnectError> {
    let call = Call::get("/services/data/", Purpose::Control);
    let entries: Vec<Entry> = client.read(&call, |answer| serde_json::from_slice(&answer.body)).await?;
    path(client, &entries)
}

/// The same from an answer.
pub(super) fn chosen(client: &Client, body: &[u8]) -> Result<String, ConnectError> {
    let entries: Vec<Entry> = serde_json::from_slice(body).unwrap_or_default();
    path(client, &entries)
}

fn path(client: &Client, entries: &[Entry]) -> Result<String, ConnectError> {
    let known: Vec<(u16, u16)> = entries.iter().filter_map(|entry| parse(&entry.version)).collect();
    pick(&known, client.config().api_version.as_deref())
        .map(|(major, minor)| format!("/services/data/v{major}.{minor}"))
}

fn pick(known: &[(u16, u16)], wanted: Option<&str>) -> Result<(u16, u16), ConnectError> {
    let refused = |text: String| ConnectError::new("R122", Class::Pipeline, text);
    if let Some(wanted) = wanted {
        let version =
            parse(wanted).ok_or_else(|| refused(format!("`api_version: {wanted}` is no version")))?;
        return if known.contains(&version) {
            Ok(version)
        } else {
            Err(refused(format!("the org has no API version {wanted}"))
                .help("remove `api_version` to use the newest that both know"))
        };
    }
    let best = known.iter().copied().filter(|version| (OLDEST..=NEWEST).contains(version)).max();
    best.ok_or_else(|| refused("the org and sfsync have no API version in common".into()))
}

fn parse(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.trim_start_matches('v').split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_that_both_know() {
        let known = [(31, 0), (58, 0), (66, 0), (67, 0)];
        assert_eq!(pick(&known, None).unwrap(), (66, 0));
        assert_eq!(pick(&known[..2], None).unwrap(), (58, 0));
        assert_eq!(pick(&known, Some("67.0")).unwrap(), (67, 0));
        assert_eq!(pick(&known, Some("65.0")).unwrap_err().class, Class::Pipeline);
        assert!(pick(&[(31, 0)], None).is_err());
    }
}
