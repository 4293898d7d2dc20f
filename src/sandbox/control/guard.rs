//! Who may use the console: this machine's own pages and programs, or whoever
//! has the token. A web page of somebody else must not drive it, neither by a
//! form (`Origin`) nor under a name that it pointed here itself (`Host`).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Failure;
use crate::secret::Secret;

/// What is asked of those who come.
#[derive(Clone)]
pub(in crate::sandbox) struct Guard {
    token: Option<Arc<Secret>>,
}

impl Guard {
    pub(in crate::sandbox) fn new(token: Option<Secret>) -> Self {
        Self { token: token.map(Arc::new) }
    }

    fn check(&self, headers: &HeaderMap, path: &str) -> Result<(), Failure> {
        let host = text(headers, &header::HOST);
        // Browsers always name a host; what does not is a program.
        if let Some(host) = host
            && self.token.is_none()
            && !is_this_machine(host)
        {
            let next = "open the console at its address on this machine, as in http://127.0.0.1:8480";
            return Err(Failure::forbidden(format!("the header Host says {host:?}, which is not this machine"), next));
        }
        if let Some(origin) = text(headers, &header::ORIGIN)
            && origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) != host
        {
            let problem = format!("the request comes from a page at {origin:?}");
            return Err(Failure::forbidden(problem, "use the sandbox's own page, or a program"));
        }
        let Some(token) = &self.token else { return Ok(()) };
        // The page itself holds no secret, and the browser of an H5 order has none.
        if !path.starts_with("/api") {
            return Ok(());
        }
        let next = "send the header `Authorization: Bearer` with the token that the sandbox was started with";
        match text(headers, &header::AUTHORIZATION).and_then(|given| given.strip_prefix("Bearer ")) {
            None => Err(Failure::unauthorized("this console asks for a token", next)),
            Some(given) if bool::from(subtle::ConstantTimeEq::ct_eq(given.as_bytes(), token.expose())) => Ok(()),
            Some(_) => Err(Failure::unauthorized("the token is wrong", next)),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is not ASCII is neither a host nor a token.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Whether a `Host` names this machine's loopback: no other name does, because
/// whoever owns a name can point it anywhere.
fn is_this_machine(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

pub(super) async fn watch(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.check(request.headers(), request.uri().path()) {
        Ok(()) => next.run(request).await,
        Err(failure) => {
            tracing::warn!(path = request.uri().path(), "the console refused a request");
            let mut response = failure.into_response();
            if response.status() == axum::http::StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for host in ["localhost", "LocalHost:8480", "127.0.0.1:8480", "127.9.9.9", "[::1]:8480", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8480", "10.0.0.1", "[::2]"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
