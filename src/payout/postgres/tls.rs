//! TLS to the server; there is none that does not verify.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Roots;
use crate::error::{Error, Result};

pub(super) fn connector(roots: &Roots) -> Result<MakeRustlsConnect> {
    let unusable = |error: rustls::Error| {
        Error::config("url", "TLS cannot be set up", "install the system's CA certificates, or name sslrootcert=FILE")
            .because(error)
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match roots {
        Roots::File(path) => builder.with_root_certificates(read(path)?),
        Roots::Platform => builder.with_platform_verifier().map_err(unusable)?,
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn read(path: &Path) -> Result<RootCertStore> {
    let wrong = |problem: &str| {
        let next = "let sslrootcert name a PEM file with the CA of the server, or leave it out";
        Error::config("url", format!("sslrootcert={}: {problem}", path.display()), next)
    };
    let pem = std::fs::read(path).map_err(|error| wrong("the file cannot be read").because(error))?;
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut &*pem) {
        let certificate = certificate.map_err(|error| wrong("a PEM block is damaged").because(error))?;
        roots.add(certificate).map_err(|error| wrong("a certificate cannot be used").because(error))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate (no BEGIN CERTIFICATE line)"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_no_ca_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let problem = || match connector(&Roots::File(path.clone())) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(problem().ends_with("cannot be read"), "{}", problem());
        std::fs::write(&path, "nothing").unwrap();
        assert!(problem().ends_with("(no BEGIN CERTIFICATE line)"), "{}", problem());
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        assert!(problem().ends_with("is damaged"), "{}", problem());
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(problem().ends_with("cannot be used"), "{}", problem());
    }
}
