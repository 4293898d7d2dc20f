//! What the four ways to place an order share (统一下单).
//!
//! Official page: unifiedorder, pay.weixin.qq.com, read 2026-11.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::code;
use crate::error::{Error, Result};
use crate::money::Fen;
use crate::wire::{Contract, Field, Generation, Repeat, compact_time, json};

/// The optional fields of orders and of [`Micropay`](super::Micropay).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// `1.0` where `detail` takes part in single-item promotions (单品优惠).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The terminal (设备号); `WEB` in browsers and WeChat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_info: Option<String>,
    /// The goods (商品详情), at most 6000 characters of JSON.
    #[serde(default, with = "json", skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
    /// Comes back unchanged in notification and query (附加数据), at most 127 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// The currency; CNY if absent (标价币种).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_type: Option<String>,
    /// When the order was made (交易起始时间).
    #[serde(default, with = "compact_time", skip_serializing_if = "Option::is_none")]
    pub time_start: Option<Timestamp>,
    /// Until when it can be paid (交易结束时间): five minutes or more ahead, one for
    /// payment codes. It cannot be changed by placing the order again.
    #[serde(default, with = "compact_time", skip_serializing_if = "Option::is_none")]
    pub time_expire: Option<Timestamp>,
    /// Marks the order for promotions (订单优惠标记).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goods_tag: Option<String>,
    /// The goods' number (商品ID); of [`Native`](super::Native) orders this is a field of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// `no_credit` keeps credit cards out (指定支付方式).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_pay: Option<String>,
    /// Whether the payment offers an e-invoice (电子发票入口); only `true` says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<bool>,
    /// Whether the money is kept for profit sharing (是否需要分账).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profit_sharing: Option<bool>,
    /// Where it happens (场景信息); of [`H5`](super::H5) orders this is a field of their own.
    #[serde(default, with = "json", skip_serializing_if = "Option::is_none")]
    pub scene_info: Option<Scene>,
}

/// The goods of an order (商品详情).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// What the whole order costs without promotions, in fen (订单原价).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_price: Option<Fen>,
    /// The number of the receipt (商品小票ID), at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_id: Option<String>,
    /// The goods one by one.
    pub goods_detail: Vec<Goods>,
}

/// One kind of goods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// The merchant's number of it (商品编码): letters, digits, `-` and `_`, at most 32.
    pub goods_id: String,
    /// WeChat's number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wxpay_goods_id: Option<String>,
    /// Its name, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goods_name: Option<String>,
    /// How many.
    pub quantity: u32,
    /// What one costs, in fen.
    pub price: Fen,
}

/// Where an order happens (场景信息).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// The shop.
    pub store_info: Store,
}

/// A shop (门店).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// The merchant's number of it, at most 32 characters.
    pub id: String,
    /// Its name, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The area, six digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_code: Option<String>,
    /// Its address, at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// An order that was placed and waits to be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Placed {
    /// The session in which it can be paid (预支付交易会话标识), for two hours.
    pub prepay_id: String,
    /// Promotions as JSON text; only with `version` 1.0.
    pub promotion_detail: Option<String>,
}

/// The greatest amount: nobody documents one, so that of a signed number of 32 bits.
pub(crate) const MAX_FEE: Fen = Fen::new(i32::MAX as i64);

/// The contract of a trade type. What a type requires, its struct requires.
pub(super) const fn placing(trade_type: &'static [(&'static str, &'static str)]) -> Contract {
    Contract::v2("/pay/unifiedorder")
        .with_sub_merchant()
        .number("out_trade_no")
        .repeat(Repeat::SameNumber)
        .fields(FIELDS)
        .fixed(trade_type)
        .echo(&["appid", "mch_id", "sub_appid", "sub_mch_id", "trade_type"])
        .codes(code::UNIFIED_ORDER)
        .official_sandboxes(&[Generation::One])
}

const FIELDS: &[Field] = &[
    Field::bytes("body", 127),
    Field::order_number("out_trade_no", 32),
    Field::integer("total_fee"),
    Field::text("spbill_create_ip", 64),
    Field::text("notify_url", 256),
    Field::text("openid", 128).optional(),
    Field::text("sub_openid", 128).optional(),
    Field::text("version", 32).optional(),
    Field::text("device_info", 32).optional(),
    Field::text("detail", 6000).optional(),
    Field::text("attach", 127).optional(),
    Field::text("fee_type", 16).optional(),
    Field::text("time_start", 14).optional(),
    Field::text("time_expire", 14).optional(),
    Field::text("goods_tag", 32).optional(),
    Field::text("product_id", 32).optional(),
    Field::text("limit_pay", 32).optional(),
    Field::text("receipt", 8).optional(),
    Field::text("profit_sharing", 16).optional(),
    Field::text("scene_info", 256).optional(),
];

/// The rules that all orders share.
pub(super) fn check(total_fee: Fen, notify_url: &str, extra: &Extra) -> Result<()> {
    check_fee("total_fee", total_fee)?;
    check_notify_url(notify_url)?;
    extra.check(Duration::from_secs(5 * 60))
}

pub(super) fn check_fee(field: &'static str, fee: Fen) -> Result<()> {
    if fee < Fen::new(1) || fee > MAX_FEE {
        return Err(Error::invalid(field, format!("must be 0.01 to {MAX_FEE} yuan, found {fee}")));
    }
    Ok(())
}

/// WeChat calls it as it stands: no query, no fragment, nothing to be encoded
/// (payment result notification, read 2026-11).
pub(super) fn check_notify_url(url: &str) -> Result<()> {
    let wrong = |problem: &str| Err(Error::invalid("notify_url", format!("{problem}: {url:?}")));
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return wrong("must begin with https:// or http://");
    };
    if rest.is_empty() || rest.starts_with('/') {
        return wrong("names no host");
    }
    if url.contains(['?', '#']) {
        return wrong("must have no query and no fragment; WeChat would not call it with them");
    }
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return wrong("must have no blanks and no characters beyond ASCII");
    }
    Ok(())
}

impl Extra {
    /// `shortest`: how far ahead the gateway wants the end of the order.
    pub(super) fn check(&self, shortest: Duration) -> Result<()> {
        if let (Some(start), Some(end)) = (self.time_start, self.time_expire)
            && end.since(start) < shortest
        {
            let minutes = shortest.as_secs() / 60;
            let problem = format!("{end} is less than {minutes} minutes behind time_start, {start}");
            return Err(Error::invalid("time_expire", problem));
        }
        if let Some(detail) = &self.detail {
            for goods in &detail.goods_detail {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                if goods.goods_id.is_empty() || goods.goods_id.len() > 32 || !goods.goods_id.bytes().all(plain) {
                    let problem = format!("goods_id {:?}: 1 to 32 letters, digits, '-' and '_'", goods.goods_id);
                    return Err(Error::invalid("detail", problem));
                }
            }
        }
        Ok(())
    }
}
