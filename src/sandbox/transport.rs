//! The sandbox as a client's wire, without sockets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::Sandbox;
use super::certificates::Peer;
use super::engine::Effect;
use super::gate::Incoming;
use crate::client::{Delivered, Failed, Post, Transport};
use crate::error::{CertificateUse, Outcome};

pub(crate) struct InProcess {
    sandbox: Sandbox,
    /// Verdicts on certificates, as a connection would keep its own.
    peers: RwLock<HashMap<Vec<u8>, Arc<Peer>>>,
}

impl InProcess {
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        Self { sandbox, peers: RwLock::default() }
    }

    fn peer(&self, post: &Post<'_>) -> Arc<Peer> {
        let chain: Vec<&[u8]> = post.certificates().collect();
        let Some(leaf) = chain.first() else { return Arc::new(Peer::Absent) };
        if let Some(peer) = self.peers.read().unwrap_or_else(PoisonError::into_inner).get(*leaf) {
            return Arc::clone(peer);
        }
        let peer = Arc::new(self.sandbox.judge(&chain));
        self.peers.write().unwrap_or_else(PoisonError::into_inner).insert(leaf.to_vec(), Arc::clone(&peer));
        peer
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        let peer = self.peer(&post);
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let body = post.body.as_bytes();
        let (method, path, headers) = ("POST", post.path, Vec::new());
        let incoming = Incoming { method, path, body, peer: &peer, ip, negative_test: None, headers };
        let certificate = if post.needs_certificate() { CertificateUse::Presented } else { CertificateUse::NotNeeded };
        let lost = |problem: &str| {
            let mut failed = Failed::new(Outcome::Unknown, problem);
            failed.certificate = certificate;
            failed
        };
        match self.sandbox.handle(&incoming).await {
            Effect::Answer(answer) => Ok(Delivered { answer, certificate }),
            Effect::Truncated(_) => Err(lost("the answer broke off")),
            Effect::HangUp => Err(lost("the connection ended before an answer came")),
        }
    }
}

impl Sandbox {
    pub(super) fn judge(&self, chain: &[&[u8]]) -> Peer {
        self.0.authority.judge(chain, |leaf| self.desk().admitted(leaf))
    }
}
