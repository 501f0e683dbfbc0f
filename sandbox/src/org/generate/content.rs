//! Enhanced notes with their documents, versions and links, and Chatter posts.
//! May not make the records that they hang on. Read [`notes`] first.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::activities::escape_html;
use super::maker::{Life, Maker, clip};
use super::words::Texts;
use crate::org::dml::preview_of;
use crate::org::value::{RowRef, Value};

/// Makes notes, each linked to its owner and to an account, contact or opportunity.
pub(super) fn notes(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let Some(object) = schema.named("ContentNote") else { return };
    for _ in 0..count {
        let life = maker.life();
        let lines: Vec<String> = Texts::description(&mut maker.rng)
            .lines()
            .map(|line| format!("<p>{}</p>", escape_html(line)))
            .collect();
        let html = lines.concat();
        let content = STANDARD.encode(&html);
        let title = clip(Texts::sentence(&mut maker.rng), 255);
        let size = Value::Number(i64::try_from(html.len()).unwrap_or(0), 0);
        let preview = preview_of(&content);
        let shared = [
            ("Title", title.as_str().into()),
            ("FileType", "SNOTE".into()),
            ("FileExtension", "snote".into()),
            ("ContentSize", size),
            ("TextPreview", preview.as_str().into()),
            ("ContentModifiedDate", Value::Stamp(life.modified)),
        ];
        let row = maker.add(object, &life, &shared);
        let document = RowRef { table: object.table, row };
        maker.store.put_all(object, row, &[("Content", content.as_str().into())]);
        let version = version(maker, &life, document, &shared, &content);
        maker.store.put_all(object, row, &[("LatestPublishedVersionId", version.into())]);
        link(maker, &life, document, Some(life.owner), "I");
        let kind = maker.rng.word(&["Account", "Contact", "Opportunity"]);
        let entity = maker.any(kind);
        link(maker, &life, document, entity, "V");
    }
}

fn version(
    maker: &mut Maker<'_>,
    life: &Life,
    document: RowRef,
    shared: &[(&str, Value<'_>)],
    content: &str,
) -> Option<RowRef> {
    let schema = Arc::clone(&maker.schema);
    let object = schema.named("ContentVersion")?;
    let row = maker.add(object, life, shared);
    maker.store.put_all(
        object,
        row,
        &[
            ("ContentDocumentId", document.into()),
            ("VersionData", content.into()),
            ("IsLatest", true.into()),
            ("VersionNumber", "1".into()),
        ],
    );
    Some(RowRef { table: object.table, row })
}

fn link(maker: &mut Maker<'_>, life: &Life, document: RowRef, entity: Option<RowRef>, share_type: &str) {
    let schema = Arc::clone(&maker.schema);
    let (Some(object), Some(entity)) = (schema.named("ContentDocumentLink"), entity) else { return };
    maker.add(
        object,
        life,
        &[
            ("ContentDocumentId", document.into()),
            ("LinkedEntityId", entity.into()),
            ("ShareType", share_type.into()),
            ("Visibility", "AllUsers".into()),
        ],
    );
}

/// Makes Chatter posts with comments.
pub(super) fn feed_items(maker: &mut Maker<'_>, count: u32) {
    let schema = Arc::clone(&maker.schema);
    let (Some(object), Some(comments)) = (schema.named("FeedItem"), schema.named("FeedComment")) else {
        return;
    };
    for _ in 0..count {
        let life = maker.life();
        let kind = maker.rng.word(&["Account", "Opportunity", "Case", "Contact"]);
        let Some(parent) = maker.any(kind) else { continue };
        let commented = maker.rng.below(3);
        let values = [
            ("ParentId", parent.into()),
            ("Body", clip(&Texts::description(&mut maker.rng), 10_000).into()),
            ("Type", "TextPost".into()),
            ("Status", "Published".into()),
            ("InsertedById", life.author.into()),
            ("CommentCount", Value::Number(i64::try_from(commented).unwrap_or(0), 0)),
            ("LikeCount", Value::Number(maker.rng.between(0, 5), 0)),
        ];
        let row = maker.add(object, &life, &values);
        for _ in 0..commented {
            let text = clip(Texts::sentence(&mut maker.rng), 10_000);
            let values = [
                ("FeedItemId", RowRef { table: object.table, row }.into()),
                ("ParentId", parent.into()),
                ("CommentBody", text.into()),
                ("CommentType", "TextComment".into()),
                ("InsertedById", life.author.into()),
            ];
            maker.add(comments, &life, &values);
        }
    }
}
