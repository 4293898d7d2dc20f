//! Where the server is, and whether TLS leads to it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::{Error, Result};

/// What a URL says.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) roots: Option<Roots>,
    pub(super) schema: String,
    /// Host, port and database, for people.
    pub(super) place: String,
}

/// Whose certificates are trusted; without any, there is no TLS.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Roots {
    Platform,
    File(PathBuf),
}

const SCHEMA: &str = "hongbao";
const PARAMETERS: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

impl Address {
    /// Nothing of the URL appears in an error: what is misplaced in it may be
    /// its password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it does not begin with postgres://"));
        }
        let (mut known, parameters) = split(url);
        let (mut mode, mut roots, mut schema) = (Mode::Prefer, None, SCHEMA.to_owned());
        let mut separator = '?';
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or_else(|| wrong("a parameter has no value"))?;
            match name {
                "sslmode" => mode = Mode::parse(&decoded(value)?)?,
                "sslrootcert" => {
                    roots = Some(match &*decoded(value)? {
                        "system" => Roots::Platform,
                        path => Roots::File(PathBuf::from(path)),
                    });
                }
                "schema" => schema = checked_schema(decoded(value)?)?,
                _ if PARAMETERS.contains(&name) => {
                    known.push(separator);
                    known.push_str(parameter);
                    separator = '&';
                }
                _ => {
                    let next = format!("known are sslmode, sslrootcert, schema, {}", PARAMETERS.join(", "));
                    return Err(wrong("it has a parameter that is not known").with_next_step(next));
                }
            }
        }
        let mut config: Config = known.parse().map_err(|_| wrong("it cannot be read"))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        // The place is told to people, and what stands before this sign is the end of a password.
        if config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(name) if name.contains('@'))) {
            return Err(wrong("it has two @").with_next_step("write an @ of the password as %40"));
        }
        // A dead network is noticed within seconds, not within the hours of TCP.
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(20));
        }
        if !known.contains("keepalives_idle=") {
            config.keepalives_idle(Duration::from_secs(30));
        }
        if config.get_application_name().is_none() {
            config.application_name("hongbao");
        }
        let roots = if encrypted(&config, mode, roots.is_some())? {
            config.ssl_mode(SslMode::Require);
            Some(roots.unwrap_or(Roots::Platform))
        } else {
            config.ssl_mode(SslMode::Disable);
            None
        };
        let place = place(&config);
        Ok(Self { config, roots, schema, place })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
}

impl Mode {
    fn parse(text: &str) -> Result<Self> {
        match text {
            "disable" => Ok(Self::Disable),
            "allow" | "prefer" => Ok(Self::Prefer),
            // There is no TLS here that does not verify.
            "require" | "verify-ca" | "verify-full" => Ok(Self::Require),
            _ => Err(wrong("sslmode is none of disable, prefer, require, verify-full")),
        }
    }
}

/// Decided by the address, never by what the other side says: whoever sits on
/// the way could say that it has no TLS.
fn encrypted(config: &Config, mode: Mode, has_roots: bool) -> Result<bool> {
    let unix = |host: &&Host| !matches!(host, Host::Tcp(_));
    let sockets = config.get_hosts().iter().filter(unix).count();
    if sockets == config.get_hosts().len() {
        return Ok(false);
    }
    let wanted = match mode {
        Mode::Disable => false,
        Mode::Require => true,
        Mode::Prefer => has_roots || !stays_on_this_machine(config),
    };
    if wanted && sockets > 0 {
        return Err(wrong("it mixes Unix sockets, which have no TLS, with addresses that need it"));
    }
    Ok(wanted)
}

fn stays_on_this_machine(config: &Config) -> bool {
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn place(config: &Config) -> String {
    let port = |index: usize| config.get_ports().get(index).or(config.get_ports().first()).copied().unwrap_or(5432);
    let host = |(index, host): (usize, &Host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        #[cfg(unix)]
        Host::Unix(path) => format!("{}:{}", path.display(), port(index)),
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().or(config.get_user()).unwrap_or_default())
}

/// The URL without its parameters, and these. Credentials end at the first `@`
/// and may hold a question mark.
fn split(url: &str) -> (String, &str) {
    let host = url.find('@').unwrap_or(0);
    match url[host..].find('?') {
        Some(mark) => (url[..host + mark].to_owned(), &url[host + mark + 1..]),
        None => (url.to_owned(), ""),
    }
}

fn decoded(text: &str) -> Result<String> {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.ok_or_else(|| wrong("a % is not followed by two hex digits"))?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong("a parameter is not UTF-8"))
}

/// A name that needs no quotes means the same wherever it is written.
fn checked_schema(name: String) -> Result<String> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits = (1..=63).contains(&name.len())
        && name.chars().all(letters)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("pg_");
    fits.then_some(name)
        .ok_or_else(|| wrong("schema is to have 1 to 63 of a-z, 0-9 and _, with no digit and no pg_ at the beginning"))
}

fn wrong(problem: &str) -> Error {
    let next = "write postgres://user:password@host:port/database?sslmode=verify-full, other signs as %XX";
    Error::config("url", format!("the URL of the ledger: {problem}"), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(url: &str) -> Option<Roots> {
        let address = Address::parse(url).unwrap();
        let mode = if address.roots.is_some() { SslMode::Require } else { SslMode::Disable };
        assert_eq!(address.config.get_ssl_mode(), mode);
        address.roots
    }

    #[test]
    fn only_this_machine_is_reached_without_tls_by_default() {
        let file = || Some(Roots::File(PathBuf::from("/etc/a b.pem")));
        for (url, expected) in [
            ("postgres://u@db.example.com/x", Some(Roots::Platform)),
            ("postgres://u@db.example.com/x?sslmode=prefer", Some(Roots::Platform)),
            ("postgres://u@db.example.com/x?sslmode=allow", Some(Roots::Platform)),
            ("postgres://u@db.example.com/x?sslmode=require", Some(Roots::Platform)),
            ("postgres://u@db.example.com/x?sslmode=verify-full&sslrootcert=system", Some(Roots::Platform)),
            ("postgres://u@db.example.com/x?sslrootcert=/etc/a%20b.pem&sslmode=verify-ca", file()),
            ("postgres://u@db.example.com/x?sslmode=disable", None),
            ("postgres://u@10.0.0.1/x", Some(Roots::Platform)),
            ("postgres://u@127.0.0.1,10.0.0.1/x", Some(Roots::Platform)),
            ("postgres://u@localhost/x?hostaddr=10.0.0.1", Some(Roots::Platform)),
            ("postgres://u@localhost.example.com/x", Some(Roots::Platform)),
            ("postgres://u@localhost/x", None),
            ("postgres://u@[::1]:1/x", None),
            ("postgres://u@127.0.0.1/x", None),
            ("postgres://u@127.0.0.1/x?sslmode=require", Some(Roots::Platform)),
            ("postgres://u@127.0.0.1/x?sslrootcert=/etc/a%20b.pem", file()),
            ("postgres://u@127.0.0.1,%2Frun/x", None),
            ("postgres://u@%2Frun%2Fpostgresql/x?sslmode=require", None),
            ("postgresql:///x?host=/run/postgresql", None),
        ] {
            assert_eq!(roots(url), expected, "{url}");
        }
    }

    #[test]
    fn what_a_url_says() {
        let address = Address::parse("postgres://me:p%40s?s@db:6432/x?schema=tenant_1&connect_timeout=9").unwrap();
        assert_eq!((&*address.schema, &*address.place), ("tenant_1", "db:6432/x"));
        assert_eq!(address.config.get_password(), Some(&b"p@s?s"[..]));
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(9)));
        let address = Address::parse("postgres://me@a,b:2").unwrap();
        assert_eq!((&*address.schema, &*address.place), ("hongbao", "a:5432,b:2/me"));
    }

    #[test]
    fn errors_repeat_nothing_of_the_url() {
        for url in [
            "mysql://me:SECRET@db/x",
            "me:SECRET@db/x",
            "postgres://me:SECRET/with@db/x?sslmode",
            "postgres://me:SECRET",
            "postgres://me:SECRET/x",
            "postgres:///x?password=SECRET",
            "postgres://me@db/x?SECRET=1",
            "postgres://me:a?sslmode=SECRET@db/x?sslmode=SECRET",
            "postgres://me@db:SECRET/x",
            "postgres://me:begins@SECRET@db/x",
            "postgres://me@db/x?sslmode=SECRET",
            "postgres://me@db/x?schema=SECRET",
            "postgres://me@db/x?schema=pg_secret",
            "postgres://me@db/x?schema=1",
            "postgres://me@db/x?schema=",
            "postgres://me@db/x?schema=%SECRET",
            "postgres://me@db/x?schema=%FF",
            "postgres://me@db/x?options=%FF",
            "postgres://me@10.0.0.1,%2FSECRET/x",
        ] {
            let error = Address::parse(url).err().unwrap_or_else(|| panic!("{url}"));
            assert_eq!(error.field(), Some("url"), "{url}");
            let text = format!("{error} {error:?} {}", error.report());
            assert!(!text.to_uppercase().contains("SECRET"), "{url}: {text}");
        }
    }
}
