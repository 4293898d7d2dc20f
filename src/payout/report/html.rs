//! The report as one HTML file, which needs nothing else: styles and drawings
//! are in it, and it runs no script.
//!
//! It is well-formed XML too, so that a test can read it.

use std::fmt::{self, Display, Formatter, Write as _};

use super::chart::{Bar, Rate, Ring, Sum};
use super::table::{duration, grouped, yuan};
use super::words::Language;
use super::{Payees, PhaseTotal, Report, percent};
use crate::money::Fen;
use crate::payout::state::Phase;

const STYLE: &str = include_str!("page.css");
/// What people look for first comes first.
const ORDER: [Phase; 7] =
    [Phase::Received, Phase::Accepted, Phase::Returned, Phase::Refused, Phase::Held, Phase::Sending, Phase::Planned];
/// Nothing is fetched and nothing runs, whatever a note says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

impl Report {
    /// The report as one HTML file, for browsers, phones and printers. All that
    /// others wrote (names, keys, notes) is escaped.
    #[must_use]
    pub fn html(&self, language: Language) -> String {
        Page { report: self, language }.to_string()
    }
}

struct Page<'a> {
    report: &'a Report,
    language: Language,
}

/// A text of others, as the content of an element or an attribute.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(' ')?,
                // No XML has these, in whatever spelling.
                '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}' => f.write_char('\u{FFFD}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = Escaped(&self.report.campaign.name);
        let (tag, title) = (self.language.tag(), self.say("Payout report", "红包发放报告"));
        write!(
            f,
            r#"<!DOCTYPE html>
<html lang="{tag}" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="{}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta name="referrer" content="no-referrer"/>
<meta name="robots" content="noindex"/>
<title>{name} · {title}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
"#,
            Escaped(POLICY)
        )?;
        self.head(f)?;
        self.alarms(f)?;
        self.figures(f)?;
        self.outcomes(f)?;
        self.amounts(f)?;
        self.times(f)?;
        self.payees(f, self.say("Held payouts", "待人工处理"), &self.report.held)?;
        self.payees(f, self.say("Refused payouts", "已拒绝"), &self.report.refused)?;
        self.foot(f)?;
        f.write_str("</main>\n</body>\n</html>\n")
    }
}

impl<'a> Page<'a> {
    fn say(&self, english: &'a str, chinese: &'a str) -> &'a str {
        self.language.say(english, chinese)
    }

    fn head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let campaign = &self.report.campaign;
        let (title, merchant) = (self.say("Payout report", "红包发放报告"), self.say("Merchant", "商户号"));
        let (activity, time) = (self.say("Activity", "活动"), self.say("Beijing time", "北京时间"));
        let (sender, act) = (Escaped(&campaign.template.send_name), Escaped(&campaign.template.act_name));
        writeln!(f, r#"<header><p class="kicker">{title}</p><h1>{}</h1>"#, Escaped(&campaign.name))?;
        writeln!(f, r#"<p class="facts"><span>{sender}</span> <span>{merchant} {}</span> "#, campaign.mch_id)?;
        writeln!(f, "<span>{activity} {act}</span> <span>{} {time}</span></p></header>", self.report.at)
    }

    fn alarms(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let payouts = self.say("payouts", "笔");
        let until = self.say("until", "至");
        for alarm in &self.report.alarms {
            let (what, next) = self.language.alarm(alarm.kind);
            write!(f, r#"<p class="alarm"><strong>{what}</strong> {} {payouts}"#, grouped(alarm.payouts))?;
            if let Some(moment) = alarm.until {
                write!(f, ", {until} {moment}")?;
            }
            if let Some(reason) = &alarm.reason {
                write!(f, r#" <span class="reason">{}</span>"#, Escaped(reason))?;
            }
            writeln!(f, r#" <span class="next">{next}</span></p>"#)?;
        }
        Ok(())
    }

    fn figures(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Report { payouts, phases, progress, money, cost, forecast, held, refused, .. } = self.report;
        let received = phases.iter().find(|total| total.phase == Phase::Received).map_or(0, |total| total.count);
        let (of, packets) = (self.say("of", "/"), self.say("packets", "个红包"));
        let may_return = self.say("may still return", "可能退回");
        let waiting = match (forecast.payouts, forecast.days) {
            (0, _) => self.say("nothing left to send", "已全部发出").to_owned(),
            (rest, 0 | 1) => {
                let (rest, time) = (grouped(rest), duration(forecast.seconds));
                format!("{} {rest}, {} {time}", self.say("to send:", "剩余"), self.say("about", "约需"))
            }
            (rest, days) => {
                let days_text = self.say("days (daily limit)", "天（单日限额）");
                format!("{} {}, {days} {days_text}", self.say("to send:", "剩余"), grouped(rest))
            }
        };
        let attention = held.count.saturating_add(refused.count);
        f.write_str(r#"<section class="figures">"#)?;
        for (label, value, under) in [
            (self.say("Answered", "发放进度"), format!("{:.1}<small>%</small>", progress.answered), waiting),
            (
                self.say("Received by users", "用户已领取"),
                money_figure(money.received),
                format!("{} {of} {} {packets}", grouped(received), grouped(*payouts)),
            ),
            (
                self.say("Cost so far", "实际支出"),
                money_figure(cost.net),
                format!("{may_return} {}", money_text(cost.may_return)),
            ),
            (
                self.say("For attention", "需关注"),
                grouped(attention),
                format!(
                    "{} {}, {} {}",
                    grouped(held.count),
                    self.say("held", "待处理"),
                    grouped(refused.count),
                    self.say("refused", "已拒绝")
                ),
            ),
        ] {
            write!(f, r#"<div><h2>{label}</h2><p class="value">{value}</p><p class="under">{under}</p></div>"#)?;
        }
        f.write_str("</section>\n")
    }

    fn outcomes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Report { phases, payouts, .. } = self.report;
        let in_order = ORDER.iter().filter_map(|phase| phases.iter().find(|total| total.phase == *phase));
        let phases: Vec<PhaseTotal> = in_order.copied().collect();
        let (title, all) = (self.say("Outcomes", "发放结果"), self.say("payouts", "笔付款"));
        writeln!(f, r#"<section class="outcomes"><h2>{title}</h2><div class="split">"#)?;
        write!(f, r#"<div class="dial">{}<p><b>{}</b>{all}</p></div>"#, Ring(&phases), grouped(*payouts))?;
        let heads = [
            self.say("Outcome", "结果"),
            self.say("Payouts", "笔数"),
            self.say("Share", "占比"),
            self.say("Yuan", "金额（元）"),
        ];
        let [outcome, number, share, amount] = heads;
        write!(f, r#"<table class="legend"><thead><tr><th>{outcome}</th><th class="number">{number}</th>"#)?;
        write!(f, r#"<th class="number">{share}</th><th class="number">{amount}</th></tr></thead><tbody>"#)?;
        for total in &phases {
            let (phase, name) = (total.phase, self.language.phase(total.phase));
            let (count, share) = (grouped(total.count), percent(total.count, *payouts));
            let none = if total.count == 0 { r#" class="none""# } else { "" };
            write!(f, r#"<tr{none}><td><i class="{phase}"></i>{name}</td><td class="number">{count}</td>"#)?;
            let amount = yuan(total.amount);
            write!(f, r#"<td class="number">{share:.1}%</td><td class="number">{amount}</td></tr>"#)?;
        }
        writeln!(f, "</tbody></table></div></section>")
    }

    fn amounts(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Report { money, cost, .. } = self.report;
        let fen = |amount: Fen| u64::try_from(amount.get()).unwrap_or(0);
        writeln!(f, r#"<section class="amounts"><h2>{}</h2><dl>"#, self.say("Money", "资金"))?;
        for (label, amount, class) in [
            (self.say("Planned", "计划"), money.planned, "whole"),
            (self.say("Accepted by WeChat Pay", "已发放"), money.accepted, "whole"),
            (self.say("Received by users", "用户已领取"), money.received, "received"),
            (self.say("Waiting for users", "待领取"), money.unopened, "accepted"),
            (self.say("Returned", "已退回"), money.returned, "returned"),
            (self.say("Refused", "已拒绝"), money.refused, "refused"),
            (self.say("In doubt, held included", "存疑（含待处理）"), cost.in_doubt, "sending"),
            (self.say("Not sent yet", "待发放"), money.unsent, "planned"),
            (self.say("Cost at most", "最高支出"), cost.most, "whole"),
        ] {
            let bar = Bar { part: fen(amount), whole: fen(money.planned), class };
            write!(f, "<div><dt>{label}</dt><dd>{bar}</dd><dd class=\"number\">{}</dd></div>", yuan(amount))?;
        }
        writeln!(f, "</dl></section>")
    }

    fn times(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Report { speed, payouts, .. } = self.report;
        let title = self.say("Progress over time", "发放进度曲线");
        writeln!(f, r#"<section class="times"><h2>{title}</h2>"#)?;
        let Some((from, to)) = speed.span() else {
            return writeln!(f, "<p>{}</p></section>", self.say("Nothing was accepted yet.", "尚无已发放的红包。"));
        };
        let whole = (*payouts).max(speed.accepted);
        let middle = from.after(to.since(from) / 2);
        let (sum, rate) =
            (self.say("Packets accepted, in all", "累计已发放（个）"), self.say("A second", "每秒发放（个）"));
        write!(f, r#"<p class="axis">{sum}</p><div class="plot"><div class="y"><span>{}</span>"#, grouped(whole))?;
        write!(f, "<span>{}</span><span>0</span></div>", grouped(whole / 2))?;
        write!(f, "{}</div>", Sum { speed, payouts: *payouts })?;
        write!(f, r#"<p class="axis">{rate}</p><div class="plot"><div class="y"><span>{:.1}</span>"#, speed.peak)?;
        write!(f, "<span>0</span></div>{}", Rate(speed))?;
        write!(
            f,
            r#"<div class="x"><span>{from}</span><span class="middle">{middle}</span><span>{to}</span></div></div>"#
        )?;
        let (mean, best) =
            (self.say("While it was sent:", "发放期间平均每秒"), self.say("a second, at best", "个，最高"));
        writeln!(f, r#"<p class="under">{mean} {:.1} {best} {:.1}</p></section>"#, speed.per_second, speed.peak)
    }

    fn payees(&self, f: &mut Formatter<'_>, title: &str, payees: &Payees) -> fmt::Result {
        if payees.count == 0 {
            return Ok(());
        }
        let (count, amount) = (grouped(payees.count), money_text(payees.amount));
        writeln!(f, r#"<section class="payees"><h2>{title} <small>{count} · {amount}</small></h2>"#)?;
        let heads = [
            self.say("Key", "业务单号"),
            "openid",
            self.say("Bill number", "商户订单号"),
            self.say("Yuan", "金额（元）"),
            self.say("Reason", "原因"),
            self.say("Next step", "处理办法"),
        ];
        f.write_str("<table><thead><tr>")?;
        for head in heads {
            write!(f, "<th>{head}</th>")?;
        }
        f.write_str("</tr></thead><tbody>\n")?;
        for payee in &payees.named {
            let cause = payee.cause.map_or("", |cause| self.language.cause(cause));
            let next_step = payee.cause.map_or("", |cause| self.language.next_step(cause));
            let note = payee.note.as_deref().unwrap_or_default();
            let [key, openid, number, yuan_head, reason, next] = heads;
            write!(f, r#"<tr><td data-head="{key}" class="code">{}</td>"#, Escaped(&payee.key))?;
            write!(f, r#"<td data-head="{openid}" class="code">{}</td>"#, payee.openid)?;
            write!(f, r#"<td data-head="{number}" class="code">{}</td>"#, payee.mch_billno)?;
            write!(f, r#"<td data-head="{yuan_head}" class="number">{}</td>"#, yuan(payee.amount))?;
            write!(f, r#"<td data-head="{reason}">{cause} <span class="note">{}</span></td>"#, Escaped(note))?;
            writeln!(f, r#"<td data-head="{next}">{next_step}</td></tr>"#)?;
        }
        f.write_str("</tbody></table>")?;
        let named = u64::try_from(payees.named.len()).unwrap_or(u64::MAX);
        if payees.count > named {
            let more = self.say("more; the CSV report has them all", "笔未列出，详见 CSV 报告");
            write!(f, r#"<p class="under">{} {more}</p>"#, grouped(payees.count - named))?;
        }
        f.write_str("</section>\n")
    }

    fn foot(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = self.say(
            "Cost so far is what left the account and did not come back; a packet that nobody opens comes back after \
             24 hours. Unknown outcomes, held payouts among them, may or may not have left. Cost at most is what it comes to if all \
             that is open is paid and opened.",
            "实际支出为已出账且未退回的金额；红包 24 小时未领取即退回。结果未明的金额（含待人工处理）可能已出账，也可能没有。\
             最高支出为所有未决红包均发放并领取时的金额。",
        );
        writeln!(f, "<footer><p>{text}</p><p>hongbao {}</p></footer>", env!("CARGO_PKG_VERSION"))
    }
}

fn money_text(amount: Fen) -> String {
    format!("¥{}", yuan(amount))
}

fn money_figure(amount: Fen) -> String {
    format!("<small>¥</small>{}", yuan(amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_inert() {
        let text = Escaped("<script>alert('1')</script> & \"x\"\0\u{1b}\u{ffff}\n").to_string();
        assert_eq!(
            text,
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;\u{fffd}\u{fffd}\u{fffd} "
        );
    }
}
