//! Refusals in the gateway's words.

use super::log::Cause;
use super::routes::Family;
use crate::wire::{Contract, Doc};

/// A refusal in the gateway's words.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// `None`: `return_code` is FAIL and there is only a text.
    pub(crate) code: Option<String>,
    pub(crate) text: String,
    /// Fields that the answer repeats.
    pub(crate) echo: Vec<(String, String)>,
    /// `return_code` is FAIL although there is a code.
    pub(crate) failed: bool,
    /// What bills say in place of a code.
    pub(crate) error_code: Option<&'static str>,
    /// A page of the proxy with the text as its title, in place of a message.
    pub(crate) page: bool,
    /// For the developer; goes to the log and not to the client.
    pub(crate) note: Option<Box<str>>,
    /// The same for programs.
    pub(crate) cause: Option<Box<Cause>>,
}

impl Refusal {
    /// A code of the endpoint with its official text.
    pub(crate) fn of(contract: &Contract, code: &str) -> Self {
        let text = contract.code(code).map_or("未知错误", |entry| entry.text);
        Self::with_text(code, text)
    }

    /// A code with another text.
    pub(crate) fn with_text(code: &str, text: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), ..Self::plain(text.into()) }
    }

    /// `return_code` FAIL with a text and nothing else.
    pub(crate) fn communication(text: impl Into<String>) -> Self {
        Self { failed: true, ..Self::plain(text.into()) }
    }

    /// `return_code` FAIL with a text and a number, as bills are refused.
    pub(crate) fn bill(text: &str, error_code: Option<&'static str>) -> Self {
        Self { error_code, ..Self::communication(text) }
    }

    /// HTTP status 400 and a page, as the proxy answers for itself.
    pub(crate) fn page(title: &'static str) -> Self {
        Self { page: true, ..Self::communication(title) }
    }

    const fn plain(text: String) -> Self {
        Self {
            code: None,
            text,
            echo: Vec::new(),
            failed: false,
            error_code: None,
            page: false,
            note: None,
            cause: None,
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into().into_boxed_str());
        self
    }

    /// What kind of mistake it was.
    pub(crate) fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// A limit that this call would have gone beyond. `setting` has its name.
    pub(crate) fn limited(self, setting: &str, most: i64, used: i64, asked: i64) -> Self {
        self.because(Cause::Limit { setting: setting.to_owned(), most, used, asked })
    }

    /// A field that broke a rule.
    pub(crate) fn of_field(self, field: &str) -> Self {
        self.because(Cause::Parameter { field: field.to_owned() })
    }

    /// Repeats what identifies the request, as live refusals do.
    pub(crate) fn echoing(mut self, contract: &Contract, doc: &Doc) -> Self {
        self.echo = contract
            .echo
            .iter()
            .filter_map(|field| doc.get_filled(field).map(|value| ((*field).to_owned(), value.to_owned())))
            .collect();
        self
    }

    pub(crate) fn into_doc(self, family: Family) -> Doc {
        let mut doc = Doc::new();
        doc.push("return_code", if self.failed { "FAIL" } else { "SUCCESS" });
        let is_fine = family == Family::Payment && !self.failed;
        doc.push("return_msg", if is_fine { "OK" } else { &self.text });
        if let Some(error_code) = self.error_code {
            doc.push("error_code", error_code);
        }
        if let Some(code) = &self.code {
            doc.push("result_code", "FAIL");
            doc.push("err_code", code);
            doc.push("err_code_des", &self.text);
        }
        for (field, value) in &self.echo {
            doc.push(field, value);
        }
        doc
    }
}
