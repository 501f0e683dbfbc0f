//! Notes that are to hang on another record than they do: the new link is made before the old one is removed, so that a note is never lost
//! from sight. Two or three calls for such a note, one for all of them to look.

use std::collections::HashMap;

use reqwest::Method;

use super::door::Context;
use super::ledger::Ledger;
use super::prepare::{Prepared, Verb};
use crate::connect::ConnectError;
use crate::connect::salesforce::api::collections;
use crate::connect::salesforce::api::error::record_of;
use crate::connect::salesforce::api::graph;
use crate::connect::salesforce::notes::{LINK, NoteLink, Notes};
use crate::model::{Key, Outcome};

const OBJECT: &str = "ContentDocumentLink";

/// Moves the notes whose change was carried out.
pub(super) async fn link(context: &Context, ledger: &mut Ledger, sent: &[Prepared]) {
    let spec = &context.spec;
    let Some(notes) = Notes::of(&spec.object.name, &spec.schema, &spec.parents) else { return };
    let moved: Vec<(usize, &Key, Option<&Key>)> = sent
        .iter()
        .filter(|record| record.verb == Verb::Update && ledger.is_written(record.at))
        .filter_map(|record| Some((record.at, record.id.as_ref()?, record.link.as_ref()?.record())))
        .collect();
    if moved.is_empty() {
        return;
    }
    let ids: Vec<Key> = moved.iter().map(|(_, note, _)| (*note).clone()).collect();
    let links = match notes.links(&context.client, &ids, context.purpose).await {
        Ok(links) => links,
        Err(error) => {
            let error = record_of(&error);
            for (at, ..) in moved {
                ledger.settle(at, Outcome::Rejected(error.clone()));
            }
            return;
        }
    };
    for (at, note, wanted) in moved {
        if let Err(error) = hang(context, note, wanted, &links).await {
            ledger.settle(at, Outcome::Rejected(record_of(&error)));
        }
    }
}

async fn hang(
    context: &Context,
    note: &Key,
    wanted: Option<&Key>,
    links: &HashMap<Key, Vec<NoteLink>>,
) -> Result<(), ConnectError> {
    let links = links.get(note).map(Vec::as_slice).unwrap_or_default();
    let current = links.first();
    if current.map(|link| &link.record) == wanted {
        return Ok(());
    }
    let data = context.client.data_path().await?;
    let fields = || vec![LINK.to_owned()];
    if let Some(wanted) = wanted.filter(|wanted| !links.iter().any(|link| link.record == **wanted)) {
        let body = graph::link(note.as_str(), wanted.as_str()).to_string().into_bytes();
        let call = context.call(Method::POST, collections::create_path(data, OBJECT), Some(body), fields());
        match context.client.change(&call, true).await {
            // The link of a lost answer was made after all.
            Err(error) if error.remote.as_deref() == Some("DUPLICATE_VALUE") => {}
            answer => drop(answer?),
        }
    }
    if let Some(current) = current {
        let path = collections::record_path(data, OBJECT, current.id.as_str());
        context.client.change(&context.call(Method::DELETE, path, None, fields()), true).await?;
    }
    Ok(())
}
