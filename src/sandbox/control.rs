//! The control API below `/api/`, for programs and for the page.
//!
//! Amounts are whole fen, times are milliseconds since 1970 (UTC). Every error
//! is `{"code": …, "message": …, "next_step": …}` with a status of 4xx.

mod answer;
mod events;
mod guard;
mod lists;
mod merchants;
mod notices;
mod openapi;
mod phones;
mod requests;
mod table;
mod trades;
mod users;
mod world;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(super) use guard::Guard;

use super::store::Store;
use super::{Sandbox, console};
use crate::error::Result;
use answer::Failure;
use events::Stopped;
use openapi::Description;
use table::{OPERATIONS, Operation};

/// Everything at the console's address. `stopped` ends what would never end by
/// itself.
pub(super) fn router(sandbox: Sandbox, guard: Guard, stopped: watch::Receiver<bool>) -> Result<Router> {
    let api = OPERATIONS.iter().fold(Router::new(), |router, operation| {
        let known = middleware::from_fn(move |request, next| known_names(operation, request, next));
        router.route(operation.path, (operation.handler)().layer(known))
    });
    let api = api.layer(middleware::from_fn_with_state(sandbox.clone(), while_stored));
    Ok(Router::new()
        .nest("/api/v1", api.clone())
        .nest("/api", api)
        .merge(trades::h5_page())
        .merge(console::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(async || Failure::method())
        .layer(Extension(Description::new()?))
        .layer(Extension(Stopped(stopped)))
        .layer(middleware::from_fn_with_state(guard, guard::watch))
        .with_state(sandbox))
}

/// The refusal of a request with more than so many bytes.
pub(super) fn too_large(most: usize) -> Response {
    Failure::too_large(most).into_response()
}

/// What could not be stored did not happen, so nobody is shown it.
async fn while_stored(State(sandbox): State<Sandbox>, request: Request, next: Next) -> Response {
    if sandbox.0.store.as_ref().is_some_and(Store::has_stopped) {
        return Failure::stopped().into_response();
    }
    next.run(request).await
}

/// A name that is misspelled must not look like one that found everything.
async fn known_names(operation: &'static Operation, request: Request, next: Next) -> Response {
    let given = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    for pair in given {
        let name = pair.split('=').next().unwrap_or_default();
        if !operation.query.contains(&name) {
            let known = match operation.query {
                [] => "it takes no query".to_owned(),
                names => format!("it takes {}", names.join(", ")),
            };
            return Failure::wrong(format!("the query has {name:?}, which this path does not take"), known)
                .into_response();
        }
    }
    next.run(request).await
}

async fn unknown() -> Failure {
    Failure::missing("there is no such route; /api/openapi.json lists them")
}

async fn overview(State(sandbox): State<Sandbox>) -> Json<Value> {
    let mut desk = sandbox.desk();
    desk.settle();
    let gateway = sandbox.0.gateway.get();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": desk.now(),
        "beijing": desk.now().to_string(),
        "clock": if desk.clock.is_frozen() { "frozen" } else { "running" },
        "seed": desk.seed,
        "gateway": gateway,
        "console": gateway.map(|_| &desk.h5_base),
        "directory": sandbox.0.directory,
        "merchants": desk.entities.len(),
        "counts": {
            "packets": desk.packets.len(),
            "unopened": desk.due.len(),
            "orders": desk.trades.order_list.len(),
            "unpaid": desk.trades.unpaid,
            "refunds": desk.trades.refund_list.len(),
            "notices": desk.notices.all.len(),
            "undelivered": desk.notices.waiting(),
            "requests": desk.next_request.saturating_sub(1),
            "users": desk.users.len(),
            "postings": desk.postings.len(),
            "faults": desk.faults.rules().len(),
        },
        "books": desk.totals(),
    }))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::Ordering;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::sandbox::certificates::Authority;
    use crate::sandbox::clock::SandboxClock;
    use crate::sandbox::desk::Desk;
    use crate::sandbox::store;

    async fn ask(console: &str, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(console.trim_start_matches("http://")).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn what_was_never_stored_is_never_shown() {
        let (store, full) = store::tests::on_a_disk();
        let desk = Desk::new(SandboxClock::Ahead(0), 0, true);
        let sandbox = Sandbox::with(desk, Authority::new().unwrap(), Some((store, "disk".into())));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = sandbox.serve(any, any, None).await.unwrap();
        let user = |asks| sandbox.change_user("oUser", "wx1", |user| user.asks_password = asks);
        user(true).unwrap();
        assert!(ask(&served.console(), "/api/users/oUser").await.contains(r#""asks_password":true"#));
        full.store(true, Ordering::Release);
        assert!(user(false).is_err());
        for path in ["/api/users/oUser", "/api/v1/overview", "/api/books", "/api/events"] {
            let answer = ask(&served.console(), path).await;
            assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(r#""code":"stopped""#), "{path}: {answer}");
        }
        // The page itself tells people.
        assert!(ask(&served.console(), "/").await.starts_with("HTTP/1.1 200"));
    }
}
