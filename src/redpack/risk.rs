//! What risk control may know.

use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::wire::percent;

/// What risk control may know of the user's action (活动信息, `risk_info`).
/// Fields that are `None` are left out; the rest is joined as `k=v&k=v` and
/// URL-encoded once, which is the form that is signed.
///
/// Source: sendredpack, field `risk_info` (doc/v2/merchant/4011974053, read 2026-11).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RiskInfo {
    /// When the user acted, in seconds since 1970 (UTC).
    pub posttime: Option<i64>,
    /// Country code and number, as in `86-13800000000`, without `+`.
    pub mobile: Option<String>,
    /// The user's device.
    pub deviceid: Option<String>,
    /// The version of the user's client.
    pub clientversion: Option<String>,
}

const MAX: usize = 128;

impl RiskInfo {
    /// The text as it goes over the wire.
    #[must_use]
    pub fn encoded(&self) -> String {
        let posttime = self.posttime.map(|seconds| seconds.to_string());
        let parts = [
            ("posttime", posttime.as_deref()),
            ("mobile", self.mobile.as_deref()),
            ("deviceid", self.deviceid.as_deref()),
            ("clientversion", self.clientversion.as_deref()),
        ];
        let mut joined = String::new();
        for (name, value) in parts {
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            if !joined.is_empty() {
                joined.push('&');
            }
            joined.push_str(name);
            joined.push('=');
            joined.push_str(value);
        }
        // In lower-case hex, as the official example writes it.
        percent::encode_lower(&joined)
    }

    pub(super) fn check(&self) -> Result<()> {
        for value in [&self.mobile, &self.deviceid, &self.clientversion].into_iter().flatten() {
            if value.contains(['&', '=']) {
                return Err(Error::invalid("risk_info", format!("{value:?} contains & or =, which part the fields")));
            }
        }
        if self.mobile.as_deref().is_some_and(|mobile| mobile.starts_with('+')) {
            return Err(Error::invalid("risk_info", "mobile begins with +; write 86-13800000000"));
        }
        let length = self.encoded().len();
        if length > MAX {
            return Err(Error::invalid("risk_info", format!("at most {MAX} characters when encoded, found {length}")));
        }
        Ok(())
    }
}

impl Serialize for RiskInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encoded())
    }
}

impl TryFrom<String> for RiskInfo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let decoded = percent::decode(&text).ok_or("risk_info: not URL-encoded UTF-8")?;
        let mut risk = Self::default();
        for part in decoded.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or("risk_info: a part without =")?;
            match name {
                "posttime" => risk.posttime = Some(value.parse().map_err(|_| "risk_info: posttime is no number")?),
                "mobile" => risk.mobile = Some(value.to_owned()),
                "deviceid" => risk.deviceid = Some(value.to_owned()),
                "clientversion" => risk.clientversion = Some(value.to_owned()),
                other => return Err(format!("risk_info: unknown field {other}")),
            }
        }
        Ok(risk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_the_official_example() {
        let risk = RiskInfo { posttime: Some(1_742_266_800), deviceid: Some("A1".into()), ..RiskInfo::default() };
        assert_eq!(risk.encoded(), "posttime%3d1742266800%26deviceid%3dA1");
        assert_eq!(RiskInfo::try_from(risk.encoded()), Ok(risk));
    }

    #[test]
    fn chinese_and_mobiles_survive() {
        let risk = RiskInfo {
            mobile: Some("86-13800000000".into()),
            clientversion: Some("版本 8".into()),
            ..RiskInfo::default()
        };
        assert!(risk.encoded().contains("mobile%3d86-13800000000%26clientversion%3d%e7%89%88%e6%9c%ac%208"));
        assert_eq!(RiskInfo::try_from(risk.encoded()), Ok(risk));
    }

    #[test]
    fn refuses_what_would_be_misread() {
        for (mobile, deviceid) in [("a&b", "x"), ("a=b", "x"), ("+86-1", "x"), ("1", &*"d".repeat(120))] {
            let risk = RiskInfo { mobile: Some(mobile.into()), deviceid: Some(deviceid.into()), ..RiskInfo::default() };
            assert_eq!(risk.check().unwrap_err().field(), Some("risk_info"));
        }
        for text in ["%", "%3", "%zz", "a", "colour%3dred", "posttime%3dx", "%ff"] {
            assert!(RiskInfo::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
