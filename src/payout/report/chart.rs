//! The drawings of the HTML report: geometry only. Texts stand beside them in
//! HTML, so that they keep their size on a phone.

use std::fmt::{self, Display, Formatter};

use super::{PhaseTotal, Speed};
use crate::clock::Timestamp;

const WIDTH: u128 = 1000;
const HEIGHT: u128 = 300;

/// `part / whole` of `length`, with three decimals; 0 of nothing.
fn scaled(part: u128, whole: u128, length: u128) -> Decimal {
    Decimal((part * length * 1000).checked_div(whole).unwrap_or(0))
}

/// Thousandths.
struct Decimal(u128);

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// The shares of the phases as a ring.
pub(super) struct Ring<'a>(pub(super) &'a [PhaseTotal]);

impl Display for Ring<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let whole: u128 = self.0.iter().map(|total| u128::from(total.count)).sum();
        f.write_str(r#"<svg viewBox="0 0 42 42" class="ring" aria-hidden="true"><circle cx="21" cy="21" r="16" class="track"/>"#)?;
        let mut before = 0;
        for total in self.0.iter().filter(|total| total.count > 0) {
            let share = scaled(total.count.into(), whole, 100);
            // It begins at the top, a quarter before the beginning of the path.
            let turn = scaled(before, whole, 360);
            write!(
                f,
                r#"<circle cx="21" cy="21" r="16" class="{}" pathLength="100" stroke-dasharray="{share} 100" transform="rotate(-90 21 21) rotate({turn} 21 21)"/>"#,
                total.phase
            )?;
            before += u128::from(total.count);
        }
        f.write_str("</svg>")
    }
}

/// A bar, `part` of `whole` long.
pub(super) struct Bar {
    pub(super) part: u64,
    pub(super) whole: u64,
    /// What colours it.
    pub(super) class: &'static str,
}

impl Display for Bar {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = scaled(self.part.into(), self.whole.into(), 100);
        write!(
            f,
            r#"<svg viewBox="0 0 100 1" preserveAspectRatio="none" class="bar" aria-hidden="true"><rect width="100" height="1" class="track"/><rect width="{width}" height="1" class="{}"/></svg>"#,
            self.class
        )
    }
}

/// How the accepted packets add up over time; full height is all payouts.
pub(super) struct Sum<'a> {
    pub(super) speed: &'a Speed,
    pub(super) payouts: u64,
}

/// Horizontal places in the span of a curve.
struct Axis {
    from: Timestamp,
    millis: u128,
}

impl Axis {
    fn of(speed: &Speed) -> Option<Self> {
        let (from, to) = speed.span()?;
        Some(Self { from, millis: to.since(from).as_millis() })
    }

    fn place(&self, at: Timestamp) -> Decimal {
        scaled(at.since(self.from).as_millis(), self.millis, WIDTH)
    }

    fn width(&self, seconds: u64) -> Decimal {
        scaled(u128::from(seconds) * 1000, self.millis, WIDTH)
    }
}

impl Display for Sum<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(axis) = Axis::of(self.speed) else { return Ok(()) };
        let whole = self.payouts.max(self.speed.accepted);
        let height = |count: u64| scaled((whole - count).into(), whole.into(), HEIGHT);
        let stretch = std::time::Duration::from_secs(self.speed.stretch);
        let mut line = format!("0 {}", height(0));
        for point in &self.speed.curve {
            // Level while nothing was sent, then up during the stretch.
            line += &format!(" {} {}", axis.place(point.at), height(point.total - point.accepted));
            line += &format!(" {} {}", axis.place(point.at.after(stretch)), height(point.total));
        }
        write!(f, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" class="sum" aria-hidden="true">"#)?;
        for grid in [0, HEIGHT / 2, HEIGHT] {
            write!(f, r#"<line x1="0" y1="{grid}" x2="{WIDTH}" y2="{grid}" class="grid"/>"#)?;
        }
        write!(f, r#"<polygon points="{line} {WIDTH} {HEIGHT} 0 {HEIGHT}" class="area"/>"#)?;
        write!(f, r#"<polyline points="{line}" class="line"/></svg>"#)
    }
}

/// How many packets each stretch had; full height is the best one.
pub(super) struct Rate<'a>(pub(super) &'a Speed);

impl Display for Rate<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(axis) = Axis::of(self.0) else { return Ok(()) };
        let best = self.0.curve.iter().map(|point| point.accepted).max().unwrap_or(0);
        write!(
            f,
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" class="rate" aria-hidden="true">"#
        )?;
        write!(f, r#"<line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}" class="grid"/>"#)?;
        let width = axis.width(self.0.stretch);
        for point in &self.0.curve {
            let (x, y) = (axis.place(point.at), scaled((best - point.accepted).into(), best.into(), HEIGHT));
            let height = scaled(point.accepted.into(), best.into(), HEIGHT);
            write!(f, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" class="stretch"/>"#)?;
        }
        f.write_str("</svg>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_three_decimals() {
        for (part, whole, text) in [(0, 3, "0.000"), (1, 3, "33.333"), (3, 3, "100.000"), (1, 0, "0.000")] {
            assert_eq!(scaled(part, whole, 100).to_string(), text);
        }
        let whole = u128::from(u64::MAX);
        assert_eq!(scaled(whole, whole, WIDTH).to_string(), "1000.000");
    }
}
