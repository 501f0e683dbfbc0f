//! References between the subrequests of a composite request: `@{ref.field}`, `@{ref.records[0].Id}` (section 6.1).

use std::collections::HashMap;

use serde_json::Value;

/// The bodies of the subrequests that have succeeded, by reference id.
pub(super) type Answers = HashMap<String, Value>;

/// Puts values in the place of references. `Err` is the text for a reference without a value.
pub(super) fn resolve(text: &str, answers: &Answers) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((reference, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&value(reference, answers)?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// Resolves every text of a body.
pub(super) fn resolve_body(body: Value, answers: &Answers) -> Result<Value, String> {
    Ok(match body {
        Value::String(text) => resolve(&text, answers)?.into(),
        Value::Array(items) => {
            items.into_iter().map(|item| resolve_body(item, answers)).collect::<Result<_, _>>()?
        }
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| Ok((name, resolve_body(value, answers)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other,
    })
}

fn value(reference: &str, answers: &Answers) -> Result<String, String> {
    let (name, path) = reference.split_once('.').unwrap_or((reference, ""));
    let missing = || format!("Invalid reference specified. No value for {reference} found in {name}");
    let mut at = answers.get(name).ok_or_else(missing)?;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        at = match step.strip_suffix(']') {
            Some(index) => index.parse::<usize>().ok().and_then(|index| at.get(index)),
            None => at.get(step),
        }
        .ok_or_else(missing)?;
    }
    match at {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Err(missing()),
        other => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_replaced() {
        let answers = Answers::from([("q".to_owned(), json!({"records": [{"Id": "001"}], "totalSize": 1}))]);
        let text = |t| resolve(t, &answers);
        assert_eq!(text("/x/@{q.records[0].Id}?n=@{q.totalSize}").unwrap(), "/x/001?n=1");
        assert_eq!(text("no references @{").unwrap(), "no references @{");
        assert_eq!(
            text("@{other.id}").unwrap_err(),
            "Invalid reference specified. No value for other.id found in other"
        );
        assert_eq!(
            resolve_body(json!({"A": ["@{q.records[0].Id}", 1]}), &answers),
            Ok(json!({"A": ["001", 1]}))
        );
    }
}
