//! The limits of red packets, as dated data.

use crate::error::{Error, Result};
use crate::money::Fen;

/// A limit with its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// What it bounds.
    pub name: &'static str,
    /// How much, in the unit that `name` says.
    pub value: i64,
    /// Where it is written.
    pub source: &'static str,
    /// The month in which it was read there.
    pub read: &'static str,
}

#[cfg(any(feature = "payout", feature = "sandbox"))]
impl Limit {
    /// The value where the unit cannot be negative.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.value).unwrap_or(0)
    }

    /// The value in fen.
    pub(crate) fn fen(&self) -> Fen {
        Fen::new(self.value)
    }
}

const PACKET_PAGE: &str = "doc/v2/merchant/4011974053";
const OLDER: &str = "pay.weixin.qq.com, chapter 13_4 of 2014 to 2018";
const GROUP_PAGE: &str = "pay.weixin.qq.com, chapter 13_5";

const fn limit(name: &'static str, value: i64, source: &'static str) -> Limit {
    Limit { name, value, source, read: "2026-11" }
}

pub(crate) const SCENE_FREE_MIN: Limit = limit("fen, below which a packet needs scene_id", 100, PACKET_PAGE);
pub(crate) const SCENE_FREE_MAX: Limit = limit("fen, above which a packet needs scene_id", 20_000, PACKET_PAGE);
pub(crate) const PACKET_MAX: Limit = limit("fen, the most that was ever granted for one packet", 499_900, OLDER);
pub(crate) const GROUP_MIN: Limit = limit("fen, least total of a group", 100, GROUP_PAGE);
pub(crate) const GROUP_MAX: Limit = limit("fen, greatest total of a group", 100_000, GROUP_PAGE);
pub(crate) const SHARE_MIN: Limit = limit("fen, least average share of a group", 100, GROUP_PAGE);
pub(crate) const SHARE_MAX: Limit = limit("fen, greatest average share of a group", 20_000, GROUP_PAGE);
pub(crate) const SHARES_MIN: Limit = limit("shares, fewest of a group", 3, GROUP_PAGE);
pub(crate) const SHARES_USUAL_MAX: Limit = limit("shares, most of a group (secondary sources)", 20, GROUP_PAGE);
pub(crate) const PER_SECOND: Limit = limit("calls of a merchant in a second", 30, PACKET_PAGE);
pub(crate) const MERCHANT_DAY: Limit = limit("fen a merchant pays out in a Beijing day", 100_000_000, PACKET_PAGE);
pub(crate) const USER_DAY: Limit = limit("fen a user receives in a Beijing day", 100_000, PACKET_PAGE);
pub(crate) const USER_DAY_COUNT: Limit = limit("packets a user receives in a Beijing day", 10, PACKET_PAGE);
pub(crate) const CLAIM_HOURS: Limit = limit("hours to open a packet before the money returns", 24, PACKET_PAGE);
pub(crate) const QUERY_DAYS: Limit = limit("days in which a packet can be queried", 30, PACKET_PAGE);
pub(crate) const REENTRY_DAYS: Limit =
    limit("days in which a packet that is stuck in SENDING can be sent again", 3, "answers of the support staff");

/// All limits of red packets that this crate knows.
pub const LIMITS: &[Limit] = &[
    SCENE_FREE_MIN,
    SCENE_FREE_MAX,
    PACKET_MAX,
    GROUP_MIN,
    GROUP_MAX,
    SHARE_MIN,
    SHARE_MAX,
    SHARES_MIN,
    SHARES_USUAL_MAX,
    PER_SECOND,
    MERCHANT_DAY,
    USER_DAY,
    USER_DAY_COUNT,
    CLAIM_HOURS,
    QUERY_DAYS,
    REENTRY_DAYS,
];

/// The amount of one packet, and the scene that it may need.
pub(super) fn check_packet(amount: Fen, has_scene: bool) -> Result<()> {
    let fen = amount.get();
    if !(1..=PACKET_MAX.value).contains(&fen) {
        let most = Fen::new(PACKET_MAX.value);
        return Err(Error::invalid("total_amount", format!("must lie between 0.01 and {most} yuan, found {amount}")));
    }
    if !has_scene && !(SCENE_FREE_MIN.value..=SCENE_FREE_MAX.value).contains(&fen) {
        let (least, most) = (Fen::new(SCENE_FREE_MIN.value), Fen::new(SCENE_FREE_MAX.value));
        let problem = format!("required for {amount} yuan: only {least} to {most} yuan go without a scene");
        return Err(Error::invalid("scene_id", problem));
    }
    Ok(())
}

/// Total and shares of a group.
pub(super) fn check_group(amount: Fen, shares: u32) -> Result<()> {
    let (fen, count) = (amount.get(), i64::from(shares));
    if count < SHARES_MIN.value {
        let problem = format!("a group has at least {} shares, found {count}", SHARES_MIN.value);
        return Err(Error::invalid("total_num", problem));
    }
    if count > SHARES_USUAL_MAX.value {
        tracing::warn!(total_num = count, "more shares than any group was reported to have");
    }
    if !(GROUP_MIN.value..=GROUP_MAX.value).contains(&fen) {
        let (least, most) = (Fen::new(GROUP_MIN.value), Fen::new(GROUP_MAX.value));
        return Err(Error::invalid("total_amount", format!("a group has {least} to {most} yuan, found {amount}")));
    }
    // The average, compared without dividing.
    if fen < count * SHARE_MIN.value || fen > count * SHARE_MAX.value {
        let (least, most) = (Fen::new(SHARE_MIN.value), Fen::new(SHARE_MAX.value));
        let problem = format!("the average share must lie between {least} and {most} yuan, found {amount} for {count}");
        return Err(Error::invalid("total_amount", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(result: Result<()>) -> Option<String> {
        result.err().and_then(|error| error.field().map(str::to_owned))
    }

    #[test]
    fn amounts_at_the_edges() {
        for (fen, scene, wrong) in [
            (-1, true, Some("total_amount")),
            (0, true, Some("total_amount")),
            (1, true, None),
            (1, false, Some("scene_id")),
            (99, false, Some("scene_id")),
            (100, false, None),
            (20_000, false, None),
            (20_001, false, Some("scene_id")),
            (20_001, true, None),
            (499_900, true, None),
            (499_901, true, Some("total_amount")),
        ] {
            assert_eq!(field(check_packet(Fen::new(fen), scene)).as_deref(), wrong, "{fen} {scene}");
        }
    }

    #[test]
    fn groups_at_the_edges() {
        for (fen, shares, wrong) in [
            (300, 2, Some("total_num")),
            (300, 3, None),
            (299, 3, Some("total_amount")),
            (60_000, 3, None),
            (60_001, 3, Some("total_amount")),
            (100_000, 5, None),
            (100_001, 6, Some("total_amount")),
            (2_100, 21, None),
        ] {
            assert_eq!(field(check_group(Fen::new(fen), shares)).as_deref(), wrong, "{fen} {shares}");
        }
    }
}
