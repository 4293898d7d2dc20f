//! What the control API takes and gives: typed on this side, JSON on the other,
//! and every failure in one form.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// A failure as the API tells it.
pub(in crate::sandbox) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    next_step: String,
}

pub(in crate::sandbox) type Answer<T = Value> = Result<Json<T>, Failure>;

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), next_step: next_step.into() }
    }

    /// There is no such thing.
    pub(in crate::sandbox) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message, "look at the list one level up")
    }

    /// The request is not what the operation takes.
    pub(in crate::sandbox) fn wrong(message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message, next_step)
    }

    /// It comes from where it must not come from.
    pub(super) fn forbidden(message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message, next_step)
    }

    /// It has no token, or a wrong one.
    pub(super) fn unauthorized(message: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message, next_step)
    }

    /// It has more bytes than a request may have.
    pub(super) fn too_large(most: usize) -> Self {
        let problem = format!("a request has at most {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", problem, "send less at a time")
    }

    /// What is in memory is no longer on disk.
    pub(super) fn stopped() -> Self {
        let next = "make room on its disk, or look at its log, and start it again";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopped",
            "the sandbox could not store its state and has stopped",
            next,
        )
    }

    /// The path takes other methods.
    pub(super) fn method() -> Self {
        let next = "look at /api/openapi.json";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take that method", next)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // `error` is how programs of before the first version know the message.
        let body = json!({
            "code": self.code, "message": self.message, "next_step": self.next_step, "error": self.message,
        });
        (self.status, Json(body)).into_response()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", error.to_string(), error.next_step())
    }
}

/// The names in the path.
pub(in crate::sandbox) struct At<T>(pub(in crate::sandbox) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let wrong =
            |rejection: PathRejection| Failure::wrong(rejection.body_text(), "give the names as the lists show them");
        read.map(|Path(names)| Self(names)).map_err(wrong)
    }
}

/// The query. Names that the operation does not take never come this far.
pub(in crate::sandbox) struct Asked<T>(pub(in crate::sandbox) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let wrong = |rejection: QueryRejection| Failure::wrong(rejection.body_text(), "look at /api/openapi.json");
        read.map(|Query(asked)| Self(asked)).map_err(wrong)
    }
}

/// A body of JSON whatever Content-Type it claims, for the sake of curl. No body
/// is the empty object.
pub(in crate::sandbox) struct Body<T>(pub(in crate::sandbox) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Failure::wrong(format!("the body: {}", rejection.body_text()), "send less"))?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        // A list would be taken for the fields in their order.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(Failure::wrong("the body: a list", "send an object as /api/openapi.json says"));
        }
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|error| Failure::wrong(format!("the body: {error}"), "send JSON as /api/openapi.json says"))
    }
}

/// What `current` becomes by changes of its fields; those that are left out keep
/// their value.
pub(super) fn changed<T: Serialize + DeserializeOwned>(current: &T, changes: Map<String, Value>) -> Result<T, Failure> {
    let wrong = |field: &str, problem: &dyn std::fmt::Display| {
        Failure::wrong(format!("{field}: {problem}"), "send JSON as GET shows it")
    };
    let mut merged = serde_json::to_value(current).map_err(|error| wrong("the body", &error))?;
    for (field, value) in changes {
        let Some(slot) = merged.get_mut(&field) else { return Err(wrong(&field, &"there is no such field")) };
        *slot = value;
        // One by one, so that the error names the field.
        if let Err(error) = T::deserialize(&merged) {
            return Err(wrong(&field, &error));
        }
    }
    serde_json::from_value(merged).map_err(|error| wrong("the body", &error))
}
