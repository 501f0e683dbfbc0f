//! Errors of queries, with the window and caret that Salesforce prints (section 3.11).
//! May not know the schema. Read [`at_position`] first.

use crate::org::error::ApiError;

/// Characters of the query that the window shows before and behind the caret.
const WINDOW: usize = 32;

/// The message with window, caret and position in front of it.
pub(crate) fn at_position(soql: &str, at: usize, message: &str) -> String {
    let line_start = soql[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let row = soql[..at].matches('\n').count() + 1;
    let line = soql[line_start..].lines().next().unwrap_or("");
    let column = soql[line_start..at].chars().count();
    let first = column.saturating_sub(WINDOW);
    let window: String = line.chars().skip(first).take(column - first + WINDOW).collect();
    let blanks = " ".repeat(column - first);
    format!("\n{window}\n{blanks}^\nERROR at Row:{row}:Column:{}\n{message}", column + 1)
}

/// A field or filter of the query is wrong.
pub(crate) fn invalid_field(soql: &str, at: usize, message: &str) -> ApiError {
    ApiError::request("INVALID_FIELD", at_position(soql, at, message))
}

/// A field that does not exist or is hidden: the text is the same for both.
pub(crate) fn no_such_column(soql: &str, at: usize, field: &str, object: &str) -> ApiError {
    let message = format!(
        "No such column '{field}' on entity '{object}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
    );
    invalid_field(soql, at, &message)
}

/// A relationship that does not exist or is hidden.
pub(crate) fn no_such_relation(soql: &str, at: usize, relation: &str) -> ApiError {
    let message = format!(
        "Didn't understand relationship '{relation}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
    );
    invalid_field(soql, at, &message)
}

/// An object that does not exist or is hidden.
pub(crate) fn no_such_object(soql: &str, at: usize, object: &str) -> ApiError {
    let message = format!(
        "sObject type '{object}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    );
    ApiError::request("INVALID_TYPE", at_position(soql, at, &message))
}

/// A query that is wrong at a place.
pub(crate) fn malformed(soql: &str, at: usize, message: &str) -> ApiError {
    ApiError::request("MALFORMED_QUERY", at_position(soql, at, message))
}

/// A query that is wrong as a whole.
pub(crate) fn malformed_plain(message: impl Into<String>) -> ApiError {
    ApiError::request("MALFORMED_QUERY", message)
}

/// A token that does not belong here.
pub(crate) fn unexpected_token(soql: &str, at: usize, token: &str) -> ApiError {
    malformed(soql, at, &format!("unexpected token: '{token}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_and_caret_are_those_on_record() {
        let soql = "SELECT Id, Fooo FROM Account";
        assert!(no_such_column(soql, 11, "Fooo", "Account").message.starts_with(
            "\nSELECT Id, Fooo FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Fooo'"
        ));
        let soql = "SELECT Id,Name,BillingCity,IsDeleted FROM Accout";
        assert!(no_such_object(soql, 42, "Accout").message.starts_with(
            "\nName,BillingCity,IsDeleted FROM Accout\n                                ^\nERROR at Row:1:Column:43\nsObject type 'Accout'"
        ));
    }

    #[test]
    fn later_lines_are_counted() {
        let soql = "SELECT Id\nFROM Nope";
        assert!(
            no_such_object(soql, 15, "Nope")
                .message
                .starts_with("\nFROM Nope\n     ^\nERROR at Row:2:Column:6")
        );
    }
}
