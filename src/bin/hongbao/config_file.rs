//! The TOML file of merchant entities.
//!
//! ```toml
//! [merchants.north]
//! name = "蓝鲸咖啡"
//! app_id = "wx00f1e2d3c4b5a697"
//! mch_id = "1510000001"
//! key_file = "north.key"               # or key_env = "NORTH_KEY"
//! p12_file = "apiclient_cert.p12"      # or cert_file with cert_key_file
//! digest = "MD5"                       # or "HMAC-SHA256", where an endpoint leaves the choice
//! sub_mch_id = "1510000003"            # for whom a service provider acts, with sub_app_id if it has one
//! endpoint = "production"              # or { base = "https://127.0.0.1:8443", ca_file = "ca.pem" }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use hongbao::wire::{Digest, Generation};
use hongbao::{AppId, Cert, Endpoint, Entity, MchId, Secret, SubMerchant};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer};
use toml::Spanned;

use crate::failure::Failure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    merchants: BTreeMap<String, Spanned<Record>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    app_id: String,
    mch_id: String,
    name: Option<String>,
    /// Known in order to be refused with the reason.
    key: Option<IgnoredAny>,
    key_file: Option<PathBuf>,
    key_env: Option<String>,
    p12_file: Option<PathBuf>,
    p12_password_file: Option<PathBuf>,
    p12_password_env: Option<String>,
    cert_file: Option<PathBuf>,
    cert_key_file: Option<PathBuf>,
    digest: Option<Choice>,
    sub_mch_id: Option<String>,
    sub_app_id: Option<String>,
    endpoint: Place,
}

#[derive(Clone, Copy, Deserialize)]
enum Choice {
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

enum Place {
    Production,
    Official(Generation),
    Base(Base),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    base: String,
    ca_file: PathBuf,
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(PLACES)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Place, E> {
                match text {
                    "production" => Ok(Place::Production),
                    "sandboxnew" => Ok(Place::Official(Generation::One)),
                    "apiv2sandbox" => Ok(Place::Official(Generation::Two)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Place, A::Error> {
                Base::deserialize(MapAccessDeserializer::new(map)).map(Place::Base)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

const PLACES: &str =
    r#""production", "sandboxnew", "apiv2sandbox" or { base = "https://127.0.0.1:8443", ca_file = "ca.pem" }"#;

/// One merchant of the file.
pub(crate) fn entity(path: &Path, wanted: Option<&str>) -> Result<Entity, Failure> {
    let (text, config) = read(path)?;
    let known = || {
        let names: Vec<&str> = config.merchants.keys().map(String::as_str).collect();
        if names.is_empty() {
            "write one: [merchants.NAME]".to_owned()
        } else {
            format!("choose one: {}", names.join(", "))
        }
    };
    let (name, record) = match wanted {
        Some(wanted) => config
            .merchants
            .get_key_value(wanted)
            .ok_or_else(|| Failure::usage(format!("{}: there is no merchant {wanted:?}", path.display()), known()))?,
        None => match (config.merchants.iter().next(), config.merchants.len()) {
            (Some(only), 1) => only,
            // Money must not leave from the wrong account by guessing.
            (_, count) => {
                let problem = format!("{} describes {count} merchants and --merchant names none", path.display());
                return Err(Failure::usage(problem, known()));
            }
        },
    };
    let line = line_of(&text, record.span().start);
    let reader = Reader { path, name, line };
    reader.entity(record.get_ref())
}

/// The merchants of the file that have both numbers: several, where a service
/// provider acts for several sub-merchants. What the others refer to is not read.
pub(crate) fn entities(path: &Path, mch_id: &str, app_id: &str) -> Result<Vec<Entity>, Failure> {
    let (text, config) = read(path)?;
    let named = config.merchants.iter().filter(|(_, record)| {
        let record = record.get_ref();
        record.mch_id == mch_id && record.app_id == app_id
    });
    let entity = |(name, record): (&String, &Spanned<Record>)| {
        Reader { path, name, line: line_of(&text, record.span().start) }.entity(record.get_ref())
    };
    named.map(entity).collect()
}

/// Every merchant of the file.
pub(crate) fn all(path: &Path) -> Result<Vec<Entity>, Failure> {
    let (text, config) = read(path)?;
    if config.merchants.is_empty() {
        let problem = format!("{} describes no merchant", path.display());
        return Err(Failure::usage(problem, "write one: [merchants.NAME]"));
    }
    let entity = |(name, record): (&String, &Spanned<Record>)| {
        Reader { path, name, line: line_of(&text, record.span().start) }.entity(record.get_ref())
    };
    config.merchants.iter().map(entity).collect()
}

fn read(path: &Path) -> Result<(String, Config), Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()), "give the TOML file of merchant entities with --config")
    })?;
    let config = toml::from_str(&text).map_err(|error| unreadable(path, &text, error))?;
    Ok((text, config))
}

/// Without the line itself, which may hold a key that does not belong there.
fn unreadable(path: &Path, text: &str, mut error: toml::de::Error) -> Failure {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    error.set_input(None);
    let problem = error.to_string().trim_end().replace('\n', " ");
    Failure::usage(format!("{}, line {line}: {problem}", path.display()), "correct the line; nothing was sent")
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Reads what one merchant's fields refer to.
struct Reader<'a> {
    path: &'a Path,
    name: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn entity(&self, record: &Record) -> Result<Entity, Failure> {
        if record.key.is_some() {
            let problem = self.field("key", "a key does not belong in this file, which gets copied and committed");
            return Err(Failure::usage(problem, "put it into a file of its own (key_file) or a variable (key_env)"));
        }
        let key = self
            .secret("key", record.key_file.as_deref(), record.key_env.as_deref())?
            .ok_or_else(|| Failure::usage(self.field("key", "is nowhere"), "give one of key_file and key_env"))?;
        Ok(Entity {
            name: record.name.clone().unwrap_or_else(|| self.name.to_owned()),
            app_id: record.app_id.clone(),
            mch_id: record.mch_id.clone(),
            key,
            cert: self.cert(record)?,
            endpoint: self.endpoint(&record.endpoint)?,
            digest: match record.digest {
                Some(Choice::HmacSha256) => Digest::HmacSha256,
                Some(Choice::Md5) | None => Digest::Md5,
            },
            sub_merchant: self.sub_merchant(record)?,
        })
    }

    fn sub_merchant(&self, record: &Record) -> Result<Option<SubMerchant>, Failure> {
        let wrong = |field: &str, error: hongbao::InvalidId| {
            Failure::usage(self.field(field, error), "correct the line; nothing was sent")
        };
        let (sub_mch_id, sub_app_id) = match (&record.sub_mch_id, &record.sub_app_id) {
            (Some(sub_mch_id), sub_app_id) => (sub_mch_id, sub_app_id),
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                let problem = self.field("sub_app_id", "there is no sub_mch_id whose appid it would be");
                return Err(Failure::usage(problem, "add sub_mch_id, or remove it"));
            }
        };
        let sub = SubMerchant::new(MchId::new(sub_mch_id).map_err(|error| wrong("sub_mch_id", error))?);
        match sub_app_id {
            Some(app_id) => Ok(Some(sub.with_app_id(AppId::new(app_id).map_err(|error| wrong("sub_app_id", error))?))),
            None => Ok(Some(sub)),
        }
    }

    fn cert(&self, record: &Record) -> Result<Cert, Failure> {
        let password =
            self.secret("p12_password", record.p12_password_file.as_deref(), record.p12_password_env.as_deref())?;
        let cert = match (&record.p12_file, &record.cert_file, &record.cert_key_file) {
            (Some(p12), None, None) => Cert::p12_file(self.beside(p12)),
            (None, Some(cert), Some(key)) => Cert::pem_files(self.beside(cert), self.beside(key)),
            (None, None, None) => Cert::none(),
            _ => {
                let problem = self.field("certificate", "must be p12_file alone, or cert_file with cert_key_file");
                return Err(Failure::usage(problem, "keep one of the two forms"));
            }
        };
        match password {
            Some(_) if record.p12_file.is_none() => {
                Err(Failure::usage(self.field("p12_password", "there is no p12_file to open"), "remove it"))
            }
            Some(password) => Ok(cert.with_password(password)),
            None => Ok(cert),
        }
    }

    fn endpoint(&self, place: &Place) -> Result<Endpoint, Failure> {
        Ok(match place {
            Place::Production => Endpoint::production(),
            Place::Official(generation) => Endpoint::official_sandbox(*generation),
            Place::Base(Base { base, ca_file }) => {
                let path = self.beside(ca_file);
                let ca = fs::read(&path).map_err(|error| {
                    let problem = self.field("ca_file", format_args!("{}: {error}", path.display()));
                    Failure::usage(problem, "give the CA of the server's certificate; a sandbox writes it to ca.pem")
                })?;
                Endpoint::at(base.as_str(), ca)
            }
        })
    }

    fn secret(&self, what: &str, file: Option<&Path>, variable: Option<&str>) -> Result<Option<Secret>, Failure> {
        let text = match (file, variable) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let problem = self.field(what, format_args!("both {what}_file and {what}_env are there"));
                return Err(Failure::usage(problem, "keep one of them"));
            }
            (Some(file), None) => {
                let path = self.beside(file);
                fs::read_to_string(&path).map_err(|error| {
                    let problem = match may_be_a_key(file) {
                        true => LOOKS_LIKE_A_KEY.to_owned(),
                        false => format!("{}: {error}", path.display()),
                    };
                    let problem = self.field(&format!("{what}_file"), problem);
                    Failure::usage(problem, "name a file that holds the secret and nothing else")
                })?
            }
            (None, Some(variable)) => std::env::var(variable).map_err(|error| {
                let problem = match may_be_a_key(Path::new(variable)) {
                    true => LOOKS_LIKE_A_KEY.to_owned(),
                    false => format!("{variable}: {}", unset(&error)),
                };
                let problem = self.field(&format!("{what}_env"), problem);
                Failure::usage(problem, "name a variable of the environment that holds the secret")
            })?,
        };
        Ok(Some(Secret::new(without_line_end(text))))
    }

    fn field(&self, field: &str, problem: impl fmt::Display) -> String {
        format!("{}, line {}: merchants.{}: {field}: {problem}", self.path.display(), self.line, self.name)
    }

    /// Paths are relative to the file that names them.
    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }
}

const LOOKS_LIKE_A_KEY: &str = "looks like the secret itself, where the name of its place belongs";

/// The error of a variable that is no text would print what it holds.
fn unset(error: &std::env::VarError) -> &'static str {
    match error {
        std::env::VarError::NotPresent => "is not set",
        std::env::VarError::NotUnicode(_) => "is not UTF-8",
    }
}

/// Whoever writes the key where its file's name belongs must not see it again
/// in an error, which may end up in a log.
fn may_be_a_key(text: &Path) -> bool {
    text.to_str().is_none_or(|text| text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Editors end a file with a line end; a second one is a mistake to be told.
fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
