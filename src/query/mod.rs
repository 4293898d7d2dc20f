//! What became of it. Nothing in here moves money, so everything may be
//! repeated freely.

pub mod bill;
mod comments;
mod fund_flow;
mod order;
mod red_packet;
mod refund;
mod trade_bill;

pub use comments::Comments;
pub use fund_flow::{AccountType, FundFlow};
pub use order::{Order, OrderFound};
pub use red_packet::{HbType, Receiver, RedPacket, RedPacketFound, RedPacketStatus, SendType};
pub use refund::{Refund, RefundChannel, RefundFound, RefundKey, RefundStatus, RefundsFound};
pub use trade_bill::{BillType, TarType, TradeBill};
