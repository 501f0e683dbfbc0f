//! Makes the schema of an org from the objects file, its features and its customizations.
//! May not hold records. Read [`build`] first.

mod derived;

use std::collections::HashMap;

use self::derived::resolve_derived;
use super::config::OrgConfig;
use super::customization::{CustomField, CustomObject};
use super::objects_file::{self, RawField, RawObject};
use super::schema::{
    Derived, Field, FieldRef, FieldType, Flags, Object, Schema, Source, SystemColumns, TableLayout,
};

/// Builds the schema; the error says which definition is wrong.
pub(crate) fn build(config: &OrgConfig) -> Result<Schema, String> {
    let mut builder = Builder::default();
    for raw in objects_file::parse(objects_file::STANDARD)? {
        if raw.abilities.value("feature").is_none_or(|feature| enabled(config, feature, &raw.name)) {
            builder.add_standard(config, &raw);
        }
    }
    for customization in &config.customizations {
        let (objects, fields) = customization.resolve()?;
        for object in objects {
            builder.add_custom_object(config, &object);
        }
        for field in &fields {
            builder.add_custom_field(field)?;
        }
        for (object, field, values) in customization.picklists() {
            builder.set_picklist(object, field, values)?;
        }
        for object in ["Opportunity", "OpportunityHistory"] {
            builder.rename_stages(object, config);
        }
    }
    Ok(builder.finish())
}

fn enabled(config: &OrgConfig, feature: &str, object: &str) -> bool {
    match feature {
        "recordtypes" => config.customizations.iter().any(|file| file.has_record_types(object)),
        "multicurrency" => config.multicurrency,
        "persons" => config.person_accounts,
        "states" => config.state_picklists,
        _ => false,
    }
}

#[derive(Default)]
struct Builder {
    schema: Schema,
    /// Derived fields as written, resolved when all objects are there.
    derived: Vec<(FieldRef, String)>,
    custom_objects: u8,
}

impl Builder {
    fn add_standard(&mut self, config: &OrgConfig, raw: &RawObject) {
        let kept: Vec<RawField> = raw
            .fields
            .iter()
            .filter(|field| {
                field.feature.as_deref().is_none_or(|feature| enabled(config, feature, &raw.name))
            })
            .cloned()
            .collect();
        let label = split_words(&raw.name);
        let index = self.add_object(raw, label, false);
        for field in kept {
            let label = field_label(&field);
            self.add_field(index, field, label, None, false);
        }
    }

    fn add_custom_object(&mut self, config: &OrgConfig, custom: &CustomObject) {
        let index = self.add_object(&custom.raw, custom.label.clone(), true);
        let record_type = enabled(config, "recordtypes", &custom.raw.name);
        let record_type = record_type.then_some("RecordTypeId reference CUFN >RecordType");
        for line in [
            "Id id FSDL",
            "IsDeleted boolean FSD",
            "CreatedById reference FSD >User",
            "CreatedDate datetime FSD",
            "LastModifiedById reference FSD >User",
            "LastModifiedDate datetime FSD",
            "Name string(80) CUFSNL",
            "OwnerId reference CUFSD >User/Group",
            "SystemModstamp datetime FSD",
        ]
        .into_iter()
        .chain(record_type)
        {
            let parsed = objects_file::parse(&format!("object x x \"\"\n{line}")).unwrap_or_default();
            for field in parsed.into_iter().flat_map(|object| object.fields) {
                let label = field_label(&field);
                self.add_field(index, field, label, None, false);
            }
        }
    }

    fn add_custom_field(&mut self, custom: &CustomField) -> Result<(), String> {
        let object = self
            .schema
            .find(&custom.object)
            .ok_or_else(|| format!("there is no object \"{}\"", custom.object))?;
        let (label, formula) = (custom.label.clone(), custom.formula.clone());
        self.add_field(object, custom.raw.clone(), label, formula, custom.restricts_delete);
        Ok(())
    }

    fn set_picklist(&mut self, object: &str, field: &str, values: &[String]) -> Result<(), String> {
        let found = self.schema.find(object).and_then(|at| {
            let fields = &mut self.schema.objects[usize::from(at)].fields;
            fields.iter_mut().find(|known| known.name == field && !known.picklist.is_empty())
        });
        let found = found.ok_or_else(|| format!("{object}.{field} is no picklist of the org"))?;
        found.picklist = values.to_vec();
        Ok(())
    }

    fn rename_stages(&mut self, object: &str, config: &OrgConfig) {
        let Some(at) = self.schema.find(object) else { return };
        let fields = self.schema.objects[usize::from(at)].fields.iter_mut();
        for field in fields.filter(|field| field.name == "StageName") {
            for value in &mut field.picklist {
                *value = config.stage_name(value).to_string();
            }
        }
    }

    fn add_object(&mut self, raw: &RawObject, label: String, custom: bool) -> u16 {
        let index = small(self.schema.objects.len());
        let view = raw.abilities.value("view").and_then(|view| {
            let mut parts = view.split('.');
            let base = self.schema.find(parts.next()?)?;
            let base = self.schema.object(base);
            Some((base.table, base.column(parts.next()?)?, parts.next()?.to_owned()))
        });
        let prefix = if custom { self.custom_prefix() } else { three(&raw.prefix) };
        let table = view.as_ref().map_or_else(|| self.add_table(index, prefix), |(table, ..)| *table);
        self.schema.by_name.insert(raw.name.to_ascii_lowercase(), index);
        self.schema.objects.push(Object {
            name: raw.name.clone(),
            label,
            plural: raw.plural.clone(),
            prefix,
            custom,
            abilities: raw.abilities.clone(),
            fields: Vec::new(),
            by_name: HashMap::new(),
            table,
            view: view.map(|(_, column, value)| (column, value)),
            name_field: None,
            system: SystemColumns::default(),
            tracked: Vec::new(),
            history: None,
        });
        index
    }

    fn add_table(&mut self, object: u16, prefix: [u8; 3]) -> u16 {
        let sharing = self.schema.tables.iter().filter(|t| self.schema.object(t.object).prefix == prefix);
        let discriminator = u8::try_from(sharing.count()).unwrap_or(0);
        self.schema.tables.push(TableLayout { columns: Vec::new(), object, discriminator });
        small(self.schema.tables.len() - 1)
    }

    fn custom_prefix(&mut self) -> [u8; 3] {
        let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let number = usize::from(self.custom_objects);
        self.custom_objects += 1;
        [b'a', digits[number / 36 % 36], digits[number % 36]]
    }

    fn add_field(
        &mut self,
        object: u16,
        raw: RawField,
        label: String,
        formula: Option<String>,
        restricts_delete: bool,
    ) {
        let at = FieldRef { object, field: small(self.schema.object(object).fields.len()) };
        let source = if raw.kind == FieldType::Id {
            Source::Id
        } else if raw.name == "IsDeleted" {
            Source::Deleted
        } else if let Some(text) = formula.as_ref().or(raw.derived.as_ref()) {
            self.derived.push((at, text.clone()));
            Source::Derived(Derived::Nothing)
        } else {
            Source::Column(self.place(object, &raw))
        };
        let mut flags = raw.flags;
        if raw.flags.has(Flags::RESTRICTED) && raw.picklist.is_empty() {
            flags = flags.without(Flags::RESTRICTED);
        }
        let lookup = raw.kind == FieldType::Reference;
        let number = raw.kind.is_number() && raw.kind != FieldType::Int;
        let field = Field {
            relationship: if lookup { relationship_name(&raw.name) } else { None },
            label,
            kind: raw.kind,
            length: if number { 0 } else { default_length(&raw) },
            precision: if number { u8::try_from(raw.length).unwrap_or(18) } else { 0 },
            scale: raw.scale,
            flags,
            targets: raw.targets,
            children: raw.children,
            restricts_delete,
            picklist: raw.picklist,
            formula,
            source,
            name: raw.name,
        };
        let object = &mut self.schema.objects[usize::from(object)];
        object.by_name.insert(field.name.to_ascii_lowercase(), at.field);
        object.by_name.insert(field.name.clone(), at.field);
        object.fields.push(field);
    }

    /// The column for a field; a view shares the columns of its base by name.
    fn place(&mut self, object: u16, raw: &RawField) -> u16 {
        let object = self.schema.object(object);
        let base = self.schema.object(self.schema.tables[usize::from(object.table)].object);
        if let Some(column) = base.column(&raw.name) {
            return column;
        }
        let table = usize::from(object.table);
        let columns = &mut self.schema.tables[table].columns;
        columns.push((raw.kind.storage(), raw.scale));
        small(columns.len() - 1)
    }

    fn finish(mut self) -> Schema {
        for (at, text) in std::mem::take(&mut self.derived) {
            let derived = resolve_derived(&self.schema, at, &text);
            self.schema.objects[usize::from(at.object)].fields[usize::from(at.field)].source =
                Source::Derived(derived);
        }
        for index in 0..self.schema.objects.len() {
            let (system, name_field, tracked, history) = finish_object(&self.schema, index);
            let object = &mut self.schema.objects[index];
            object.system = system;
            object.name_field = name_field;
            object.tracked = tracked;
            object.history = history;
        }
        self.schema
    }
}

fn finish_object(schema: &Schema, index: usize) -> (SystemColumns, Option<u16>, Vec<u16>, Option<u16>) {
    let object = &schema.objects[index];
    let system = SystemColumns {
        created_date: object.column("CreatedDate"),
        created_by: object.column("CreatedById"),
        modified_date: object.column("LastModifiedDate"),
        modified_by: object.column("LastModifiedById"),
        modstamp: object.column("SystemModstamp"),
        owner: object.column("OwnerId"),
    };
    let name_field = object.field_index(object.abilities.value("name").unwrap_or("Name"));
    let names = object.abilities.value("track").unwrap_or("");
    let tracked = names.split(',').filter_map(|name| object.field_index(name)).collect();
    let history = object.abilities.value("history").and_then(|name| schema.find(name));
    (system, name_field, tracked, history)
}

fn relationship_name(field: &str) -> Option<String> {
    if let Some(base) = field.strip_suffix("__c") {
        return Some(format!("{base}__r"));
    }
    field.strip_suffix("Id").map(str::to_owned)
}

fn default_length(raw: &RawField) -> u32 {
    match raw.kind {
        FieldType::Id | FieldType::Reference => 18,
        FieldType::Picklist | FieldType::Combobox if raw.length == 0 => 255,
        FieldType::MultiPicklist if raw.length == 0 => 4099,
        FieldType::Int => 9,
        _ => raw.length,
    }
}

fn field_label(field: &RawField) -> String {
    let mut label = split_words(&field.name);
    if field.kind == FieldType::Reference && label.ends_with(" Id") {
        label.truncate(label.len() - 2);
        label.push_str("ID");
    }
    label
}

/// `CloseDate` becomes `Close Date`.
fn split_words(name: &str) -> String {
    let mut label = String::with_capacity(name.len() + 4);
    let mut previous_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && previous_lower {
            label.push(' ');
        }
        previous_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        label.push(c);
    }
    label
}

fn three(prefix: &str) -> [u8; 3] {
    prefix.as_bytes().try_into().unwrap_or(*b"000")
}

/// Objects, fields and tables are counted in `u16`; there are some dozens of each.
fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
