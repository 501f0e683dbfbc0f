//! The Salesforce side as far as the catalog tells: fields of the object, parents up to five levels, virtual fields.

use std::cell::RefCell;
use std::sync::Arc;

use crate::model::{FieldInfo, Kind, ObjectInfo};
use crate::plan::catalog::{Knowledge, OrgCatalog};

/// How many parents a path may go up (SOQL and SOSL Reference, "Understanding Relationship Query Limitations").
const PARENTS: usize = 5;

/// The Salesforce side of one pipeline.
#[derive(Debug)]
pub(super) struct SalesforceFacts<'a> {
    /// API name as the file writes it.
    pub(super) object_name: &'a str,
    /// The org, if it was ever reached. Asked through [`Self::look`] only.
    org: Option<&'a OrgCatalog>,
    /// What was asked of it, with the answers: what is made of them holds as long as they do.
    asked: RefCell<Vec<(String, Answer<ObjectInfo>)>>,
    /// The object.
    pub(super) object: Knowledge<'a, ObjectInfo>,
}

/// A field of the object or of a parent, looked for by its path.
#[derive(Clone, Copy, Debug)]
pub(super) enum SalesforceField<'a> {
    /// Described. The object is that of the last step.
    Field(&'a FieldInfo, &'a ObjectInfo),
    /// A field that sfsync adds, of this kind.
    Virtual(Kind),
    /// The catalog does not reach so far.
    Unknown,
    /// `step` of the path (from 0) is no field, or no parent, of `object`.
    Missing { object: &'a ObjectInfo, step: usize },
    /// Above the fifth parent.
    TooDeep,
}

impl<'a> SalesforceFacts<'a> {
    /// From the catalog; without one, everything is unknown.
    pub(super) fn of(object_name: &'a str, org: Option<&'a OrgCatalog>) -> Self {
        let mut facts = Self { object_name, org, asked: RefCell::default(), object: Knowledge::Unknown };
        facts.object = facts.look(object_name);
        facts
    }

    /// What is known of an object of the org.
    pub(super) fn look(&self, name: &str) -> Knowledge<'a, ObjectInfo> {
        let found = self.org.map_or(Knowledge::Unknown, |org| org.shared_object(name));
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|(known, _)| known == name) {
            asked.push((name.to_owned(), Answer::of(found)));
        }
        found.of()
    }

    /// The objects that were looked at until now.
    pub(super) fn asked(&self) -> Vec<(String, Answer<ObjectInfo>)> {
        self.asked.borrow().clone()
    }

    /// Whether the org would give the same answers now.
    pub(super) fn answers_the_same(&self, asked: &[(String, Answer<ObjectInfo>)]) -> bool {
        asked.iter().all(|(name, before)| {
            let now = self.org.map_or(Knowledge::Unknown, |org| org.shared_object(name));
            before.is(now, ObjectInfo::says_the_same)
        })
    }

    /// Names of all objects of the org.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.org.into_iter().flat_map(|org| &org.names).map(String::as_str)
    }

    /// What is known of the object.
    pub(super) fn info(&self) -> Option<&'a ObjectInfo> {
        self.object.known()
    }

    /// Looks for a field by its path.
    pub(super) fn field(&self, path: &str) -> SalesforceField<'a> {
        let steps: Vec<&str> = path.split('.').collect();
        if steps.len() > PARENTS + 1 {
            return SalesforceField::TooDeep;
        }
        if let Some(kind) = virtual_field(self.object_name, self.info(), path) {
            return SalesforceField::Virtual(kind);
        }
        let Some(mut object) = self.info() else { return SalesforceField::Unknown };
        let (last, parents) = steps.split_last().unwrap_or((&"", &[]));
        for (step, parent) in parents.iter().enumerate() {
            match self.parent(object, parent) {
                Parent::Object(next) => object = next,
                Parent::Unknown => return SalesforceField::Unknown,
                Parent::Missing => return SalesforceField::Missing { object, step },
            }
        }
        match object.fields.iter().find(|field| field.name == **last) {
            Some(field) => SalesforceField::Field(field, object),
            None => SalesforceField::Missing { object, step: parents.len() },
        }
    }

    fn parent(&self, object: &ObjectInfo, name: &str) -> Parent<'a> {
        let Some(field) = object.fields.iter().find(|field| field.relationship.as_deref() == Some(name))
        else {
            return Parent::Missing;
        };
        // What a polymorphic reference offers (`Owner.Email` of a Task) is the Name object, which is not described.
        let [only] = field.reference_to.as_slice() else { return Parent::Unknown };
        match self.look(only) {
            Knowledge::Known(parent) => Parent::Object(parent),
            _ => Parent::Unknown,
        }
    }

    /// Kind of a field; `Any` where it is not known.
    pub(super) fn kind_of(&self, path: &str) -> Kind {
        match self.field(path) {
            SalesforceField::Field(field, _) => field.kind,
            SalesforceField::Virtual(kind) => kind,
            _ if path == "Id" => Kind::Id,
            _ => Kind::Any,
        }
    }
}

/// What a catalog said, kept beyond it.
#[derive(Clone, Debug)]
pub(super) enum Answer<T> {
    Known(Arc<T>),
    Unknown,
    Missing,
}

impl<T> Answer<T> {
    pub(super) fn of(found: Knowledge<'_, Arc<T>>) -> Self {
        match found {
            Knowledge::Known(value) => Self::Known(Arc::clone(value)),
            Knowledge::Unknown => Self::Unknown,
            Knowledge::Missing => Self::Missing,
        }
    }

    fn is(&self, now: Knowledge<'_, Arc<T>>, same: fn(&T, &T) -> bool) -> bool {
        match (self, now) {
            (Self::Known(before), Knowledge::Known(now)) => Arc::ptr_eq(before, now) || same(before, now),
            (Self::Unknown, Knowledge::Unknown) | (Self::Missing, Knowledge::Missing) => true,
            _ => false,
        }
    }
}

enum Parent<'a> {
    Object(&'a ObjectInfo),
    Unknown,
    Missing,
}

/// Fields that are in no describe: `RecordType` is the developer name, `LinkedEntityId` and `Content` of a ContentNote are
/// its parent and its decoded text.
pub(super) fn virtual_field(object: &str, info: Option<&ObjectInfo>, path: &str) -> Option<Kind> {
    match path {
        "RecordType" if info.is_none_or(|info| info.field("RecordTypeId").is_some()) => Some(Kind::Text),
        "LinkedEntityId" if object == "ContentNote" => Some(Kind::Id),
        "Content" if object == "ContentNote" => Some(Kind::Text),
        _ => None,
    }
}
