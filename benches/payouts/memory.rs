//! The memory of a process that dispatches: planned by another one, so that only
//! dispatching is measured, over a wire that accepts everything and keeps
//! nothing.

use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use hongbao::payout::{Ledger, Sqlite};
use hongbao::sandbox::Sandbox;
use hongbao::wire::{Answer, read_xml};
use hongbao::{CertificateUse, Client, Delivered, Failed, Post, Transport};
use tokio::runtime::Runtime;

use crate::{dispatcher, plan, reply};

pub(crate) const CHILD: &str = "--peak-of-dispatching";

/// Plans so many payouts, lets a child dispatch them and prints its peak.
pub(crate) fn measure(runtime: &Runtime, program: &str, payouts: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let entity = Sandbox::new().unwrap().merchants().remove(0);
    plan(runtime, &Sqlite::open(&path).unwrap(), &entity, 0, payouts);
    let child = Command::new(program).arg(CHILD).arg(&path).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let printed = String::from_utf8(child.stdout).unwrap();
    let (calls, peak) = printed.trim().split_once(' ').unwrap();
    assert_eq!(calls, payouts.to_string());
    println!("peak memory of dispatching {payouts} payouts from SQLite: {peak} KiB");
}

/// What the child does.
pub(crate) fn dispatch(runtime: &Runtime, path: &str) {
    let ledger: Arc<dyn Ledger> = Arc::new(Sqlite::open(path).unwrap());
    let entity = Sandbox::new().unwrap().merchants().remove(0);
    let client = Client::builder(&entity).transport(Arc::new(Accepting)).build().unwrap();
    let dispatcher = dispatcher(&ledger, client, 512);
    runtime.block_on(dispatcher.pass()).unwrap();
    println!("{} {}", dispatcher.stats().accepted, peak().unwrap_or_default());
}

struct Accepting;

#[async_trait]
impl Transport for Accepting {
    async fn post(&self, post: Post<'_>) -> Result<Delivered, Failed> {
        let doc = read_xml(post.body.as_bytes()).unwrap();
        let field = |name| doc.get(name).unwrap();
        let text = reply(field("mch_billno"), field("mch_id"), field("re_openid"), field("total_amount"));
        Ok(Delivered { answer: Answer::new(200, text), certificate: CertificateUse::Presented })
    }
}

/// The largest part of memory that this process ever had, in KiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
