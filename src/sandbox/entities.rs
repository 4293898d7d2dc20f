//! Merchant entities: those that are added while the sandbox runs, the files that
//! WeChat would hand out for them, and what is to be seen of each.

use std::path::PathBuf;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::accounts::AccountKind;
use super::books::Account;
use super::certificates::{Issued, KeyKind, leaf_of_pem};
use super::desk::{Desk, Settings};
use super::directory::{CERTIFICATE, FILES, KEY, LEGACY_P12, MerchantFile, P12};
use super::fault::scatter;
use super::quota::Usage;
use super::{FIRST_BALANCE, FIRST_MERCHANTS, Sandbox, directory, failed, known, random, refused};
use crate::clock::Timestamp;
use crate::config::{Cert, Entity, P12Encryption, SANDBOX_KEY_MARKS, certificate_facts};
use crate::error::Result;
use crate::ids::{AppId, MchId};
use crate::money::Fen;
use crate::secret::Secret;

/// An entity to be added; what is left out the sandbox makes up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewMerchant {
    /// The merchant's name (商户名称), 1 to 32 characters.
    pub name: Option<String>,
    /// The merchant number (商户号), 8 to 10 digits.
    pub mch_id: Option<String>,
    /// The appid; several entities may share one.
    pub app_id: Option<String>,
}

/// Where certificate and key of an entity are that the sandbox made.
pub(super) enum Made {
    Kept(Box<Issued>),
    Filed(PathBuf),
}

/// What there is to see of an entity.
#[derive(Serialize)]
pub(crate) struct MerchantDetail {
    mch_id: String,
    app_id: String,
    name: String,
    accounts: Accounts,
    /// Money of its packets that nobody has opened yet.
    in_transit: Fen,
    /// Money of its refunds that are on their way.
    refunds_in_transit: Fen,
    usage: Usage,
    certificate: Option<CertificateView>,
    /// Names of the files that can be downloaded.
    pub(super) files: &'static [&'static str],
    settings: Settings,
}

#[derive(Serialize)]
struct Accounts {
    basic: Fen,
    operating: Option<Fen>,
}

#[derive(Serialize)]
pub(super) struct CertificateView {
    serial: String,
    subject: String,
    issuer: String,
    not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// Whole days on the sandbox's clock.
    days_left: u64,
    expired: bool,
}

impl Sandbox {
    /// Adds an entity with an API key, a certificate and 10,000.00 yuan. On a
    /// directory its files are written as at the first start, and it is there again
    /// after a restart.
    ///
    /// ```
    /// use hongbao::sandbox::{NewMerchant, Sandbox};
    ///
    /// # fn main() -> hongbao::Result<()> {
    /// let sandbox = Sandbox::new()?;
    /// let entity = sandbox.add_merchant(&NewMerchant { name: Some("竹里茶馆".into()), ..NewMerchant::default() })?;
    /// let client = sandbox.client(&entity)?;
    /// assert_eq!(client.merchant().mch_id().as_str(), "1900000103");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the number is taken, a field is malformed, or
    /// the files cannot be written.
    pub fn add_merchant(&self, new: &NewMerchant) -> Result<Entity> {
        // One at a time, because a key takes a tenth of a second and the number must
        // still be free then.
        let _turn = self.0.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let form = |field: &str, problem: String| refused(format!("{field}: {problem}"), "leave it out, or correct it");
        let mch_id = match &new.mch_id {
            None => self.free_number(),
            Some(text) => {
                MchId::new(text.as_str()).map_err(|error| form("mch_id", error.to_string()))?;
                text.clone()
            }
        };
        if self.desk().entity(&mch_id).is_some() {
            return Err(refused(format!("there is a merchant {mch_id} already"), "give another number, or none"));
        }
        let app_id = match &new.app_id {
            None => format!("wx{:016x}", scatter(APP_IDS, mch_id.parse().unwrap_or_default())),
            Some(text) => {
                AppId::new(text.as_str()).map_err(|error| form("app_id", error.to_string()))?;
                text.clone()
            }
        };
        let name = new.name.clone().unwrap_or_else(|| format!("商户{mch_id}"));
        if !(1..=32).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(form("name", format!("1 to 32 characters, none of them a control character, found {name:?}")));
        }
        let clock = self.desk().clock;
        match &self.0.directory {
            Some(directory) => directory::add(directory, self, &mch_id, &app_id, &name, clock)?,
            None => {
                let issued = self.0.authority.issue_merchant(&mch_id, &name, KeyKind::EllipticCurve, clock)?;
                self.enrol_issued(&mch_id, &app_id, &name, issued)?;
            }
        }
        if self.is_new_to_the_books(&mch_id) {
            self.top_up(&mch_id, FIRST_BALANCE)?;
        }
        // Written down, so that whoever watches hears of it.
        self.change_settings(&mch_id, |_| {})?;
        let added = self.merchants().into_iter().find(|entity| entity.mch_id == mch_id);
        added.ok_or_else(|| failed("the new entity", "it is not there"))
    }

    /// The next of the numbers that follow those of the first entities.
    fn free_number(&self) -> String {
        let desk = self.desk();
        let first: u64 = FIRST_MERCHANTS[0].0.parse().unwrap_or_default();
        let taken = |number: &String| {
            // Who has left the directory has left its money, too.
            desk.entity(number).is_some() || desk.books.knows(&AccountKind::Basic.of(number))
        };
        (first..).map(|number| number.to_string()).find(|number| !taken(number)).unwrap_or_default()
    }

    /// Enrols an entity of which nothing is filed.
    pub(super) fn enrol_issued(&self, mch_id: &str, app_id: &str, name: &str, issued: Issued) -> Result<()> {
        let cert = Cert::pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes());
        self.enrol(mch_id, app_id, name, self.new_key(mch_id)?, cert, None);
        self.remember(mch_id, Made::Kept(Box::new(issued)));
        Ok(())
    }

    /// Enrols an entity whose files lie in a folder.
    pub(super) fn enrol_filed(&self, folder: PathBuf, mut file: MerchantFile) {
        let cert = Cert::pem_files(folder.join(CERTIFICATE), folder.join(KEY));
        let key = Secret::new(std::mem::take(&mut file.api_key));
        self.enrol(&file.mch_id, &file.app_id, &file.name, key, cert, None);
        self.remember(&file.mch_id, Made::Filed(folder));
    }

    /// A test key: 32 letters and digits that begin with the mark by which clients
    /// know never to use it against the real platform.
    pub(super) fn new_key(&self, mch_id: &str) -> Result<Secret> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let seed = {
            let desk = self.desk();
            desk.keys_from_seed.then_some(desk.seed)
        };
        let bytes: [u8; 18] = match seed {
            None => random()?,
            Some(seed) => {
                let own = scatter(seed ^ KEYS, mch_id.parse().unwrap_or_default());
                // The topmost bits are the best mixed.
                std::array::from_fn(|index| scatter(own, index as u64).to_be_bytes()[0])
            }
        };
        let mut key = SANDBOX_KEY_MARKS[0].to_owned();
        key.extend(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])));
        Ok(Secret::new(key))
    }

    pub(super) fn remember(&self, mch_id: &str, made: Made) {
        self.0.made.lock().unwrap_or_else(PoisonError::into_inner).insert(mch_id.to_owned(), made);
    }

    /// All there is to see of an entity.
    pub(crate) fn merchant_detail(&self, mch_id: &str) -> Option<MerchantDetail> {
        let certificate = self.certificate_of(mch_id);
        let made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner).contains_key(mch_id);
        let mut desk = self.desk();
        desk.settle();
        let entity = desk.entity(mch_id)?;
        let (app_id, settings) = (entity.app_id.clone(), entity.settings.clone());
        let usage = desk.usage(mch_id, settings.merchant_day_amount);
        let balance = |account: &Account| desk.books.balance(account);
        Some(MerchantDetail {
            mch_id: mch_id.to_owned(),
            app_id,
            name: self.name_of(mch_id),
            accounts: Accounts {
                basic: balance(&AccountKind::Basic.of(mch_id)),
                operating: settings.operating_account.then(|| balance(&AccountKind::Operating.of(mch_id))),
            },
            in_transit: balance(&Account::Transit(mch_id.to_owned())),
            refunds_in_transit: balance(&Account::Refunds(mch_id.to_owned())),
            usage,
            certificate,
            files: if made { &FILES } else { &[] },
            settings,
        })
    }

    /// The certificate of an entity, judged by the sandbox's clock.
    pub(super) fn certificate_of(&self, mch_id: &str) -> Option<CertificateView> {
        let (admitted, now) = {
            let desk = self.desk();
            (desk.entity(mch_id)?.admitted.clone(), desk.now())
        };
        let leaf = match admitted {
            Some(leaf) => leaf,
            None => leaf_of_pem(&self.merchant_file(mch_id, CERTIFICATE).ok()?)?,
        };
        let facts = certificate_facts(&leaf).ok()?;
        let not_after = Timestamp::from_unix(facts.not_after);
        Some(CertificateView {
            serial: facts.serial,
            subject: facts.subject_common_name.unwrap_or_default(),
            issuer: facts.issuer_common_name.unwrap_or_default(),
            not_before: Timestamp::from_unix(facts.not_before),
            not_after,
            days_left: not_after.since(now).as_secs() / 86_400,
            expired: now > not_after,
        })
    }

    /// One of the files that WeChat would hand out for an entity, as
    /// `apiclient_cert.p12`; only of entities that the sandbox made. Most of them
    /// hold a key.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: there is no such entity or file, or it cannot
    /// be read.
    pub(crate) fn merchant_file(&self, mch_id: &str, name: &str) -> Result<Zeroizing<Vec<u8>>> {
        known(&self.desk(), mch_id)?;
        if !FILES.contains(&name) {
            return Err(refused(format!("there is no file {name:?}"), "look at the entity's list of files"));
        }
        let made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        match made.get(mch_id) {
            None => {
                Err(refused(format!("{mch_id} has files of its own"), "ask for those of an entity that was made here"))
            }
            Some(_) if name == "ca.pem" => Ok(self.ca_pem().as_bytes().to_vec().into()),
            Some(Made::Filed(folder)) => {
                let path = folder.join(name);
                let bytes = std::fs::read(&path).map_err(|error| failed(&path.display().to_string(), error))?;
                Ok(bytes.into())
            }
            Some(Made::Kept(issued)) => match name {
                CERTIFICATE => Ok(issued.certificate_pem.as_bytes().to_vec().into()),
                KEY => Ok(issued.key_pem.as_bytes().to_vec().into()),
                P12 => issued.p12(mch_id, P12Encryption::Modern).map(Zeroizing::new),
                LEGACY_P12 => issued.p12(mch_id, P12Encryption::Legacy).map(Zeroizing::new),
                _ => {
                    let found = self.merchants().into_iter().find(|entity| entity.mch_id == mch_id);
                    let Entity { app_id, name, key, .. } = found.ok_or_else(|| failed(mch_id, "it is not there"))?;
                    MerchantFile::of(mch_id, &app_id, &name, &key, issued).json()
                }
            },
        }
    }
}

/// What makes appids of merchant numbers.
const APP_IDS: u64 = 0x6170_7069_6473;
/// What makes API keys of the seed and merchant numbers.
const KEYS: u64 = 0x6170_695f_6b65_7973;

impl Desk {
    /// The entity of an openid's appid; of several, the first.
    pub(super) fn entity_of_app(&self, app_id: &str) -> Option<&str> {
        self.entities.values().find(|entity| entity.app_id == app_id).map(|entity| entity.mch_id.as_str())
    }
}
