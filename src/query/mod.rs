//! What became of it. Nothing in here moves money, so everything may be
//! repeated freely.

pub mod bill;
mod order;
mod red_packet;
mod refund;

pub use order::{Order, OrderFound};
pub use red_packet::{HbType, Receiver, RedPacket, RedPacketFound, RedPacketStatus, SendType};
pub use refund::{Refund, RefundChannel, RefundFound, RefundKey, RefundStatus, RefundsFound};
