//! A WeChat Pay for tests and laptops (feature `sandbox`): the same paths and
//! XML, real signatures, real client certificates, money that moves, time that
//! can be advanced.
//!
//! It always checks certificate, signature and rules; there is no switch to
//! turn that off. Where it differs from the real gateway, the head of each
//! endpoint's file says how, and `docs/SANDBOX.md` lists it.
//!
//! ```
//! use hongbao::sandbox::Sandbox;
//! use hongbao::{BillNo, Fen, OpenId, query, redpack};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> hongbao::Result<()> {
//! let sandbox = Sandbox::new()?;
//! let config = sandbox.merchants().remove(0);
//! let client = sandbox.client(&config)?;
//!
//! let packet = redpack::Packet {
//!     mch_billno: BillNo::new("A20250318001")?,
//!     re_openid: OpenId::new("oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?,
//!     total_amount: Fen::new(188),
//!     send_name: "蓝鲸咖啡".into(),
//!     wishing: "早安".into(),
//!     act_name: "签到有礼".into(),
//!     remark: "七天".into(),
//!     client_ip: [127, 0, 0, 1].into(),
//!     extra: redpack::Extra::default(),
//! };
//! client.send(&packet).await?;
//! sandbox.open_packet(&config.mch_id, "A20250318001", "oQx4r0Z1a2b3c4d5e6f7g8h9i0jk")?;
//!
//! let found = client.send(&query::RedPacket { mch_billno: packet.mch_billno }).await?;
//! assert_eq!(found.status, query::RedPacketStatus::Received);
//! assert!(sandbox.books().balanced);
//! # Ok(()) }
//! ```

mod accounts;
mod answers;
mod archive;
mod assert;
mod behaviour;
mod bills;
mod books;
mod builder;
mod bundle;
mod cases;
mod certificates;
mod clock;
mod codes;
mod console;
mod control;
mod customers;
mod delivery;
mod desk;
mod directory;
mod engine;
mod entities;
mod explain;
mod fault;
mod flip;
mod forecast;
mod forward;
mod gate;
mod log;
mod notices;
mod orders;
mod packed;
mod packets;
mod patience;
mod pay_app;
mod pay_auth_code;
mod pay_close;
mod pay_h5;
mod pay_jsapi;
mod pay_micropay;
mod pay_native;
mod pay_refund;
mod pay_report;
mod pay_reverse;
mod pay_short_url;
mod paying;
mod phone;
mod query_comments;
mod query_fund_flow;
mod query_order;
mod query_red_packet;
mod query_refund;
mod query_trade_bill;
mod quota;
mod recent;
mod redpack_group;
mod redpack_packet;
mod refunds;
mod refusal;
mod renewal;
mod reply;
mod restore;
mod routes;
mod scanning;
mod server;
mod sign_key;
mod store;
mod trades;
mod transport;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use once_cell::sync::OnceCell;
use tokio::sync::Notify;

pub use accounts::AccountKind;
pub use answers::{Answers, Cdata};
pub use behaviour::{Opens, User};
pub use books::{Account, AccountBalance, Flow, Posting, Reason, Statement};
pub use builder::Builder;
pub use desk::Settings;
pub use entities::NewMerchant;

pub use explain::{
    Certificates, ExpectedSignature, Explanation, ExplanationKind, InChinese, Mistake, ReceivedSignature,
    RequestDetails, Words,
};
pub use fault::{Fault, FaultRule, When};
pub use log::{Cause, CertificateFacts, RequestRecord};
pub use notices::{NoticeAttempt, NoticeFault, NoticeKind, NoticeRecord, Verdict};
pub use packets::{Claim, PacketRecord};
pub use paying::Payer;
pub use server::Served;
pub use trades::{CouponUse, OrderRecord, RefundRecord};

use certificates::Authority;
use desk::{Desk, Entity as Member};
use entities::Made;
use store::Store;

use crate::client::{Client, Transport};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::{Cert, Entity, Merchant, PayConfig, Sandboxed};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::money::Fen;
use crate::secret::Secret;
use crate::wire::Digest;

/// A running sandbox. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

struct Shared {
    desk: Mutex<Desk>,
    authority: Authority,
    merchants: Mutex<Vec<Entity>>,
    store: Option<Store>,
    /// Where the state lives, if not in memory alone.
    directory: Option<PathBuf>,
    /// Whose certificates were made here.
    made: Mutex<BTreeMap<String, Made>>,
    /// Held by whoever adds an entity.
    adding: Mutex<()>,
    /// The address of the gateway once it is served.
    gateway: OnceLock<String>,
    /// Posts notifications; made at the first one.
    http: OnceCell<delivery::Http>,
    /// Wakes what delivers by itself.
    wake: Notify,
    /// Where notifications go in place of their own addresses.
    forward: Mutex<Option<forward::Forward>>,
}

impl Sandbox {
    /// A sandbox in memory with two merchant entities of 10,000.00 yuan each.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`]: no random numbers from the system.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// A sandbox in memory with something other than the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A sandbox whose state lives in a directory and survives restarts. The
    /// first start fills it: CA, the gateway's certificate, two merchant
    /// entities with the files that WeChat hands out.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`]: the directory cannot be used, or another sandbox
    /// runs on it.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        directory::open(directory.as_ref())
    }

    fn with(desk: Desk, authority: Authority, store: Option<(Store, PathBuf)>) -> Self {
        let (store, directory) = store.unzip();
        let (desk, merchants, made, adding) = (Mutex::new(desk), Mutex::default(), Mutex::default(), Mutex::default());
        let (gateway, http, wake, forward) = (OnceLock::new(), OnceCell::new(), Notify::new(), Mutex::default());
        let shared =
            Shared { desk, authority, merchants, store, directory, made, adding, gateway, http, wake, forward };
        Self(Arc::new(shared))
    }

    /// The entities that the sandbox made, ready to build clients from.
    #[must_use]
    pub fn merchants(&self) -> Vec<Entity> {
        let endpoint = self.endpoint();
        let merchants = self.0.merchants.lock().unwrap_or_else(PoisonError::into_inner);
        merchants.iter().map(|entity| Entity { endpoint: endpoint.clone(), ..entity.clone() }).collect()
    }

    /// What a merchant calls itself; empty for one that is not known.
    fn name_of(&self, mch_id: &str) -> String {
        let merchants = self.0.merchants.lock().unwrap_or_else(PoisonError::into_inner);
        let found = merchants.iter().find(|entity| entity.mch_id == mch_id);
        found.map(|entity| entity.name.clone()).unwrap_or_default()
    }

    /// Lets an entity of yours in: the sandbox knows its merchant number, appid
    /// and certificate, gives it a test key and a balance, and hands back the
    /// same configuration with only endpoint and key changed. Admitted again, also
    /// after a restart on the same directory, it keeps its settings and its money.
    ///
    /// ```
    /// # fn test(mine: impl hongbao::PayConfig) -> hongbao::Result<()> {
    /// let sandbox = hongbao::sandbox::Sandbox::new()?;
    /// let config = sandbox.admit(mine, hongbao::Fen::new(1_000_000))?;
    /// let client = sandbox.client(&config)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`] as [`Client::new`] would give it.
    pub fn admit<C: PayConfig>(&self, config: C, balance: Fen) -> Result<Sandboxed<C>> {
        let key = self.new_key(config.mch_id())?;
        let config = config.sandboxed(self.endpoint(), key);
        let merchant = Merchant::read(&config, SystemClock.now())?;
        let certificate = merchant.identity.as_ref().and_then(|identity| identity.chain().next().map(<[u8]>::to_vec));
        let (mch_id, app_id) = (merchant.mch_id().as_str(), merchant.app_id().as_str());
        self.enrol(mch_id, app_id, merchant.name(), config.key(), config.cert(), certificate);
        self.0.made.lock().unwrap_or_else(PoisonError::into_inner).remove(mch_id);
        if balance > Fen::ZERO && self.is_new_to_the_books(mch_id) {
            self.top_up(mch_id, balance)?;
        }
        Ok(config)
    }

    fn enrol(&self, mch_id: &str, app_id: &str, name: &str, key: Secret, cert: Cert, admitted: Option<Vec<u8>>) {
        {
            let mut desk = self.desk();
            let loaded = desk.loaded_settings.remove(mch_id);
            let settings = desk.entity(mch_id).map(|known| known.settings.clone()).or(loaded).unwrap_or_default();
            let (id, app_id, key) = (mch_id.to_owned(), app_id.to_owned(), key.clone());
            desk.entities.insert(id.clone(), Member { mch_id: id, app_id, key, admitted, settings });
        }
        let mut merchants = self.0.merchants.lock().unwrap_or_else(PoisonError::into_inner);
        merchants.retain(|entity| entity.mch_id != mch_id);
        merchants.push(Entity {
            name: name.to_owned(),
            app_id: app_id.to_owned(),
            mch_id: mch_id.to_owned(),
            key,
            cert,
            endpoint: Endpoint::at(IN_PROCESS, self.0.authority.certificate_pem()),
            digest: Digest::Md5,
            sub_merchant: None,
        });
    }

    /// Where the gateway is: at its served address once there is one.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        let address = self.0.gateway.get().map_or(IN_PROCESS, String::as_str);
        Endpoint::at(address, self.0.authority.certificate_pem())
    }

    /// The certificate of the sandbox's CA, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.0.authority.certificate_pem()
    }

    /// The wire without sockets. The certificate is judged as the gateway would
    /// judge it; that its key is held was shown when the client was built.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(transport::InProcess::new(self.clone()))
    }

    /// A client of this sandbox without sockets.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn client(&self, config: &dyn PayConfig) -> Result<Client> {
        Client::builder(config).transport(self.transport()).build()
    }

    /// The time here.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.desk().now()
    }

    /// Lets time pass, and happen what it brings.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`]: more than a hundred years, or the state could not
    /// be stored.
    pub fn advance(&self, by: Duration) -> Result<Timestamp> {
        if by > LONGEST_JUMP {
            return Err(refused("the clock advances by at most a hundred years at a time", "give fewer seconds"));
        }
        self.update(|desk| {
            desk.clock.advance(by);
            desk.put_state();
            desk.settle();
            Ok(desk.now())
        })
    }

    /// One packet.
    #[must_use]
    pub fn packet(&self, mch_id: &str, mch_billno: &str) -> Option<PacketRecord> {
        let mut desk = self.desk();
        desk.settle();
        desk.packet(mch_id, mch_billno)
    }

    /// Packets in the order in which they came, from `offset`, `limit` at most.
    #[must_use]
    pub fn packets(&self, offset: usize, limit: usize) -> Vec<PacketRecord> {
        let mut desk = self.desk();
        desk.settle();
        desk.packets.page(offset, limit)
    }

    /// Opens a packet as a user, who gets the amount that is returned.
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`] says why there is nothing to open.
    pub fn open_packet(&self, mch_id: &str, mch_billno: &str, openid: &str) -> Result<Fen> {
        self.update(|desk| {
            desk.open_packet(mch_id, mch_billno, openid)
                .map_err(|problem| refused(problem, "look at the packet's state and receiver"))
        })
    }

    /// A merchant's product settings.
    #[must_use]
    pub fn settings(&self, mch_id: &str) -> Option<Settings> {
        self.desk().entity(mch_id).map(|entity| entity.settings.clone())
    }

    /// Changes a merchant's product settings.
    ///
    /// ```
    /// # fn main() -> hongbao::Result<()> {
    /// # let sandbox = hongbao::sandbox::Sandbox::new()?;
    /// # let mch_id = sandbox.merchants().remove(0).mch_id;
    /// sandbox.change_settings(&mch_id, |settings| settings.calls_per_second = 5)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Sandbox`]: no such merchant.
    pub fn change_settings(&self, mch_id: &str, change: impl FnOnce(&mut Settings)) -> Result<Settings> {
        self.update(|desk| {
            let mut settings = known(desk, mch_id)?.settings.clone();
            change(&mut settings);
            if settings.fee_rate > 10_000 {
                return Err(refused(
                    "fee_rate: at most 10000 ten-thousandths, which is all of it",
                    "give a lower rate",
                ));
            }
            if !settings.operating_account && desk.books.balance(&AccountKind::Operating.of(mch_id)) > Fen::ZERO {
                return Err(refused("operating_account: there is money in it", "pay it out first"));
            }
            desk.put_settings(mch_id, settings.clone());
            Ok(settings)
        })
    }

    /// All accounts, and whether they are balanced.
    #[must_use]
    pub fn books(&self) -> Statement {
        self.desk().statement()
    }

    /// Movements of money in order, from `offset`, `limit` at most.
    #[must_use]
    pub fn postings(&self, offset: usize, limit: usize) -> Vec<Posting> {
        self.desk().postings.page(offset, limit)
    }

    /// The last requests to the gateway, newest first, `limit` at most.
    #[must_use]
    pub fn requests(&self, limit: usize) -> Vec<RequestRecord> {
        self.desk().requests.iter().rev().take(limit).cloned().collect()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and returns when it is stored.
    fn update<T>(&self, change: impl FnOnce(&mut Desk) -> Result<T>) -> Result<T> {
        let mut desk = self.desk();
        let result = change(&mut desk);
        let changes = desk.take_changes();
        let stored = self.0.store.as_ref().map(|store| store.submit(changes));
        drop(desk);
        self.0.wake.notify_one();
        if let Some(stored) = stored {
            stored.wait().map_err(|problem| failed("the sandbox's store", problem))?;
        }
        result
    }
}

/// The entities of a fresh sandbox: merchant number, appid and name.
const FIRST_MERCHANTS: [(&str, &str, &str); 2] =
    [("1900000101", "wx5a0d8c3f1e2b4a61", "蓝鲸咖啡"), ("1900000102", "wx5a0d8c3f1e2b4a62", "山茶书店")];

const LONGEST_JUMP: Duration = Duration::from_secs(100 * 366 * 86_400);

const FIRST_BALANCE: Fen = Fen::new(1_000_000);

/// The address that clients without sockets name.
const IN_PROCESS: &str = "https://localhost";

fn known<'a>(desk: &'a Desk, mch_id: &str) -> Result<&'a Member> {
    desk.entity(mch_id)
        .ok_or_else(|| refused(format!("there is no merchant {mch_id}"), "look at the list of merchants"))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| failed("the system's random numbers", error))?;
    Ok(bytes)
}

/// Something that the sandbox stands on does not work.
fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Sandbox, Outcome::NotSent, format!("sandbox: {what}: {error}"))
}

/// Something that was asked of the sandbox cannot be done.
fn refused(problem: impl Into<String>, next: &'static str) -> Error {
    Error::new(ErrorKind::Sandbox, Outcome::NotSent, problem).with_next_step(next)
}
