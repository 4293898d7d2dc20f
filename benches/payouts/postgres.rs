//! The writes of a ledger of payouts, made with tokio-postgres alone: the same
//! statements on the same tables in the same transactions, without locking or
//! reading anything but what is claimed, and without deciding anything.

use hongbao::clock::{Clock as _, SystemClock};
use tokio_postgres::{Client, Statement};

use crate::reply;

const CLAIM: &str = "WITH first AS MATERIALIZED (
    SELECT id, due_at FROM payout WHERE campaign = 1 AND action = 'send' AND due_at <= $1
    ORDER BY due_at, id LIMIT $2 FOR UPDATE OF payout SKIP LOCKED
)
UPDATE payout p SET due_at = $3, version = p.version + 1 FROM first WHERE p.id = first.id
RETURNING p.id, p.number, p.mch_id, p.openid, p.amount";

const SET: &str = "UPDATE payout p SET
    version = c.version, counted = coalesce(p.counted, c.counted::date), number = coalesce(c.number, p.number),
    phase = c.phase, action = c.action, due_at = c.due_at, generation = c.generation, attempts = c.attempts,
    open = c.open, queries = c.queries, first_attempt = c.first_attempt, last_attempt = c.last_attempt,
    accepted = c.accepted, stuck = c.stuck, alarmed = c.alarmed, cause = c.cause, proof = c.proof, note = c.note,
    received = c.received, returned = c.returned
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::boolean[],
    $16::boolean[], $17::text[], $18::text[], $19::text[], $20::bigint[], $21::bigint[])
AS c (id, version, counted, number, phase, action, due_at, generation, attempts, open, queries, first_attempt,
    last_attempt, accepted, stuck, alarmed, cause, proof, note, received, returned)
WHERE p.id = c.id";

const JOURNAL: &str = "INSERT INTO journal (payout, at, by, kind, generation, attempt, phase, text, raw)
SELECT payout, at, by, kind, generation, attempt, phase, text, raw
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
    $9::bytea[]) WITH ORDINALITY AS j (payout, at, by, kind, generation, attempt, phase, text, raw, place)
ORDER BY place";

const USE: &str = "INSERT INTO usage AS u (mch_id, day, openid, count, fen)
SELECT mch_id, day::date, openid, count, fen
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS n (mch_id, day, openid, count, fen)
ON CONFLICT (mch_id, day, openid) DO UPDATE SET count = u.count + excluded.count, fen = u.fen + excluded.fen";

struct Row {
    id: i64,
    number: String,
    mch_id: String,
    openid: String,
    amount: i64,
}

/// Claims, begins and accepts everything in this schema, so many at a time; how
/// many there were.
pub(crate) async fn write(client: &mut Client, width: usize) -> usize {
    let [claim, set, journal, usage] = prepared(client).await;
    let mut written = 0;
    loop {
        let at = SystemClock.now().unix_millis();
        let rows = client.query(&claim, &[&at, &(width as i64), &(at + 120_000)]).await.unwrap();
        let rows: Vec<Row> = rows
            .iter()
            .map(|row| Row {
                id: row.get(0),
                number: row.get(1),
                mch_id: row.get(2),
                openid: row.get(3),
                amount: row.get(4),
            })
            .collect();
        if rows.is_empty() {
            return written;
        }
        record(client, &set, &journal, Some(&usage), &rows).await;
        record(client, &set, &journal, None, &rows).await;
        written += rows.len();
    }
}

async fn prepared(client: &Client) -> [Statement; 4] {
    let mut statements = vec![];
    for sql in [CLAIM, SET, JOURNAL, USE] {
        statements.push(client.prepare(sql).await.unwrap());
    }
    statements.try_into().unwrap_or_else(|_| unreachable!("four were prepared"))
}

/// The attempts if there is a usage to write, else the answers.
async fn record(client: &mut Client, set: &Statement, journal: &Statement, usage: Option<&Statement>, rows: &[Row]) {
    let now = SystemClock.now();
    let (at, day, begins) = (now.unix_millis(), now.beijing_day().to_string(), usage.is_some());
    let (phase, action, due_at, version) =
        if begins { ("sending", "send", at + 120_000, 3_i64) } else { ("accepted", "query", at + 600_000, 4) };
    let count = rows.len();
    let (ids, numbers): (Vec<i64>, Vec<&str>) = rows.iter().map(|row| (row.id, &*row.number)).unzip();
    let (zeros, ones, moments) = (vec![0_i64; count], vec![1_i64; count], vec![at; count]);
    let (no, nothing) = (vec![false; count], vec![None::<&str>; count]);
    let (days, phases) = (vec![&*day; count], vec![phase; count]);
    let transaction = client.transaction().await.unwrap();
    let updated = transaction
        .execute(
            set,
            &[
                &ids,
                &vec![version; count],
                &days,
                &numbers,
                &phases,
                &vec![action; count],
                &vec![due_at; count],
                &zeros,
                &ones,
                if begins { &ones } else { &zeros },
                &zeros,
                &moments,
                &moments,
                &vec![(!begins).then_some(at); count],
                &no,
                &no,
                &nothing,
                &nothing,
                &nothing,
                &zeros,
                &zeros,
            ],
        )
        .await
        .unwrap();
    assert_eq!(updated, count as u64);
    let (mut texts, mut raws) = (vec![], vec![]);
    for row in rows {
        let raw = || reply(&row.number, &row.mch_id, &row.openid, &row.amount.to_string()).into_bytes();
        texts.push(if begins { format!("sends {}", row.number) } else { "accepted".to_owned() });
        raws.push((!begins).then(raw));
    }
    let kinds = vec![if begins { "begin" } else { "answer" }; count];
    let workers = vec!["bench"; count];
    transaction
        .execute(journal, &[&ids, &moments, &workers, &kinds, &zeros, &ones, &phases, &texts, &raws])
        .await
        .unwrap();
    if let Some(usage) = usage {
        let payee = |row: &Row| (row.mch_id.clone(), row.openid.clone(), 1, row.amount);
        let mut used: Vec<(String, String, i64, i64)> = rows.iter().map(payee).collect();
        let fen = rows.iter().map(|row| row.amount).sum();
        used.push((rows[0].mch_id.clone(), String::new(), count as i64, fen));
        let mch_ids: Vec<&str> = used.iter().map(|used| &*used.0).collect();
        let openids: Vec<&str> = used.iter().map(|used| &*used.1).collect();
        let counts: Vec<i64> = used.iter().map(|used| used.2).collect();
        let fens: Vec<i64> = used.iter().map(|used| used.3).collect();
        transaction.execute(usage, &[&mch_ids, &vec![&*day; used.len()], &openids, &counts, &fens]).await.unwrap();
    }
    transaction.commit().await.unwrap();
}
