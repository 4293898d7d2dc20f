//! Money in: orders, payment codes, refunds, and what the front end needs.
//!
//! An order that was placed is not paid, and what the user's program says
//! afterwards proves nothing: [`notify::Paid`](crate::notify::Paid) and
//! [`query::Order`](crate::query::Order) do.
//!
//! | call | request |
//! |---|---|
//! | place an order (统一下单) in an official account or mini program | [`Jsapi`] |
//! | the same, as a QR code that the user scans | [`Native`] |
//! | the same, in a mobile app | [`App`] |
//! | the same, in a browser outside WeChat | [`H5`] |
//! | take money from a payment code that the user shows | [`Micropay`] |
//! | close an order, so that it cannot be paid any more | [`Close`] |
//! | reverse a payment by code | [`Reverse`] |
//! | give money back | [`Refund`] |
//! | shorten a link of [`native_link`] | [`ShortUrl`] |
//! | ask whose payment code it is | [`AuthCode`] |
//! | report how calls went | [`Report`] |

mod app;
mod auth_code;
mod close;
mod front;
mod h5;
mod jsapi;
mod micropay;
mod native;
mod order;
#[cfg(feature = "qr")]
mod qr;
mod refund;
mod report;
mod reverse;
mod short_url;
mod trade;

pub use app::App;
pub use auth_code::{AuthCode, CodeOwner};
pub use close::{Close, Closed};
pub use front::{AppParams, BridgeParams, h5_redirect, native_link};
pub use h5::{H5, H5Placed, H5Scene};
pub use jsapi::{Jsapi, Payer};
pub use micropay::Micropay;
pub use native::{Native, NativePlaced};
pub use order::{Detail, Extra, Goods, Placed, Scene, Store};
#[cfg(feature = "qr")]
pub use qr::{qr_svg, qr_terminal};
pub use refund::{CouponRefund, Refund, RefundExtra, RefundTaken};
pub use report::{Report, ReportExtra, Reported};
pub use reverse::{Reverse, Reversed};
pub use short_url::{ShortUrl, Shortened};
pub use trade::{Coupon, CouponType, OrderKey, Payment, TradeState, TradeType};

#[cfg(feature = "sandbox")]
pub(crate) use {order::MAX_FEE, refund::REFUNDS_OF_AN_ORDER};

pub(crate) use refund::COUPON_REFUNDS;
pub(crate) use trade::{COUPONS, check_filled};
