//! Files that are meant to hurt: each gets a diagnostic, quickly, whatever it is.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sfsync::diag::{Diagnostic, SourceMap, all_to_text, apply_fixes, to_data};
use sfsync::spec::add_file;

use crate::diagnostics::read_file;

const MIB: usize = 1 << 20;

/// Reads the bytes as each kind of file; everything that is said must also be printable.
fn read_all(bytes: &[u8]) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for shown in ["pipelines/a.yaml", "connections/a.yaml", "pipelines/settings.yaml"] {
        let mut map = SourceMap::default();
        let found = read_file(&mut map, shown, bytes);
        let _ = all_to_text(&found, &map, true);
        for diagnostic in found.iter().take(20) {
            let _ = to_data(diagnostic, &map);
        }
        let source = add_file(&mut map, shown, bytes);
        let text = map.get(source).unwrap().text.to_string();
        let _ = apply_fixes(&text, source, &found);
        all.extend(found);
    }
    all
}

fn codes(bytes: &[u8]) -> Vec<&'static str> {
    let mut codes: Vec<_> = read_all(bytes).iter().map(|diagnostic| diagnostic.code.0).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn repeated(piece: &str, bytes: usize) -> Vec<u8> {
    piece.repeat(bytes / piece.len()).into_bytes()
}

#[test]
fn what_is_no_text_is_refused() {
    for (bytes, code) in [
        (b"a: \0".to_vec(), "E007"),
        (b"a: \x1b[31m".to_vec(), "E007"),
        (b"a: \xff\xfe".to_vec(), "E007"),
        (b"\xef\xbb\xbfsalesforce: Account".to_vec(), "E007"),
        ("a: \u{202e}b".as_bytes().to_vec(), "E007"),
        (repeated("a: b\n", MIB + 10), "E007"),
        (repeated("é", MIB + 10), "E007"),
        (b"a: 1\n---\nb: 2\n".to_vec(), "E007"),
        (b"a: &x 1\nb: *x\n".to_vec(), "E003"),
        (b"a: &x 1\n".to_vec(), "E003"),
        (b"a: !!binary 1\n".to_vec(), "E003"),
        (b"%YAML 1.2\n---\na: 1\n".to_vec(), "E003"),
        (b"<<: { a: 1 }\n".to_vec(), "E003"),
        (b"a: *nothing\n".to_vec(), "E003"),
    ] {
        let found = codes(&bytes);
        assert_eq!(found, [code], "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
    }
}

/// Files of a MiB, by what they are made of.
fn large() -> Vec<(&'static str, Vec<u8>)> {
    let many_keys: String =
        (0..60_000).map(|at| ["key", &at.to_string(), ": 1\n"].concat()).collect::<Vec<_>>().concat();
    let rows = [
        "salesforce: A\napp: w.a\nto_app: [create]\nfields:\n",
        &"  - { slesforce: a, ap: b }\n".repeat(30_000),
    ]
    .concat();
    vec![
        ("brackets", repeated("[", MIB)),
        ("braces", repeated("{", MIB)),
        ("closed brackets", repeated("[]", MIB)),
        ("bracket lines", repeated("[\n", MIB)),
        (
            "nested keys",
            (0..400).map(|at| [&" ".repeat(at), "a:\n"].concat()).collect::<Vec<_>>().concat().into_bytes(),
        ),
        ("dashes", repeated("- ", MIB)),
        ("quotes", repeated("'", MIB)),
        ("double quotes", repeated("\"", MIB)),
        ("colons", repeated(": ", MIB)),
        ("question marks", repeated("? ", MIB)),
        ("aliases", repeated("*a ", MIB)),
        ("tabs", repeated("\t", MIB)),
        ("tab lines", repeated("\ta: b\n", MIB)),
        ("bars", repeated("|\n", MIB)),
        ("comments", repeated("#\n", MIB)),
        ("one word", repeated("a", MIB)),
        ("one line of words", repeated("a: ", MIB)),
        ("secrets", repeated("${", MIB)),
        ("flow secrets", [b"a: { b: ".to_vec(), repeated("${", MIB - 100)].concat()),
        ("flow entries", [b"a: {".to_vec(), repeated("a,", MIB - 100)].concat()),
        ("unknown keys", many_keys.into_bytes()),
        ("same key", repeated("a: 1\n", MIB)),
        ("wrong rows", rows.into_bytes()),
        ("expression spill", [b"fields: [{ to_app: f(".to_vec(), repeated("a,", MIB - 100)].concat()),
        (
            "where",
            [b"salesforce: { object: A, where: '".to_vec(), repeated("(", MIB - 100), b"' }".to_vec()]
                .concat(),
        ),
        ("nots", [b"salesforce:\n  object: A\n  where: ".to_vec(), repeated("NOT ", MIB - 100)].concat()),
        ("folded", [b"description: >\n".to_vec(), repeated("  a\n\n", MIB - 100)].concat()),
        (
            "jsonpath",
            [b"fields: [{ app: \"$".to_vec(), repeated("[?(@", 100_000), b"\" }]".to_vec()].concat(),
        ),
    ]
}

/// The time is generous, since tests run side by side in an unoptimised build; that little of a hostile file is read at all is counted in
/// `spec::yaml::feed`.
#[test]
fn what_is_large_ends_soon() {
    for (name, bytes) in large() {
        let start = Instant::now();
        let found = read_all(&bytes);
        let took = start.elapsed();
        assert!(!found.is_empty(), "{name}: nothing is said");
        assert!(found.len() <= 2100, "{name}: {} messages", found.len());
        assert!(took < Duration::from_secs(20), "{name}: {took:?}");
    }
}

/// Names the case, for the process whose memory is measured.
#[cfg(target_os = "linux")]
const CASE: &str = "SFSYNC_TEST_HOSTILE";

/// The most memory that this process has used, in KiB.
#[cfg(target_os = "linux")]
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Each case in a process of its own; what it needs beyond a harmless file is bounded.
#[cfg(target_os = "linux")]
#[test]
fn what_is_large_needs_little_memory() {
    if let Ok(case) = std::env::var(CASE) {
        let bytes = large().into_iter().find(|(name, _)| *name == case).unwrap().1;
        let before = most_memory();
        let mut map = SourceMap::default();
        assert!(!read_file(&mut map, "pipelines/a.yaml", &bytes).is_empty());
        let more = most_memory() - before;
        assert!(more < 40 << 10, "{case} needs {more} KiB");
        return;
    }
    for (name, _) in large() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hostile::what_is_large_needs_little_memory", "--nocapture"])
            .env(CASE, name)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    }
}

/// Pieces from which files are made that are nearly right.
fn pieces() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "salesforce",
        "app",
        "to_app",
        "fields",
        "match",
        "where",
        "lookup",
        "type",
        "auth",
        "tests",
        ": ",
        ":\n  ",
        "\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        "\"",
        "\\",
        "''",
        "#",
        " #",
        "\t",
        "|\n",
        ">\n",
        "${env:A}",
        "${",
        "`",
        "@",
        "&a",
        "*a",
        "!",
        "true",
        "7",
        "10 minutes",
        "f(x, 2)",
        "a ? b : c",
        "→",
        "é",
        "a.b",
        "$.x",
        "IN ('a')",
        "LAST_N_DAYS:3",
        "create",
        "http",
        "\r\n",
        "---\n",
        "%",
    ];
    proptest::collection::vec(proptest::sample::select(WORDS), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_bytes_are_read_to_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn any_words_are_read_to_the_end(text in pieces()) {
        read_all(text.as_bytes());
    }

    #[test]
    fn a_broken_file_is_read_to_the_end(at in 0_usize..2000, len in 0_usize..30, piece in pieces()) {
        let mut text = include_str!("../../pipelines/operating/projects.yaml").to_owned();
        let clip = |at: usize, text: &str| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let (start, end) = (clip(at, &text), clip(at + len, &text));
        text.replace_range(start..end, &piece);
        read_all(text.as_bytes());
    }
}
