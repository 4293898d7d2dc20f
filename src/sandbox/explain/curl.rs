//! A request as a command line.

use std::path::Path;

use crate::sandbox::log::{LOGGED, RequestRecord, from_hex};

/// The command for a POSIX shell; `None` if the body was too long to be kept. The
/// certificate that was shown is named by its place in the directory, if it is
/// one of the sandbox's own.
pub(super) fn command(record: &RequestRecord, gateway: &str, place: &Path) -> Option<String> {
    if record.request.len() > LOGGED || record.request_hex.as_ref().is_some_and(|hex| hex.len() >= 2 * LOGGED) {
        return None;
    }
    let mut command = format!("curl -sS --cacert {}", quoted(&place.join("ca.pem").to_string_lossy()));
    let shown = record.certificate_facts.as_ref().filter(|facts| facts.known);
    if let Some(facts) = shown {
        let folder = place.join("merchants").join(&facts.mch_id);
        let (certificate, key) = (folder.join("apiclient_cert.pem"), folder.join("apiclient_key.pem"));
        if certificate.is_file() && key.is_file() {
            command.push_str(&format!(" --cert {}", quoted(&certificate.to_string_lossy())));
            command.push_str(&format!(" --key {}", quoted(&key.to_string_lossy())));
        }
    }
    if !matches!(&*record.method, "POST" | "") {
        command.push_str(&format!(" -X {}", quoted(&record.method)));
    }
    let has_type = record.headers.iter().any(|(name, _)| name == "content-type");
    if !has_type {
        // Without a value curl sends none, in place of a form's.
        command.push_str(" -H 'Content-Type:'");
    }
    for (name, value) in &record.headers {
        if name == "content-type" || name.starts_with("wechatpay-") {
            command.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
        }
    }
    if !(record.request.is_empty() && record.method == "GET") {
        // `raw`, because a body that begins with @ would be taken for a file.
        match &record.request_hex {
            None => command.push_str(&format!(" --data-raw {}", quoted(&record.request))),
            Some(_) => command.push_str(" --data-binary @-"),
        }
    }
    command.push_str(&format!(" {}", quoted(&format!("{gateway}{}", record.path))));
    Some(match &record.request_hex {
        Some(hex) => format!("printf '%b' '{}' | {command}", octal(hex)),
        None => command,
    })
}

/// One word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// For `printf %b`, whose octal escapes every shell knows.
fn octal(hex: &str) -> String {
    from_hex(hex).iter().map(|byte| format!("\\0{byte:03o}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("a'b $x `y` \"z\" \\"), r#"'a'\''b $x `y` "z" \'"#);
        assert_eq!(octal("00ff3c"), "\\0000\\0377\\0074");
    }
}
