//! The tables, and how a ledger of an older program becomes one of this.

use super::failure::Failure;
use super::pool::{Pool, Session};
use crate::payout::ledger;

/// Each brings a ledger from the version of its place to the next one. They are
/// never changed, only added to.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// One for all ledgers of a database: migrations are short and rare.
const LOCK: i64 = 0x68_6f6e_6762_616f;

/// Makes the ledger, or brings it to this program's version. Several processes
/// may do so at once.
pub(super) async fn open(pool: &Pool, session: &mut Session) -> Result<(), Failure> {
    warn_of_fsync(pool, session).await?;
    let schema = &pool.schema;
    let transaction = session.client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // Asked first: a role that may not make schemas may well use one.
    let known = transaction.query_one("SELECT to_regnamespace($1::text) IS NOT NULL", &[schema]).await?;
    if !known.try_get::<_, bool>(0)? {
        transaction.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    }
    let table = format!("{schema}.ledger");
    let known = transaction.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&table]).await?;
    if !known.try_get::<_, bool>(0)? {
        transaction
            .batch_execute(
                "CREATE TABLE ledger (version integer PRIMARY KEY, migrated timestamptz NOT NULL DEFAULT now())",
            )
            .await?;
    }
    let version = transaction.query_one("SELECT coalesce(max(version), 0) FROM ledger", &[]).await?;
    let version = usize::try_from(version.try_get::<_, i32>(0)?).unwrap_or(0);
    if version > MIGRATIONS.len() {
        let problem = format!(
            "PostgreSQL at {}: the ledger in schema {schema} has version {version}, and this program knows {}",
            pool.place,
            MIGRATIONS.len()
        );
        return Err(ledger::unusable(problem, "run the newer program; an older one could damage the ledger").into());
    }
    for (place, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        transaction.batch_execute(migration).await?;
        let version = i32::try_from(place + 1).unwrap_or(i32::MAX);
        transaction.execute("INSERT INTO ledger (version) VALUES ($1)", &[&version]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn warn_of_fsync(pool: &Pool, session: &Session) -> Result<(), Failure> {
    let row = session.client.query_one("SELECT current_setting('fsync') = 'off'", &[]).await?;
    if row.try_get(0)? {
        tracing::warn!(
            target: "hongbao::payout",
            server = %pool.place,
            "fsync is off: a power failure can lose or damage the ledger; turn it on before money moves"
        );
    }
    Ok(())
}
