//! Those to whom something happened last, so that a list of users begins with
//! them and nobody has to sort all.

use std::collections::{BTreeMap, HashMap};

/// So many are remembered.
const KEPT: usize = 1000;

/// The last users, newest first.
#[derive(Default)]
pub(super) struct Recent {
    turn: u64,
    turns: HashMap<String, u64>,
    by_turn: BTreeMap<u64, String>,
}

impl Recent {
    /// Something happened to this user.
    pub(super) fn touch(&mut self, openid: &str) {
        self.turn += 1;
        if let Some(turn) = self.turns.get_mut(openid) {
            if let Some(openid) = self.by_turn.remove(turn) {
                self.by_turn.insert(self.turn, openid);
            }
            *turn = self.turn;
            return;
        }
        self.turns.insert(openid.to_owned(), self.turn);
        self.by_turn.insert(self.turn, openid.to_owned());
        if self.by_turn.len() > KEPT
            && let Some((_, oldest)) = self.by_turn.pop_first()
        {
            self.turns.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, openid: &str) -> bool {
        self.turns.contains_key(openid)
    }

    /// Newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.by_turn.values().rev().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_first_and_no_more_than_a_thousand_are_kept() {
        let mut recent = Recent::default();
        for n in 0..=KEPT {
            recent.touch(&format!("o{n}"));
        }
        recent.touch("o7");
        assert_eq!(recent.turns.len(), KEPT);
        assert!(!recent.contains("o0"), "the oldest is gone");
        let order: Vec<&str> = recent.iter().collect();
        assert_eq!((order[0], order[1], order[KEPT - 1]), ("o7", "o1000", "o1"));
    }
}
