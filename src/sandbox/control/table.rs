//! The operations of the control API: one row each, from which both the router
//! and the description in `/api/openapi.json` are made.

use axum::routing::{MethodRouter, delete, get, post, put};

use super::{events, lists, merchants, notices, openapi, phones, requests, trades, users, world};
use crate::sandbox::Sandbox;

/// One operation.
pub(in crate::sandbox) struct Operation {
    pub(super) method: Method,
    /// Below the API's root, as in `/packets/{mch_id}/{mch_billno}`.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// Its name, where path and method would give it another's.
    pub(super) name: Option<&'static str>,
    /// Names of the query that it takes.
    pub(super) query: &'static [&'static str],
    /// The schema of the body that it takes, if any.
    pub(super) takes: Option<&'static str>,
    pub(super) gives: Gives,
    pub(super) handler: fn() -> MethodRouter<Sandbox>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

/// What an operation answers with.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// An object of this schema.
    One(&'static str),
    /// A list of them.
    Many(&'static str),
    /// A page of a list, with the header `X-Total-Count`.
    Page(&'static str),
    /// Bytes of this media type.
    Bytes(&'static str),
}

use Gives::{Bytes, Many, One, Page};

impl Operation {
    const fn new(
        method: Method,
        path: &'static str,
        gives: Gives,
        summary: &'static str,
        handler: fn() -> MethodRouter<Sandbox>,
    ) -> Self {
        Self { method, path, summary, name: None, query: &[], takes: None, gives, handler }
    }

    const fn get(
        path: &'static str,
        gives: Gives,
        summary: &'static str,
        handler: fn() -> MethodRouter<Sandbox>,
    ) -> Self {
        Self::new(Method::Get, path, gives, summary, handler)
    }

    const fn post(
        path: &'static str,
        gives: Gives,
        summary: &'static str,
        handler: fn() -> MethodRouter<Sandbox>,
    ) -> Self {
        Self::new(Method::Post, path, gives, summary, handler)
    }

    const fn put(
        path: &'static str,
        gives: Gives,
        summary: &'static str,
        handler: fn() -> MethodRouter<Sandbox>,
    ) -> Self {
        Self::new(Method::Put, path, gives, summary, handler)
    }

    const fn delete(
        path: &'static str,
        gives: Gives,
        summary: &'static str,
        handler: fn() -> MethodRouter<Sandbox>,
    ) -> Self {
        Self::new(Method::Delete, path, gives, summary, handler)
    }

    const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    const fn called(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    const fn takes(mut self, schema: &'static str) -> Self {
        self.takes = Some(schema);
        self
    }
}

pub(super) static OPERATIONS: &[Operation] = &[
    Operation::get("/openapi.json", One("Description"), "This description", || get(openapi::description)),
    Operation::get(
        "/overview",
        One("Overview"),
        "What there is, in numbers; the time, the addresses, the books",
        || get(super::overview),
    ),
    Operation::get("/events", Bytes("text/event-stream"), "What changes, as it changes", || get(events::events)),
    Operation::get("/merchants", Many("MerchantRow"), "Merchants with balance and settings", || {
        get(merchants::merchants)
    }),
    Operation::post(
        "/merchants",
        One("Merchant"),
        "Adds a merchant entity with a key, a certificate and files",
        || post(merchants::add),
    )
    .takes("NewMerchant"),
    Operation::get("/merchants/{mch_id}", One("Merchant"), "One merchant: accounts, limits used, certificate", || {
        get(merchants::merchant)
    }),
    Operation::get(
        "/merchants/{mch_id}/files/{name}",
        Bytes("application/octet-stream"),
        "A file that WeChat would hand out, of an entity that was made here",
        || get(merchants::file),
    ),
    Operation::post("/merchants/{mch_id}/top_up", One("Balance"), "Puts money in", || post(merchants::top_up))
        .takes("TopUp"),
    Operation::post(
        "/merchants/{mch_id}/operating",
        One("Balance"),
        "Opens the operating account, or moves money into it",
        || post(merchants::operating),
    )
    .takes("Operating"),
    Operation::get("/merchants/{mch_id}/settings", One("Settings"), "Product settings and limits", || {
        get(merchants::settings)
    }),
    Operation::put("/merchants/{mch_id}/settings", One("Settings"), "Changes the settings that it is given", || {
        put(merchants::put_settings)
    })
    .takes("SettingsChange"),
    Operation::get("/users", Page("User"), "Users, those first to whom something happened last", || get(lists::users))
        .query(&["offset", "limit", "mch_id", "search"]),
    Operation::get("/users/{openid}", One("User"), "A user and the user's money", || get(users::user)),
    Operation::put("/users/{openid}", One("User"), "Says whose openid it is and how the user behaves", || {
        put(users::put_user)
    })
    .takes("UserChange"),
    Operation::post("/users/{openid}/code", One("Code"), "The user shows a payment code, good for a minute", || {
        post(trades::show_code)
    }),
    Operation::get("/phones/{openid}", One("Phone"), "A user's phone: chat, what can be paid, the code shown", || {
        get(phones::phone)
    })
    .query(&["limit"]),
    Operation::get("/packets", Page("Packet"), "Red packets, oldest first", || get(lists::packets))
        .query(&["offset", "limit", "newest", "mch_id", "openid", "status", "search"]),
    Operation::get("/packets/{mch_id}/{mch_billno}", One("Packet"), "One red packet", || get(users::packet)),
    Operation::post(
        "/packets/{mch_id}/{mch_billno}/open",
        One("Opened"),
        "Its receiver opens it, or who is named",
        || post(users::open_packet),
    )
    .takes("OpenPacket"),
    Operation::post(
        "/packets/{mch_id}/{mch_billno}/expire",
        One("Packet"),
        "Its 24 hours are over now, the rest goes back",
        || post(users::expire_packet),
    ),
    Operation::get("/orders", Page("Order"), "Orders, oldest first", || get(lists::orders)).query(&[
        "offset",
        "limit",
        "newest",
        "mch_id",
        "openid",
        "trade_state",
        "search",
    ]),
    Operation::get("/orders/{mch_id}/{out_trade_no}", One("Order"), "One order", || get(trades::order)),
    Operation::post(
        "/orders/{mch_id}/{out_trade_no}/pay",
        One("Order"),
        "A user pays it, or enters the password",
        || post(trades::pay),
    )
    .takes("Payer"),
    Operation::post("/orders/{mch_id}/{out_trade_no}/cancel", One("Order"), "The user turns away", || {
        post(trades::cancel)
    }),
    Operation::post(
        "/orders/{mch_id}/{out_trade_no}/expire",
        One("Order"),
        "It can no longer be paid as it is",
        || post(trades::expire),
    ),
    Operation::post("/scan", One("Order"), "A user scans a QR code", || post(trades::scan)).takes("Scan"),
    Operation::get("/refunds", Page("Refund"), "Refunds, oldest first", || get(lists::refunds))
        .query(&["offset", "limit", "newest", "mch_id", "status", "search"]),
    Operation::get("/refunds/{mch_id}/{out_refund_no}", One("Refund"), "One refund", || get(trades::refund)),
    Operation::post("/refunds/{mch_id}/{out_refund_no}/end", One("Refund"), "Ends a refund now", || {
        post(trades::end_refund)
    })
    .takes("EndRefund"),
    Operation::get("/notices", Page("Notice"), "Notifications with each attempt, oldest first", || get(lists::notices))
        .query(&["offset", "limit", "newest", "mch_id", "kind", "delivered", "search"]),
    Operation::post("/notices/faults", One("Nothing"), "Spoils the next notification", || post(notices::spoil_notice))
        .takes("NoticeFault"),
    Operation::get("/notices/forward", One("Forwarding"), "Where notifications go for the time being", || {
        get(notices::forwarding)
    }),
    Operation::put("/notices/forward", One("Forwarding"), "Posts all notifications there, for a while", || {
        put(notices::forward)
    })
    .takes("Forward"),
    Operation::delete("/notices/forward", One("Forwarding"), "Notifications go to their own addresses again", || {
        delete(notices::stop_forwarding)
    }),
    Operation::get("/notices/{id}", One("Notice"), "One notification", || get(notices::notice)),
    Operation::get("/notices/{id}/body", Bytes("text/xml"), "The bytes that are posted", || get(notices::notice_body)),
    Operation::post("/notices/{id}/resend", One("Notice"), "Posts it once more, now, or so often", || {
        post(notices::resend)
    })
    .takes("Again"),
    Operation::post("/notices/resend", Many("Notice"), "Posts them once more in the order of the list", || {
        post(notices::resend_many)
    })
    .called("post_notices_resend_list")
    .takes("InOrder"),
    Operation::post("/comments", One("Commented"), "A user comments on a payment", || post(trades::comment))
        .takes("Comment"),
    Operation::get("/clock", One("Clock"), "The time here", || get(world::clock)),
    Operation::post("/clock/advance", One("Clock"), "Lets time pass", || post(world::advance)).takes("Advance"),
    Operation::get("/clock/forecast", One("Forecast"), "What time will bring, if nobody acts meanwhile", || {
        get(world::forecast)
    })
    .query(&["seconds"]),
    Operation::get("/faults", Many("FaultRule"), "Failures on demand that are in force", || get(world::faults)),
    Operation::post("/faults", Many("FaultRule"), "Sets one", || post(world::add_fault)).takes("FaultRule"),
    Operation::delete("/faults", Many("FaultRule"), "Removes all", || delete(world::clear_faults)),
    Operation::delete("/faults/{position}", Many("FaultRule"), "Removes one, which the body must name", || {
        delete(world::remove_fault)
    })
    .takes("FaultRule"),
    Operation::get("/answers", One("Answers"), "How answers are written", || get(requests::answers)),
    Operation::put("/answers", One("Answers"), "Odd but legal answers, and the signature probe", || {
        put(requests::put_answers)
    })
    .takes("Answers"),
    Operation::get("/books", One("Books"), "The accounts, and whether they are balanced", || get(world::books))
        .query(&["accounts"]),
    Operation::get("/accounts", Page("AccountBalance"), "The accounts alone, in pages", || get(lists::accounts))
        .query(&["offset", "limit", "search"]),
    Operation::get("/postings", Page("Posting"), "Each movement of money, oldest first", || get(lists::postings))
        .query(&["offset", "limit", "newest", "account", "number"]),
    Operation::get("/requests", Page("RequestRecord"), "The last requests to the gateway, newest first", || {
        get(lists::requests)
    })
    .query(&["offset", "limit", "before", "mch_id", "path", "code", "refused", "search"]),
    Operation::get(
        "/requests/{id}",
        One("Request"),
        "One request: its fields, why it was refused, as a command",
        || get(requests::request),
    ),
];
