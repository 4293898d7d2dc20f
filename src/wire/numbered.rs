//! Fields that end in numbers, read as lists.

use std::collections::BTreeMap;

use super::doc::Doc;
use super::facts::Numbered;

/// The document with each numbered family gathered into its list. Everything
/// else stays as it is. Only for reading: signatures are checked before.
pub(crate) fn fold(doc: &Doc, families: &[Numbered]) -> Doc {
    let mut rest = Doc::with_capacity(doc.bytes());
    let mut lists: Vec<Items> = families.iter().map(|_| Items::default()).collect();
    for (name, value) in doc.iter() {
        let taken = families.iter().zip(&mut lists).any(|(family, items)| items.take(family, name, value));
        if !taken && families.iter().all(|family| family.into != name) {
            rest.push(name, value);
        }
    }
    for (family, items) in families.iter().zip(lists) {
        rest.push_list(family.into, "item", items.into_docs(family));
    }
    rest
}

/// By number, so that `coupon_id_10` comes behind `coupon_id_2` and gaps do not
/// matter. The second number is that of an item within an item.
#[derive(Default)]
struct Items(BTreeMap<(u16, u16), (Doc, BTreeMap<u16, Doc>)>);

impl Items {
    fn take(&mut self, family: &Numbered, name: &str, value: &str) -> bool {
        if let Some((field, (first, second))) = split(family.fields, name)
            && (second.is_none() || family.inner.is_none())
        {
            // Older pages number the coupons of a single refund on two levels.
            let (item, _) = self.0.entry((first, second.unwrap_or(0))).or_default();
            return item.push(field, value);
        }
        if let Some(inner) = family.inner
            && let Some((field, (first, Some(second)))) = split(inner.fields, name)
        {
            let (_, items) = self.0.entry((first, 0)).or_default();
            return items.entry(second).or_default().push(field, value);
        }
        false
    }

    fn into_docs(self, family: &Numbered) -> Vec<Doc> {
        let docs = self.0.into_values().filter_map(|(mut doc, items)| {
            let items: Vec<Doc> = items.into_values().filter(says_something).collect();
            if !says_something(&doc) && items.is_empty() {
                return None;
            }
            if let Some(inner) = family.inner {
                doc.push_list(inner.into, "item", items);
            }
            Some(doc)
        });
        docs.collect()
    }
}

/// Empty fields are in no signature, so they alone make no item.
fn says_something(doc: &Doc) -> bool {
    doc.iter().any(|(_, value)| !value.is_empty())
}

/// The field of which this is one, and its numbers.
fn split(fields: &[&'static str], name: &str) -> Option<(&'static str, (u16, Option<u16>))> {
    fields.iter().find_map(|field| Some((*field, numbers(name.strip_prefix(field)?.strip_prefix('_')?)?)))
}

/// `0` or `0_1`.
fn numbers(text: &str) -> Option<(u16, Option<u16>)> {
    let number = |text: &str| {
        let plain = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if plain && (text == "0" || !text.starts_with('0')) { text.parse().ok() } else { None }
    };
    match text.split_once('_') {
        None => Some((number(text)?, None)),
        Some((first, second)) => Some((number(first)?, Some(number(second)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUPONS: Numbered = Numbered::list("coupons", &["coupon_id", "coupon_fee"]);
    const INNER: Numbered = Numbered::list("coupons", &["coupon_refund_id", "coupon_refund_fee"]);
    const REFUNDS: Numbered = Numbered::list("refunds", &["refund_id", "coupon_refund_fee"]).with(&INNER);

    #[test]
    fn one_level_in_the_order_of_numbers() {
        let doc: Doc = [
            ("coupon_id_10", "k"),
            ("coupon_fee", "3"),
            ("coupon_id_2", "b"),
            ("coupon_fee_10", "1"),
            ("coupon_id_x", "?"),
            ("coupon_id_01", "?"),
            ("coupons", "?"),
        ]
        .into_iter()
        .collect();
        let folded = fold(&doc, &[COUPONS]);
        let left: Vec<_> = folded.iter().collect();
        assert_eq!(left, [("coupon_fee", "3"), ("coupon_id_x", "?"), ("coupon_id_01", "?")]);
        let [first, second] = folded.list("coupons") else { panic!("{folded:?}") };
        assert_eq!(first.iter().collect::<Vec<_>>(), [("coupon_id", "b")]);
        assert_eq!(second.iter().collect::<Vec<_>>(), [("coupon_id", "k"), ("coupon_fee", "1")]);
    }

    #[test]
    fn two_levels_and_the_name_that_is_on_both() {
        let doc: Doc = [
            ("coupon_refund_fee_0_1", "2"),
            ("coupon_refund_fee_0", "3"),
            ("coupon_refund_fee_0_0", "1"),
            ("refund_id_1", "r1"),
            ("refund_id_0", "r0"),
        ]
        .into_iter()
        .collect();
        let folded = fold(&doc, &[REFUNDS]);
        let [first, second] = folded.list("refunds") else { panic!("{folded:?}") };
        assert_eq!(first.iter().collect::<Vec<_>>(), [("coupon_refund_fee", "3"), ("refund_id", "r0")]);
        let fees: Vec<_> = first.list("coupons").iter().map(|coupon| coupon.get("coupon_refund_fee")).collect();
        assert_eq!(fees, [Some("1"), Some("2")]);
        assert_eq!((second.get("refund_id"), second.list("coupons").len()), (Some("r1"), 0));
    }

    #[test]
    fn empty_fields_make_no_item() {
        let doc: Doc = [
            ("coupon_refund_id_1_0", ""),
            ("refund_id_1", ""),
            ("refund_id_2", ""),
            ("coupon_refund_id_2_1", "c"),
            ("refund_id_0", "r0"),
            ("coupon_refund_fee_0", ""),
            ("coupon_refund_fee_0_3", ""),
        ]
        .into_iter()
        .collect();
        let folded = fold(&doc, &[REFUNDS]);
        let [first, second] = folded.list("refunds") else { panic!("{folded:?}") };
        assert_eq!(first.iter().collect::<Vec<_>>(), [("refund_id", "r0"), ("coupon_refund_fee", "")]);
        assert_eq!((first.list("coupons").len(), second.list("coupons").len()), (0, 1));
    }

    #[test]
    fn coupons_of_older_pages() {
        let doc: Doc = [("coupon_id_0_1", "b"), ("coupon_id_0_0", "a")].into_iter().collect();
        let folded = fold(&doc, &[COUPONS]);
        let ids: Vec<_> = folded.list("coupons").iter().map(|coupon| coupon.get("coupon_id")).collect();
        assert_eq!(ids, [Some("a"), Some("b")]);
    }
}
