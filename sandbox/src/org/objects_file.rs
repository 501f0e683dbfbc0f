//! Reads the file of the standard objects, whose notation is explained at its top.
//! May not decide where values are kept. Read [`parse`] first.

use super::schema::{Abilities, FieldType, Flags};

/// The shipped file.
pub(crate) const STANDARD: &str = include_str!("../../objects/standard.txt");

/// An object as the file has it.
#[derive(Debug)]
pub(crate) struct RawObject {
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) plural: String,
    pub(crate) abilities: Abilities,
    pub(crate) fields: Vec<RawField>,
}

/// A field as the file has it.
#[derive(Debug, Clone)]
pub(crate) struct RawField {
    pub(crate) name: String,
    pub(crate) kind: FieldType,
    pub(crate) length: u32,
    pub(crate) scale: u8,
    pub(crate) flags: Flags,
    pub(crate) targets: Vec<String>,
    pub(crate) children: Option<(String, bool)>,
    pub(crate) derived: Option<String>,
    pub(crate) feature: Option<String>,
    pub(crate) picklist: Vec<String>,
}

/// Reads the whole file; the error names the line.
pub(crate) fn parse(text: &str) -> Result<Vec<RawObject>, String> {
    let mut objects: Vec<RawObject> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let fail = || format!("line {}: {content}", number + 1);
        if let Some(rest) = content.strip_prefix("object ") {
            objects.push(parse_object(rest).ok_or_else(fail)?);
        } else {
            let field = parse_field(content).ok_or_else(fail)?;
            objects.last_mut().ok_or_else(fail)?.fields.push(field);
        }
    }
    Ok(objects)
}

fn parse_object(rest: &str) -> Option<RawObject> {
    let (head, tail) = rest.split_once('"')?;
    let (plural, words) = tail.split_once('"')?;
    let (name, prefix) = head.trim().split_once(' ')?;
    Some(RawObject {
        name: name.to_owned(),
        prefix: prefix.trim().to_owned(),
        plural: plural.to_owned(),
        abilities: Abilities::new(words.split_whitespace().map(str::to_owned).collect()),
        fields: Vec::new(),
    })
}

fn parse_field(content: &str) -> Option<RawField> {
    let (content, picklist) = match content.split_once('"') {
        Some((content, values)) => (content, values.strip_suffix('"')?),
        None => (content, ""),
    };
    let mut words = content.split_whitespace();
    let name = words.next()?.to_owned();
    let (kind, length, scale) = parse_type(words.next()?)?;
    let flags = Flags::parse(words.next()?)?;
    let picklist = picklist.split(';').filter(|v| !v.is_empty()).map(str::to_owned).collect();
    let mut field = RawField {
        name,
        kind,
        length,
        scale,
        flags,
        targets: Vec::new(),
        children: None,
        derived: None,
        feature: None,
        picklist,
    };
    for word in words {
        add_word(&mut field, word)?;
    }
    Some(field)
}

fn parse_type(word: &str) -> Option<(FieldType, u32, u8)> {
    let Some((name, size)) = word.split_once('(') else {
        return Some((FieldType::from_name(word)?, 0, 0));
    };
    let size = size.strip_suffix(')')?;
    let (length, scale) = size.split_once(',').unwrap_or((size, "0"));
    Some((FieldType::from_name(name)?, length.parse().ok()?, scale.parse().ok()?))
}

fn add_word(field: &mut RawField, word: &str) -> Option<()> {
    let rest = word.get(1..)?;
    match word.as_bytes()[0] {
        b'>' => field.targets = rest.split('/').map(str::to_owned).collect(),
        b'<' => {
            let cascade = rest.ends_with('!');
            field.children = Some((rest.trim_end_matches('!').to_owned(), cascade));
        }
        b'=' => field.derived = Some(rest.to_owned()),
        b'@' => field.feature = Some(rest.to_owned()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_read_in_full() {
        let objects = parse(STANDARD).unwrap();
        assert!(objects.len() >= 40);
        let opportunity = objects.iter().find(|o| o.name == "Opportunity").unwrap();
        let amount = opportunity.fields.iter().find(|f| f.name == "Amount").unwrap();
        assert_eq!((amount.kind, amount.length, amount.scale), (FieldType::Currency, 18, 2));
        assert!(opportunity.fields.len() > 50);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = parse("object A 001 \"As\"\n  Name strin(3) C").unwrap_err();
        assert!(error.starts_with("line 2:"), "{error}");
    }
}
