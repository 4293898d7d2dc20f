//! Where a merchant's calls go.

use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::wire::{Contract, Generation};

/// The place that a merchant entity talks to (接入点).
///
/// ```
/// use hongbao::Endpoint;
/// let live = Endpoint::production();
/// let ours = Endpoint::at("https://127.0.0.1:8443", "-----BEGIN CERTIFICATE-----…");
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    hosts: Hosts,
    official: Option<Generation>,
}

#[derive(Clone, Debug)]
enum Hosts {
    Production,
    /// A base address, as it was given, and the CA that its server certificate
    /// must come from.
    Base {
        address: Arc<str>,
        ca: Arc<[u8]>,
    },
}

/// Main domain and the backup in another city (跨城冗灾), official material read 2026-11.
const PRODUCTION: [&str; 2] = ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"];

impl Endpoint {
    /// The real one: main domain, and the backup domain when no connection to
    /// the main one can be made. Money moves.
    #[must_use]
    pub fn production() -> Self {
        Self { hosts: Hosts::Production, official: None }
    }

    /// An official sandbox (官方沙箱): no money, no certificates, and a sign key
    /// of its own that the client fetches once with the real key. It serves
    /// few calls, no payouts among them; all others are refused before anything
    /// is sent.
    #[must_use]
    pub fn official_sandbox(generation: Generation) -> Self {
        Self { hosts: Hosts::Production, official: Some(generation) }
    }

    /// A base address such as `https://127.0.0.1:8443` whose server certificate
    /// comes from the CA in `ca_pem`: the sandbox of this crate. Production's
    /// host names are refused here.
    #[must_use]
    pub fn at(base: impl Into<String>, ca_pem: impl Into<Vec<u8>>) -> Self {
        let hosts = Hosts::Base { address: base.into().into(), ca: ca_pem.into().into() };
        Self { hosts, official: None }
    }

    /// The same place in the manner of an official sandbox: below its prefix,
    /// with its sign key.
    #[must_use]
    pub fn below(mut self, generation: Generation) -> Self {
        self.official = Some(generation);
        self
    }

    /// Whether real money can move here.
    #[must_use]
    pub fn is_production(&self) -> bool {
        matches!(self.hosts, Hosts::Production) && self.official.is_none()
    }

    /// The official sandbox that it is, if it is one.
    #[must_use]
    pub fn official_generation(&self) -> Option<Generation> {
        self.official
    }

    /// Hosts with ports, in the order in which they are tried.
    ///
    /// # Errors
    /// Names what is wrong with a base address.
    pub(crate) fn hosts(&self) -> Result<Vec<String>> {
        match &self.hosts {
            Hosts::Production => Ok(PRODUCTION.map(str::to_owned).to_vec()),
            Hosts::Base { address, .. } => base_host(address).map(|host| vec![host]),
        }
    }

    /// The PEM text of the only CA to be believed; the system's roots if `None`.
    pub(crate) fn ca(&self) -> Option<&[u8]> {
        match &self.hosts {
            Hosts::Production => None,
            Hosts::Base { ca, .. } => Some(ca),
        }
    }

    /// Whether this names the real platform's machines, sandboxes included.
    pub(crate) fn is_platform(&self) -> bool {
        matches!(self.hosts, Hosts::Production)
    }

    /// The path of a call here.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotServed`] where an official sandbox lacks the call.
    pub(crate) fn path(&self, contract: &Contract) -> Result<String> {
        let Some(generation) = self.official else { return Ok(contract.path.to_owned()) };
        if !contract.official_sandboxes.contains(&generation) {
            return Err(not_served(contract, generation));
        }
        Ok(format!("{}{}", prefix(generation), contract.path))
    }
}

/// The path prefix of an official sandbox.
pub(crate) const fn prefix(generation: Generation) -> &'static str {
    match generation {
        Generation::One => "/sandboxnew",
        Generation::Two => "/xdc/apiv2sandbox",
    }
}

/// Where an official sandbox hands out its sign key (获取验签秘钥). The path
/// stands outside the prefix rule, so it is used as it is.
pub(crate) const fn sign_key_contract(generation: Generation) -> Contract {
    let path = match generation {
        Generation::One => "/sandboxnew/pay/getsignkey",
        Generation::Two => "/xdc/apiv2getsignkey/sign/getsignkey",
    };
    Contract::v2(path).without_app().md5_only().reply_unsigned().one_level().repeat(crate::wire::Repeat::Freely)
}

fn not_served(contract: &Contract, generation: Generation) -> Error {
    use crate::error::{ErrorKind, Outcome};
    let problem = format!("the official sandbox {} does not serve {}", prefix(generation), contract.path);
    Error::new(ErrorKind::NotServed, Outcome::NotSent, problem)
        .with_next_step("use the sandbox of this crate for it; nothing was sent")
}

fn base_host(address: &str) -> Result<String> {
    let wrong = |problem: &str| {
        Error::config(
            "endpoint",
            format!("{address:?}: {problem}"),
            "give a base address such as https://127.0.0.1:8443",
        )
    };
    let Some(host) = address.strip_prefix("https://") else {
        return Err(wrong("must begin with https://; there is no way without TLS"));
    };
    let host = host.strip_suffix('/').unwrap_or(host);
    // Nothing that a URL parser would decode or map into another host.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
    if !host.chars().all(plain) {
        return Err(wrong("must be a host with an optional port and nothing else"));
    }
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => (name, Some(rest.strip_prefix(':').unwrap_or_default())),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let named = if host.starts_with('[') {
        name.parse::<Ipv6Addr>().is_ok()
    } else {
        !name.trim_matches('.').is_empty() && !name.contains(['[', ']'])
    };
    if !named {
        return Err(wrong("must be a host name, an IPv4 address or an IPv6 address in brackets"));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(wrong("the port is not a number below 65536"));
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name == "mch.weixin.qq.com" || name.ends_with(".mch.weixin.qq.com") {
        return Err(Error::config(
            "endpoint",
            format!("{name} is WeChat Pay itself; it is never reached with a CA of one's own"),
            "use Endpoint::production() for it",
        ));
    }
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_addresses() {
        for (address, host) in [
            ("https://127.0.0.1:8443", "127.0.0.1:8443"),
            ("https://localhost:1/", "localhost:1"),
            ("https://[::1]:8443", "[::1]:8443"),
            ("https://[::1]", "[::1]"),
            ("https://sandbox.example", "sandbox.example"),
        ] {
            assert_eq!(Endpoint::at(address, "").hosts().unwrap(), [host]);
        }
        for address in [
            "http://127.0.0.1:1",
            "127.0.0.1:1",
            "https://",
            "https://a/b",
            "https://u@h",
            "https://h:99999",
            "https://h:x",
            "https://h?q",
            "https://a b",
            "https://:8443",
            "https://[::1",
            "https://[::1]8443",
            "https://::1:8443",
            "https://h%2e",
            "https://api.mch.weixin.qq.com",
            "https://API2.mch.weixin.qq.com.:443/",
        ] {
            let error = Endpoint::at(address, "").hosts().expect_err(address);
            assert_eq!(error.field(), Some("endpoint"));
        }
    }

    #[test]
    fn production_is_tried_in_order() {
        assert_eq!(Endpoint::production().hosts().unwrap(), PRODUCTION);
        assert!(Endpoint::production().is_production());
        assert!(!Endpoint::official_sandbox(Generation::One).is_production());
    }

    #[test]
    fn official_sandboxes_have_prefixes_and_gaps() {
        const QUERY: Contract = Contract::v2("/pay/orderquery").official_sandboxes(&[Generation::One]);
        let one = Endpoint::official_sandbox(Generation::One);
        let two = Endpoint::official_sandbox(Generation::Two);
        assert_eq!(one.path(&QUERY).unwrap(), "/sandboxnew/pay/orderquery");
        assert_eq!(two.path(&QUERY).unwrap_err().kind(), crate::ErrorKind::NotServed);
        assert_eq!(Endpoint::production().path(&QUERY).unwrap(), "/pay/orderquery");
    }
}
