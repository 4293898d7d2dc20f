//! What a report says, in both languages.

use super::AlarmKind;
use crate::payout::state::{Cause, Phase};

/// The language of an HTML report. What others wrote (names, notes) stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese (简体中文).
    Chinese,
}

impl Language {
    /// One of two texts that say the same.
    pub(super) const fn say<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// The tag of the language (BCP 47).
    pub(super) const fn tag(self) -> &'static str {
        self.say("en", "zh-CN")
    }

    pub(super) const fn phase(self, phase: Phase) -> &'static str {
        match phase {
            Phase::Planned => self.say("Not sent yet", "待发放"),
            Phase::Sending => self.say("Outcome unknown", "结果未明"),
            Phase::Accepted => self.say("Waiting for the user", "待领取"),
            Phase::Received => self.say("Received", "已领取"),
            Phase::Returned => self.say("Returned", "已退回"),
            Phase::Refused => self.say("Refused", "已拒绝"),
            Phase::Held => self.say("Held", "待人工处理"),
        }
    }

    pub(super) const fn cause(self, cause: Cause) -> &'static str {
        match cause {
            Cause::Failed => self.say("failed for good", "发放失败"),
            Cause::Payee => self.say("payee or amount refused", "用户或金额被拒"),
            Cause::Risk => self.say("risk control or calling address", "风控拦截或调用 IP 未授权"),
            Cause::NumberTaken => self.say("number taken", "单号已被占用"),
            Cause::AmountDiffers => self.say("another amount", "金额不符"),
            Cause::WindowOver => self.say("time to repeat is over", "超出重试期限"),
            Cause::HorizonOver => self.say("can no longer be queried", "超出查询期限"),
            Cause::Contradiction => self.say("contradiction", "状态矛盾"),
            Cause::Person => self.say("held by a person", "人工暂停"),
        }
    }

    pub(super) const fn next_step(self, cause: Cause) -> &'static str {
        let chinese = match cause {
            Cause::Failed => "此单号下未付款；如仍需付款，请批准使用新单号",
            Cause::Payee => "查看说明；在商户平台更正后放行",
            Cause::Risk => "查看说明：将调用 IP 加入白名单，或决定是否付给该用户；然后放行",
            Cause::NumberTaken => "先在商户平台查明占用此单号的订单",
            Cause::AmountDiffers => "与商户平台的红包核对：发放金额不同",
            Cause::WindowOver => "在商户平台查询此单号；系统会继续查询直到有结果",
            Cause::HorizonOver => "在商户平台查询此单号；接口已无法查询",
            Cause::Contradiction => "不要放行；核对流水与商户平台并上报",
            Cause::Person => "原因消除后放行",
        };
        self.say(cause.next_step(), chinese)
    }

    /// What an alarm says, and what to do about it.
    pub(super) const fn alarm(self, kind: AlarmKind) -> (&'static str, &'static str) {
        match kind {
            AlarmKind::MerchantStopped => (
                self.say("The merchant is stopped; nothing is sent.", "商户已停止发放。"),
                self.say("Correct the cause, then release the merchant.", "排除原因后，恢复该商户。"),
            ),
            AlarmKind::MerchantPaused => (
                self.say("The merchant is paused.", "商户暂停发放。"),
                self.say(
                    "It goes on by itself; top up the account if it lacks money.",
                    "会自动继续；如余额不足，请充值。",
                ),
            ),
            AlarmKind::QueryHorizon => (
                self.say("Packets that soon can be queried no longer.", "部分红包即将超出查询期限。"),
                self.say(
                    "Look them up in the merchant platform before the 30th day.",
                    "请在第 30 天之前到商户平台查询。",
                ),
            ),
            AlarmKind::Held => (
                self.say("Payouts wait for a decision.", "部分付款待人工处理。"),
                self.say("The table of held payouts says what to do.", "处理办法见待人工处理表。"),
            ),
            AlarmKind::NotReady => (
                self.say("The campaign is not ready; nothing is sent.", "活动尚未就绪，未开始发放。"),
                self.say("Plan its file to the end.", "请完成名单导入。"),
            ),
        }
    }
}
