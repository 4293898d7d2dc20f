//! The description of the control API, made from the table of operations.

use std::sync::Arc;

use axum::{Extension, Json};
use serde_json::{Map, Value, json};

use super::table::{Gives, Method, OPERATIONS, Operation};
use crate::error::Result;
use crate::sandbox::failed;

/// The description, made once.
#[derive(Clone)]
pub(super) struct Description(Arc<Value>);

pub(super) async fn description(Extension(Description(text)): Extension<Description>) -> Json<Value> {
    Json(Value::clone(&text))
}

impl Description {
    pub(super) fn new() -> Result<Self> {
        let schemas: Value = serde_json::from_str(include_str!("schemas.json"))
            .map_err(|error| failed("the schemas of the control API", error))?;
        let mut paths: Map<String, Value> = Map::new();
        for operation in OPERATIONS {
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            path[operation.method.name()] = describe(operation);
        }
        Ok(Self(Arc::new(json!({
            "openapi": "3.1.0",
            "info": {
                "title": "hongbao sandbox, control API",
                "version": "1.0.0",
                "summary": "What users do, what time brings, what goes wrong, and what can be seen of it",
                "description": "Amounts are fen, times are milliseconds since 1970 UTC. `/api` is the newest version.",
                "license": { "name": "MIT OR Apache-2.0" },
            },
            "servers": [{ "url": "/api/v1" }, { "url": "/api" }],
            "security": [{}, { "token": [] }],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            },
        }))))
    }
}

impl Method {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn describe(operation: &Operation) -> Value {
    let content = |kind: &str, schema: Value| json!({ kind: { "schema": schema } });
    let list = |schema| json!({ "type": "array", "items": reference(schema) });
    let mut good = match operation.gives {
        Gives::One(schema) => json!({ "content": content("application/json", reference(schema)) }),
        Gives::Many(schema) | Gives::Page(schema) => json!({ "content": content("application/json", list(schema)) }),
        Gives::Bytes(kind) => json!({ "content": content(kind, json!({ "type": "string" })) }),
    };
    good["description"] = json!(operation.summary);
    if matches!(operation.gives, Gives::Page(_)) {
        let what = "How many fit in all";
        good["headers"] = json!({ "X-Total-Count": { "description": what, "schema": { "type": "integer" } } });
    }
    let bad = json!({ "description": "Why not", "content": content("application/json", reference("Failure")) });
    let mut described = json!({
        "operationId": name_of(operation),
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": { "200": good, "4XX": bad, "503": bad },
    });
    if let Some(schema) = operation.takes {
        described["requestBody"] = json!({ "content": content("application/json", reference(schema)) });
    }
    described
}

/// As in `post_packets_open`.
fn name_of(operation: &Operation) -> String {
    if let Some(name) = operation.name {
        return name.to_owned();
    }
    let words = operation.path.split(['/', '.']).filter(|word| !word.is_empty() && !word.starts_with('{'));
    let single = if operation.path.ends_with('}') { Some("one") } else { None };
    let mut name = operation.method.name().to_owned();
    for word in words.chain(single) {
        name.push('_');
        name.push_str(word);
    }
    name
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| {
        let kind = if matches!(name, "id" | "position") { "integer" } else { "string" };
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": kind } })
    });
    let in_query = operation.query.iter().map(|name| {
        let (kind, what) = parameter(name);
        json!({ "name": name, "in": "query", "required": false, "description": what, "schema": { "type": kind } })
    });
    in_path.chain(in_query).collect()
}

/// Type and meaning of a name of the query.
fn parameter(name: &str) -> (&'static str, &'static str) {
    match name {
        "offset" => ("integer", "How many to leave out; 0 unless said otherwise"),
        "limit" => ("integer", "How many at most; 100 unless said otherwise, 1000 at most"),
        "newest" => ("boolean", "Whether the newest come first"),
        "mch_id" => ("string", "Only of this merchant"),
        "openid" => ("string", "Only of this user"),
        "status" | "trade_state" | "kind" => ("string", "Only in this state or of this kind, as the list shows it"),
        "delivered" => ("boolean", "Only those that were received, or were not"),
        "refused" => ("boolean", "Only those that were refused or got no answer, or were not"),
        "path" => ("string", "Only those whose path has this in it"),
        "code" => ("string", "Only with this error code"),
        "before" => ("integer", "Only those with a lower id"),
        "account" => ("string", "Only of this merchant's or user's accounts; world and platform are accounts too"),
        "number" => ("string", "Only of this number of a merchant"),
        "accounts" => ("boolean", "Whether to list the accounts; true unless said otherwise"),
        "seconds" => ("integer", "How far to look ahead"),
        _ => ("string", "Only those that have this text in them, in capitals or not"),
    }
}
