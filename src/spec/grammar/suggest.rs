//! "Did you mean".

/// The word of a list that was probably meant; `None` if none is near. Also for field names, pipelines, functions.
pub fn closest<'w>(word: &str, among: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    let scored =
        among.into_iter().map(|candidate| (similarity(&lower, &candidate.to_lowercase()), candidate));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= 0.6).then_some(best.1)
}

/// 1 for the same, 0 for nothing in common; a swap of two neighbours counts once.
fn similarity(a: &str, b: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(a, b)
}

/// The singular of a pipeline's name, for messages: `people` are persons, `companies` are companies.
pub(super) fn singular(name: &str) -> String {
    match name {
        "people" => "person".to_owned(),
        _ => match name.strip_suffix("ies") {
            Some(stem) => format!("{stem}y"),
            None => name.strip_suffix('s').unwrap_or(name).replace(['_', '-'], " "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_only() {
        let words = ["fields", "filter", "match"];
        assert_eq!(closest("feilds", words), Some("fields"));
        assert_eq!(closest("Match", words), Some("match"));
        assert_eq!(closest("zebra", words), None);
        assert_eq!(closest("", words), None);
        assert_eq!(singular("people"), "person");
        assert_eq!(singular("companies"), "company");
        assert_eq!(singular("team_members"), "team member");
    }
}
