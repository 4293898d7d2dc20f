//! Merchant entities from a TOML file or from a sandbox's directory.

use std::fs;
use std::path::{Path, PathBuf};

use hongbao::wire::Digest;
use hongbao::{Cert, Endpoint, Entity, Secret};
use serde::Deserialize;

use crate::config_file;
use crate::failure::Failure;

/// Where the merchant entity is described.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("place").required(true).args(["config", "sandbox"])))]
pub(crate) struct Source {
    /// TOML file of merchant entities
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

fn from_sandbox(directory: &Path, wanted: Option<&str>) -> Result<Entity, Failure> {
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
