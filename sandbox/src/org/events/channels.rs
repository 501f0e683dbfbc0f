//! Channels and their members: which objects have events, and who gets them.
//! May not know events. Read [`Channels`] first.

use crate::org::error::ApiError;
use crate::org::ids::Id;

/// The channel that every org has.
pub(crate) const DEFAULT: &str = "ChangeEvents";
/// Objects that an org may select without the add-on.
pub(super) const FREE: usize = 5;

/// A channel of the org's own.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) id: Id,
    /// With its `__chn`.
    pub(crate) name: String,
    pub(crate) label: String,
}

/// One selected object on one channel.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// `ChangeEvents`, or the name of a channel of the org's own.
    pub(crate) channel: String,
    /// `AccountChangeEvent`
    pub(crate) entity: String,
    pub(crate) object: u16,
    /// Fields that every update and delete carries.
    pub(crate) enriched: Vec<String>,
    pub(crate) filter: Option<String>,
}

/// All channels and members.
#[derive(Debug)]
#[allow(clippy::struct_field_names)] // they are the channels
pub(crate) struct Channels {
    pub(crate) channels: Vec<Channel>,
    pub(crate) members: Vec<Member>,
    /// How many different objects may be selected; `None`: the edition has no events.
    pub(crate) limit: Option<usize>,
    ids: u64,
}

impl Channels {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self { channels: Vec::new(), members: Vec::new(), limit, ids: 0 }
    }

    fn next_id(&mut self, prefix: [u8; 3]) -> Id {
        self.ids += 1;
        Id::assemble(prefix, *b"Hq", 0, self.ids)
    }

    /// Whether the object has events now.
    pub(crate) fn selects(&self, object: u16) -> bool {
        self.members.iter().any(|member| member.object == object)
    }

    /// The member of a channel for an object.
    pub(crate) fn member(&self, channel: &str, object: u16) -> Option<&Member> {
        self.members.iter().find(|member| member.channel == channel && member.object == object)
    }

    /// Whether there is a channel with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        name == DEFAULT || self.channels.iter().any(|channel| channel.name == name)
    }

    /// Makes a channel.
    pub(crate) fn add_channel(&mut self, name: &str, label: &str) -> Result<Id, ApiError> {
        let stem = name.strip_suffix("__chn").unwrap_or("");
        if stem.is_empty()
            || stem.contains("__")
            || !stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return Err(refused(format!("The full name {name} isn't valid"), "FullName"));
        }
        if self.has(name) {
            return Err(duplicate(name));
        }
        let id = self.next_id(*b"0YL");
        self.channels.push(Channel { id, name: name.to_owned(), label: label.to_owned() });
        Ok(id)
    }

    /// Selects an object on a channel.
    pub(crate) fn add_member(&mut self, mut member: Member) -> Result<Id, ApiError> {
        let Some(limit) = self.limit else { return Err(invalid_entity(&member.entity)) };
        if let Some((namespace, _)) = member.name.split_once("__") {
            let text = format!("Cannot create a new component with the namespace: {namespace}");
            return Err(refused(text, "FullName"));
        }
        if !self.has(&member.channel) {
            return Err(refused("Unable to find the specified channel".to_owned(), "EventChannel"));
        }
        if self.members.iter().any(|known| known.name == member.name) {
            return Err(duplicate(&member.name));
        }
        if self.member(&member.channel, member.object).is_some() {
            return Err(refused(
                "The entity is already selected on this channel".to_owned(),
                "SelectedEntity",
            ));
        }
        if !self.selects(member.object) && self.selected() >= limit {
            let text = "The maximum number of entities that can be selected for Change Data Capture has been reached.";
            return Err(ApiError::dml("LIMIT_EXCEEDED", text, &[]));
        }
        member.id = self.next_id(*b"0v8");
        let id = member.id;
        self.members.push(member);
        Ok(id)
    }

    /// Number of different objects that are selected.
    pub(crate) fn selected(&self) -> usize {
        let mut objects: Vec<u16> = self.members.iter().map(|member| member.object).collect();
        objects.sort_unstable();
        objects.dedup();
        objects.len()
    }

    /// Takes a channel away with its members, or a member; false if there is none with this id.
    pub(crate) fn remove(&mut self, id: Id) -> bool {
        if let Some(at) = self.channels.iter().position(|channel| channel.id == id) {
            let channel = self.channels.remove(at);
            self.members.retain(|member| member.channel != channel.name);
            return true;
        }
        let before = self.members.len();
        self.members.retain(|member| member.id != id);
        self.members.len() < before
    }
}

pub(crate) fn invalid_entity(entity: &str) -> ApiError {
    refused(format!("{entity}: invalid event in the 'selectedEntity' field"), "SelectedEntity")
}

fn refused(message: String, field: &str) -> ApiError {
    ApiError::dml("FIELD_INTEGRITY_EXCEPTION", message, &[field])
}

fn duplicate(name: &str) -> ApiError {
    ApiError::dml("DUPLICATE_DEVELOPER_NAME", format!("The name {name} is already in use"), &["FullName"])
}
