//! How many records of an object can be written at once: learnt from locks and from automation that ran out of its limits.

use std::collections::HashMap;

/// Requests without trouble after which a larger one is tried.
const CLEAN_REQUESTS: u32 = 20;

/// What was learnt, by object.
#[derive(Debug, Default)]
pub(crate) struct BatchSizes(HashMap<String, Learnt>);

#[derive(Debug)]
struct Learnt {
    size: usize,
    clean: u32,
}

impl BatchSizes {
    /// Records of the next request, at most `most`.
    pub(crate) fn of(&self, object: &str, most: usize) -> usize {
        self.0.get(object).map_or(most, |learnt| learnt.size.min(most)).max(1)
    }

    /// A request of so many records met locks or limits again: half of them from now on.
    pub(crate) fn too_many(&mut self, object: &str, records: usize) {
        let size = (records / 2).max(1);
        let learnt = self.0.entry(object.to_owned()).or_insert(Learnt { size, clean: 0 });
        *learnt = Learnt { size: learnt.size.min(size), clean: 0 };
    }

    /// A request went well.
    pub(crate) fn went_well(&mut self, object: &str) {
        let Some(learnt) = self.0.get_mut(object) else { return };
        learnt.clean += 1;
        if learnt.clean >= CLEAN_REQUESTS {
            *learnt = Learnt { size: learnt.size * 2, clean: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_after_trouble_and_larger_again_after_a_while() {
        let mut sizes = BatchSizes::default();
        assert_eq!(sizes.of("Contact", 200), 200);
        sizes.too_many("Contact", 200);
        sizes.too_many("Contact", 100);
        assert_eq!((sizes.of("Contact", 200), sizes.of("Account", 200)), (50, 200));
        for _ in 0..CLEAN_REQUESTS {
            assert_eq!(sizes.of("Contact", 200), 50);
            sizes.went_well("Contact");
        }
        assert_eq!(sizes.of("Contact", 200), 100);
        sizes.too_many("Contact", 1);
        assert_eq!(sizes.of("Contact", 200), 1);
    }
}
