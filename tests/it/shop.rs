//! A merchant's HTTP listener, which remembers what was posted to it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use hongbao::notify::Ack;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub struct Posted {
    pub path: String,
    pub request_id: String,
    pub content_type: String,
    pub body: Vec<u8>,
}

type Answer = (u16, String);

#[derive(Clone, Default)]
struct Books {
    posted: Arc<Mutex<Vec<Posted>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// Answers by a script, and with success behind its end.
pub struct Shop {
    pub address: SocketAddr,
    books: Books,
    task: JoinHandle<()>,
}

impl Shop {
    pub async fn open() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, books) = (socket.local_addr().unwrap(), Books::default());
        let app = Router::new().fallback(receive).with_state(books.clone());
        let task = tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
        Self { address, books, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn answers(&self, answers: impl IntoIterator<Item = (u16, &'static str)>) {
        let answers = answers.into_iter().map(|(status, text)| (status, text.to_owned()));
        self.books.answers.lock().unwrap().extend(answers);
    }

    /// What was posted since the last call.
    pub fn posted(&self) -> Vec<Posted> {
        std::mem::take(&mut self.books.posted.lock().unwrap())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(books): State<Books>, uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    books.posted.lock().unwrap().push(Posted {
        path: uri.path().to_owned(),
        request_id: header("request-id"),
        content_type: header("content-type"),
        body: body.to_vec(),
    });
    let scripted = books.answers.lock().unwrap().pop_front();
    let (status, text) = scripted.unwrap_or_else(|| (200, Ack::success().into_body()));
    (StatusCode::from_u16(status).unwrap(), text)
}
