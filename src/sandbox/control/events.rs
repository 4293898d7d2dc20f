//! What changes, as it changes: `text/event-stream`, some lines a second however
//! much happens, because the page asks for what it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;

use crate::sandbox::Sandbox;
use crate::sandbox::desk::{Table, Touched};

/// The least time between two events.
const PAUSE: Duration = Duration::from_millis(100);

/// So many keys of a topic are named in an event.
const NAMED: usize = 50;

/// Turns true when the server stops: an event stream would keep it waiting.
#[derive(Clone)]
pub(super) struct Stopped(pub(super) watch::Receiver<bool>);

pub(super) async fn events(
    State(sandbox): State<Sandbox>,
    Extension(Stopped(stopped)): Extension<Stopped>,
) -> impl IntoResponse {
    let listening = sandbox.desk().listen();
    let told = stream::unfold((sandbox, listening, stopped), |(sandbox, mut listening, mut stopped)| async move {
        let gathered = tokio::select! {
            gathered = gather(&mut listening) => gathered?,
            _ = stopped.wait_for(|stop| *stop) => return None,
        };
        let event = match gathered {
            Gathered::Missed => Event::default().event("reload").data("{}"),
            Gathered::Changes(changes) => Event::default().event("change").data(tell(&sandbox, &changes)),
        };
        tokio::time::sleep(PAUSE).await;
        Some((Ok::<_, Infallible>(event), (sandbox, listening, stopped)))
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

enum Gathered {
    Changes(Vec<Arc<Touched>>),
    /// More happened than waits for a slow listener.
    Missed,
}

/// Waits for a change and takes what else is there. `None`: the sandbox is gone.
async fn gather(listening: &mut Receiver<Arc<Touched>>) -> Option<Gathered> {
    let mut changes = match listening.recv().await {
        Ok(first) => vec![first],
        Err(RecvError::Lagged(_)) => return Some(Gathered::Missed),
        Err(RecvError::Closed) => return None,
    };
    loop {
        match listening.try_recv() {
            Ok(more) => changes.push(more),
            Err(TryRecvError::Lagged(_)) => return Some(Gathered::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(Gathered::Changes(changes)),
        }
    }
}

fn tell(sandbox: &Sandbox, changes: &[Arc<Touched>]) -> String {
    let mut topics: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (table, key) in changes.iter().flat_map(|touched| touched.iter()) {
        let keys = topics.entry(table.name()).or_default();
        if keys.len() < NAMED {
            keys.insert(match table {
                // Stored with leading zeros, so that they sort.
                Table::Requests | Table::Notices => key.trim_start_matches('0'),
                _ => key,
            });
        }
    }
    json!({ "now": sandbox.now(), "topics": topics }).to_string()
}
