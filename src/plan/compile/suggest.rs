//! "Did you mean": the nearest of the names that exist.

/// The name that was probably meant; `None` if none is near.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let limit = (wrong.chars().count() / 3).clamp(1, 4);
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// `a, b, c`, at most `limit` of them.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>, limit: usize) -> String {
    let all: Vec<&str> = names.into_iter().collect();
    let shown = all.iter().take(limit).copied().collect::<Vec<_>>().join(", ");
    if all.len() > limit { format!("{shown}, … {} more", all.len() - limit) } else { shown }
}

/// `Delivery_Teams__c` → `delivery_teams`, `TextBody` → `text_body`: how an app would call a Salesforce field.
pub(super) fn snake_case(name: &str) -> String {
    let name = name.strip_suffix("__c").unwrap_or(name);
    let mut snake = String::with_capacity(name.len() + 4);
    let mut last_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && last_lower {
            snake.push('_');
        }
        last_lower = c.is_lowercase() || c.is_ascii_digit();
        snake.extend(c.to_lowercase());
    }
    snake.replace("__", "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        assert_eq!(nearest("StageNme", ["Name", "StageName", "Stage__c"]), Some("StageName"));
        assert_eq!(nearest("opertaing", ["operating", "salesforce"]), Some("operating"));
        assert_eq!(nearest("id", ["amount", "owner"]), None);
        assert_eq!(list(["a", "b", "c"], 2), "a, b, … 1 more");
        assert_eq!(snake_case("NumberOfEmployees"), "number_of_employees");
        assert_eq!(snake_case("Delivery_Teams__c"), "delivery_teams");
    }
}
