//! As much of JSON Schema as the description of the control API uses. What it
//! does not know makes a test fail instead of passing unseen.

use serde_json::Value;

/// What is wrong with a value, by its place; nothing if it fits.
pub fn problems(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = vec![];
    check(document, schema, value, "answer", &mut found);
    found
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (word, rule) in schema.as_object().unwrap_or_else(|| panic!("{at}: {schema} is no schema")) {
        let fits = match word.as_str() {
            "description" => true,
            "$ref" => {
                let place = rule.as_str().unwrap().strip_prefix('#').unwrap();
                let target = document.pointer(place).unwrap_or_else(|| panic!("{rule} leads nowhere"));
                check(document, target, value, at, found);
                true
            }
            "type" => match rule {
                Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap(), value)),
                kind => is(kind.as_str().unwrap(), value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
            "required" => {
                let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                let missing: Vec<_> = names.filter(|name| value.get(name).is_none()).collect();
                if value.is_object() && !missing.is_empty() {
                    found.push(format!("{at}: lacks {missing:?}"));
                }
                true
            }
            "properties" => {
                for (name, inner) in rule.as_object().unwrap() {
                    if let Some(part) = value.get(name) {
                        check(document, inner, part, &format!("{at}.{name}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(rule, false, "{at}: only false is known");
                let known = schema["properties"].as_object().unwrap();
                let strange: Vec<_> = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name)
                    .filter(|n| !known.contains_key(*n))
                    .collect();
                if !strange.is_empty() {
                    found.push(format!("{at}: {strange:?} is not in the schema"));
                }
                true
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, rule, item, &format!("{at}[{n}]"), found);
                }
                true
            }
            "prefixItems" => {
                for (n, (inner, item)) in
                    rule.as_array().unwrap().iter().zip(value.as_array().into_iter().flatten()).enumerate()
                {
                    check(document, inner, item, &format!("{at}[{n}]"), found);
                }
                true
            }
            "oneOf" => {
                let fitting =
                    rule.as_array().unwrap().iter().filter(|one| problems(document, one, value).is_empty()).count();
                fitting == 1
            }
            other => panic!("{at}: the checker does not know {other}"),
        };
        if !fits {
            found.push(format!("{at}: {value} does not fit {word} {rule}"));
        }
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let document = serde_json::json!({"components": {"schemas": {"Fen": {"type": "integer", "minimum": 1}}}});
    let schema = serde_json::json!({
        "type": "object", "required": ["fen"], "additionalProperties": false,
        "properties": {
            "fen": {"$ref": "#/components/schemas/Fen"}, "list": {"type": "array", "items": {"type": ["string", "null"]}},
            "one": {"oneOf": [{"const": "a"}, {"type": "object", "properties": {"b": {"enum": [1]}}, "required": ["b"]}]},
        },
    });
    let wrong = |text: &str| problems(&document, &schema, &serde_json::from_str(text).unwrap());
    for fine in [r#"{"fen": 1}"#, r#"{"fen": 2, "list": ["x", null], "one": "a"}"#, r#"{"fen": 2, "one": {"b": 1}}"#] {
        assert!(wrong(fine).is_empty(), "{fine}: {:?}", wrong(fine));
    }
    for bad in [
        "{}",
        "[]",
        r#"{"fen": 0}"#,
        r#"{"fen": "1"}"#,
        r#"{"fen": 1.5}"#,
        r#"{"fen": 1, "more": 1}"#,
        r#"{"fen": 1, "list": [1]}"#,
        r#"{"fen": 1, "one": "b"}"#,
        r#"{"fen": 1, "one": {"b": 2}}"#,
    ] {
        assert!(!wrong(bad).is_empty(), "{bad}");
    }
}
