//! Types and flags of fields.
//! May not know objects. Read [`FieldType`] first.

/// What a field holds, as describe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldType {
    Id,
    Reference,
    Text,
    TextArea,
    Picklist,
    MultiPicklist,
    Combobox,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    Datetime,
    Email,
    Phone,
    Url,
    Address,
    Base64,
    AnyType,
}

const TYPE_NAMES: [(FieldType, &str); 20] = [
    (FieldType::Id, "id"),
    (FieldType::Reference, "reference"),
    (FieldType::Text, "string"),
    (FieldType::TextArea, "textarea"),
    (FieldType::Picklist, "picklist"),
    (FieldType::MultiPicklist, "multipicklist"),
    (FieldType::Combobox, "combobox"),
    (FieldType::Boolean, "boolean"),
    (FieldType::Int, "int"),
    (FieldType::Double, "double"),
    (FieldType::Currency, "currency"),
    (FieldType::Percent, "percent"),
    (FieldType::Date, "date"),
    (FieldType::Datetime, "datetime"),
    (FieldType::Email, "email"),
    (FieldType::Phone, "phone"),
    (FieldType::Url, "url"),
    (FieldType::Address, "address"),
    (FieldType::Base64, "base64"),
    (FieldType::AnyType, "anyType"),
];

impl FieldType {
    /// The `type` of describe.
    pub(crate) fn name(self) -> &'static str {
        TYPE_NAMES.iter().find(|(kind, _)| *kind == self).map_or("string", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        TYPE_NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// The `soapType` of describe, without its prefix for the `xsd` types.
    pub(crate) fn soap_name(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Boolean => "xsd:boolean",
            Self::Int => "xsd:int",
            Self::Double | Self::Currency | Self::Percent => "xsd:double",
            Self::Date => "xsd:date",
            Self::Datetime => "xsd:dateTime",
            Self::Address => "urn:address",
            Self::Base64 => "xsd:base64Binary",
            Self::AnyType => "xsd:anyType",
            _ => "xsd:string",
        }
    }

    pub(crate) fn is_text(self) -> bool {
        self.soap_name() == "xsd:string"
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    pub(crate) fn storage(self) -> Storage {
        match self {
            Self::Id | Self::Reference => Storage::Reference,
            Self::Boolean => Storage::Bool,
            Self::Int | Self::Double | Self::Currency | Self::Percent => Storage::Number,
            Self::Date => Storage::Date,
            Self::Datetime => Storage::Stamp,
            Self::Picklist | Self::MultiPicklist | Self::Combobox => Storage::Symbol,
            _ => Storage::Text,
        }
    }
}

/// How a column keeps its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Bool,
    Number,
    Date,
    Stamp,
    Symbol,
    Text,
    Reference,
}

/// Properties of a field, in the letters of the objects file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const CREATE: u16 = 1;
    pub(crate) const UPDATE: u16 = 2;
    pub(crate) const FILTER: u16 = 4;
    pub(crate) const SORT: u16 = 8;
    pub(crate) const NILLABLE: u16 = 16;
    pub(crate) const DEFAULTED: u16 = 32;
    pub(crate) const RESTRICTED: u16 = 64;
    pub(crate) const LOOKUP: u16 = 128;
    pub(crate) const AUTONUMBER: u16 = 256;
    pub(crate) const UNIQUE: u16 = 512;
    pub(crate) const EXTERNAL: u16 = 1024;
    pub(crate) const CUSTOM: u16 = 2048;

    /// Reads the letters `CUFSNDRLA`; anything else is `None`.
    pub(crate) fn parse(letters: &str) -> Option<Self> {
        let mut flags = Self::default();
        for letter in letters.chars().filter(|c| *c != '-') {
            flags.0 |= 1 << "CUFSNDRLA".find(letter)?;
        }
        Some(flags)
    }

    pub(crate) fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    pub(crate) fn with(self, flag: u16) -> Self {
        Self(self.0 | flag)
    }

    pub(crate) fn without(self, flag: u16) -> Self {
        Self(self.0 & !flag)
    }
}
