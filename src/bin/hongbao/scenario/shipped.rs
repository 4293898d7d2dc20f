//! The scenarios that come with the program.

use super::fields::suggestion;
use crate::failure::Failure;

/// A scenario of the program's own.
pub(crate) struct Shipped {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

impl Shipped {
    /// What its file is called.
    pub(crate) fn file(&self) -> String {
        format!("scenarios/{}.toml", self.name)
    }

    /// Its first line, without the mark of a comment.
    pub(crate) fn headline(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

macro_rules! scenarios {
    ($($name:literal)*) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../../../scenarios/", $name, ".toml")) }),*]
    };
}

pub(crate) const SHIPPED: &[Shipped] = scenarios! {
    "lost-answer"
    "double-click"
    "quota-at-midnight"
    "balance-runs-out"
    "risk-blocked-user"
    "unclaimed-packets"
    "refund-storm"
    "callback-answers-wrongly"
    "certificate-expired"
    "grey-network"
};

/// The scenario of this name.
pub(crate) fn shipped(name: &str) -> Result<&'static Shipped, Failure> {
    SHIPPED.iter().find(|own| own.name == name).ok_or_else(|| {
        let names: Vec<&str> = SHIPPED.iter().map(|own| own.name).collect();
        let problem = format!("{name}: there is neither such a file nor a scenario of that name");
        Failure::usage(problem, format!("{}; hongbao sandbox run --list", suggestion(name, &names)))
    })
}
