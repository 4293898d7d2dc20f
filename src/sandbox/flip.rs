//! A notification with one bit flipped, which nobody must believe.

use crate::wire::read_xml;

const SECTION: &str = "<![CDATA[";

/// The body with the lowest bit of one byte flipped, another one each time: in a
/// value that the signature covers, or in what is encrypted, so that who checks
/// must notice.
pub(super) fn flipped(body: &str, attempt: usize) -> String {
    let mut bytes = body.as_bytes().to_vec();
    let places = flippable(body);
    if let Some(place) = attempt.checked_rem(places.len()).and_then(|at| places.get(at))
        && let Some(byte) = bytes.get_mut(*place)
    {
        *byte ^= 1;
    }
    // The places hold ASCII alone, and stay so.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Where a digit or a letter becomes another one with one bit.
fn flippable(body: &str) -> Vec<usize> {
    let stays = |b: u8| b.is_ascii_alphanumeric() && (b ^ 1).is_ascii_alphanumeric();
    let mut places = Vec::new();
    let Ok(doc) = read_xml(body.as_bytes()) else { return places };
    for (name, value) in doc.iter() {
        // Not what every answer begins with, which says nothing of money, nor the
        // signature; of an encrypted part the first block, whose markup breaks.
        let most = match name {
            "return_code" | "return_msg" | "result_code" | "sign" | "sign_type" => continue,
            "req_info" => 16,
            _ if doc.has("req_info") => continue,
            _ => value.len(),
        };
        let tag = format!("<{name}>");
        let Some(start) = body.find(&tag).map(|at| at + tag.len()) else { continue };
        let Some(rest) = body.get(start..) else { continue };
        let section = if rest.starts_with(SECTION) { SECTION.len() } else { 0 };
        if !rest.get(section..).is_some_and(|rest| rest.starts_with(value)) {
            continue;
        }
        let within = value.bytes().enumerate().take(most).filter(|(_, byte)| stays(*byte));
        places.extend(within.map(|(at, _)| start + section + at));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flip_is_one_bit_of_what_is_protected() {
        let paid = "<xml><return_code>SUCCESS</return_code><mch_id><![CDATA[1900000101]]></mch_id>\
            <total_fee>888</total_fee><attach><![CDATA[早安]]></attach><sign>AB12</sign></xml>";
        let refunded = "<xml><return_code>SUCCESS</return_code><mch_id>19</mch_id><req_info>T87GAHG17TGAHG1TGHAHAHA1Y1C</req_info></xml>";
        for (body, protected) in [(paid, 10 + 3), (refunded, 16)] {
            let places = flippable(body);
            assert!(!places.is_empty() && places.len() <= protected, "{places:?}");
            for attempt in 0..30 {
                let flipped = flipped(body, attempt);
                let pairs = body.bytes().zip(flipped.bytes()).enumerate();
                let changed: Vec<_> = pairs.filter(|(_, (a, b))| a != b).collect();
                assert!(matches!(&*changed, [(_, (a, b))] if a ^ b == 1), "{changed:?}");
                let (before, after) = (read_xml(body.as_bytes()).unwrap(), read_xml(flipped.as_bytes()).unwrap());
                assert_eq!(before.get("sign"), after.get("sign"));
                assert_eq!(before.get("return_code"), after.get("return_code"));
            }
        }
        assert_eq!(flipped("no XML", 3), "no XML");
    }
}
