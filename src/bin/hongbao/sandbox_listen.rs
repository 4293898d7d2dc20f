//! `hongbao sandbox listen`: a sandbox's notifications at a developer's own backend.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use hongbao::clock::Timestamp;
use hongbao::{Cert, Client, Entity, Merchants, notify};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::console::{Console, Of};
use crate::entities;
use crate::failure::Failure;
use crate::http::Request;
use crate::notify::{opened, word};
use crate::sandbox::Signals;
use crate::terminal::{BAD, GOOD, NUMBER, QUIET, Terminal, harmless};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    of: Of,

    /// Where the backend takes notifications, in the clear, as in http://127.0.0.1:8000/wx/notify
    #[arg(long, value_name = "URL")]
    forward_to: Url,

    /// Stop after so many notifications
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,

    /// One JSON object at the start, then one for each notification; words on standard error
    #[arg(long)]
    pub(crate) json: bool,
}

/// An address of plain HTTP.
#[derive(Clone)]
struct Url {
    text: String,
    /// `host:port`.
    authority: String,
    path: String,
}

impl std::str::FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest =
            text.strip_prefix("http://").ok_or("give an address that begins with http://, as local backends have")?;
        let (host, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let usable = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || host.contains(['@', '?', '#']) || path.contains('#') || !usable(host) || !usable(path) {
            return Err("give an address such as http://127.0.0.1:8000/wx/notify".to_owned());
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { text: text.to_owned(), authority, path: path.to_owned() })
    }
}

/// The lease, and how often it is renewed.
const LEASE: Duration = Duration::from_secs(15);
const RENEWED: Duration = Duration::from_secs(5);

/// What a merchant has to answer in, less a moment to pass the answer on.
const DEADLINE: Duration = Duration::from_millis(4800);

/// How long the sandbox may take to write down what it made of an answer.
const VERDICT: Duration = Duration::from_secs(5);

struct Post {
    terminal: Terminal,
    of: Of,
    merchants: Merchants,
    to: Url,
    heard: mpsc::UnboundedSender<Heard>,
}

pub(crate) async fn run(args: &Args) -> Result<(), Failure> {
    let terminal = Terminal::new(args.json);
    let end = Signals::new()?;
    let merchants = Merchants::new();
    for entity in entities::all_of_sandbox(&args.of.sandbox)? {
        // To read a notification takes the key alone.
        merchants.insert(Client::new(&Entity { cert: Cert::none(), ..entity })?);
    }
    let no_socket = |error: std::io::Error| {
        Failure::usage(format!("no socket to listen with: {error}"), "close what holds them all")
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(no_socket)?;
    let own = format!("http://{}/", listener.local_addr().map_err(no_socket)?);
    let to = args.forward_to.clone();
    let (sender, to_tell) = mpsc::unbounded_channel();
    let post_office = Arc::new(Post { terminal, of: args.of.clone(), merchants, to, heard: sender });
    post_office.lease(&own).await?;
    terminal.result(&json!({ "listening": own, "forward_to": args.forward_to.text, "pid": std::process::id() }));
    terminal.say(format_args!(
        "all notifications of the sandbox go to {NUMBER}{}{NUMBER:#} now, whatever their notify_url; Ctrl-C ends it",
        args.forward_to.text
    ));
    let app = Router::new()
        .fallback(post(heard))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(Arc::clone(&post_office));
    let (for_renewal, count) = (Arc::clone(&post_office), args.count);
    let over = tokio::spawn({
        let post_office = Arc::clone(&post_office);
        async move {
            tokio::select! {
                () = post_office.tell(to_tell, count) => {}
                () = end.wait() => {}
                () = for_renewal.renew(&own) => {}
            }
        }
    });
    let stop = async move {
        let _ = over.await;
    };
    let served = axum::serve(listener, app).with_graceful_shutdown(stop).await.map_err(no_socket);
    // Whoever comes after must not wait for the lease; a sandbox that is gone has none.
    if let Ok(console) = post_office.console() {
        let _ = console.delete("/notices/forward").await;
    }
    served
}

impl Post {
    /// Asked for each time: a sandbox that comes back may have another address.
    fn console(&self) -> Result<Console, Failure> {
        self.of.console()
    }

    async fn lease(&self, own: &str) -> Result<(), Failure> {
        self.console()?.put("/notices/forward", &json!({ "url": own, "seconds": LEASE.as_secs() })).await.map(drop)
    }

    /// Keeps the lease, also across a restart of the sandbox.
    async fn renew(&self, own: &str) {
        let mut well = true;
        loop {
            tokio::time::sleep(RENEWED).await;
            let renewed = self.lease(own).await;
            if let (true, Err(failure)) = (well, &renewed) {
                Terminal::complain("not renewed, trying again", failure.report());
            }
            well = renewed.is_ok();
        }
    }

    /// Tells what was heard, in that order, with what the sandbox made of it; ends
    /// after so many.
    async fn tell(&self, mut heard: mpsc::UnboundedReceiver<Heard>, count: Option<u64>) {
        let mut told = 0;
        while let Some(heard) = heard.recv().await {
            let record = self.verdict(&heard.notice, &heard.request_id).await.unwrap_or_default();
            tell(self.terminal, &heard, &record);
            told += 1;
            if Some(told) == count {
                return;
            }
        }
    }

    /// Whether it is genuine, and for whom.
    async fn verify(&self, body: &[u8]) -> hongbao::Result<(String, &'static str)> {
        let kind = notify::kind(body)?;
        let (client, _) = opened(kind, &self.merchants, body).await?;
        Ok((client.merchant().name().to_owned(), word(kind)))
    }

    async fn forward(&self, headers: &HeaderMap, body: &[u8]) -> Result<(u16, String, Vec<u8>), String> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut passed = vec![("Content-Type", text("content-type").unwrap_or("text/xml"))];
        for name in ["Request-ID", "User-Agent", "Hongbao-Notice", "Hongbao-Notify-Url"] {
            passed.extend(text(name).map(|value| (name, value)));
        }
        let Url { authority, path, .. } = &self.to;
        let request = Request { method: "POST", authority, path, headers: &passed, body };
        let answered = async {
            let mut response = request.send().await?;
            let kind = response.header("content-type").unwrap_or("text/plain").to_owned();
            Ok::<_, std::io::Error>((response.status, kind, response.body().await?))
        };
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(answered) => answered.map_err(|error| format!("{} does not answer: {error}", self.to.text)),
            Err(_) => Err(format!("{} has not answered within {} s", self.to.text, DEADLINE.as_secs_f32())),
        }
    }

    /// What the sandbox made of the answer to this attempt, as it tells it.
    async fn verdict(&self, notice: &str, request_id: &str) -> Option<Value> {
        let until = Instant::now() + VERDICT;
        while Instant::now() < until {
            let record = self.console().ok()?.get(&format!("/notices/{notice}")).await.ok()?;
            let attempts = record["attempts"].as_array()?;
            if attempts.iter().any(|attempt| attempt["request_id"] == request_id) {
                return Some(record);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }
}

async fn heard(State(post): State<Arc<Post>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let verified = post.verify(&body).await;
    let started = Instant::now();
    let forwarded = post.forward(&headers, &body).await;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answer = match &forwarded {
        Ok((status, kind, bytes)) => {
            (StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY), kind.clone(), bytes.clone())
        }
        Err(why) => (StatusCode::BAD_GATEWAY, "text/plain".to_owned(), why.clone().into_bytes()),
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (notice, request_id) = (text("hongbao-notice"), text("request-id"));
    // The verdict comes only after this answer; when nobody tells any more, it ends anyway.
    let _ = post.heard.send(Heard { notice, request_id, verified, forwarded, millis });
    let (status, kind, bytes) = answer;
    (status, [(CONTENT_TYPE, kind)], bytes)
}

/// One attempt, from all sides.
struct Heard {
    notice: String,
    request_id: String,
    verified: hongbao::Result<(String, &'static str)>,
    forwarded: Result<(u16, String, Vec<u8>), String>,
    millis: u64,
}

/// `record` is the notification as the sandbox has it now; null if it did not tell.
fn tell(terminal: Terminal, heard: &Heard, record: &Value) {
    let Heard { notice, request_id, verified, forwarded, millis } = heard;
    let attempts = record["attempts"].as_array().map_or(&[][..], Vec::as_slice);
    let place = attempts.iter().position(|attempt| attempt["request_id"] == *request_id);
    let attempt = place.map(|place| &attempts[place]).unwrap_or(&Value::Null);
    let why = attempt["verdict"]["why"].as_str();
    // More attempts may have followed, when the clock was advanced.
    let later = place.and_then(|place| attempts.get(place + 1)).map(|later| &later["at"]);
    let next = later.unwrap_or(&record["next"]);
    let status = forwarded.as_ref().ok().map(|(status, _, _)| *status);
    let answer = forwarded.as_ref().ok().map(|(_, _, body)| String::from_utf8_lossy(body).into_owned());
    terminal.result(&json!({
        "notice": notice.parse::<u64>().ok(), "kind": record["kind"], "mch_id": record["mch_id"],
        "number": record["number"], "notify_url": record["url"], "attempt": place.map(|place| place + 1),
        "verified": verified.is_ok(), "problem": verified.as_ref().err().map(ToString::to_string),
        "status": status, "answer": answer, "millis": millis, "unanswered": forwarded.as_ref().err(),
        "delivered": record["delivered"], "why": why, "next": next,
    }));
    let number = record["number"].as_str().unwrap_or_default();
    let kind = record["kind"].as_str().unwrap_or("told");
    let of = place.map_or_else(String::new, |place| format!(", attempt {}", place + 1));
    terminal.say(format_args!("\n#{notice} {kind} {NUMBER}{}{NUMBER:#}{of}", harmless(number)));
    match verified {
        Ok((name, _)) => terminal.say(format_args!("  {GOOD}genuine{GOOD:#}, by the key of {name}")),
        Err(error) => terminal.say(format_args!("  {BAD}not genuine{BAD:#}: {error}")),
    }
    match forwarded {
        Ok((status, _, _)) => terminal.say(format_args!("  answered with {status} in {millis} ms")),
        Err(problem) => terminal.say(format_args!("  {BAD}not answered{BAD:#}: {problem}")),
    }
    let next = next.as_i64().map(Timestamp::from_unix_millis);
    match (why, next) {
        (Some(why), Some(next)) => {
            terminal.say(format_args!("  {BAD}comes again{BAD:#} at {next}, because {}", harmless(why)));
        }
        (Some(why), None) => {
            terminal.say(format_args!("  {BAD}was not received{BAD:#} and does not come again: {}", harmless(why)));
        }
        (None, _) if attempt.is_null() => {
            terminal.say(format_args!("  {QUIET}the sandbox has not told what it made of it{QUIET:#}"));
        }
        (None, _) => terminal.say(format_args!("  {GOOD}received{GOOD:#}; it does not come again")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_backends() {
        for (text, authority, path) in [
            ("http://127.0.0.1:8000/wx/notify", "127.0.0.1:8000", "/wx/notify"),
            ("http://localhost", "localhost:80", "/"),
            ("http://[::1]:8000/a?b=c", "[::1]:8000", "/a?b=c"),
            ("http://[::1]/", "[::1]:80", "/"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.authority.as_str(), url.path.as_str()), (authority, path), "{text}");
        }
        for text in [
            "https://localhost/",
            "localhost:8000",
            "http://",
            "http:///a",
            "http://a b/",
            "http://u@h/",
            "http://h/\r\nX: y",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
