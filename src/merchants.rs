//! Many merchant entities in one process.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::client::Client;
use crate::error::{Error, Result};

/// The registry of merchant entities. A lookup hands out a [`Client`], so an
/// entity can be replaced or removed while calls are in flight: they finish on
/// the client they began with.
///
/// An entity is known by merchant number *and* appid, because one merchant may
/// serve several appids and one appid may belong to several merchants. Looking
/// up by one of the two is an error where that does not say which is meant:
/// money must not leave from the wrong account by guessing.
#[derive(Default)]
pub struct Merchants {
    clients: RwLock<BTreeMap<(String, String), Client>>,
}

impl Merchants {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entity, or puts it in the place of the one with the same
    /// merchant number and appid, which is returned.
    pub fn insert(&self, client: Client) -> Option<Client> {
        let merchant = client.merchant();
        let key = (merchant.mch_id().to_string(), merchant.app_id().to_string());
        tracing::info!(mch_id = %key.0, app_id = %key.1, "merchant entity in place");
        self.clients.write().unwrap_or_else(PoisonError::into_inner).insert(key, client)
    }

    /// Removes an entity.
    pub fn remove(&self, mch_id: &str, app_id: &str) -> Option<Client> {
        let key = (mch_id.to_owned(), app_id.to_owned());
        self.clients.write().unwrap_or_else(PoisonError::into_inner).remove(&key)
    }

    /// The entity with this merchant number and appid.
    #[must_use]
    pub fn find(&self, mch_id: &str, app_id: &str) -> Option<Client> {
        let key = (mch_id.to_owned(), app_id.to_owned());
        self.read(|clients| clients.get(&key).cloned())
    }

    /// The one entity with this merchant number.
    ///
    /// # Errors
    /// There is none, or it has several appids.
    pub fn by_mch_id(&self, mch_id: &str) -> Result<Client> {
        let from = (mch_id.to_owned(), String::new());
        let found = self.read(|clients| {
            let own = clients.range(from..).take_while(|((own, _), _)| own == mch_id);
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
            let own = clients.iter().filter(|((_, own), _)| own == app_id);
            own.map(|(_, client)| client.clone()).collect()
        });
        only(found, "app_id", app_id)
    }

    /// All entities, by merchant number and appid.
    #[must_use]
    pub fn all(&self) -> Vec<Client> {
        self.read(|clients| clients.values().cloned().collect())
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<(String, String), Client>) -> T) -> T {
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
            Err(Error::config(field, problem, "use find with merchant number and appid"))
        }
    }
}
