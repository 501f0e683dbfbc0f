//! The file must stay small: customers have millions of links.

use super::*;
use crate::model::Commit;

/// Twenty rows, both sides known, of which two differ: the sides normalise differently.
fn two_sided(n: u64) -> Link {
    let mut link = link(n, 5_000_000 + n * 7, 20);
    for row in [3, 11] {
        link.app_baseline[row] = Fingerprint(n ^ 0xffff_0000_0000_0000);
    }
    link.app_version = Some(Version(at(1_700_000_100)));
    link
}

#[test]
fn a_hundred_thousand_links_of_twenty_rows_take_less_than_400_bytes_each() {
    let dir = tempfile::tempdir().unwrap();
    let links = 100_000;
    {
        let store = store(&dir);
        let deals = name("deals");
        for begin in (0..links).step_by(10_000) {
            let links = (begin..begin + 10_000).map(two_sided).collect();
            store.commit(&deals, 1, &Commit { links, ..Commit::default() }).unwrap();
        }
        assert_eq!(store.summary(&deals, 1).unwrap().linked, links);
    }
    let length = std::fs::metadata(dir.path().join("state.redb")).unwrap().len();
    println!("{} bytes a link", length / links);
    assert!(length < links * 400, "{} bytes a link", length / links);
}
