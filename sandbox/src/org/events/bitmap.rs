//! The bitmaps that name fields of an event.
//! May not know values. Read [`bitmaps`] first.

use std::collections::BTreeMap;

/// The fields by their position behind the header, with the part of a compound field, as an event names them: one bitmap
/// of the event's own fields (if any), then one for each compound field. Bit 0 of the first stands for the header.
pub(super) fn bitmaps(places: &[(usize, Option<usize>)]) -> Vec<String> {
    let mut own: Vec<usize> = Vec::new();
    let mut nested: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, part) in places {
        match part {
            None => own.push(at + 1),
            Some(part) => nested.entry(at + 1).or_default().push(*part),
        }
    }
    let own = (!own.is_empty()).then(|| hex(&own));
    own.into_iter().chain(nested.into_iter().map(|(at, bits)| format!("{at}-{}", hex(&bits)))).collect()
}

/// Whole bytes, the highest first, as few as possible.
fn hex(bits: &[usize]) -> String {
    let highest = bits.iter().max().copied().unwrap_or(0);
    let mut bytes = vec![0u8; highest / 8 + 1];
    for bit in bits {
        bytes[bit / 8] |= 1 << (bit % 8);
    }
    let mut out = "0x".to_owned();
    for byte in bytes.iter().rev() {
        out.push_str(&format!("{byte:02X}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_bitmaps() {
        // Positions behind the header are one less than those of the documentation.
        assert_eq!(bitmaps(&[(10, None), (21, None)]), ["0x400800"]);
        assert_eq!(bitmaps(&[(21, None), (3, Some(0))]), ["0x400000", "4-0x01"]);
        assert_eq!(bitmaps(&[(1, Some(2))]), ["2-0x04"]);
        let lead = [11, 18, 19, 20, 21, 22, 26].map(|at| (at, None));
        assert_eq!(bitmaps(&lead), ["0x08F81000"]);
        assert!(bitmaps(&[]).is_empty());
    }
}
