//! `hongbao notify listen`: a shop that only listens, to see a sandbox's
//! notifications arrive.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use hongbao::notify::{self, Ack};
use hongbao::{Cert, Client, Entity, Error, Merchants};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::entities;
use crate::failure::Failure;
use crate::notify::{facts_of, opened, show, word};
use crate::sandbox::Signals;
use crate::terminal::{BAD, NUMBER, Terminal};

#[derive(clap::Args)]
pub(crate) struct Listen {
    /// Directory of a sandbox that runs on this machine (`hongbao sandbox --dir DIR`)
    #[arg(long, value_name = "DIR")]
    sandbox: PathBuf,

    /// Where it listens, in the clear; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8490")]
    listen: SocketAddr,

    /// Stop after so many notifications, genuine or not
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,

    /// One JSON object with the address, then one for each notification; words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

struct Shop {
    terminal: Terminal,
    merchants: Merchants,
    heard: AtomicU64,
    count: Option<u64>,
    enough: Notify,
}

pub(crate) async fn run(args: &Listen) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let end = Signals::new()?;
    let merchants = Merchants::new();
    for entity in entities::all_of_sandbox(&args.sandbox)? {
        // To read a notification takes the key alone.
        merchants.insert(Client::new(&Entity { cert: Cert::none(), ..entity })?);
    }
    let taken = |error| {
        Failure::usage(format!("{}: {error}", args.listen), "choose another address with --listen, or port 0 for any")
    };
    let listener = TcpListener::bind(args.listen).await.map_err(taken)?;
    let notify_url = format!("http://{}/", listener.local_addr().map_err(taken)?);
    let shop =
        Arc::new(Shop { terminal, merchants, heard: AtomicU64::new(0), count: args.count, enough: Notify::new() });
    let app = Router::new().fallback(post(heard)).layer(DefaultBodyLimit::max(64 * 1024)).with_state(Arc::clone(&shop));
    terminal.result(&json!({ "notify_url": notify_url, "pid": std::process::id() }));
    terminal.say(format_args!(
        "listening; place orders with --notify-url {NUMBER}{notify_url}{NUMBER:#}\n\
         It answers SUCCESS to what is genuine and keeps nothing: a shop compares and stores first."
    ));
    let stop = async move {
        tokio::select! {
            () = shop.enough.notified() => {}
            () = end.wait() => {}
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await.map_err(taken)
}

async fn heard(State(shop): State<Arc<Shop>>, body: Bytes) -> impl IntoResponse {
    let ack = shop.judge(&body).await.unwrap_or_else(|error| {
        let ack = Ack::to(&error);
        let said = error.to_string();
        shop.terminal.result(&json!({ "verified": false, "error": said, "answer": ack.body() }));
        shop.terminal.say(format_args!("\n{BAD}refused{BAD:#}: {said}"));
        ack
    });
    if Some(shop.heard.fetch_add(1, Ordering::Relaxed) + 1) == shop.count {
        shop.enough.notify_one();
    }
    ([(CONTENT_TYPE, ack.content_type())], ack.into_body())
}

impl Shop {
    async fn judge(&self, body: &[u8]) -> Result<Ack, Error> {
        let kind = notify::kind(body)?;
        let (client, fields) = opened(kind, &self.merchants, body).await?;
        let ack = match kind {
            notify::Kind::Paid | notify::Kind::Refunded => Ack::success(),
            _ => Ack::fail("这里只接收支付和退款通知"),
        };
        let mut facts = facts_of(client.merchant(), &fields);
        facts.insert("kind".to_owned(), json!(word(kind)));
        facts.insert("answer".to_owned(), json!(ack.body()));
        self.terminal.result(&facts.into());
        self.terminal.say("");
        show(self.terminal, kind, client.merchant(), &fields);
        Ok(ack)
    }
}
