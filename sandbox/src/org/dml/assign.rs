//! Assignment rules: who owns leads and cases that API calls save (section 5.6).
//! May not check whether the owner is active. Read [`Session::assign`] first.

use super::Session;
use crate::org::rules::holds;
use crate::org::schema::Object;
use crate::org::value::RowRef;
use crate::org::write::Assignment;

impl Session<'_> {
    /// Gives the record to whom the rule says; without a rule the owner stays.
    pub(super) fn assign(&mut self, object: &Object, at: RowRef) {
        let schema = &self.store.schema;
        let wanted = |id: String| match &self.options.assignment {
            Assignment::Off => false,
            Assignment::Active => true,
            Assignment::Rule(named) => id == *named || id[..15] == *named,
        };
        let rule = self.setup.rules.assignment.iter().find(|rule| {
            schema.object(rule.object).name == object.name
                && wanted(rule.id.to_string())
                && rule
                    .condition
                    .as_ref()
                    .is_none_or(|condition| holds(self.reader(), rule.object, condition, at.row))
        });
        if let (Some(owner), true) = (rule.map(|rule| rule.owner), self.options.source.is_some()) {
            self.set_named(at, "OwnerId", &owner.into());
        }
    }
}
