//! Reads the crate's own source, as far as rules about it need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A source file, named by its path below `src`.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) lines: usize,
    pub(crate) tokens: Vec<String>,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), lines: text.lines().count(), tokens: tokens(text) }
    }

    /// `["wire", "xml"]` for `wire/xml.rs`, `["wire"]` for `wire/mod.rs`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        path.trim_end_matches("/mod").split('/').collect()
    }

    pub(crate) fn has(&self, sequence: &[&str]) -> bool {
        self.tokens.windows(sequence.len()).any(|window| window == sequence)
    }

    /// The names that `crate::` is followed by, and those that enough `super::`
    /// lead to.
    pub(crate) fn names_from_the_root(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        let mut at = 0;
        let mut braces = 0_usize;
        // The brace depths at which inline modules began.
        let mut inline: Vec<usize> = vec![];
        while let Some(token) = self.tokens.get(at) {
            at += 1;
            match token.as_str() {
                "{" => {
                    if at >= 3 && self.tokens[at - 3] == "mod" {
                        inline.push(braces);
                    }
                    braces += 1;
                }
                "}" => {
                    braces = braces.saturating_sub(1);
                    if inline.last() == Some(&braces) {
                        inline.pop();
                    }
                }
                "crate" if self.is(at, "::") => self.collect(at + 1, &mut names),
                "super" => {
                    let mut supers = 1;
                    while self.is(at, "::") && self.is(at + 1, "super") {
                        supers += 1;
                        at += 2;
                    }
                    if supers == self.module().len() + inline.len() && self.is(at, "::") {
                        self.collect(at + 1, &mut names);
                    }
                }
                _ => {}
            }
        }
        names
    }

    fn is(&self, at: usize, token: &str) -> bool {
        self.tokens.get(at).is_some_and(|found| found == token)
    }

    /// `a` of `a::b`, `a` and `c` of `{a::{b, x}, c}`.
    fn collect<'a>(&'a self, at: usize, names: &mut BTreeSet<&'a str>) {
        let Some(first) = self.tokens.get(at) else { return };
        if first != "{" {
            names.insert(first);
            return;
        }
        let (mut depth, mut fresh) = (1, true);
        for token in &self.tokens[at + 1..] {
            match token.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," if depth == 1 => fresh = true,
                name if depth == 1 && fresh => {
                    names.insert(name);
                    fresh = false;
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The types of `impl Request for T`, tests of the file left out.
    pub(crate) fn requests(&self) -> Vec<&str> {
        let tests = ["#", "[", "cfg", "(", "test", ")", "]"];
        let end = self.tokens.windows(tests.len()).position(|window| window == tests).unwrap_or(self.tokens.len());
        let sequence = self.tokens[..end].windows(4);
        sequence.filter(|w| w[0] == "impl" && w[1] == "Request" && w[2] == "for").map(|w| &*w[3]).collect()
    }
}

/// All files below a folder, without the program, which is a crate of its own.
pub(crate) fn files(src: &Path) -> Vec<File> {
    let mut found = vec![];
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(src).unwrap().to_str().unwrap().replace('\\', "/");
            if path.is_dir() && name != "bin" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                found.push(File::new(&name, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// What `lib.rs` says: `Fen` lives in `money`.
pub(crate) fn exports(lib: &File) -> BTreeMap<&str, &str> {
    let mut exports = BTreeMap::new();
    for at in 0..lib.tokens.len() {
        if lib.tokens[at] == "use" && lib.is(at + 2, "::") {
            let mut names = BTreeSet::new();
            lib.collect(at + 3, &mut names);
            exports.extend(names.into_iter().map(|name| (name, &*lib.tokens[at + 1])));
        }
    }
    exports
}

/// Identifiers, `::` and single signs; comments and the insides of literals
/// are not among them.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = vec![];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = literal(rest) {
            tokens.push("\"\"".to_owned());
            length
        } else {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = if word > 0 {
                word
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push(rest[..length].to_owned());
            length
        };
        rest = &rest[length..];
    }
    tokens
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest.chars().next().map_or(0, char::len_utf8);
        }
        if depth == 0 || at >= text.len() {
            return at;
        }
    }
}

/// The length of the text or character literal at the beginning, if one is there.
fn literal(text: &str) -> Option<usize> {
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    let body = &text[prefix..];
    if prefix <= 2 && text[..prefix].contains('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        if body[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = prefix + hashes + 1;
            return Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()));
        }
    }
    if prefix <= 1 && body.starts_with('"') {
        return Some(prefix + quoted(body, '"'));
    }
    if prefix <= 1 && body.starts_with('\'') {
        let mut inside = body[1..].chars();
        let first = inside.next()?;
        // Everything else that begins so is a lifetime.
        if first == '\\' || inside.next() == Some('\'') {
            return Some(prefix + quoted(body, '\''));
        }
    }
    None
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + c.len_utf8();
        }
        escaped = !escaped && c == '\\';
    }
    text.len()
}

#[test]
fn comments_and_literals_are_no_source() {
    let text = r####"
        // reqwest::Client
        /* rustls /* nested */ redb */
        /// `crate::client`
        let a = "hmac \" md5"; let b = r#"sha2 " sha2"#; let c = b"jiff"; let d = br"x";
        let e = '"'; let f = '\''; let g: &'a str = b'"'; fn h<'r>() { brr::x(r) }
    "####;
    let found = tokens(text).join(" ");
    assert_eq!(
        found,
        r#"let a = "" ; let b = "" ; let c = "" ; let d = "" ; let e = "" ; let f = "" ; let g : & ' a str = "" ; fn h < ' r > ( ) { brr :: x ( r ) }"#
    );
}

#[test]
fn names_are_found_however_they_are_written() {
    let file = File::new(
        "wire/doc.rs",
        "use crate::a; use crate::{b::{x, y}, c, d::e}; fn f() { crate::g::h(); super::super::i(); super::j(); }
         use crate :: k as l; pub(crate) use crate::m::*; mod tests { use super::{t, super::u}; fn f() {} use super::super::super::{n, o::p}; }
         pub(in crate::q) fn r() {} use super::super::s;",
    );
    let names: Vec<&str> = file.names_from_the_root().into_iter().collect();
    assert_eq!(names, ["a", "b", "c", "d", "g", "i", "k", "m", "n", "o", "q", "s"]);
    let top = File::new("money.rs", "use super::client; use super::{error::Error, ids};");
    assert_eq!(top.names_from_the_root().into_iter().collect::<Vec<_>>(), ["client", "error", "ids"]);
    let lib = File::new("lib.rs", "pub use money::Fen; pub use client::{Client, Builder}; mod x;");
    assert_eq!(
        exports(&lib).into_iter().collect::<Vec<_>>(),
        [("Builder", "client"), ("Client", "client"), ("Fen", "money")]
    );
}
