//! Lists, in pages and by what was asked for. A long list is gone through in
//! strides, between which others get their turn.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Asked;
use crate::sandbox::desk::Desk;
use crate::sandbox::packed::PacketView;
use crate::sandbox::{
    Account, NoticeRecord, OrderRecord, PacketRecord, Posting, RefundRecord, RequestRecord, Sandbox, User,
};

/// What a list may be asked for. Which of it a list takes says its row of the
/// table; the rest is refused before it comes here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    offset: usize,
    limit: Option<usize>,
    newest: bool,
    mch_id: Option<String>,
    openid: Option<String>,
    status: Option<String>,
    trade_state: Option<String>,
    kind: Option<String>,
    delivered: Option<bool>,
    refused: Option<bool>,
    path: Option<String>,
    code: Option<String>,
    before: Option<u64>,
    account: Option<String>,
    number: Option<String>,
    search: Option<String>,
}

/// The longest page.
pub(super) const LONGEST: usize = 1000;
const USUAL: usize = 100;

/// So many records are looked at under one lock.
const STRIDE: usize = 10_000;

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// A page of a list, and how many fit in all.
pub(super) struct Part<T> {
    items: Vec<T>,
    total: usize,
}

impl<T: Serialize> IntoResponse for Part<T> {
    fn into_response(self) -> Response {
        ([(TOTAL, self.total.to_string())], Json(self.items)).into_response()
    }
}

impl Wanted {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL).min(LONGEST)
    }

    fn is_everything(filters: &[bool]) -> bool {
        !filters.iter().any(|set| *set)
    }

    fn is(wanted: Option<&String>, found: &str) -> bool {
        wanted.is_none_or(|wanted| wanted == found)
    }

    fn is_among(wanted: Option<&String>, found: Option<&str>) -> bool {
        wanted.is_none_or(|wanted| Some(wanted.as_str()) == found)
    }

    /// Whether one of the texts has what is searched for, in any case of letters.
    fn hits(&self, texts: &[&str]) -> bool {
        let Some(search) = &self.search else { return true };
        if search.is_empty() {
            return true;
        }
        // Without a copy of each text, of which there may be millions.
        if search.is_ascii() && texts.iter().all(|text| text.is_ascii()) {
            let is_it = |part: &[u8]| part.eq_ignore_ascii_case(search.as_bytes());
            return texts.iter().any(|text| text.as_bytes().windows(search.len()).any(is_it));
        }
        let search = search.to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&search))
    }
}

impl Sandbox {
    /// A page of what lies at positions 0 to `length`; `pick` clones what fits.
    fn part<T>(
        &self,
        wanted: &Wanted,
        everything: bool,
        length: impl Fn(&Desk) -> usize,
        pick: impl Fn(&Desk, usize) -> Option<T>,
    ) -> Part<T> {
        let length = {
            let mut desk = self.desk();
            desk.settle();
            length(&desk)
        };
        let position = |n: usize| if wanted.newest { length - 1 - n } else { n };
        let limit = wanted.limit();
        if everything {
            let desk = self.desk();
            let end = wanted.offset.saturating_add(limit).min(length);
            let items = (wanted.offset.min(end)..end).filter_map(|n| pick(&desk, position(n))).collect();
            return Part { items, total: length };
        }
        let (mut items, mut total, mut from) = (Vec::new(), 0, 0);
        while from < length {
            let to = from.saturating_add(STRIDE).min(length);
            let desk = self.desk();
            for item in (from..to).filter_map(|n| pick(&desk, position(n))) {
                if total >= wanted.offset && items.len() < limit {
                    items.push(item);
                }
                total += 1;
            }
            from = to;
        }
        Part { items, total }
    }
}

pub(super) async fn packets(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Part<PacketRecord> {
    let Wanted { mch_id, openid, status, search, .. } = &wanted;
    let everything = Wanted::is_everything(&[mch_id.is_some(), openid.is_some(), status.is_some(), search.is_some()]);
    let fits = |packet: &PacketView<'_>| {
        let names = [packet.mch_billno, packet.re_openid, packet.send_name, packet.wishing, packet.act_name];
        Wanted::is(mch_id.as_ref(), packet.mch_id)
            && Wanted::is(openid.as_ref(), packet.re_openid)
            && Wanted::is(status.as_ref(), packet.status.as_str())
            && wanted.hits(&names)
    };
    sandbox.part(
        &wanted,
        everything,
        |desk| desk.packets.len(),
        |desk, n| desk.packets.nth(n).filter(fits).map(|packet| packet.to_record()),
    )
}

pub(super) async fn orders(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Part<OrderRecord> {
    let Wanted { mch_id, openid, trade_state, search, .. } = &wanted;
    let everything =
        Wanted::is_everything(&[mch_id.is_some(), openid.is_some(), trade_state.is_some(), search.is_some()]);
    let fits = |order: &OrderRecord| {
        let transaction_id = order.transaction_id.as_deref().unwrap_or_default();
        let names = [&*order.out_trade_no, &*order.body, transaction_id, &*order.prepay_id];
        Wanted::is(mch_id.as_ref(), &order.mch_id)
            && Wanted::is_among(openid.as_ref(), order.openid.as_deref())
            && Wanted::is(trade_state.as_ref(), order.trade_state.as_str())
            && wanted.hits(&names)
    };
    sandbox.part(
        &wanted,
        everything,
        |desk| desk.trades.order_list.len(),
        |desk, n| desk.trades.order(desk.trades.order_list.get(n)?).filter(|order| fits(order)).cloned(),
    )
}

pub(super) async fn refunds(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Part<RefundRecord> {
    let Wanted { mch_id, status, search, .. } = &wanted;
    let everything = Wanted::is_everything(&[mch_id.is_some(), status.is_some(), search.is_some()]);
    let fits = |refund: &RefundRecord| {
        Wanted::is(mch_id.as_ref(), &refund.mch_id)
            && Wanted::is(status.as_ref(), refund.status.as_str())
            && wanted.hits(&[&refund.out_refund_no, &refund.out_trade_no, &refund.refund_id])
    };
    sandbox.part(
        &wanted,
        everything,
        |desk| desk.trades.refund_list.len(),
        |desk, n| desk.trades.refund(desk.trades.refund_list.get(n)?).filter(|refund| fits(refund)).cloned(),
    )
}

pub(super) async fn notices(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Part<NoticeRecord> {
    let Wanted { mch_id, kind, delivered, search, .. } = &wanted;
    let everything = Wanted::is_everything(&[mch_id.is_some(), kind.is_some(), delivered.is_some(), search.is_some()]);
    let fits = |notice: &NoticeRecord| {
        Wanted::is(mch_id.as_ref(), &notice.mch_id)
            && Wanted::is(kind.as_ref(), notice.kind.name())
            && delivered.is_none_or(|delivered| delivered == notice.delivered)
            && wanted.hits(&[&notice.number, &notice.url, &notice.body])
    };
    // Their numbers have no gaps and begin with one.
    sandbox.part(
        &wanted,
        everything,
        |desk| desk.notices.all.len(),
        |desk, n| {
            let id = u64::try_from(n).unwrap_or(u64::MAX).saturating_add(1);
            desk.notices.all.get(&id).filter(|notice| fits(notice)).cloned()
        },
    )
}

/// The last requests, newest first whatever is asked.
pub(super) async fn requests(State(sandbox): State<Sandbox>, Asked(mut wanted): Asked<Wanted>) -> Part<RequestRecord> {
    wanted.newest = true;
    let Wanted { mch_id, path, code, before, refused, search, .. } = &wanted;
    let everything = Wanted::is_everything(&[
        mch_id.is_some(),
        path.is_some(),
        code.is_some(),
        before.is_some(),
        refused.is_some(),
        search.is_some(),
    ]);
    let fits = |request: &RequestRecord| {
        let is_refused = request.code.is_some() || request.note.is_some() || request.status != Some(200);
        Wanted::is_among(mch_id.as_ref(), request.mch_id.as_deref())
            && path.as_ref().is_none_or(|path| request.path.contains(path.as_str()))
            && Wanted::is_among(code.as_ref(), request.code.as_deref())
            && before.is_none_or(|before| request.id < before)
            && refused.is_none_or(|refused| refused == is_refused)
            && wanted.hits(&[&request.request, &request.answer, request.note.as_deref().unwrap_or_default()])
    };
    sandbox.part(
        &wanted,
        everything,
        |desk| desk.requests.len(),
        |desk, n| desk.requests.get(n).filter(|request| fits(request)).cloned(),
    )
}

pub(super) async fn postings(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Part<Posting> {
    let Wanted { account, number, .. } = &wanted;
    let everything = Wanted::is_everything(&[account.is_some(), number.is_some()]);
    let fits = |posting: &Posting| {
        let of = |wanted: &String| posting.from.owner() == wanted || posting.to.owner() == wanted;
        account.as_ref().is_none_or(of) && Wanted::is_among(number.as_ref(), posting.number.as_deref())
    };
    sandbox.part(
        &wanted,
        everything,
        |desk| desk.postings.len(),
        |desk, n| desk.postings.nth(n)?.to_posting().filter(fits),
    )
}

pub(super) async fn accounts(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Part<Value> {
    let desk = sandbox.desk();
    let fitting = || desk.books.balances().filter(|(account, _)| wanted.hits(&[&account.to_string()]));
    let page = fitting().skip(wanted.offset).take(wanted.limit());
    let items = page.map(|(account, balance)| json!({ "account": account, "balance": balance })).collect();
    Part { items, total: fitting().count() }
}

/// Users: first those to whom something happened last, then the others in the
/// order of their openids.
pub(super) async fn users(State(sandbox): State<Sandbox>, Asked(wanted): Asked<Wanted>) -> Part<Value> {
    let desk = sandbox.desk();
    let fits = |openid: &str, user: &User| {
        Wanted::is_among(wanted.mch_id.as_ref(), desk.entity_of_app(&user.app_id)) && wanted.hits(&[openid])
    };
    let recent = &desk.phones.recent;
    let known = recent.iter().filter_map(|openid| desk.users.get_key_value(openid));
    let known: Vec<_> = known.filter(|(openid, user)| fits(openid, user)).collect();
    let others = || desk.users.iter().filter(|(openid, user)| !recent.contains(openid) && fits(openid, user));
    let everything = Wanted::is_everything(&[wanted.mch_id.is_some(), wanted.search.is_some()]);
    // Those whom nobody counts need not be gone through to their end.
    let total = if everything { desk.users.len() } else { known.len() + others().count() };
    let page = known.into_iter().chain(others()).skip(wanted.offset).take(wanted.limit());
    Part { items: page.map(|(openid, user)| user_view(&desk, openid, user)).collect(), total }
}

/// A user as lists and the user's own path show it.
pub(super) fn user_view(desk: &Desk, openid: &str, user: &User) -> Value {
    let balance = desk.books.balance(&Account::User(openid.to_owned()));
    let (unopened, last_activity) = desk.glance(openid);
    let mch_id = desk.entity_of_app(&user.app_id).unwrap_or_default();
    json!({
        "openid": openid, "app_id": user.app_id, "mch_id": mch_id, "balance": balance,
        "risk_blocked": user.risk_blocked, "asks_password": user.asks_password,
        "opens": user.opens, "real_name": user.real_name, "unopened": unopened, "last_activity": last_activity,
    })
}
