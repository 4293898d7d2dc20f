-- The ledger of payouts, version 1. Moments are milliseconds of Unix time,
-- amounts are fen, days are Beijing days (yyyyMMdd).

CREATE TABLE merchant (
    id           INTEGER PRIMARY KEY,
    mch_id       TEXT    NOT NULL UNIQUE,
    gate         TEXT,
    gate_version INTEGER NOT NULL DEFAULT 0,
    -- The next free moment for a call, in microseconds of Unix time.
    next_slot    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE campaign (
    id       INTEGER PRIMARY KEY,
    merchant INTEGER NOT NULL REFERENCES merchant,
    name     TEXT    NOT NULL,
    app_id   TEXT    NOT NULL,
    template TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    ready    INTEGER,
    digest   TEXT,
    UNIQUE (merchant, name)
) STRICT;

-- The business key is unique within its merchant because its first number is
-- computed from it, and numbers are unique.
CREATE TABLE payout (
    id            INTEGER PRIMARY KEY,
    campaign      INTEGER NOT NULL REFERENCES campaign,
    key           TEXT    NOT NULL,
    openid        TEXT    NOT NULL,
    amount        INTEGER NOT NULL,
    texts         TEXT,
    number        TEXT    NOT NULL,
    version       INTEGER NOT NULL DEFAULT 0,
    counted       TEXT,
    phase         TEXT    NOT NULL,
    action        TEXT,
    due_at        INTEGER,
    generation    INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    open          INTEGER NOT NULL DEFAULT 0,
    queries       INTEGER NOT NULL DEFAULT 0,
    first_attempt INTEGER,
    last_attempt  INTEGER,
    accepted      INTEGER,
    stuck         INTEGER NOT NULL DEFAULT 0,
    alarmed       INTEGER NOT NULL DEFAULT 0,
    cause         TEXT,
    proof         TEXT,
    note          TEXT,
    received      INTEGER NOT NULL DEFAULT 0,
    returned      INTEGER NOT NULL DEFAULT 0,
    CHECK ((action IS NULL) = (due_at IS NULL))
) STRICT;
CREATE INDEX payout_campaign ON payout (campaign);
CREATE INDEX payout_due ON payout (campaign, action, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payout_person ON payout (campaign, phase) WHERE phase = 'held' OR phase = 'refused';
CREATE INDEX payout_alarmed ON payout (campaign) WHERE alarmed = 1;

-- All numbers that payouts have and had. They come in random order, which
-- would write most pages of a large index again for each batch; so they gather
-- in the small table, and 65536 at a time go on in order to the large one. A
-- number is in one of them at most.
CREATE TABLE number (
    merchant INTEGER NOT NULL,
    number   TEXT    NOT NULL,
    payout   INTEGER NOT NULL,
    PRIMARY KEY (merchant, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE recent_number (
    merchant INTEGER NOT NULL,
    number   TEXT    NOT NULL,
    payout   INTEGER NOT NULL,
    PRIMARY KEY (merchant, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    id         INTEGER PRIMARY KEY,
    payout     INTEGER NOT NULL REFERENCES payout,
    at         INTEGER NOT NULL,
    by         TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    phase      TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    raw        TEXT
) STRICT;
CREATE INDEX journal_payout ON journal (payout);

-- How many payouts of a campaign a payee got under a limit for payees.
CREATE TABLE admitted (
    campaign INTEGER NOT NULL REFERENCES campaign,
    openid   TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (campaign, openid)
) STRICT, WITHOUT ROWID;

-- What was paid out on a day; the openid '' stands for all of the merchant.
CREATE TABLE usage (
    merchant INTEGER NOT NULL,
    day      TEXT    NOT NULL,
    openid   TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    fen      INTEGER NOT NULL,
    PRIMARY KEY (merchant, day, openid)
) STRICT, WITHOUT ROWID;

-- Counts and sums by phase and cause ('' for none), kept with each change so
-- that a progress bar need not read a million payouts.
CREATE TABLE total (
    campaign INTEGER NOT NULL REFERENCES campaign,
    phase    TEXT    NOT NULL,
    cause    TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    received INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    alarmed  INTEGER NOT NULL,
    PRIMARY KEY (campaign, phase, cause)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE (ABORT, 'the journal only grows'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE (ABORT, 'the journal only grows'); END;
-- REPLACE deletes without the trigger above.
CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal WHEN EXISTS (SELECT 1 FROM journal WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'the journal only grows'); END;
CREATE TRIGGER number_no_update BEFORE UPDATE ON number
BEGIN SELECT RAISE (ABORT, 'a number is given once'); END;
CREATE TRIGGER number_no_delete BEFORE DELETE ON number
BEGIN SELECT RAISE (ABORT, 'a number is given once'); END;
CREATE TRIGGER payout_no_delete BEFORE DELETE ON payout
BEGIN SELECT RAISE (ABORT, 'a payout is never forgotten'); END;
CREATE TRIGGER payout_same_business BEFORE UPDATE OF id, campaign, key, openid, amount, texts ON payout
BEGIN SELECT RAISE (ABORT, 'the business fields of a payout never change'); END;
