//! Merchant entities from a TOML file or from a sandbox's directory.

use std::fs;
use std::path::{Path, PathBuf};

use hongbao::wire::Digest;
use hongbao::{Cert, Endpoint, Entity, ErrorKind, Secret};
use serde::Deserialize;

use crate::config_file;
use crate::failure::Failure;

/// Where the merchant entity is described.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("place").required(true).args(["config", "sandbox"])))]
pub(crate) struct Source {
    /// TOML file of merchant entities; README.md shows one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Directory of a sandbox that runs on this machine (`hongbao sandbox --dir DIR`)
    #[arg(long, value_name = "DIR")]
    pub(crate) sandbox: Option<PathBuf>,

    /// The entity: its name in the file, or its mch_id in the sandbox
    #[arg(long, value_name = "NAME")]
    merchant: Option<String>,
}

impl Source {
    pub(crate) fn entity(&self) -> Result<Entity, Failure> {
        match (&self.config, &self.sandbox) {
            (Some(file), _) => config_file::entity(file, self.merchant.as_deref()),
            (None, Some(directory)) => from_sandbox(directory, self.merchant.as_deref()),
            (None, None) => Err(Failure::usage("no merchant entity is named", "give --config FILE or --sandbox DIR")),
        }
    }

    /// All entities that a message may be for: the one that --merchant names, or
    /// those that have both of its numbers.
    pub(crate) fn entities(&self, mch_id: &str, app_id: &str) -> Result<Vec<Entity>, Failure> {
        match (&self.config, &self.sandbox, &self.merchant) {
            (Some(file), _, None) => config_file::entities(file, mch_id, app_id),
            // The folders of a sandbox bear the merchants' numbers.
            (None, Some(directory), None) if directory.join("merchants").join(mch_id).is_dir() => {
                Ok(vec![from_sandbox(directory, Some(mch_id))?])
            }
            _ => Ok(vec![self.entity()?]),
        }
    }

    /// The entity that --merchant names, or every one that there is.
    pub(crate) fn all(&self) -> Result<Vec<Entity>, Failure> {
        match (&self.config, &self.sandbox, &self.merchant) {
            (Some(file), _, None) => config_file::all(file),
            (None, Some(directory), None) => all_of_sandbox(directory),
            _ => Ok(vec![self.entity()?]),
        }
    }

    /// What a failed call means for this entity.
    pub(crate) fn failure(&self, error: hongbao::Error) -> Failure {
        let kind = error.kind();
        self.hinted(Failure::from(error), kind)
    }

    /// The same of a question that came before the call.
    pub(crate) fn failed_question(&self, error: hongbao::Error) -> Failure {
        let kind = error.kind();
        self.hinted(Failure::before_the_call(error), kind)
    }

    fn hinted(&self, failure: Failure, kind: ErrorKind) -> Failure {
        match (kind, &self.sandbox) {
            // Its addresses stay in the directory when a sandbox stops.
            (ErrorKind::Connect, Some(directory)) => {
                failure.hint(format!("does the sandbox run? hongbao sandbox --dir {}", directory.display()))
            }
            _ => failure,
        }
    }

    /// A text that WeChat wants and that matters to nobody in a sandbox.
    pub(crate) fn text(&self, given: Option<&str>, flag: &str, usual: &str) -> Result<String, Failure> {
        match given {
            Some(text) => Ok(text.to_owned()),
            None if self.sandbox.is_some() => Ok(usual.to_owned()),
            None => Err(Failure::usage(format!("{flag} is missing"), "give it; only a sandbox goes without")),
        }
    }
}

/// `sandbox.json`, as far as it matters here.
#[derive(Deserialize)]
struct Addresses {
    gateway: String,
}

/// `merchant.json`, as far as it matters here.
#[derive(Deserialize)]
struct Handed {
    mch_id: String,
    app_id: String,
    api_key: String,
    name: String,
}

/// The entity of a sandbox with this number, or its first.
pub(crate) fn from_sandbox(directory: &Path, wanted: Option<&str>) -> Result<Entity, Failure> {
    let start = format!("start it: hongbao sandbox --dir {}", directory.display());
    let text = |path: PathBuf| {
        fs::read_to_string(&path).map_err(|error| Failure::usage(format!("{}: {error}", path.display()), start.clone()))
    };
    let damaged = |path: &Path, error: serde_json::Error| {
        let next = "give the sandbox another directory, or write the file again as it was";
        Failure::usage(format!("{}: {error}", path.display()), next)
    };
    let addresses = directory.join("sandbox.json");
    let Addresses { gateway } =
        serde_json::from_str(&text(addresses.clone())?).map_err(|error| damaged(&addresses, error))?;
    let ca = text(directory.join("ca.pem"))?;
    let folders = merchant_folders(directory).map_err(|error| {
        Failure::usage(format!("{}: {error}", directory.join("merchants").display()), start.clone())
    })?;
    let chosen = match wanted {
        Some(wanted) => folders.iter().find(|(mch_id, _)| mch_id == wanted),
        None => folders.first(),
    };
    let Some((_, folder)) = chosen else {
        let known: Vec<&str> = folders.iter().map(|(mch_id, _)| mch_id.as_str()).collect();
        let problem = format!("{}: there is no merchant {}", directory.display(), wanted.unwrap_or("at all"));
        return Err(Failure::usage(problem, format!("the sandbox has: {}", known.join(", "))));
    };
    let file = folder.join("merchant.json");
    let handed: Handed = serde_json::from_str(&text(file.clone())?).map_err(|error| damaged(&file, error))?;
    Ok(Entity {
        name: handed.name,
        app_id: handed.app_id,
        mch_id: handed.mch_id,
        key: Secret::new(handed.api_key),
        cert: Cert::p12_file(folder.join("apiclient_cert.p12")),
        endpoint: Endpoint::at(gateway, ca),
        digest: Digest::Md5,
        sub_merchant: None,
    })
}

/// Every entity that a sandbox has handed out.
pub(crate) fn all_of_sandbox(directory: &Path) -> Result<Vec<Entity>, Failure> {
    // Says what is wrong with the directory, if anything is.
    let first = from_sandbox(directory, None)?;
    let folders = merchant_folders(directory).unwrap_or_default();
    let others = folders.iter().filter(|(mch_id, _)| *mch_id != first.mch_id);
    let others: Result<Vec<Entity>, Failure> =
        others.map(|(mch_id, _)| from_sandbox(directory, Some(mch_id))).collect();
    Ok([vec![first], others?].concat())
}

/// Merchant numbers with their folders, in order.
fn merchant_folders(directory: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory.join("merchants"))? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && path.join("merchant.json").exists()
        {
            folders.push((name.to_owned(), path.clone()));
        }
    }
    folders.sort();
    Ok(folders)
}
