//! Answers that are odd but legal, and the probe: for clients to prove what they
//! tolerate and what they must not believe.
//!
//! Differs from the real gateway, which never does all of it at once; each oddity
//! by itself was seen in live answers or is announced in the documentation
//! (elements in any order, new fields, `err_code` on success).

use serde::{Deserialize, Serialize};

use super::Sandbox;
use super::desk::{Desk, Table};
use super::fault::scatter;
use crate::error::Result;
use crate::wire::{self, Doc};

/// How answers are written, all of it off unless switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// Elements in another order each time.
    pub element_order: bool,
    /// Which texts stand in CDATA sections.
    pub cdata: Cdata,
    /// Fields that nobody knows yet, one of them empty; signed where the answer is.
    pub extra_fields: bool,
    /// `err_code` `SUCCESS` and `err_code_des` `OK` in answers of success.
    pub err_code_on_success: bool,
    /// The probe: the signature of signed answers is wrong in one digit. A client
    /// must not believe them. Answers that carry no signature stay as they are.
    pub wrong_sign: bool,
}

/// Which texts of an answer stand in CDATA sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cdata {
    /// Texts are, whole numbers are not.
    #[default]
    Official,
    /// Everything is, numbers and empty elements too.
    All,
    /// Nothing is; markup is escaped.
    None,
    /// Now this, now that, and sections in pieces.
    Mixed,
}

/// A name and a value that no contract has, and an empty element.
const NEW_FIELDS: [(&str, &str); 2] = [("new_field_of_2027", "值 & <新> ]]>"), ("new_empty_field", "")];

impl Answers {
    /// What is added before the signature is made.
    pub(super) fn dress(&self, doc: &mut Doc) {
        if self.err_code_on_success && doc.get("result_code") == Some("SUCCESS") {
            doc.push("err_code", "SUCCESS");
            doc.push("err_code_des", "OK");
        }
        if self.extra_fields {
            for (name, value) in NEW_FIELDS {
                doc.push(name, value);
            }
        }
    }

    /// The signature as it is sent.
    pub(super) fn sign(&self, signature: String) -> String {
        if !self.wrong_sign {
            return signature;
        }
        let (first, rest) = signature.split_at_checked(1).unwrap_or_default();
        format!("{}{rest}", if first == "0" { '1' } else { '0' })
    }

    /// The bytes. `chance` decides what is left to it.
    pub(super) fn write(&self, doc: &Doc, chance: u64) -> String {
        let shuffled;
        let doc = if self.element_order {
            shuffled = in_other_order(doc, chance);
            &shuffled
        } else {
            doc
        };
        if self.cdata == Cdata::Official {
            return wire::write_xml(doc);
        }
        let mut out = String::from("<xml>\n");
        let mut count = 0;
        self.fields(doc, chance, &mut count, &mut out);
        out.push_str("</xml>");
        out
    }

    fn fields(&self, doc: &Doc, chance: u64, count: &mut u64, out: &mut String) {
        for node in doc.nodes() {
            out.push_str(&format!("<{}>", node.name));
            match node.list {
                Some((item, docs)) => {
                    for doc in docs {
                        out.push_str(&format!("<{item}>\n"));
                        self.fields(doc, chance, count, out);
                        out.push_str(&format!("</{item}>\n"));
                    }
                }
                None => {
                    *count += 1;
                    out.push_str(&match (self.cdata, scatter(chance, *count) % 4) {
                        (Cdata::None, _) | (Cdata::Mixed, 0) => escaped(node.text),
                        (Cdata::Mixed, 1) => pieces(node.text),
                        // Blanks around a section are layout; one sample of the
                        // documentation has them.
                        (Cdata::Mixed, 2) => format!(" {} ", section(node.text)),
                        _ => section(node.text),
                    });
                }
            }
            out.push_str(&format!("</{}>\n", node.name));
        }
    }
}

fn in_other_order(doc: &Doc, chance: u64) -> Doc {
    let mut nodes: Vec<_> = doc.nodes().collect();
    for at in (1..nodes.len()).rev() {
        let bound = u64::try_from(at + 1).unwrap_or(1);
        let other = usize::try_from(scatter(chance, bound) % bound).unwrap_or(0);
        nodes.swap(at, other);
    }
    let mut out = Doc::with_capacity(doc.bytes());
    for node in nodes {
        match node.list {
            None => out.push(node.name, node.text),
            Some((item, docs)) => {
                let docs = docs.iter().map(|doc| in_other_order(doc, chance)).collect();
                out.push_list(node.name, item, docs)
            }
        };
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn section(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

/// The first character escaped, the rest in sections of their own.
fn pieces(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return section(text) };
    // A blank beside a section would be taken for layout.
    if first.is_whitespace() {
        return section(text);
    }
    let rest = letters.as_str();
    let middle = rest.char_indices().nth(rest.chars().count() / 2).map_or(0, |(at, _)| at);
    let (left, right) = rest.split_at_checked(middle).unwrap_or((rest, ""));
    format!("{}{}{}", escaped(&first.to_string()), section(left), section(right))
}

impl Desk {
    /// Writes an answer as it is to be written now.
    pub(super) fn write_answer(&self, doc: &Doc) -> String {
        self.answers.write(doc, scatter(self.seed ^ 0x616e_7377_6572, self.next_request))
    }
}

impl Sandbox {
    /// How answers are written.
    #[must_use]
    pub fn answers(&self) -> Answers {
        self.desk().answers.clone()
    }

    /// Changes how answers are written, from the next request on.
    ///
    /// ```
    /// # fn main() -> hongbao::Result<()> {
    /// # let sandbox = hongbao::sandbox::Sandbox::new()?;
    /// sandbox.set_answers(hongbao::sandbox::Answers { element_order: true, ..Default::default() })?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: the state could not be stored.
    pub fn set_answers(&self, answers: Answers) -> Result<()> {
        self.update(|desk| {
            desk.change(Table::State, "answers".to_owned(), Some(&answers));
            desk.answers = answers;
            Ok(())
        })
    }
}
