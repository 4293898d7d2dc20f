//! What became of it. Nothing in here moves money, so everything may be
//! repeated freely.

pub mod bill;
mod red_packet;

pub use red_packet::{HbType, Receiver, RedPacket, RedPacketFound, RedPacketStatus, SendType};
