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
        prop_assert_eq!(read_events(&write(&doc), "xml"), Ok(doc.clone()));
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
        if let Some(doc) = read_plain(&text, "xml") {
            prop_assert_eq!(read_events(&text, "xml"), Ok(doc));
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
            prop_assert_eq!(read.is_ok(), read_events(&text, "xml").is_ok());
        }
    }
}
