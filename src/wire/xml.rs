//! XML without any DTD code, in and out.
//!
//! The reader accepts what the gateway and foreign clients send and nothing
//! that XML could do besides: no DOCTYPE, no processing instruction, no
//! attribute, no entity but the five predefined ones and character references,
//! no second element of a name, and limits on size, count and depth.

use std::borrow::Cow;
use std::fmt;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use super::doc::{Doc, Node};

const MAX_BYTES: usize = 64 * 1024;
const MAX_FIELDS: usize = 500;

/// Reads a message with root `<xml>`.
///
/// # Errors
/// [`XmlError`] says what is not accepted and where.
pub fn read(bytes: &[u8]) -> Result<Doc, XmlError> {
    read_below(bytes, "xml")
}

/// Reads a message with another root.
pub(crate) fn read_below(bytes: &[u8], root: &'static str) -> Result<Doc, XmlError> {
    let fail = |at: usize, problem: &str| XmlError { at, problem: problem.to_owned() };
    if bytes.len() > MAX_BYTES {
        return Err(fail(MAX_BYTES, "longer than 64 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| fail(error.valid_up_to(), "not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = &*characters(text)?;
    match read_plain(text, root) {
        Some(doc) => Ok(doc),
        None => read_events(text, root),
    }
}

/// The one shape that nearly all messages have: fields below the root, each a
/// bare text or one CDATA section. Three times as quick as the event reader,
/// which gets everything else, all faults included; where this one answers,
/// both answer alike, and a test holds them to it.
fn read_plain(text: &str, root: &str) -> Option<Doc> {
    let mut doc = Doc::with_capacity(text.len());
    let mut rest = opened(text, root)?.trim_ascii_start();
    let end = loop {
        if let Some(end) = closed(rest, root) {
            break end;
        }
        let (name, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (value, after) = match after.strip_prefix("<![CDATA[") {
            Some(section) => {
                let (value, after) = section.split_at(section.find(']')?);
                (value, after.strip_prefix("]]>")?)
            }
            None => after.split_at(after.find(['<', '&', ']'])?),
        };
        rest = after.strip_prefix("</")?.strip_prefix(name)?.strip_prefix('>')?.trim_ascii_start();
        let new = doc.len() < MAX_FIELDS && check_name(name).is_ok() && doc.push(name, value);
        new.then_some(())?;
    };
    blank(end).then_some(doc)
}

fn opened<'a>(text: &'a str, root: &str) -> Option<&'a str> {
    text.strip_prefix('<')?.strip_prefix(root)?.strip_prefix('>')
}

fn closed<'a>(text: &'a str, root: &str) -> Option<&'a str> {
    text.strip_prefix("</")?.strip_prefix(root)?.strip_prefix('>')
}

fn read_events(text: &str, root: &'static str) -> Result<Doc, XmlError> {
    let fail = |at: usize, problem: &str| XmlError { at, problem: problem.to_owned() };
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    let mut parser = Parser { root, doc: Doc::with_capacity(text.len() / 2), ..Parser::default() };
    loop {
        // Layout between elements is not worth an event.
        reader.config_mut().trim_text_start = !parser.in_value();
        let event = reader.read_event().map_err(|error| XmlError {
            at: at(reader.error_position()),
            problem: format!("not well-formed: {error}"),
        })?;
        if matches!(event, Event::Eof) {
            break;
        }
        parser.event(event).map_err(|problem| XmlError { at: at(reader.buffer_position()), problem })?;
    }
    if parser.stage != Stage::After {
        return Err(fail(text.len(), "the document ends too early"));
    }
    Ok(parser.doc)
}

/// Writes a message: whole numbers bare, all else in CDATA, one element per line.
#[must_use]
pub fn write(doc: &Doc) -> String {
    let mut out = String::with_capacity(doc.bytes() + 40 * doc.len() + 16);
    out.push_str("<xml>\n");
    write_fields(doc, &mut out);
    out.push_str("</xml>");
    out
}

/// Why a text is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError {
    at: usize,
    problem: String,
}

impl XmlError {
    /// The byte at which reading stopped.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.problem, self.at)
    }
}

impl std::error::Error for XmlError {}

/// The text as every XML reader sees it: CR LF and CR are LF. One that kept them
/// would verify signatures that the gateway refuses.
fn characters(text: &str) -> Result<Cow<'_, str>, XmlError> {
    // Without an early end a few vector instructions settle it for nearly all.
    let plain = text.bytes().fold(true, |all, b| all & ((b >= b' ') | (b == b'\n') | (b == b'\t')));
    if plain {
        return Ok(text.into());
    }
    if let Some(at) = text.bytes().position(|b| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) {
        let problem = "a control character, which XML does not allow".to_owned();
        return Err(XmlError { at, problem });
    }
    Ok(text.replace("\r\n", "\n").replace('\r', "\n").into())
}

fn at(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[derive(Default, PartialEq, Clone, Copy)]
enum Stage {
    #[default]
    Before,
    /// Below the root.
    Root,
    /// In a field of the root.
    Field,
    /// In a field that holds elements, between them.
    List,
    /// In an item of a list.
    Item,
    /// In a field of an item.
    ItemField,
    After,
}

#[derive(Default)]
struct Parser {
    root: &'static str,
    stage: Stage,
    doc: Doc,
    declared: bool,
    fields: usize,
    /// Whether the open value has a CDATA section.
    cdata: bool,
    item_name: String,
    item: Doc,
    items: Vec<Doc>,
}

impl Parser {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(start) => self.start(&start),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text),
            Event::CData(data) => self.cdata(&data),
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => {
                        let mut buffer = [0; 4];
                        return self.reference(character.encode_utf8(&mut buffer));
                    }
                    None => resolve_xml_entity(&reference),
                };
                match resolved {
                    Some(text) => self.reference(text),
                    None => Err("an entity that XML does not predefine".to_owned()),
                }
            }
            Event::Decl(declaration) => {
                if self.stage != Stage::Before || self.declared {
                    return Err("an XML declaration inside the document".to_owned());
                }
                self.declared = true;
                match declaration.encoding() {
                    Some(Ok(encoding)) if !encoding.eq_ignore_ascii_case("utf-8") => {
                        Err("an encoding other than UTF-8".to_owned())
                    }
                    _ => Ok(()),
                }
            }
            Event::Comment(_) => Ok(()),
            Event::DocType(_) => Err("a DOCTYPE, which is never accepted".to_owned()),
            Event::PI(_) => Err("a processing instruction".to_owned()),
            Event::Empty(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if start.attributes_raw().bytes().any(|b| !b.is_ascii_whitespace()) {
            return Err("an attribute".to_owned());
        }
        let name = start.name();
        let name: &str = name.as_ref();
        if self.stage != Stage::Before {
            self.fields += 1;
            if self.fields > MAX_FIELDS {
                return Err(format!("more than {MAX_FIELDS} elements"));
            }
            check_name(name)?;
        }
        match self.stage {
            Stage::Before if name == self.root => self.stage = Stage::Root,
            Stage::Before => return Err(format!("the root element is not <{}>", self.root)),
            Stage::Root => {
                if self.doc.has(name) {
                    return Err(format!("a second element <{name}>"));
                }
                self.doc.start(name);
                self.cdata = false;
                self.stage = Stage::Field;
            }
            Stage::Field => {
                let (outer, text) = self.doc.last();
                if self.cdata || !blank(text) {
                    return Err(format!("text and elements mixed in <{outer}>"));
                }
                self.doc.clear_last();
                self.item_name.clear();
                self.item_name.push_str(name);
                self.stage = Stage::Item;
            }
            Stage::List if name == self.item_name => self.stage = Stage::Item,
            Stage::List => return Err(format!("different elements in the list <{}>", self.doc.last().0)),
            Stage::Item => {
                if self.item.has(name) {
                    return Err(format!("a second element <{name}> in one <{}>", self.item_name));
                }
                self.item.start(name);
                self.cdata = false;
                self.stage = Stage::ItemField;
            }
            Stage::ItemField => return Err("elements nested too deeply".to_owned()),
            Stage::After => return Err("a second root element".to_owned()),
        }
        Ok(())
    }

    /// The reader has checked that the name fits the open element.
    fn end(&mut self) -> Result<(), String> {
        self.stage = match self.stage {
            Stage::Root => Stage::After,
            Stage::Field => Stage::Root,
            Stage::List => {
                self.doc.last_becomes_list(&self.item_name, std::mem::take(&mut self.items));
                Stage::Root
            }
            Stage::Item => {
                self.items.push(std::mem::take(&mut self.item));
                Stage::List
            }
            Stage::ItemField => Stage::Item,
            Stage::Before | Stage::After => return Err("an end without a beginning".to_owned()),
        };
        Ok(())
    }

    fn in_value(&self) -> bool {
        matches!(self.stage, Stage::Field | Stage::ItemField)
    }

    /// The document whose last field is open.
    fn value(&mut self) -> Result<&mut Doc, String> {
        match self.stage {
            Stage::Field => Ok(&mut self.doc),
            Stage::ItemField => Ok(&mut self.item),
            _ => Err("text outside the elements".to_owned()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        // Where a sender put the end of a section into a section.
        if self.in_value() && text.contains("]]>") {
            return Err("]]> outside a CDATA section".to_owned());
        }
        // Blanks around a CDATA section are layout, without one they are text.
        if blank(text) && (self.cdata || !self.in_value()) {
            return Ok(());
        }
        self.value()?.append(text);
        Ok(())
    }

    fn cdata(&mut self, text: &str) -> Result<(), String> {
        let first = !self.cdata;
        let doc = self.value()?;
        if first && blank(doc.last().1) {
            doc.clear_last();
        }
        doc.append(text);
        self.cdata = true;
        Ok(())
    }

    fn reference(&mut self, text: &str) -> Result<(), String> {
        self.value()?.append(text);
        Ok(())
    }
}

fn blank(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_whitespace())
}

/// Names that can stand in the string to sign without being mistaken.
fn check_name(name: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$');
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(format!("the element name {name:?}"))
    }
}

fn write_fields(doc: &Doc, out: &mut String) {
    for Node { name, text, list } in doc.nodes() {
        out.push('<');
        out.push_str(name);
        match list {
            Some((item, docs)) => {
                out.push_str(">\n");
                for doc in docs {
                    out.extend(["<", item, ">\n"]);
                    write_fields(doc, out);
                    out.extend(["</", item, ">\n"]);
                }
                out.push_str("</");
            }
            None if is_integer(text) => {
                out.push('>');
                out.push_str(text);
                out.push_str("</");
            }
            None => {
                out.push_str("><![CDATA[");
                out.push_str(&in_cdata(text));
                out.push_str("]]></");
            }
        }
        out.push_str(name);
        out.push_str(">\n");
    }
}

fn is_integer(text: &str) -> bool {
    (1..10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// The one sequence that cannot stand in a section is split between two.
/// There is hardly ever a bracket, and looking for one takes a few vector
/// instructions.
fn in_cdata(text: &str) -> Cow<'_, str> {
    let bracket = text.bytes().fold(false, |any, b| any | (b == b']'));
    if bracket { text.replace("]]>", "]]]]><![CDATA[>").into() } else { text.into() }
}

#[cfg(test)]
mod tests;
