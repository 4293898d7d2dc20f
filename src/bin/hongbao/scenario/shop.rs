//! The merchant's own backend in a scenario: it takes notifications, and answers
//! them as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use hongbao::notify::{self, Ack};
use hongbao::{Client, Merchants};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::notify::opened;

/// How the handler answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// `SUCCESS` to what is genuine, `FAIL` to anything else.
    Ok,
    Fail,
    /// Bytes that are no XML.
    Garbage,
    Empty,
    Json,
    /// The word `success` alone, as other platforms want it.
    PlainText,
    /// A page of HTML with status 200.
    Page,
    /// Status 500.
    Broken,
}

impl Answer {
    pub(super) const WORDS: &'static [(&'static str, Self)] = &[
        ("ok", Self::Ok),
        ("fail", Self::Fail),
        ("garbage", Self::Garbage),
        ("empty", Self::Empty),
        ("json", Self::Json),
        ("plain_text", Self::PlainText),
        ("page", Self::Page),
        ("500", Self::Broken),
    ];
}

/// What it has heard and how it answers.
struct Books {
    merchants: Arc<Merchants>,
    /// The next answers; the last one stays.
    answers: VecDeque<Answer>,
    genuine: u64,
}

pub(super) struct Shop {
    pub(super) notify_url: String,
    books: Arc<Mutex<Books>>,
    task: JoinHandle<()>,
}

impl Shop {
    pub(super) async fn open() -> Result<Self, Failure> {
        let no_socket = |error: std::io::Error| {
            Failure::usage(format!("no socket for the notification handler: {error}"), "close what holds them all")
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(no_socket)?;
        let notify_url = format!("http://{}/notify", listener.local_addr().map_err(no_socket)?);
        let books = Books { merchants: Arc::new(Merchants::new()), answers: VecDeque::from([Answer::Ok]), genuine: 0 };
        let books = Arc::new(Mutex::new(books));
        let app =
            Router::new().fallback(post(heard)).layer(DefaultBodyLimit::max(64 * 1024)).with_state(Arc::clone(&books));
        let task = tokio::spawn(async move {
            // Ends with the scenario; an error has nobody to be told to.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { notify_url, books, task })
    }

    /// Knows this merchant's key from now on.
    pub(super) fn learn(&self, client: Client) {
        self.books().merchants.insert(client);
    }

    pub(super) fn answers(&self, answers: &[Answer]) {
        self.books().answers = answers.iter().copied().collect();
    }

    pub(super) fn genuine(&self) -> u64 {
        self.books().genuine
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn heard(State(books): State<Arc<Mutex<Books>>>, body: Bytes) -> impl IntoResponse {
    let lock = || books.lock().unwrap_or_else(PoisonError::into_inner);
    let (merchants, answer) = {
        let mut books = lock();
        let answer = match books.answers.len() {
            0 | 1 => books.answers.front().copied(),
            _ => books.answers.pop_front(),
        };
        (Arc::clone(&books.merchants), answer.unwrap_or(Answer::Ok))
    };
    let genuine = match notify::kind(&body) {
        Ok(kind) => opened(kind, &merchants, &body).await.map(drop),
        Err(error) => Err(error),
    };
    lock().genuine += u64::from(genuine.is_ok());
    let (status, text) = match (answer, genuine) {
        (Answer::Ok, Ok(())) => (StatusCode::OK, Ack::success().into_body()),
        (Answer::Ok, Err(error)) => (StatusCode::OK, Ack::to(&error).into_body()),
        (Answer::Fail, _) => (StatusCode::OK, Ack::fail("系统繁忙").into_body()),
        (Answer::Garbage, _) => (StatusCode::OK, "\u{1f}\u{8b}<x".to_owned()),
        (Answer::Empty, _) => (StatusCode::OK, String::new()),
        (Answer::Json, _) => (StatusCode::OK, "{\"code\":\"SUCCESS\"}".to_owned()),
        (Answer::PlainText, _) => (StatusCode::OK, "success".to_owned()),
        (Answer::Page, _) => (StatusCode::OK, "<html><body>OK</body></html>".to_owned()),
        (Answer::Broken, _) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    (status, text)
}
