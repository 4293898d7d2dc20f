//! STUB
use super::desk::Desk;
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeFault {
    WrongAmount,
    ForeignMerchant,
    UnknownField,
    WrongSign,
    LowerCaseSign,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    Paid,
    Refunded,
}
impl Desk {
    pub(super) fn announce(&mut self, _: NoticeKind, _: &str, _: &str, _: &str, _: String, _: Option<NoticeFault>) {}
    pub(super) fn take_notice_fault(&mut self) -> Option<NoticeFault> {
        None
    }
}
