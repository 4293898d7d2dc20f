//! Scenes of a red packet.

use serde::{Deserialize, Serialize, Serializer};

/// What a packet is for (场景id, `scene_id`), by number on the wire.
///
/// Source: sendredpack, field `scene_id` (doc/v2/merchant/4011974053, read 2026-11).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
#[non_exhaustive]
pub enum Scene {
    /// `PRODUCT_1`, goods promotion (商品促销).
    GoodsPromotion,
    /// `PRODUCT_2`, lucky draw (抽奖).
    LuckyDraw,
    /// `PRODUCT_3`, virtual goods prize (虚拟物品兑奖).
    VirtualPrize,
    /// `PRODUCT_4`, staff welfare (企业内部福利).
    StaffWelfare,
    /// `PRODUCT_5`, channel commission (渠道分润).
    ChannelCommission,
    /// `PRODUCT_6`, insurance rebate (保险回馈).
    InsuranceRebate,
    /// `PRODUCT_7`, lottery payout (彩票派奖).
    LotteryPayout,
    /// `PRODUCT_8`, tax-receipt scratch card (税务刮奖).
    TaxScratchCard,
    /// Another one, as WeChat spells it.
    Other(String),
}

const NUMBERED: [(&str, Scene); 8] = [
    ("PRODUCT_1", Scene::GoodsPromotion),
    ("PRODUCT_2", Scene::LuckyDraw),
    ("PRODUCT_3", Scene::VirtualPrize),
    ("PRODUCT_4", Scene::StaffWelfare),
    ("PRODUCT_5", Scene::ChannelCommission),
    ("PRODUCT_6", Scene::InsuranceRebate),
    ("PRODUCT_7", Scene::LotteryPayout),
    ("PRODUCT_8", Scene::TaxScratchCard),
];

impl Scene {
    /// The official spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if let Self::Other(text) = self {
            return text;
        }
        NUMBERED.iter().find(|(_, scene)| scene == self).map_or("", |(name, _)| name)
    }
}

impl From<String> for Scene {
    fn from(text: String) -> Self {
        let known = NUMBERED.into_iter().find(|(name, _)| *name == text);
        known.map_or(Self::Other(text), |(_, scene)| scene)
    }
}

impl Serialize for Scene {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
