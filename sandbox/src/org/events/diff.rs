//! Long texts are sent as the difference to what was there when that pays.
//! Read [`unified`] first.

use ring::digest::{SHA256, digest};

/// Texts of so many characters may be sent as a difference.
pub(super) const LONG: usize = 1_000;

/// The unified difference of two texts; `None` where the whole text is sent: it is short, or too much of it is new.
pub(super) fn unified(old: &str, new: &str) -> Option<String> {
    let length = |text: &str| text.chars().count();
    let (before, after) = (length(old), length(new));
    if after < LONG || before.abs_diff(after) * 2 > after {
        return None;
    }
    let (old, lines): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = old.iter().zip(&lines).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &lines[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
    let gone = &old_rest[..old_rest.len() - tail];
    let come = &new_rest[..new_rest.len() - tail];
    if come.len() * 4 > lines.len() {
        return None;
    }
    let mut hash = String::new();
    for byte in digest(&SHA256, new.as_bytes()).as_ref() {
        hash.push_str(&format!("{byte:02x}"));
    }
    let at = head + 1;
    let mut out = format!("--- \n+++ {hash}\n@@ -{at},{} +{at},{} @@\n", gone.len(), come.len());
    for (sign, lines) in [('-', gone), ('+', come)] {
        for line in lines {
            out.push_str(&format!("{sign}{line}\n"));
        }
    }
    (length(&out) < after).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_many_is_sent_alone() {
        let lines: Vec<String> = (0..40).map(|n| format!("line {n} of a text that is long enough")).collect();
        let old = lines.join("\n");
        let new = old.replace("line 7 of", "line seven of");
        let diff = unified(&old, &new).unwrap();
        assert!(
            diff.contains("@@ -8,1 +8,1 @@\n-line 7 of a text that is long enough\n+line seven of"),
            "{diff}"
        );
        assert_eq!(unified("short", "other"), None);
        assert_eq!(unified("x", &new), None);
    }
}
