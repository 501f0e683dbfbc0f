//! The `Link` header: addresses in angle brackets, each with parameters. Commas and semicolons also stand inside addresses and quoted texts.

use reqwest::header::{HeaderMap, LINK};

/// The address of the link with `rel="next"`.
pub(super) fn next(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).find(|(_, parameters)| is_next(parameters)).map(|(address, _)| address)
}

/// The addresses of a value, each with its parameters.
fn links(value: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<')
        && let Some((address, after)) = after.split_once('>')
    {
        let end = unquoted(after, ',').next().unwrap_or(after.len());
        found.push((address.trim(), &after[..end]));
        rest = &after[end..];
    }
    found
}

fn is_next(parameters: &str) -> bool {
    let mut from = 0;
    let ends = unquoted(parameters, ';').chain([parameters.len()]);
    let parts: Vec<&str> =
        ends.map(|end| &parameters[std::mem::replace(&mut from, end + 1).min(end)..end]).collect();
    let relation = parts.into_iter().find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"'))
    });
    relation.is_some_and(|relation| relation.split_whitespace().any(|word| word.eq_ignore_ascii_case("next")))
}

/// Where a sign stands outside of quotes.
fn unquoted(text: &str, sign: char) -> impl Iterator<Item = usize> {
    let mut quoted = false;
    text.char_indices().filter_map(move |(at, c)| {
        quoted ^= c == '"';
        (c == sign && !quoted).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (value, address) in [
            ("</a?page=2>; rel=\"next\"", Some("/a?page=2")),
            ("</a?fields=id,name&page=2>; rel=next", Some("/a?fields=id,name&page=2")),
            ("</a>; rel=\"prev\", </b>; title=\"x, y; rel=next\"; rel=\"last next\"", Some("/b")),
            ("</a>; title=\"rel=next\"; rel=prev", None),
            ("< /a >;REL = NEXT", Some("/a")),
            ("</a>; rel=nextdoor", None),
            ("</a>", None),
            ("nonsense, rel=next", None),
            ("</a; rel=next", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_static(value));
            assert_eq!(next(&headers), address, "{value}");
        }
    }
}
