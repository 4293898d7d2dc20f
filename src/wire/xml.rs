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
    let fail = |at: usize, problem: &str| XmlError { at, problem: problem.to_owned() };
    if bytes.len() > MAX_BYTES {
        return Err(fail(MAX_BYTES, "longer than 64 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| fail(error.valid_up_to(), "not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = &*line_ends(text);
    if let Some(at) = text.bytes().position(|b| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) {
        return Err(fail(at, "a control character, which XML does not allow"));
    }
    match read_plain(text) {
        Some(doc) => Ok(doc),
        None => read_events(text),
    }
}

/// The one shape that nearly all messages have: fields below the root, each a
/// bare text or one CDATA section. Three times as quick as the event reader,
/// which gets everything else, all faults included; where this one answers,
/// both answer alike, and a test holds them to it.
fn read_plain(text: &str) -> Option<Doc> {
    let mut doc = Doc::with_capacity(text.len());
    let mut rest = text.strip_prefix("<xml>")?.trim_ascii_start();
    while !rest.starts_with("</xml>") {
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
    }
    blank(rest.strip_prefix("</xml>")?).then_some(doc)
}

fn read_events(text: &str) -> Result<Doc, XmlError> {
    let fail = |at: usize, problem: &str| XmlError { at, problem: problem.to_owned() };
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    let mut parser = Parser { doc: Doc::with_capacity(text.len() / 2), ..Parser::default() };
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

/// Every XML reader turns CR LF and CR into LF before it looks further. One that
/// kept them would verify signatures that the gateway refuses.
fn line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
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
            Stage::Before if name == "xml" => self.stage = Stage::Root,
            Stage::Before => return Err("the root element is not <xml>".to_owned()),
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(xml: &str) -> Vec<(String, String)> {
        let doc = read(xml.as_bytes()).unwrap();
        doc.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn one(xml: &str) -> String {
        fields(xml).remove(0).1
    }

    #[test]
    fn reads_every_legal_way_to_write_a_value() {
        assert_eq!(one("<xml><a>x</a></xml>"), "x");
        assert_eq!(one("<xml><a><![CDATA[x]]></a></xml>"), "x");
        assert_eq!(one("<xml><a> <![CDATA[x]]>\n</a></xml>"), "x");
        assert_eq!(one("<xml><a> x </a></xml>"), " x ");
        assert_eq!(one("<xml><a><![CDATA[ x ]]></a></xml>"), " x ");
        assert_eq!(one("<xml><a>a&lt;&#x4e2d;&#65;&amp;</a></xml>"), "a<中A&");
        assert_eq!(one("<xml><a><![CDATA[1]]]]><![CDATA[>2]]></a></xml>"), "1]]>2");
        assert_eq!(one("<xml><a><![CDATA[x]]>y<![CDATA[z]]></a></xml>"), "xyz");
        assert_eq!(one("<xml><a/></xml>"), "");
        assert_eq!(one("<xml><a></a></xml>"), "");
        assert_eq!(one("<xml><a><![CDATA[]]></a></xml>"), "");
        assert_eq!(one("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><xml ><a >x</a ></xml >\n"), "x");
        assert_eq!(one("<xml><a>x<!-- c -->y</a></xml>"), "xy");
        assert_eq!(one("<xml>\r\n<a>1\r\n<![CDATA[2\r3\r\n\r]]>&#13;</a></xml>"), "1\n2\n3\n\n\r");
        assert!(read(b"<xml></xml>").unwrap().is_empty());
    }

    #[test]
    fn reads_lists() {
        let xml = "<xml><l>\n<i><x>1</x><y>2</y></i>\n<i><x>3</x></i></l><z>4</z></xml>";
        let doc = read(xml.as_bytes()).unwrap();
        assert_eq!(doc.list("l").len(), 2);
        assert_eq!(doc.list("l")[1].get("x"), Some("3"));
        assert_eq!(doc.get("z"), Some("4"));
    }

    #[test]
    fn refuses_what_is_no_message() {
        let many: String = (0..501).map(|n| format!("<f{n}>1</f{n}>")).collect();
        let many = format!("<xml>{many}</xml>");
        let long = format!("<xml><a>{}</a></xml>", "x".repeat(MAX_BYTES));
        for (xml, problem) in [
            ("", "ends too early"),
            ("plain text", "text outside"),
            ("<html><body>502</body></html>", "not <xml>"),
            ("<XML><a>1</a></XML>", "not <xml>"),
            ("<xml><a>1</a>", "ends too early"),
            ("<xml><a>1</b></xml>", "not well-formed"),
            ("<xml><a>1</a></xml><xml/>", "second root"),
            ("<xml><a>1</a></xml>text", "text outside"),
            ("<xml>text<a>1</a></xml>", "text outside"),
            ("<xml><a>1</a><a>2</a></xml>", "second element <a>"),
            ("<xml><a x='1'>1</a></xml>", "attribute"),
            ("<xml xmlns='u'><a>1</a></xml>", "attribute"),
            ("<!DOCTYPE xml><xml><a>1</a></xml>", "DOCTYPE"),
            ("<!DOCTYPE xml [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><a>&e;</a></xml>", "DOCTYPE"),
            ("<xml><a>&e;</a></xml>", "entity"),
            ("<xml><a>&nbsp;</a></xml>", "entity"),
            ("<xml><a>a & b</a></xml>", "not well-formed"),
            ("<xml><a>&#0;</a></xml>", ""),
            ("<xml><a>\u{1}</a></xml>", "control character"),
            ("<xml><a><![CDATA[\0]]></a></xml>", "control character"),
            ("<xml><a><![CDATA[x ]]> y]]></a></xml>", "outside a CDATA section"),
            ("<xml><?php x ?><a>1</a></xml>", "processing instruction"),
            ("<xml><?xml version='1.0'?><a>1</a></xml>", "declaration"),
            ("<?xml version='1.0' encoding='GBK'?><xml><a>1</a></xml>", "UTF-8"),
            ("<xml><a>t<b>1</b></a></xml>", "mixed"),
            ("<xml><a><b><c><d>1</d></c></b></a></xml>", "too deeply"),
            ("<xml><a><b><x>1</x></b><c/></a></xml>", "different elements"),
            ("<xml><a><b><x>1</x><x>2</x></b></a></xml>", "second element <x>"),
            ("<xml><a=b>1</a=b></xml>", ""),
            ("<xml><名>1</名></xml>", "element name"),
            (&many, "more than 500"),
            (&long, "64 KiB"),
        ] {
            let error = read(xml.as_bytes()).expect_err(xml).to_string();
            assert!(error.contains(problem), "{xml}: {error}");
        }
        assert!(read(b"<xml><a>\xff</a></xml>").unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn entity_bombs_do_not_go_off() {
        let mut bomb = String::from("<!DOCTYPE b [<!ENTITY a0 \"ha\">");
        for n in 1..12 {
            bomb.push_str(&format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10)));
        }
        bomb.push_str("]><xml><a>&a11;</a></xml>");
        assert!(read(bomb.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn a_document_survives_the_wire(values in proptest::collection::vec("[^\\x00-\\x08\\x0b-\\x1f\u{fffe}\u{ffff}]{0,40}", 1..12)) {
            let mut doc = Doc::new();
            for (n, value) in values.iter().enumerate() {
                doc.push(&format!("f{n}"), value);
            }
            doc.push_list("list", "item", vec![doc.clone(), Doc::new()]);
            prop_assert_eq!(read_events(&write(&doc)), Ok(doc.clone()));
            prop_assert_eq!(read(write(&doc).as_bytes()), Ok(doc));
        }

        #[test]
        fn both_readers_read_alike(fields in proptest::collection::vec(
            ("[a-z]{1,2}", "<!\\[CDATA\\[|", "[a<&\\]> \n]{0,3}|值?", "\\]\\]>|", "[ \n\t\x0c-]{0,2}"), 0..6),
            end in "</xml>[ \n<a]{0,2}|"
        ) {
            let mut text = String::from("<xml>");
            for (name, open, value, close, layout) in &fields {
                text.push_str(&format!("<{name}>{open}{value}{close}</{name}>{layout}"));
            }
            text.push_str(&end);
            if let Some(doc) = read_plain(&text) {
                prop_assert_eq!(read_events(&text), Ok(doc));
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_markup_makes_the_reader_panic(text in "(<|</|>|/>|xml|a|b|&|;|#|x4e|!\\[CDATA\\[|\\]\\]>|<!--|-->|<\\?| |=|'){0,60}") {
            for text in [text.clone(), format!("<xml>{text}</xml>"), format!("<xml><a>{text}</a></xml>")] {
                let read = read(text.as_bytes());
                prop_assert_eq!(read.is_ok(), read_events(&text).is_ok());
            }
        }
    }
}
