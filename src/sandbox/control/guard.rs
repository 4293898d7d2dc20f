//! Who may use the console: this machine's own pages and programs, or whoever
//! has the token. A web page of somebody else must not drive it, neither by a
//! form (`Origin`) nor under a name that it pointed here itself (`Host`).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
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
        let once = [header::HOST, header::ORIGIN].iter().all(|name| headers.get_all(name).iter().count() < 2);
        if !once {
            let next = "send Host once, and Origin at most once";
            return Err(Failure::forbidden("the request says twice where it goes or comes from", next));
        }
        let host = text(headers, &header::HOST);
        // Browsers always name a host; what does not is a program.
        if let Some(host) = host
            && self.token.is_none()
            && !is_this_machine(host)
        {
            let next = "open the console at its address on this machine, as in http://127.0.0.1:8480";
            return Err(Failure::forbidden(format!("the header Host says {host:?}, which is not this machine"), next));
        }
        let own_page = "use the sandbox's own page, or a program";
        if let Some(origin) = text(headers, &header::ORIGIN) {
            let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            if named.is_none() || named != host {
                return Err(Failure::forbidden(format!("the request comes from a page at {origin:?}"), own_page));
            }
        }
        // A page elsewhere can ask without an Origin, as for a picture. It cannot read
        // the answer, but long lists are work. A link that somebody follows is none.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let mode = headers.get("sec-fetch-mode").map(HeaderValue::as_bytes);
        if is_api(path)
            && site.is_some_and(|site| site != b"same-origin" && site != b"none")
            && mode != Some(b"navigate")
        {
            return Err(Failure::forbidden("the request comes from a page of another site", own_page));
        }
        let Some(token) = &self.token else { return Ok(()) };
        // The page itself holds no secret, and the browser of an H5 order has none.
        if !is_api(path) {
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

/// The API, and not the page's file api.js.
fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is not ASCII is neither a host nor a token.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Whether a `Host` names this machine's loopback: no other name does, because
/// whoever owns a name can point it anywhere.
fn is_this_machine(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => (name, Some(rest.strip_prefix(':').unwrap_or("?"))),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()))
        && (name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()))
}

/// What every answer says, unless it says otherwise itself: it is what it claims to
/// be, nobody keeps it, since it may be a key, and no other site includes it.
const FOR_BROWSERS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What the API answers is no page: a notification that is looked at runs nothing.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

pub(super) async fn watch(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let is_api = is_api(request.uri().path());
    let mut response = match guard.check(request.headers(), request.uri().path()) {
        Ok(()) => next.run(request).await,
        Err(failure) => {
            tracing::warn!(path = request.uri().path(), "the console refused a request");
            let mut response = failure.into_response();
            if response.status() == axum::http::StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    };
    let page = is_api.then_some((header::CONTENT_SECURITY_POLICY, NO_PAGE));
    for (name, value) in FOR_BROWSERS.into_iter().chain(page) {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for host in ["localhost", "LocalHost:8480", "127.0.0.1:8480", "127.9.9.9", "[::1]:8480", "[::1]", "localhost:"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8480",
            "10.0.0.1",
            "[::2]",
            "[::1]evil.example",
            "[::1",
            "127.0.0.1:80@evil.example",
            "user@127.0.0.1",
            "localhost.",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "127.1",
            "::1",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn pages_elsewhere_are_turned_away() {
        let guard = Guard::new(None);
        let passes = |fields: &[(&'static str, &'static str)], path| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            guard.check(&headers, path).is_ok()
        };
        let here = ("host", "127.0.0.1:8480");
        for fields in [
            &[] as &[_],
            &[here],
            &[here, ("origin", "http://127.0.0.1:8480")],
            &[here, ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")],
            &[here, ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            &[here, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
        ] {
            assert!(passes(fields, "/api/books"), "{fields:?}");
        }
        for fields in [
            &[here, here] as &[_],
            &[here, ("host", "evil.example")],
            &[("origin", "null")],
            &[here, ("origin", "null")],
            &[here, ("origin", "http://127.0.0.1:3000")],
            &[here, ("origin", "http://127.0.0.1:8480"), ("origin", "http://evil.example")],
            &[here, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
            &[here, ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")],
            &[here, ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!passes(fields, "/api/books"), "{fields:?}");
        }
        // The page of an H5 order is meant to be come to.
        assert!(passes(&[here, ("sec-fetch-site", "cross-site")], "/cgi-bin/mmpayweb-bin/checkmweb"));
    }

    #[test]
    fn the_page_comes_without_a_token_and_the_api_does_not() {
        let guard = Guard::new(Some(Secret::new("s")));
        let none = HeaderMap::new();
        for (path, ..) in crate::sandbox::console::FILES {
            assert!(guard.check(&none, path).is_ok(), "{path}");
        }
        for path in ["/api", "/api/", "/api/overview", "/api/v1/events"] {
            assert!(guard.check(&none, path).is_err(), "{path}");
        }
    }
}
