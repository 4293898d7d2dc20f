//! What the merchant's server signs for the front end, which never sees a key.
//!
//! Official pages: JSAPI, mini program, APP, H5 and NATIVE guides,
//! pay.weixin.qq.com, read 2026-11.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::ids::AppId;
use crate::wire::{Digest, Doc, Stamp, percent, sign};

/// The parameters with which a page in WeChat or a mini program asks the user
/// to pay an order.
///
/// ```no_run
/// # async fn run(client: hongbao::Client, prepay_id: String) -> hongbao::Result<()> {
/// use hongbao::pay::BridgeParams;
/// let params = BridgeParams::new(&client.stamp().await?, &prepay_id);
/// println!("wx.requestPayment({})", params.mini_program_json());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BridgeParams {
    /// The appid of the order, which a mini program signs and does not pass.
    #[serde(rename = "appId")]
    pub app_id: String,
    /// Seconds since 1970 (UTC), as text.
    #[serde(rename = "timeStamp")]
    pub time_stamp: String,
    /// The nonce.
    #[serde(rename = "nonceStr")]
    pub nonce_str: String,
    /// `prepay_id=…`.
    pub package: String,
    /// The digest, which is that of the order.
    #[serde(rename = "signType")]
    pub sign_type: String,
    /// The signature.
    #[serde(rename = "paySign")]
    pub pay_sign: String,
}

impl BridgeParams {
    /// Signs them for a user of the entity's appid.
    #[must_use]
    pub fn new(stamp: &Stamp<'_>, prepay_id: &str) -> Self {
        Self::under(stamp, stamp.signer.app_id, prepay_id)
    }

    /// Signs them for a user of the sub-merchant's appid: where the order was
    /// placed for a `sub_openid`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): the entity has no
    /// sub-merchant with an appid.
    pub fn for_sub_app(stamp: &Stamp<'_>, prepay_id: &str) -> Result<Self> {
        let app_id = stamp.signer.sub.and_then(|sub| sub.app_id());
        let app_id =
            app_id.ok_or_else(|| Error::invalid("sub_appid", "the entity has no sub-merchant with an appid"))?;
        Ok(Self::under(stamp, app_id, prepay_id))
    }

    fn under(stamp: &Stamp<'_>, app_id: &AppId, prepay_id: &str) -> Self {
        let digest = stamp.signer.digest;
        let mut params = Self {
            app_id: app_id.to_string(),
            time_stamp: stamp.now.unix().to_string(),
            nonce_str: stamp.nonce.clone(),
            package: format!("prepay_id={prepay_id}"),
            sign_type: digest.name().to_owned(),
            pay_sign: String::new(),
        };
        let doc: Doc = [
            ("appId", params.app_id.as_str()),
            ("timeStamp", &params.time_stamp),
            ("nonceStr", &params.nonce_str),
            ("package", &params.package),
            ("signType", &params.sign_type),
        ]
        .into_iter()
        .collect();
        params.pay_sign = sign(&doc, stamp.signer.key, digest);
        params
    }

    /// JSON for `WeixinJSBridge.invoke('getBrandWCPayRequest', …)`.
    #[must_use]
    pub fn bridge_json(&self) -> String {
        json(self)
    }

    /// JSON for `wx.chooseWXPay(…)` of the JSSDK: `timestamp` in lower case,
    /// although it is signed as `timeStamp`.
    #[must_use]
    pub fn jssdk_json(&self) -> String {
        let Self { time_stamp, nonce_str, package, sign_type, pay_sign, .. } = self;
        json(&serde_json::json!({
            "timestamp": time_stamp, "nonceStr": nonce_str, "package": package, "signType": sign_type,
            "paySign": pay_sign,
        }))
    }

    /// JSON for `wx.requestPayment(…)` of a mini program.
    #[must_use]
    pub fn mini_program_json(&self) -> String {
        let Self { time_stamp, nonce_str, package, sign_type, pay_sign, .. } = self;
        json(&serde_json::json!({
            "timeStamp": time_stamp, "nonceStr": nonce_str, "package": package, "signType": sign_type,
            "paySign": pay_sign,
        }))
    }
}

/// The parameters with which a mobile app asks the user to pay an order
/// (`PayReq` of the app SDK).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AppParams {
    /// The appid of the mobile app.
    pub appid: String,
    /// The merchant number.
    pub partnerid: String,
    /// The order.
    pub prepayid: String,
    /// `Sign=WXPay`.
    pub package: String,
    /// The nonce.
    pub noncestr: String,
    /// Seconds since 1970 (UTC), as text.
    pub timestamp: String,
    /// The signature, by the digest of the order.
    pub sign: String,
}

impl AppParams {
    /// Signs them.
    #[must_use]
    pub fn new(stamp: &Stamp<'_>, prepay_id: &str) -> Self {
        let mut params = Self {
            appid: stamp.signer.app_id.to_string(),
            partnerid: stamp.signer.mch_id.to_string(),
            prepayid: prepay_id.to_owned(),
            package: "Sign=WXPay".to_owned(),
            noncestr: stamp.nonce.clone(),
            timestamp: stamp.now.unix().to_string(),
            sign: String::new(),
        };
        let doc: Doc = [
            ("appid", params.appid.as_str()),
            ("partnerid", &params.partnerid),
            ("prepayid", &params.prepayid),
            ("package", &params.package),
            ("noncestr", &params.noncestr),
            ("timestamp", &params.timestamp),
        ]
        .into_iter()
        .collect();
        params.sign = sign(&doc, stamp.signer.key, stamp.signer.digest);
        params
    }

    /// JSON of all of them.
    #[must_use]
    pub fn json(&self) -> String {
        json(self)
    }
}

fn json(value: &impl Serialize) -> String {
    // Plain structs of texts always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

/// The `mweb_url` of an [`H5`](super::H5) order with the way back: the user comes
/// to `redirect_url` whether paid or not, so that page has to query. Its host
/// must be registered for H5.
#[must_use]
pub fn h5_redirect(mweb_url: &str, redirect_url: &str) -> String {
    format!("{mweb_url}&redirect_url={}", percent::encode(redirect_url))
}

/// The link of a static QR code for goods (Native支付, mode one): whoever scans it
/// makes WeChat ask the merchant's callback for an order, which
/// [`notify::Scanned`](crate::notify::Scanned) answers. It is good for ever.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid): `product_id` must have 1 to
/// 32 characters.
pub fn native_link(stamp: &Stamp<'_>, product_id: &str) -> Result<String> {
    let length = product_id.chars().count();
    if !(1..=32).contains(&length) {
        return Err(Error::invalid("product_id", format!("1 to 32 characters, found {length}")));
    }
    let time_stamp = stamp.now.unix().to_string();
    let fields = [
        ("appid", stamp.signer.app_id.as_str()),
        ("mch_id", stamp.signer.mch_id.as_str()),
        ("product_id", product_id),
        ("time_stamp", time_stamp.as_str()),
        ("nonce_str", stamp.nonce.as_str()),
    ];
    let signature = sign(&fields.into_iter().collect(), stamp.signer.key, Digest::Md5);
    let mut link = format!("weixin://wxpay/bizpayurl?sign={signature}");
    for (name, value) in fields {
        link.extend(["&", name, "=", &percent::encode(value)]);
    }
    Ok(link)
}
