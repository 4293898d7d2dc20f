//! What users do in a scenario.

use hongbao::sandbox::Payer;
use serde_json::{Value, json};

use super::expect::Word;
use super::world::{Happened, World, outcome};
use super::{Doing, Often, UserAct, counted};
use crate::failure::Failure;

impl World<'_> {
    /// Does it as often as the step says.
    pub(super) async fn user_acts(&self, act: &UserAct, often: Often) -> Result<(String, Vec<Happened>), Failure> {
        let mut happened = Vec::new();
        for n in 1..=often.times {
            if n > 1 && !often.at_once {
                self.sandbox.advance(often.every)?;
            }
            happened.push(self.user_act(act, n).await);
        }
        let UserAct { user, number, .. } = act;
        let does = match act.does {
            Doing::Open => "opens",
            Doing::Pay => "pays",
            Doing::Cancel => "cancels",
            Doing::Scan => "scans",
        };
        let did = match happened.as_slice() {
            [one] => format!("{user} {does} {number}: {}", outcome(one)),
            all => {
                let accepted = all.iter().filter(|one| one.word == Word::Accepted).count();
                format!("{user} {does} {number}: {accepted} of {} went well", all.len())
            }
        };
        Ok((did, happened))
    }

    async fn user_act(&self, act: &UserAct, n: u32) -> Happened {
        let number = counted(&act.number, n);
        let (openid, app_id) = self.user(&counted(&act.user, n));
        // Numbers are the merchant's own: that of the user's appid comes first.
        let own = self.merchants.iter().filter(|member| member.entity.app_id == app_id);
        let others = self.merchants.iter().filter(|member| member.entity.app_id != app_id);
        let knows = |mch_id: &str| match act.does {
            Doing::Open => self.sandbox.packet(mch_id, &number).is_some(),
            _ => self.sandbox.order(mch_id, &number).is_some(),
        };
        let mut mch_ids = own.chain(others).map(|member| member.entity.mch_id.as_str());
        let Some(mch_id) = mch_ids.find(|mch_id| knows(mch_id)) else {
            let why = format!("no merchant has {number}");
            return Happened { word: Word::Refused, code: None, field: None, reply: Value::Null, amount: None, why };
        };
        let payer = Payer { openid: Some(openid.to_owned()), coupons: act.coupons.clone(), ..Payer::default() };
        let done = match act.does {
            Doing::Open => self.sandbox.open_packet(mch_id, &number, openid).map(Some),
            Doing::Pay => self.sandbox.pay_order(mch_id, &number, &payer).map(|_| self.fee(mch_id, &number)),
            Doing::Cancel => self.sandbox.cancel_order(mch_id, &number).map(|_| None),
            Doing::Scan => {
                let code = self.sandbox.order(mch_id, &number).and_then(|order| order.code_url).unwrap_or_default();
                match self.sandbox.scan(&code, Some(openid)).await {
                    Ok(_) => self.sandbox.pay_order(mch_id, &number, &payer).map(|_| self.fee(mch_id, &number)),
                    Err(error) => Err(error),
                }
            }
        };
        match done {
            Ok(amount) => Happened::accepted(json!({}), amount),
            Err(error) => Happened::turned_down(&error),
        }
    }

    fn fee(&self, mch_id: &str, number: &str) -> Option<hongbao::Fen> {
        self.sandbox.order(mch_id, number).map(|order| order.total_fee)
    }
}
