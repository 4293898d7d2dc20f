//! A user scans a QR code: that of an order, or a static one, for which the
//! merchant is asked.

use super::{Sandbox, refused};
use crate::error::Result;
use crate::pay::TradeType;
use crate::sandbox::paying::somebody;
use crate::sandbox::trades::OrderRecord;
use crate::wire::{Digest, Doc, read_xml, sign, verify};

/// What a phone has in its hands after it read a code.
enum Read {
    Order(Box<OrderRecord>),
    /// The merchant has to be asked, there and so.
    Question {
        mch_id: String,
        url: String,
        body: String,
    },
}

impl Sandbox {
    /// A user scans a code: the `code_url` of a NATIVE order, a link of
    /// [`pay::native_link`](crate::pay::native_link), or a short one. For a
    /// static code the merchant's callback (`native_callback_url` of the
    /// settings) is asked for the order over HTTP. Gives the order that the user
    /// may pay now.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: what the phone shows, and why.
    pub async fn scan(&self, code: &str, openid: Option<&str>) -> Result<OrderRecord> {
        let look = "look at the code, at native_callback_url in the settings, and at the callback's answer";
        match self.read_code(code, openid).map_err(|problem| refused(problem, look))? {
            Read::Order(order) => Ok(*order),
            Read::Question { mch_id, url, body } => {
                let (status, answer) = self
                    .post(&url, &body, &[])
                    .await
                    .map_err(|problem| refused(format!("{url} did not answer: {problem}"), look))?;
                if status != 200 {
                    return Err(refused(format!("{url} answered with status {status}"), look));
                }
                self.answered(&mch_id, &answer).map_err(|problem| refused(problem, look))
            }
        }
    }

    fn read_code(&self, code: &str, openid: Option<&str>) -> std::result::Result<Read, String> {
        let mut desk = self.desk();
        desk.settle();
        if let Some(order) = desk.trades.order_of_code_url(code) {
            return Ok(Read::Order(Box::new(order.clone())));
        }
        let link = desk.static_code(code)?;
        let openid = openid.map_or_else(|| somebody(&link.app_id), str::to_owned);
        let nonce = desk.next_nonce();
        // The link was signed by an entity that is there.
        let entity = desk.entity(&link.mch_id).ok_or("no such merchant")?;
        let url = entity.settings.native_callback_url.clone();
        if url.is_empty() {
            return Err(format!("{} has set no native_callback_url", link.mch_id));
        }
        let mut doc: Doc = [
            ("appid", link.app_id.as_str()),
            ("openid", &openid),
            ("mch_id", &link.mch_id),
            ("is_subscribe", "N"),
            ("nonce_str", &nonce),
            ("product_id", &link.product_id),
        ]
        .into_iter()
        .collect();
        let signature = sign(&doc, &entity.key, Digest::Md5);
        doc.push("sign", &signature);
        Ok(Read::Question { url, body: super::paying::live_xml(&doc), mch_id: link.mch_id })
    }

    fn answered(&self, mch_id: &str, answer: &str) -> std::result::Result<OrderRecord, String> {
        let desk = self.desk();
        let doc =
            read_xml(answer.as_bytes()).map_err(|error| format!("the callback's answer cannot be read: {error}"))?;
        let text = |field: &str| doc.get_filled(field).unwrap_or_default();
        if text("return_code") != "SUCCESS" {
            return Err(format!("the callback answered FAIL: {}", text("return_msg")));
        }
        let key = desk.entity(mch_id).map(|entity| entity.key.clone()).ok_or("no such merchant")?;
        if !verify(&doc, text("sign"), &key, Digest::Md5) {
            return Err("the signature of the callback's answer does not hold; MD5 was expected".to_owned());
        }
        if text("result_code") != "SUCCESS" {
            return Err(format!("the phone shows: {}", text("err_code_des")));
        }
        let found = desk.trades.order_of_prepay(text("prepay_id"));
        let order = found.filter(|order| order.mch_id == mch_id && order.trade_type == TradeType::Native);
        order.cloned().ok_or_else(|| format!("{:?} is no prepay_id of this merchant", text("prepay_id")))
    }
}
