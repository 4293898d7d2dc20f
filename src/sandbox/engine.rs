//! One request from the first byte to the answer: time, fault, gate, endpoint,
//! log, store.

use std::time::{Duration, Instant};

use super::Sandbox;
use super::desk::Desk;
use super::fault::Fault;
use super::gate::{self, Incoming};
use super::log::{
    Cause, LOGGED, RequestRecord, hex_unless_text, message_without_keys, shown, shown_headers, without_keys,
};
use super::refusal::Refusal;
use super::reply::{self, Reply};
use super::routes::{self, Family, Found};
use super::{cases, sign_key};
use crate::secret::Secret;
use crate::wire::{self, Answer, Doc};

/// What the client gets to see.
pub(crate) enum Effect {
    Answer(Answer),
    /// Half of it.
    Truncated(Answer),
    HangUp,
}

impl Sandbox {
    /// Handles a request. What it changed is stored before this returns.
    pub(crate) async fn handle(&self, incoming: &Incoming<'_>) -> Effect {
        let (effect, delay, stored) = {
            let mut desk = self.desk();
            let (effect, delay) = one(&mut desk, incoming);
            let changes = desk.take_changes();
            // Handed over under the lock, so that the store sees changes in
            // the order in which they were made.
            (effect, delay, self.0.store.as_ref().map(|store| store.submit_async(changes)))
        };
        self.0.wake.notify_one();
        if let Some(stored) = stored
            && let Err(problem) = stored.done().await
        {
            tracing::error!(%problem, "the sandbox cannot store its state");
            return Effect::Answer(Answer::new(500, format!("the sandbox cannot store its state: {problem}\n")));
        }
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        effect
    }
}

fn one(desk: &mut Desk, incoming: &Incoming<'_>) -> (Effect, Option<Duration>) {
    let started = Instant::now();
    desk.settle();
    let fault = desk.faults.strike(incoming.path);
    if !desk.faults.rules().is_empty() || fault.is_some() {
        desk.put_state();
    }
    let mut notes = Notes::default();
    let effect = match routes::find(incoming.path) {
        Some(found) => served(desk, found, incoming, fault.as_ref(), &mut notes),
        None => Effect::Answer(match routes::not_served(incoming.path) {
            Some(doc) => Answer::new(200, wire::write_xml(&doc)),
            None => page(404, "Not Found"),
        }),
    };
    let (status, answer): (_, &[u8]) = match &effect {
        Effect::Answer(answer) | Effect::Truncated(answer) => (Some(answer.status), &answer.body),
        Effect::HangUp => (None, &[]),
    };
    let delay = fault.as_ref().and_then(Fault::delay).max(notes.delay);
    // A message that did not pass is read once more, for what it says of itself.
    let doc = notes.doc.or_else(|| gate::message(incoming.body).ok());
    let mch_id = notes.mch_id.or_else(|| doc.as_ref()?.get("mch_id").map(str::to_owned));
    let own = keys_of(desk, mch_id.as_deref(), incoming.path);
    let body = message_without_keys(incoming.body, doc.as_ref(), &own);
    let (request, request_hex) = (text(&body), hex_unless_text(&body));
    let answer = text(&without_keys(answer, &own));
    let note = notes.note.map(|note| text(&without_keys(note.as_bytes(), &own)));
    desk.log(RequestRecord {
        id: 0,
        at: desk.now(),
        ip: incoming.ip.to_string(),
        path: shown(incoming.path, &own),
        mch_id: mch_id.map(|mch_id| shown(&mch_id, &own)),
        certificate: gate::describe(incoming.peer),
        request,
        status,
        answer,
        code: notes.code,
        note,
        fault,
        micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        method: incoming.method.to_owned(),
        headers: shown_headers(&incoming.headers, &own),
        certificate_facts: incoming.peer.facts(),
        cause: notes.cause,
        held_millis: delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        request_hex,
    });
    (effect, delay)
}

/// The keys of a merchant: its own, and below the prefixes of the official
/// sandboxes the one that getsignkey hands out.
fn keys_of(desk: &Desk, mch_id: Option<&str>, path: &str) -> Vec<Secret> {
    let Some(entity) = mch_id.and_then(|mch_id| desk.entity(mch_id)) else { return Vec::new() };
    let official = path.ends_with("/getsignkey") || routes::find(path).is_some_and(|found| found.official.is_some());
    let handed_out = official.then(|| sign_key::of(&entity.mch_id, &entity.key));
    [Some(entity.key.clone()), handed_out].into_iter().flatten().collect()
}

/// What the log is to know of a refusal, and how long the answer waits.
#[derive(Default)]
struct Notes {
    /// Whose message it was, if it has passed the gate.
    mch_id: Option<String>,
    /// The message, if it has passed.
    doc: Option<Doc>,
    code: Option<String>,
    note: Option<String>,
    cause: Option<Cause>,
    delay: Option<Duration>,
}

fn served(desk: &mut Desk, found: Found, incoming: &Incoming<'_>, fault: Option<&Fault>, notes: &mut Notes) -> Effect {
    match fault {
        Some(Fault::HangUpBefore) => return Effect::HangUp,
        Some(Fault::BadGateway) => return Effect::Answer(page(502, "Bad Gateway")),
        _ => {}
    }
    let family = found.route.family;
    let answer = match gate::check(desk, found, incoming) {
        Ok(mut call) => {
            notes.mch_id = Some(call.mch_id.clone());
            call.hold = fault == Some(&Fault::Processing);
            let reply = handled(desk, found, &call, fault).unwrap_or_else(|mut refusal| {
                notes.code = refusal.code.clone().or(refusal.error_code.map(str::to_owned));
                notes.note = refusal.note.take().map(String::from);
                notes.cause = refusal.cause.take().map(|cause| *cause);
                Reply::from(refusal.into_doc(family))
            });
            notes.delay = reply.delay.max(cases::silence(&call));
            let answer = reply::answer(reply.body, desk, &call);
            notes.doc = Some(call.doc);
            answer
        }
        Err(mut refusal) => {
            if family != Family::RedPacket {
                refusal.code = None;
                refusal.failed = true;
            }
            notes.code.clone_from(&refusal.code);
            notes.note = refusal.note.take().map(String::from);
            notes.cause = refusal.cause.take().map(|cause| *cause);
            if refusal.page {
                Answer::new(400, refused_page(&refusal.text))
            } else {
                Answer::new(200, desk.write_answer(&refusal.into_doc(family)))
            }
        }
    };
    match fault {
        Some(Fault::HangUpAfter) => Effect::HangUp,
        Some(Fault::Garbage) => Effect::Answer(Answer::new(200, [0x1f, 0x8b, 0xff, 0x00, b'<', b'x'])),
        Some(Fault::TruncatedBody) => Effect::Truncated(answer),
        _ => Effect::Answer(answer),
    }
}

fn handled(desk: &mut Desk, found: Found, call: &gate::Call, fault: Option<&Fault>) -> Result<Reply, Refusal> {
    let on_demand = |code: &str| {
        Refusal::with_text(code, gate::official_text(call.contract, code)).echoing(call.contract, &call.doc)
    };
    match fault {
        Some(Fault::SystemErrorBefore) => return Err(on_demand("SYSTEMERROR")),
        Some(Fault::Refuse { code }) => return Err(on_demand(code)),
        _ => {}
    }
    let handle = routes::choose(found.route, &call.doc).handle;
    let reply = handle(desk, call);
    match fault {
        Some(Fault::SystemErrorAfter) => Err(on_demand("SYSTEMERROR")),
        _ => reply,
    }
}

/// What the proxy says that asks for certificates.
fn refused_page(problem: &str) -> String {
    format!(
        "<html>\r\n<head><title>400 {problem}</title></head>\r\n<body bgcolor=\"white\">\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>{problem}</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}

/// A page as the proxies in front of the gateway show it: no XML, for `<hr>` stays
/// open, on which some clients rely without knowing.
fn page(status: u16, title: &str) -> Answer {
    let html = format!(
        "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body bgcolor=\"white\">\r\n<center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Answer::new(status, html)
}

/// For the log. Real messages have a tenth of it; ten thousand of the longest
/// bodies that the socket takes would be more than a gigabyte.
fn text(bytes: &[u8]) -> String {
    match bytes.get(..LOGGED) {
        Some(start) => format!("{}… ({} bytes)", String::from_utf8_lossy(start), bytes.len()),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}
