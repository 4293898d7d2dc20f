//! What a day was like: trade bills (交易账单), fund bills (资金账单) and
//! comments (订单评价), read row by row as their bytes arrive.
//!
//! [`Trades`], [`Funds`] and [`Comments`] are each a [`Sheet`](crate::wire::Sheet):
//! they take bytes, gzip or plain, in pieces of any size, hold one piece and one
//! line at a time, and do no I/O. [`Reader`] feeds them out of a file.
//!
//! ```
//! use hongbao::query::bill::{Direction, Funds, Reader};
//!
//! let bill = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号\r
//! `2025-01-01 08:02:13,`4200009999202501010000000001,`1230004567202501010000000001,`交易,`交易,`收入,`8.88,`108.88,`system,`,`T20250101000001\r
//! 资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r
//! `1.0,`1.0,`8.88,`0.0,`0.0\r
//! ";
//! let mut reader = Reader::new(bill.as_bytes(), Funds::new());
//! while let Some(fund) = reader.next_row()? {
//!     assert_eq!((fund.direction, fund.amount.get(), fund.remark), (Direction::Income, 888, None));
//! }
//! assert!(reader.sheet().summary().is_some_and(|summary| summary.differences().is_empty()));
//! # Ok::<(), hongbao::Error>(())
//! ```
//!
//! A bill that is cut off is an error: it states its number of rows behind
//! them, and has ended well only when that was compared. The format has no
//! quoting, so none is undone; all amounts are exact.

/// An open set of words, which borrows those that it does not know.
macro_rules! borrowed_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name<'a> {
            $($(#[$variant_doc])* $variant,)*
            /// A word that this version does not know, as it came.
            Unknown(&'a str),
        }

        impl<'a> $name<'a> {
            /// The word in the bill.
            #[must_use]
            pub fn as_str(self) -> &'a str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown(text) => text,
                }
            }
        }

        impl<'a> From<&'a str> for $name<'a> {
            fn from(text: &'a str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    _ => Self::Unknown(text),
                }
            }
        }

        impl std::fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

mod columns;
mod comments;
mod fund;
mod lines;
mod other;
mod reader;
mod table;
mod totals;
mod trade;
mod unpack;

pub use comments::{Comment, Comments};
pub use fund::{Direction, Fund, FundSummary, Funds};
pub use reader::Reader;
pub use totals::Difference;
pub use trade::{RefundState, Trade, TradeState, TradeSummary, Trades};
