//! The sandbox's directory: what WeChat would hand out, as files.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::certificates::{Authority, Issued, KeyKind};
use super::clock::SandboxClock;
use super::store::Rows;
use super::{FIRST_BALANCE, FIRST_MERCHANTS, Sandbox, failed, refused, restore};
use crate::config::P12Encryption;
use crate::error::Result;
use crate::secret::Secret;

/// `merchant.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct MerchantFile {
    pub(super) mch_id: String,
    pub(super) app_id: String,
    pub(super) api_key: String,
    pub(super) name: String,
    serial_no: String,
}

impl MerchantFile {
    pub(super) fn of(mch_id: &str, app_id: &str, name: &str, key: &Secret, issued: &Issued) -> Self {
        Self {
            mch_id: mch_id.to_owned(),
            app_id: app_id.to_owned(),
            api_key: String::from_utf8_lossy(key.expose()).into_owned(),
            name: name.to_owned(),
            serial_no: issued.serial(),
        }
    }

    pub(super) fn json(&self) -> Result<Zeroizing<Vec<u8>>> {
        // Room enough for it all: what grows leaves copies behind.
        let mut json = Zeroizing::new(Vec::with_capacity(1024));
        serde_json::to_writer_pretty(&mut *json, self).map_err(|error| failed("merchant.json", error))?;
        Ok(json)
    }
}

impl Drop for MerchantFile {
    fn drop(&mut self) {
        self.api_key.zeroize();
    }
}

/// The files of an entity.
pub(super) const FILES: [&str; 6] = [CERTIFICATE, KEY, P12, LEGACY_P12, MERCHANT, "ca.pem"];
pub(super) const CERTIFICATE: &str = "apiclient_cert.pem";
pub(super) const KEY: &str = "apiclient_key.pem";
pub(super) const P12: &str = "apiclient_cert.p12";
pub(super) const LEGACY_P12: &str = "apiclient_cert.legacy.p12";
const MERCHANT: &str = "merchant.json";

/// Opens the directory, and fills it if it is new.
pub(super) fn open(directory: &Path) -> Result<Sandbox> {
    fs::create_dir_all(directory).map_err(|error| at(directory, error))?;
    let rows = Rows::open(&directory.join("sandbox.redb"))?;
    let mut desk = restore::desk(&rows)?;
    let store = rows.into_store()?;
    store.submit(desk.take_changes()).wait().map_err(|problem| failed("the sandbox's store", problem))?;
    // As it is shown to people, who look at it from elsewhere.
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let sandbox = Sandbox::with(desk, authority(directory)?, Some((store, absolute)));
    issue_first(directory, &sandbox)?;
    for file in merchant_files(directory)? {
        let mch_id = file.mch_id.clone();
        sandbox.enrol_filed(directory.join("merchants").join(&mch_id), file);
        if sandbox.is_new_to_the_books(&mch_id) {
            sandbox.top_up(&mch_id, FIRST_BALANCE)?;
        }
    }
    Ok(sandbox)
}

fn at(path: &Path, error: impl std::fmt::Display) -> crate::error::Error {
    failed(&path.display().to_string(), error)
}

impl Sandbox {
    pub(super) fn is_new_to_the_books(&self, mch_id: &str) -> bool {
        let account = super::Account::Merchant(mch_id.to_owned());
        !self.desk().books.knows(&account)
    }
}

/// The CA of the directory, made at the first start.
fn authority(directory: &Path) -> Result<Authority> {
    let (certificate, key) = (directory.join("ca.pem"), directory.join("ca.key.pem"));
    if certificate.exists() {
        return Authority::load(&read(&certificate)?, &read(&key)?);
    }
    let authority = Authority::new()?;
    write_secret(&key, authority.key_pem().as_bytes())?;
    // Last, because it says that the pair is whole.
    write(&certificate, authority.certificate_pem().as_bytes())?;
    Ok(authority)
}

/// The gateway's certificate of the directory, made at the first start.
pub(super) fn server_certificate(directory: &Path, authority: &Authority) -> Result<Issued> {
    let (certificate, key) = (directory.join("server.pem"), directory.join("server.key.pem"));
    if certificate.exists() {
        return Ok(Issued::load(read(&certificate)?, read(&key)?));
    }
    let issued = authority.issue_server()?;
    write_secret(&key, issued.key_pem.as_bytes())?;
    write(&certificate, issued.certificate_pem.as_bytes())?;
    Ok(issued)
}

/// The entities of the first start. Their folders come first and
/// `merchant.json` last, so a start that was cut short is taken up here, while
/// an entity whose folder somebody removed stays away.
fn issue_first(directory: &Path, sandbox: &Sandbox) -> Result<()> {
    let merchants = directory.join("merchants");
    if !merchants.exists() {
        let new = part_of(&merchants);
        for (mch_id, ..) in FIRST_MERCHANTS {
            fs::create_dir_all(new.join(mch_id)).map_err(|error| at(&new, error))?;
        }
        fs::rename(&new, &merchants).map_err(|error| at(&merchants, error))?;
    }
    for (mch_id, app_id, name) in FIRST_MERCHANTS {
        let folder = merchants.join(mch_id);
        if folder.exists() && !folder.join(MERCHANT).exists() {
            issue(&folder, sandbox, mch_id, app_id, name, SandboxClock::Ahead(0))?;
        }
    }
    Ok(())
}

/// Writes the files of a further entity, and enrols it.
pub(super) fn add(
    directory: &Path,
    sandbox: &Sandbox,
    mch_id: &str,
    app_id: &str,
    name: &str,
    clock: SandboxClock,
) -> Result<()> {
    let folder = directory.join("merchants").join(mch_id);
    if folder.join(MERCHANT).exists() {
        let next = "restart the sandbox to have it, or give another number";
        return Err(refused(format!("{} is there already", folder.display()), next));
    }
    fs::create_dir_all(&folder).map_err(|error| at(&folder, error))?;
    let file = issue(&folder, sandbox, mch_id, app_id, name, clock)?;
    sandbox.enrol_filed(folder, file);
    Ok(())
}

fn merchant_files(directory: &Path) -> Result<Vec<MerchantFile>> {
    let merchants = directory.join("merchants");
    let mut files = Vec::new();
    for entry in fs::read_dir(&merchants).map_err(|error| at(&merchants, error))? {
        let path = entry.map_err(|error| at(&merchants, error))?.path().join(MERCHANT);
        // A folder without it comes from a start that was cut short.
        if path.exists() {
            files.push(serde_json::from_str::<MerchantFile>(&read(&path)?).map_err(|error| at(&path, error))?);
        }
    }
    files.sort_by(|a, b| a.mch_id.cmp(&b.mch_id));
    Ok(files)
}

fn issue(
    folder: &Path,
    sandbox: &Sandbox,
    mch_id: &str,
    app_id: &str,
    name: &str,
    clock: SandboxClock,
) -> Result<MerchantFile> {
    let issued = sandbox.0.authority.issue_merchant(mch_id, name, KeyKind::Rsa, clock)?;
    write(&folder.join(CERTIFICATE), issued.certificate_pem.as_bytes())?;
    write_secret(&folder.join(KEY), issued.key_pem.as_bytes())?;
    write_secret(&folder.join(P12), &issued.p12(mch_id, P12Encryption::Modern)?)?;
    write_secret(&folder.join(LEGACY_P12), &issued.p12(mch_id, P12Encryption::Legacy)?)?;
    let file = MerchantFile::of(mch_id, app_id, name, &sandbox.new_key(mch_id)?, &issued);
    write_secret(&folder.join(MERCHANT), &file.json()?)?;
    Ok(file)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| at(path, error))
}

/// Whole or not at all: a start that is cut short leaves no half file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = part_of(path);
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, path)).map_err(|error| at(path, error))
}

/// As [`write()`], readable by the owner alone.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = part_of(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| std::io::Write::write_all(&mut file, bytes));
    written.and_then(|()| fs::rename(&part, path)).map_err(|error| at(path, error))
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
