//! What the integration user may set up in the org, asked before anything is tried.

use serde::Deserialize;

use super::api::soql;
use super::budget::Purpose;
use super::client::{Call, Client};
use crate::connect::ConnectError;
use crate::model::Class;

/// What the integration user may set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Channels of change events.
    pub channels: bool,
    /// Metadata, by deployments.
    pub metadata: bool,
}

#[derive(Deserialize)]
struct Records {
    records: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(clippy::struct_field_names)] // they are the names of Salesforce
struct Row {
    permissions_customize_application: bool,
    permissions_modify_metadata: bool,
    permissions_modify_all_data: bool,
}

impl Client {
    /// What the user of this session may set up. `None` where the org does not tell: then it is seen when it is tried. One call.
    pub async fn permissions(&self) -> Result<Option<Permissions>, ConnectError> {
        let question = "SELECT PermissionsCustomizeApplication, PermissionsModifyMetadata, PermissionsModifyAllData FROM UserPermissionAccess";
        let call = Call::get(soql::query_path(self.data_path().await?, false, question), Purpose::Control);
        let found: Records = match self.read(&call, |answer| serde_json::from_slice(&answer.body)).await {
            Err(error) if error.class == Class::Pipeline => return Ok(None),
            found => found?,
        };
        Ok(found.records.first().map(|row| Permissions {
            channels: row.permissions_customize_application,
            metadata: row.permissions_modify_metadata || row.permissions_modify_all_data,
        }))
    }
}
