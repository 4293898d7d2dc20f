//! The connections to the server: a few, opened when needed and again when lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::failure::{Failure, told};
use super::tls;
use crate::error::Result;
use crate::payout::ledger;

/// Batches are what makes a ledger quick, not connections.
const CONNECTIONS: usize = 4;
/// All of the way to a usable session, for each server that the URL names.
const OPENING: Duration = Duration::from_secs(15);
const OLDEST: u32 = 13;

pub(super) struct Pool {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    pub(super) schema: String,
    pub(super) place: String,
    permits: Semaphore,
    slots: [Mutex<Option<Session>>; CONNECTIONS],
    /// Sessions of an earlier one are not used again.
    generation: AtomicU64,
}

/// A connection, for one caller at a time.
pub(super) struct Session {
    pub(super) client: Client,
    statements: HashMap<&'static str, Statement>,
    generation: u64,
}

/// A place for a connection, until it is dropped.
pub(super) struct Slot<'a> {
    // Given back in this order, so that whoever has a permit finds a free place.
    session: MutexGuard<'a, Option<Session>>,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Pool {
    pub(super) fn new(address: Address) -> Result<Self> {
        let Address { config, roots, schema, place } = address;
        Ok(Self {
            config,
            tls: roots.as_ref().map(tls::connector).transpose()?,
            schema,
            place,
            permits: Semaphore::new(CONNECTIONS),
            slots: Default::default(),
            generation: AtomicU64::new(0),
        })
    }

    pub(super) async fn slot(&self) -> Slot<'_> {
        let permit = self.permits.acquire().await.ok();
        // The warmest first: few callers need few connections.
        for slot in &self.slots {
            if let Ok(session) = slot.try_lock() {
                return Slot { session, _permit: permit };
            }
        }
        Slot { session: self.slots[0].lock().await, _permit: permit }
    }

    /// What the slot holds, or a new connection if that was lost.
    pub(super) async fn session<'a>(&self, slot: &'a mut Slot<'_>) -> Result<&'a mut Session, Failure> {
        let generation = self.generation.load(Ordering::Acquire);
        let usable = |session: &Session| session.generation == generation && !session.client.is_closed();
        let session = match slot.session.take().filter(usable) {
            Some(session) => session,
            None => tokio::time::timeout(OPENING, self.open(generation)).await.map_err(|_| {
                let next = "check that the server runs and can be reached; the next call connects again by itself";
                ledger::unusable(format!("PostgreSQL at {}: no session in time", self.place), next)
            })??,
        };
        Ok(slot.session.insert(session))
    }

    /// After a failure no open connection is trusted: what ended one of them has
    /// mostly ended all.
    pub(super) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    async fn open(&self, generation: u64) -> Result<Session, Failure> {
        let client = match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                tokio::spawn(watched(connection));
                client
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(watched(connection));
                client
            }
        };
        self.prepare(&client).await?;
        Ok(Session { client, statements: HashMap::new(), generation })
    }

    /// What each session needs, whatever the server's or the role's defaults are:
    /// commits that are on disk when they return, a snapshot for each statement,
    /// and locks that do not outlive a process that hangs.
    async fn prepare(&self, client: &Client) -> Result<(), Failure> {
        let sql = format!(
            "SET search_path = {}; SET default_transaction_isolation = 'read committed'; \
             SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; \
             SET client_min_messages = warning; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write'); \
             SELECT current_setting('server_version_num'), current_setting('transaction_read_only'), \
             current_setting('synchronous_commit'), current_setting('server_encoding')",
            self.schema
        );
        let messages = client.simple_query(&sql).await?;
        let facts = messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let fact = |column| facts.and_then(|row| row.try_get(column).ok().flatten()).unwrap_or_default();
        let version = fact(0).parse::<u32>().unwrap_or(0) / 10_000;
        let refuse = |problem: String, next| {
            Err(Failure::Other(ledger::unusable(format!("PostgreSQL at {}: {problem}", self.place), next)))
        };
        if version < OLDEST {
            return refuse(format!("version {version} is too old"), "use PostgreSQL 13 or newer");
        }
        if fact(1) == "on" {
            let next = "name the primary, or several hosts with target_session_attrs=read-write";
            return refuse("this server, database or role only reads".to_owned(), next);
        }
        // Else the first Chinese answer of WeChat Pay could not be recorded.
        if !matches!(fact(3), "UTF8" | "SQL_ASCII") {
            let next = "make another database: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0";
            return refuse(format!("a database in {} cannot keep every text", fact(3)), next);
        }
        if matches!(fact(2), "off" | "local" | "remote_write") {
            let next = "let the role set synchronous_commit to on";
            return refuse("commits are not durable when they return".to_owned(), next);
        }
        Ok(())
    }

    /// The server's error as a person reads it.
    pub(super) fn told(&self, error: &tokio_postgres::Error) -> crate::error::Error {
        told(error, &self.place)
    }
}

impl Session {
    pub(super) async fn statement(&mut self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) async fn query(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }
}

/// Drives a connection until it ends.
async fn watched<F, E>(connection: F)
where
    F: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    if let Err(error) = connection.await {
        tracing::debug!(target: "hongbao::payout", %error, "a connection to PostgreSQL ended");
    }
}
