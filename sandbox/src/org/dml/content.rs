//! Notes and files: a document, its version and its links belong together (section 9.11 of the object list).
//! May not check rights. Read [`Session::new_note`] first.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Session;
use crate::org::value::{RowRef, Value};

/// Length of TextPreview.
const PREVIEW: usize = 255;

impl Session<'_> {
    /// A new ContentNote is a document of type SNOTE with one version.
    pub(super) fn new_note(&mut self, document: RowRef) {
        let schema = Arc::clone(&self.store.schema);
        self.describe_note(document);
        let Some(versions) = schema.named("ContentVersion") else { return };
        let version = self.create(versions, &Vec::new());
        self.fill_version(version, document);
        self.link(document, self.author, "I");
    }

    /// A changed note gets a new version.
    pub(super) fn changed_note(&mut self, document: RowRef) {
        let schema = Arc::clone(&self.store.schema);
        self.describe_note(document);
        if let Value::Reference(old) = self.value(document, "LatestPublishedVersionId").into_owned() {
            self.set_named(old, "IsLatest", &false.into());
        }
        let Some(versions) = schema.named("ContentVersion") else { return };
        let version = self.create(versions, &Vec::new());
        self.fill_version(version, document);
    }

    /// A new ContentVersion makes its document unless it names one, and links it where it is published.
    pub(super) fn new_version(&mut self, version: RowRef) {
        let schema = Arc::clone(&self.store.schema);
        let Some(documents) = schema.named("ContentDocument") else { return };
        let path = self.value(version, "PathOnClient").as_text().unwrap_or("").to_owned();
        let (stem, extension) = path.rsplit_once('.').unwrap_or((&path, ""));
        if self.value(version, "Title").is_null() {
            self.set_named(version, "Title", &stem.into());
        }
        self.set_named(version, "FileExtension", &extension.into());
        self.set_named(version, "FileType", &extension.to_uppercase().into());
        let document =
            if let Value::Reference(document) = self.value(version, "ContentDocumentId").into_owned() {
                if let Value::Reference(old) = self.value(document, "LatestPublishedVersionId").into_owned() {
                    self.set_named(old, "IsLatest", &false.into());
                }
                document
            } else {
                let document = self.create(documents, &Vec::new());
                self.link(document, self.author, "I");
                document
            };
        self.set_named(version, "ContentDocumentId", &document.into());
        self.set_named(version, "IsLatest", &true.into());
        let size = self.size_of(version, "VersionData");
        self.set_named(version, "ContentSize", &size);
        for name in ["Title", "FileExtension", "FileType", "ContentSize"] {
            let value = self.value(version, name).into_owned();
            self.set_named(document, name, &value);
        }
        self.set_named(document, "LatestPublishedVersionId", &version.into());
        self.touch(document);
        if let Value::Reference(place) = self.value(version, "FirstPublishLocationId").into_owned() {
            self.link(document, place, "V");
        }
    }

    fn describe_note(&mut self, document: RowRef) {
        let preview = preview_of(self.note_field(document, "Content").as_text().unwrap_or(""));
        self.set_on_table(document, "TextPreview", &preview.into());
        let size = self.size_of(document, "Content");
        self.set_named(document, "ContentSize", &size);
        self.set_named(document, "ContentModifiedDate", &Value::Stamp(self.stamp));
        self.set_named(document, "FileExtension", &"snote".into());
    }

    fn fill_version(&mut self, version: RowRef, document: RowRef) {
        let content = self.note_field(document, "Content").into_owned();
        let preview = self.note_field(document, "TextPreview").into_owned();
        let title = self.value(document, "Title").into_owned();
        let size = self.value(document, "ContentSize").into_owned();
        for (name, value) in [
            ("ContentDocumentId", document.into()),
            ("VersionData", content),
            ("TextPreview", preview),
            ("Title", title),
            ("ContentSize", size),
            ("FileType", "SNOTE".into()),
            ("FileExtension", "snote".into()),
            ("IsLatest", true.into()),
            ("VersionNumber", "1".into()),
        ] {
            self.set_named(version, name, &value);
        }
        self.set_named(document, "LatestPublishedVersionId", &version.into());
    }

    fn link(&mut self, document: RowRef, entity: RowRef, share_type: &str) {
        let schema = Arc::clone(&self.store.schema);
        let Some(links) = schema.named("ContentDocumentLink") else { return };
        let link = self.create(links, &Vec::new());
        self.set_named(link, "ContentDocumentId", &document.into());
        self.set_named(link, "LinkedEntityId", &entity.into());
        self.set_named(link, "ShareType", &share_type.into());
        self.set_named(link, "Visibility", &"AllUsers".into());
    }

    /// A field that only ContentNote shows, although its column lies in the document.
    fn note_field(&self, document: RowRef, field: &str) -> Value<'_> {
        let note = self.store.schema.named("ContentNote");
        let column = note.and_then(|note| note.column(field));
        column.map_or(Value::Null, |column| self.reader().column(document.table, column, document.row))
    }

    fn set_on_table(&mut self, document: RowRef, field: &str, value: &Value<'_>) {
        let column = self.store.schema.named("ContentNote").and_then(|note| note.column(field));
        if let Some(column) = column {
            self.set(document, column, value);
        }
    }

    fn size_of(&self, at: RowRef, field: &str) -> Value<'static> {
        let value = match self.value(at, field) {
            Value::Null => self.note_field(at, field),
            value => value,
        };
        let bytes = value.as_text().and_then(|text| STANDARD.decode(text).ok()).map_or(0, |b| b.len());
        Value::Number(i64::try_from(bytes).unwrap_or(0), 0)
    }
}

/// The text of a note without its tags.
pub(crate) fn preview_of(content: &str) -> String {
    let bytes = STANDARD.decode(content).unwrap_or_default();
    let html = String::from_utf8_lossy(&bytes).into_owned();
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    text.trim().chars().take(PREVIEW).collect()
}
