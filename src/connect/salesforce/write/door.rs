//! Requests that write: what they carry besides the records, and when one may be sent again. A request whose answer was lost may have been
//! carried out, so it is repeated only where that cannot make a twin.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;

use super::spec::WriteSpec;
use super::target::Targets;
use crate::connect::salesforce::api::error::{Reaction, maybe_stored, reaction};
use crate::connect::salesforce::budget::Purpose;
use crate::connect::salesforce::client::{Answer, Call, Client, MAX_BODY};
use crate::connect::{ConnectError, WriteMode};
use crate::model::{Class, Op, WriteOp};

/// What a destination works with.
pub(super) struct Context {
    pub client: Arc<Client>,
    pub spec: WriteSpec,
    pub targets: Targets,
    /// What the calls of the write under way count as.
    pub purpose: Purpose,
}

impl Client {
    /// Sends a request that writes. `repeatable`: carrying it out twice is the same as once.
    pub(super) async fn change(&self, call: &Call, repeatable: bool) -> Result<Answer, ConnectError> {
        let mut pauses = self.pauses();
        loop {
            let error = match self.change_once(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Class::Transient { retry_after } = error.class else { return Err(error) };
            let is_lost = !repeatable && maybe_stored(&error);
            // A lock or a record that is too much is for the caller, who knows the records.
            let is_callers = matches!(error.code, "R212" | "R234") || reaction(&error) == Reaction::Narrow;
            if is_lost || is_callers {
                return Err(error);
            }
            let Some(pause) = pauses.next() else { return Err(error) };
            tracing::debug!(connection = %self.config().name, code = error.code, "writing again");
            self.clock().sleep(retry_after.unwrap_or(pause)).await;
        }
    }

    async fn change_once(&self, call: &Call) -> Result<Answer, ConnectError> {
        let opened = self.open_once(call).await?;
        opened.whole(MAX_BODY, self.config().transport.answer).await
    }
}

impl Context {
    /// A request that writes these fields.
    pub(super) fn call(
        &self,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
        fields: Vec<String>,
    ) -> Call {
        let config = self.client.config();
        let mut headers = vec![
            ("Sforce-Auto-Assign", if config.assignment_rules { "TRUE" } else { "FALSE" }.to_owned()),
            ("Sforce-Mru", "updateMru=false".to_owned()),
        ];
        if config.allow_duplicates {
            headers.push(("Sforce-Duplicate-Rule-Header", "allowSave=true".to_owned()));
        }
        Call {
            method,
            body: body.map(Bytes::from),
            headers,
            writes: Some((self.spec.object.name.clone(), fields)),
            ..Call::get(path, self.purpose)
        }
    }

    /// How many records go in the next request.
    pub(super) fn batch_size(&self) -> usize {
        self.client.batch_sizes().of(&self.spec.object.name, self.spec.lanes.batch)
    }

    /// What calls of a write count as.
    pub(super) fn purpose_of(mode: WriteMode) -> Purpose {
        match mode {
            WriteMode::Load => Purpose::Backfill,
            WriteMode::Changes => Purpose::Poll,
        }
    }

    /// Refuses what the pipeline does not list or the connection or the org forbids, before anything is sent.
    pub(super) fn check(&self, ops: &[WriteOp]) -> Result<(), ConnectError> {
        let object = &self.spec.object;
        if self.client.config().read_only {
            let text = format!(
                "connection {} is read-only, so nothing of {} is written",
                self.client.config().name,
                object.name
            );
            return Err(ConnectError::new("R126", Class::Pipeline, text));
        }
        for op in ops {
            if let Some(op) = self.spec.unlisted(op) {
                let text = format!("the pipeline does not list `{}` for {}", op.name(), object.name);
                return Err(ConnectError::new("R126", Class::Pipeline, text));
            }
            let (allowed, op) = match op {
                WriteOp::Create { .. } => (object.createable, Op::Create),
                WriteOp::Update { .. } => (object.updateable, Op::Update),
                WriteOp::Upsert { .. } => (object.createable && object.updateable, Op::Create),
                WriteOp::Archive { .. } => (object.updateable, Op::Archive),
                WriteOp::Delete { .. } => (object.deletable, Op::Delete),
            };
            if !allowed {
                let text = format!("the integration user may not {} {}", op.name(), object.name);
                return Err(ConnectError::new("R120", Class::Pipeline, text)
                    .help("give it the permission on the object"));
            }
        }
        Ok(())
    }
}
