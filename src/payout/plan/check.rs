//! The rules of red packets, asked about each row.

use super::problem::Problem;
use crate::clock::Timestamp;
use crate::ids::OpenId;
use crate::payout::state::Standing;
use crate::payout::{CampaignId, NewCampaign, NewPayout, Payout, PayoutId, Rules, Texts, Version, bill_no};
use crate::redpack::{Packet, limits};
use crate::wire::{Request as _, fields_of};

/// Most rows say nothing but openid and amount. The contract's field list is
/// asked about the template once, and about each row with texts of its own.
pub(super) struct Checker<'a> {
    campaign: &'a NewCampaign,
    rules: &'a Rules,
    /// A payout whose number and openid stand for those of all rows: they are
    /// types that check themselves.
    sample: Payout,
    /// Its packet, without texts of its own.
    packet: Packet,
}

/// The most characters of a campaign's name: it is a part of business keys.
const NAME_LONGEST: usize = 64;

impl<'a> Checker<'a> {
    pub(super) fn new(campaign: &'a NewCampaign, rules: &'a Rules) -> Result<Self, Problem> {
        let name = &campaign.name;
        if name.trim() != name || name.is_empty() || name.contains(char::is_control) {
            let reason = "must not be empty, nor have white space around it or control characters in it";
            return Err(Problem::new(reason, "choose another name").in_field("campaign"));
        }
        if name.chars().nth(NAME_LONGEST).is_some() {
            let reason = format!("longer than {NAME_LONGEST} characters");
            return Err(Problem::new(reason, "choose a shorter name").in_field("campaign"));
        }
        let of_rule = |error| Problem::of_rule(&error);
        let sample = Payout {
            id: PayoutId(0),
            campaign: CampaignId(0),
            mch_id: campaign.mch_id.clone(),
            key: String::new(),
            openid: OpenId::new("o").map_err(|invalid| of_rule(invalid.into()))?,
            // It needs no scene, so that the template alone is judged.
            amount: limits::SCENE_FREE_MIN.fen(),
            texts: Texts::default(),
            number: bill_no(&campaign.mch_id, "", 0).map_err(of_rule)?,
            version: Version(0),
            standing: Standing::planned(Timestamp::from_unix(0)),
            counted: None,
        };
        let packet = sample.packet(&campaign.template);
        fields_of(&packet).map_err(of_rule)?;
        Ok(Self { campaign, rules, sample, packet })
    }

    pub(super) fn check(&mut self, payout: &NewPayout) -> Result<(), Problem> {
        let ruled = if payout.texts.is_empty() {
            self.packet.total_amount = payout.amount;
            self.packet.check()
        } else {
            self.sample.amount = payout.amount;
            self.sample.texts.clone_from(&payout.texts);
            fields_of(&self.sample.packet(&self.campaign.template)).map(|_| ())
        };
        ruled.map_err(|error| Problem::of_rule(&error))?;
        let day = self.rules.user_day.min(self.rules.merchant_day);
        if payout.amount > day {
            let reason = format!("{} is more than the {day} yuan that the rules allow in a day", payout.amount);
            let next_step = "pay less, or change the rules if WeChat Pay has granted more";
            return Err(Problem::new(reason, next_step).in_field("amount"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::money::Fen;
    use crate::payout::Template;
    use crate::redpack::{Extra, Scene};

    fn campaign(extra: Extra, wishing: &str) -> NewCampaign {
        NewCampaign {
            name: "spring".into(),
            mch_id: "1510000001".parse().unwrap(),
            app_id: "wx00f1e2d3c4b5a697".parse().unwrap(),
            template: Template {
                send_name: "蓝鲸咖啡".into(),
                wishing: wishing.into(),
                act_name: "签到有礼".into(),
                remark: "连续签到七天奖励".into(),
                client_ip: Ipv4Addr::LOCALHOST,
                extra,
            },
        }
    }

    /// The very packet that would be sent.
    fn whole(campaign: &NewCampaign, payout: NewPayout) -> Packet {
        Packet {
            mch_billno: payout.number(&campaign.mch_id).unwrap(),
            re_openid: payout.openid,
            total_amount: payout.amount,
            send_name: campaign.template.send_name.clone(),
            wishing: payout.texts.wishing.unwrap_or_else(|| campaign.template.wishing.clone()),
            act_name: campaign.template.act_name.clone(),
            remark: payout.texts.remark.unwrap_or_else(|| campaign.template.remark.clone()),
            client_ip: campaign.template.client_ip,
            extra: Extra {
                scene_id: payout.texts.scene_id.or_else(|| campaign.template.extra.scene_id.clone()),
                ..campaign.template.extra.clone()
            },
        }
    }

    /// The short way and the whole one agree, whatever the row says.
    #[test]
    fn rows_are_judged_as_their_packets_are() {
        let scenes = [None, Some(Scene::LuckyDraw), Some(Scene::Other(String::new()))];
        let rules = Rules { user_day: Fen::new(i64::MAX), merchant_day: Fen::new(i64::MAX), ..Rules::default() };
        for scene_id in &scenes {
            let campaign = campaign(Extra { scene_id: scene_id.clone(), ..Extra::default() }, "早安");
            let mut checker = Checker::new(&campaign, &rules).unwrap();
            for fen in [-1, 0, 1, 99, 100, 20_000, 20_001, 499_900, 499_901, i64::MAX] {
                for own in &scenes {
                    for wishing in [None, Some("晚安".to_owned()), Some("x".repeat(129)), Some("🧧".to_owned())] {
                        let texts = Texts { wishing: wishing.clone(), remark: None, scene_id: own.clone() };
                        let openid = OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk").unwrap();
                        let payout = NewPayout { key: "k".into(), openid, amount: Fen::new(fen), texts };
                        let whole = fields_of(&whole(&campaign, payout.clone()));
                        assert_eq!(checker.check(&payout).is_ok(), whole.is_ok(), "{payout:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_template_is_judged_before_any_row() {
        let rules = Rules::default();
        let problem = |campaign: &NewCampaign| Checker::new(campaign, &rules).err().unwrap().to_string();
        assert_eq!(
            problem(&campaign(Extra::default(), &"祝".repeat(129))),
            "wishing: at most 128 characters, found 129; correct it"
        );
        let mut nameless = campaign(Extra::default(), "早安");
        nameless.name = " ".into();
        assert_eq!(
            problem(&nameless),
            "campaign: must not be empty, nor have white space around it or control characters in it; choose another name"
        );
        nameless.name = "x".repeat(65);
        assert_eq!(problem(&nameless), "campaign: longer than 64 characters; choose a shorter name");
    }
}
