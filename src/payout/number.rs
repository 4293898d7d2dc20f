//! The bill number of a payout, computed from what it is for.

use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::ids::{BillNo, MchId};

const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LENGTH: usize = 28;

/// The bill number (商户订单号) of a business key: the merchant number, then as
/// many letters and digits of a SHA-256 as fit.
///
/// The same merchant, key and generation always give the same number, even in
/// another ledger: whoever loses a ledger and plans the same payouts again sends
/// the same numbers again, and WeChat Pay pays each of them once. A ledger
/// refuses two keys with one number, so that a collision (93 bits) would be an
/// error while planning and never a packet that is not paid.
///
/// ```
/// use hongbao::{MchId, payout};
///
/// let mch_id = MchId::new("1510000001")?;
/// let number = payout::bill_no(&mch_id, "order-42", 0)?;
/// assert_eq!(number.as_str().len(), 28);
/// assert_eq!(number, payout::bill_no(&mch_id, "order-42", 0)?);
/// assert_ne!(number, payout::bill_no(&mch_id, "order-42", 1)?);
/// # Ok::<(), hongbao::Error>(())
/// ```
///
/// # Errors
/// None that can happen: it has the letters and the length of a bill number.
pub fn bill_no(mch_id: &MchId, key: &str, generation: u32) -> Result<BillNo> {
    let mut hash = Sha256::new();
    // Each part ends where its length says, so that no two triples look alike.
    for part in [mch_id.as_str().as_bytes(), key.as_bytes()] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.update(generation.to_be_bytes());
    let digest = hash.finalize();
    let mut left = digest.iter().take(16).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    let mut number = mch_id.as_str().to_owned();
    while number.len() < LENGTH {
        // The remainder lies below 36.
        let digit = usize::try_from(left % 36).unwrap_or(0);
        number.push(char::from(DIGITS[digit]));
        left /= 36;
    }
    Ok(BillNo::new(number)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_differ_and_have_the_form() {
        let mut seen = BTreeSet::new();
        for mch_id in ["1510000001", "151000000", "15100000"] {
            let mch_id = MchId::new(mch_id).unwrap();
            for key in ["a", "b", "1", "11", "春节/oQx4", "0001", ""] {
                for generation in 0..3 {
                    let number = bill_no(&mch_id, key, generation).unwrap();
                    assert_eq!(number.as_str().len(), 28);
                    assert!(number.as_str().starts_with(mch_id.as_str()));
                    assert!(seen.insert(number), "{mch_id} {key} {generation}");
                }
            }
        }
    }

    /// Computed with Python's hashlib and integers.
    #[test]
    fn a_number_that_was_computed_elsewhere() {
        let number = bill_no(&MchId::new("1510000001").unwrap(), "order-42", 0).unwrap();
        assert_eq!(number.as_str(), "1510000001B7QILROKT2KM8EN0Y8");
    }
}
