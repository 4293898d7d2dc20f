//! Many merchant entities in one process.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::wire::{self, Hint, Notice};

/// The registry of merchant entities. A lookup hands out a [`Client`], so an
/// entity can be replaced or removed while calls are in flight: they finish on
/// the client they began with.
///
/// An entity is known by merchant number *and* appid, because one merchant may
/// serve several appids and one appid may belong to several merchants. Looking
/// up by one of the two is an error where that does not say which is meant:
/// money must not leave from the wrong account by guessing. A service provider
/// is one entity for each sub-merchant.
#[derive(Default)]
pub struct Merchants {
    clients: RwLock<BTreeMap<Key, Client>>,
}

/// Merchant number, appid, and the sub-merchant's number or nothing.
type Key = (String, String, String);

impl Merchants {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity, or puts it in the place of the one with the same
    /// merchant number, appid and sub-merchant, which is returned.
    pub fn insert(&self, client: Client) -> Option<Client> {
        let merchant = client.merchant();
        let sub = merchant.sub_merchant().map(|sub| sub.mch_id().to_string()).unwrap_or_default();
        let key = (merchant.mch_id().to_string(), merchant.app_id().to_string(), sub);
        tracing::info!(mch_id = %key.0, app_id = %key.1, sub_mch_id = %key.2, "merchant entity in place");
        self.clients.write().unwrap_or_else(PoisonError::into_inner).insert(key, client)
    }

    /// Removes an entity that acts for no sub-merchant.
    pub fn remove(&self, mch_id: &str, app_id: &str) -> Option<Client> {
        self.remove_sub(mch_id, app_id, "")
    }

    /// Removes the entity of a service provider for a sub-merchant.
    pub fn remove_sub(&self, mch_id: &str, app_id: &str, sub_mch_id: &str) -> Option<Client> {
        let key = (mch_id.to_owned(), app_id.to_owned(), sub_mch_id.to_owned());
        self.clients.write().unwrap_or_else(PoisonError::into_inner).remove(&key)
    }

    /// The entity with this merchant number and appid that acts for no
    /// sub-merchant.
    #[must_use]
    pub fn find(&self, mch_id: &str, app_id: &str) -> Option<Client> {
        self.find_sub(mch_id, app_id, "")
    }

    /// The entity of a service provider for a sub-merchant.
    #[must_use]
    pub fn find_sub(&self, mch_id: &str, app_id: &str, sub_mch_id: &str) -> Option<Client> {
        let key = (mch_id.to_owned(), app_id.to_owned(), sub_mch_id.to_owned());
        self.read(|clients| clients.get(&key).cloned())
    }

    /// Reads a notification that may be for any of the entities: what it claims
    /// finds the entity, and that entity's key proves it. The entity is returned
    /// with it.
    ///
    /// The question about a static code ([`Scanned`](crate::notify::Scanned)) names
    /// no sub-merchant, so it finds the service provider's own entity.
    ///
    /// # Errors
    /// As [`Client::open`]; [`ErrorKind::Mismatch`] if none of the entities is named.
    pub async fn open<N: Notice>(&self, body: &[u8]) -> Result<(Client, N)> {
        let Hint { mch_id, app_id, sub_mch_id, .. } = wire::unverified_merchant(body)?;
        let sub = sub_mch_id.unwrap_or_default();
        let Some(client) = self.find_sub(&mch_id, &app_id, &sub) else {
            let [mch_id, app_id, sub] = [mch_id, app_id, sub].map(|text| wire::shown(&text));
            let sub = if sub.is_empty() { sub } else { format!(" for sub-merchant {sub}") };
            let problem =
                format!("the notification is for an entity that is not here: merchant {mch_id}, appid {app_id}{sub}");
            return Err(Error::new(ErrorKind::Mismatch, Outcome::Unknown, problem)
                .with_field("mch_id")
                .with_next_step("change nothing and answer FAIL; insert the client of that entity if it is yours"));
        };
        let notice = client.open(body).await?;
        Ok((client, notice))
    }

    /// The one entity with this merchant number.
    ///
    /// # Errors
    /// There is none, or it has several appids.
    pub fn by_mch_id(&self, mch_id: &str) -> Result<Client> {
        let from = (mch_id.to_owned(), String::new(), String::new());
        let found = self.read(|clients| {
            let own = clients.range(from..).take_while(|((own, ..), _)| own == mch_id);
            own.map(|(_, client)| client.clone()).collect()
        });
        only(found, "mch_id", mch_id)
    }

    /// The one entity with this appid.
    ///
    /// # Errors
    /// There is none, or several merchants have it.
    pub fn by_app_id(&self, app_id: &str) -> Result<Client> {
        let found = self.read(|clients| {
            let own = clients.iter().filter(|((_, own, _), _)| own == app_id);
            own.map(|(_, client)| client.clone()).collect()
        });
        only(found, "app_id", app_id)
    }

    /// All entities, by merchant number and appid.
    #[must_use]
    pub fn all(&self) -> Vec<Client> {
        self.read(|clients| clients.values().cloned().collect())
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<Key, Client>) -> T) -> T {
        look(&self.clients.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn only(mut found: Vec<Client>, field: &'static str, value: &str) -> Result<Client> {
    match (found.pop(), found.is_empty()) {
        (Some(client), true) => Ok(client),
        (None, _) => {
            let problem = format!("no merchant entity has {value:?}");
            Err(Error::config(field, problem, "insert its client into the registry first"))
        }
        (Some(_), false) => {
            let problem = format!("{value:?} is the one of {} merchant entities", found.len() + 1);
            Err(Error::config(field, problem, "use find with merchant number and appid, or find_sub"))
        }
    }
}
