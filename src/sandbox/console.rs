//! The page for people: plain files without a build step, which ask for nothing
//! beyond this machine.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Sandbox;

/// Every file of the page: path, kind, text.
pub(super) const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("console/index.html")),
    ("/api.js", SCRIPT, include_str!("console/api.js")),
    ("/app.js", SCRIPT, include_str!("console/app.js")),
    ("/books.js", SCRIPT, include_str!("console/books.js")),
    ("/difference.js", SCRIPT, include_str!("console/difference.js")),
    ("/dom.js", SCRIPT, include_str!("console/dom.js")),
    ("/faults.js", SCRIPT, include_str!("console/faults.js")),
    ("/flow.js", SCRIPT, include_str!("console/flow.js")),
    ("/folder.js", SCRIPT, include_str!("console/folder.js")),
    ("/merchants.js", SCRIPT, include_str!("console/merchants.js")),
    ("/names.js", SCRIPT, include_str!("console/names.js")),
    ("/odd.js", SCRIPT, include_str!("console/odd.js")),
    ("/panels.css", STYLE, include_str!("console/panels.css")),
    ("/phones.css", STYLE, include_str!("console/phones.css")),
    ("/phones.js", SCRIPT, include_str!("console/phones.js")),
    ("/phones_chat.js", SCRIPT, include_str!("console/phones_chat.js")),
    ("/phones_code.js", SCRIPT, include_str!("console/phones_code.js")),
    ("/phones_code128.js", SCRIPT, include_str!("console/phones_code128.js")),
    ("/phones_draw.js", SCRIPT, include_str!("console/phones_draw.js")),
    ("/phones_packet.js", SCRIPT, include_str!("console/phones_packet.js")),
    ("/phones_pay.js", SCRIPT, include_str!("console/phones_pay.js")),
    ("/phones_phone.js", SCRIPT, include_str!("console/phones_phone.js")),
    ("/phones_screen.css", STYLE, include_str!("console/phones_screen.css")),
    ("/phones_tester.js", SCRIPT, include_str!("console/phones_tester.js")),
    ("/phones_wallet.js", SCRIPT, include_str!("console/phones_wallet.js")),
    ("/pieces.js", SCRIPT, include_str!("console/pieces.js")),
    ("/settings.js", SCRIPT, include_str!("console/settings.js")),
    ("/snippets.js", SCRIPT, include_str!("console/snippets.js")),
    ("/start.js", SCRIPT, include_str!("console/start.js")),
    ("/style.css", STYLE, include_str!("console/style.css")),
    ("/time.js", SCRIPT, include_str!("console/time.js")),
    ("/time_books.css", STYLE, include_str!("console/time_books.css")),
    ("/traffic.css", STYLE, include_str!("console/traffic.css")),
    ("/traffic.js", SCRIPT, include_str!("console/traffic.js")),
    ("/traffic_notice.js", SCRIPT, include_str!("console/traffic_notice.js")),
    ("/traffic_request.js", SCRIPT, include_str!("console/traffic_request.js")),
    ("/words.js", SCRIPT, include_str!("console/words.js")),
];

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Scripts and styles from here and from nowhere else, none of them inline, so
/// that nothing a message brings along can become one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Sandbox> {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| router.route(path, get(move || file(kind, text))))
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::routes::{Family, ROUTES};

    type Names<'a> = BTreeSet<&'a str>;

    /// The first words of a table in a script, one row a line.
    fn rows<'a>(script: &'a str, table: &str) -> Names<'a> {
        let (_, behind) = script.split_once(&format!("const {table} = ")).unwrap();
        let rows = behind.lines().skip(1).take_while(|line| line.starts_with("  "));
        rows.map(|line| line.trim_start_matches([' ', '[', '"']).split(['"', ':']).next().unwrap()).collect()
    }

    /// Every word that a schema allows for a field, wherever it stands in it.
    fn words<'a>(schema: &'a Value, field: &str, found: &mut Names<'a>) {
        if let Some(own) = schema.get("properties").and_then(|properties| properties.get(field)) {
            found.extend(own.get("const").and_then(Value::as_str));
            found.extend(own.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
        }
        match schema {
            Value::Array(items) => items.iter().for_each(|inner| words(inner, field, found)),
            Value::Object(fields) => fields.values().for_each(|inner| words(inner, field, found)),
            _ => {}
        }
    }

    #[test]
    fn the_page_has_a_name_for_all_that_the_sandbox_knows() {
        let schemas: Value = serde_json::from_str(include_str!("control/schemas.json")).unwrap();
        let names = include_str!("console/names.js");
        for (table, schema, field) in [
            ("FAULTS", "Fault", "kind"),
            ("NOTICE_FAULTS", "NoticeFault", "kind"),
            ("REASONS", "Posting", "reason"),
            ("COMING", "Forecast", "what"),
        ] {
            let mut known = Names::new();
            words(&schemas[schema], field, &mut known);
            assert!(known.len() > 5, "{known:?}");
            assert_eq!(rows(names, table), known, "{table}");
        }
        let served = ROUTES.iter().filter(|route| route.family != Family::SignKey).map(|route| route.contract.path);
        assert_eq!(rows(names, "ENDPOINTS"), served.collect::<Names<'_>>());
        let settings = include_str!("console/settings.js");
        for setting in schemas["Settings"]["properties"].as_object().unwrap().keys() {
            assert!(settings.contains(&format!("[\"{setting}\", ")), "{setting}");
        }
        let answers = include_str!("console/odd.js");
        for answer in schemas["Answers"]["properties"].as_object().unwrap().keys() {
            assert!(answers.contains(&format!("[\"{answer}\", ")) || answer == "cdata", "{answer}");
        }
    }
}
