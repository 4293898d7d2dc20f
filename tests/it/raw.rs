//! Messages as bytes, past the client of this crate.

use std::net::SocketAddr;
use std::sync::Arc;

use hongbao::sandbox::{Sandbox, Served};
use hongbao::wire::{self, Digest, Doc};
use hongbao::{Entity, Secret};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// A served sandbox and a bare HTTP client with the first entity's certificate.
pub struct Raw {
    pub sandbox: Sandbox,
    pub served: Served,
    pub entity: Entity,
    pub key: String,
    http: reqwest::Client,
    directory: tempfile::TempDir,
}

impl Raw {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::open(directory.path()).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = sandbox.serve(any, any, None).await.unwrap();
        let entity = sandbox.merchants().remove(0);
        let folder = directory.path().join("merchants").join(&entity.mch_id);
        let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&read("merchant.json")).unwrap();
        let http = client(sandbox.ca_pem(), Some((&read("apiclient_cert.pem"), &read("apiclient_key.pem"))));
        let key = json["api_key"].as_str().unwrap().to_owned();
        Self { sandbox, served, entity, key, http, directory }
    }

    /// Where the merchants' files are.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let request = self.http.post(format!("{}{path}", self.served.gateway())).body(body.into());
        answer(request).await
    }

    /// With the header that asks for an acceptance case.
    pub async fn post_case(&self, path: &str, body: String, case: Option<&str>) -> (u16, String) {
        let mut request = self.http.post(format!("{}{path}", self.served.gateway())).body(body);
        if let Some(case) = case {
            request = request.header("Wechatpay-Negative-Test", case);
        }
        answer(request).await
    }

    /// With headers of one's own.
    pub async fn post_with(&self, path: &str, body: impl Into<Vec<u8>>, headers: &[(&str, &str)]) -> (u16, String) {
        let request = self.http.post(format!("{}{path}", self.served.gateway())).body(body.into());
        answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        answer(self.http.get(format!("{}{path}", self.served.gateway()))).await
    }

    /// A request to the control API.
    pub async fn api(&self, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.served.console())).body(body.to_owned());
        let (status, text) = answer(request).await;
        (status, serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
    }

    /// The fields of a good packet.
    pub fn packet(&self, number: &str) -> Vec<(String, String)> {
        [
            ("nonce_str", "k3v9q2m7x1c5b8n4z6l0p2w8e7r5t1y3"),
            ("mch_billno", number),
            ("mch_id", &self.entity.mch_id),
            ("wxappid", &self.entity.app_id),
            ("send_name", "蓝鲸咖啡"),
            ("re_openid", "oAlice1a2b3c4d5e6f7g8h9i0jkl"),
            ("total_amount", "150"),
            ("total_num", "1"),
            ("wishing", "早安"),
            ("client_ip", "203.0.113.24"),
            ("act_name", "签到有礼"),
            ("remark", "七天"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Signs the fields and writes them in their order.
    pub fn signed(&self, fields: &[(String, String)]) -> String {
        let mut doc: Doc = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let sign = wire::sign(&doc, &Secret::new(self.key.as_str()), Digest::Md5);
        doc.push("sign", &sign);
        wire::write_xml(&doc)
    }

    /// The error code and text of an answer to these bytes.
    pub async fn refused(&self, body: impl Into<Vec<u8>>) -> (String, String) {
        let (status, text) = self.post("/mmpaymkttransfers/sendredpack", body).await;
        assert_eq!(status, 200, "{text}");
        let doc = wire::read_xml(text.as_bytes()).unwrap();
        let field = |name: &str| doc.get(name).unwrap_or_default().to_owned();
        (field("err_code"), field("return_msg"))
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

pub fn client(ca: &str, identity: Option<(&[u8], &[u8])>) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_pemfile::certs(&mut ca.as_bytes()).map(Result::unwrap));
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let tls = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = rustls_pemfile::certs(&mut &*certificate).map(Result::unwrap).collect();
            let key = rustls_pemfile::private_key(&mut &*key).unwrap().unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}
