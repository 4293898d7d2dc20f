//! Digests over rows: the one that is shown, and the one that notices changes.

use sha2::{Digest as _, Sha256};

use crate::payout::NewPayout;

/// How many rows are compared and stored at once. Bill numbers are spread over
/// the whole of a ledger's index, so that each batch writes most of its pages
/// anew: few large batches cost much less than many small ones.
pub(super) const BATCH: usize = 16_384;

/// What all rows up to one amount to.
pub(super) type Mark = [u8; 32];

#[derive(Default)]
pub(super) struct Seal {
    money: Sha256,
    everything: Sha256,
    /// Of one row, so that it is hashed in one go.
    row: Vec<u8>,
}

impl Seal {
    pub(super) fn add(&mut self, payout: &NewPayout) {
        let amount = payout.amount.get();
        self.row.clear();
        self.row.extend_from_slice(payout.openid.as_str().as_bytes());
        self.row.push(b',');
        self.row.extend_from_slice(amount.to_string().as_bytes());
        self.row.push(b'\n');
        self.money.update(&self.row);
        self.row.clear();
        let texts = &payout.texts;
        let parts = [
            Some(&*payout.key),
            Some(payout.openid.as_str()),
            texts.wishing.as_deref(),
            texts.remark.as_deref(),
            texts.scene_id.as_ref().map(|scene| scene.as_str()),
        ];
        // Each part ends where its length says, so that no two rows look alike.
        for part in parts {
            let length = part.map_or(u64::MAX, |part| u64::try_from(part.len()).unwrap_or(u64::MAX - 1));
            self.row.extend_from_slice(&length.to_be_bytes());
            self.row.extend_from_slice(part.unwrap_or_default().as_bytes());
        }
        self.row.extend_from_slice(&amount.to_be_bytes());
        self.everything.update(&self.row);
    }

    pub(super) fn mark(&self) -> Mark {
        self.everything.clone().finalize().into()
    }

    /// Over payees and amounts alone, in hex.
    pub(super) fn digest(self) -> String {
        self.money.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
