//! What becomes of a lead that is converted (standard fields of the object Lead).

/// Field of a lead that says whether it was converted.
pub const CONVERTED: &str = "IsConverted";

/// What a lead becomes, the closest first: object and field of the lead with its id.
pub const BECAME: [(&str, &str); 3] = [
    ("Contact", "ConvertedContactId"),
    ("Account", "ConvertedAccountId"),
    ("Opportunity", "ConvertedOpportunityId"),
];

/// The field of a lead that names the record of this object; `None` for objects that no lead becomes.
pub fn converted_field(object: &str) -> Option<&'static str> {
    BECAME.iter().find(|(became, _)| became.eq_ignore_ascii_case(object)).map(|(_, field)| *field)
}
