-- Moments are milliseconds of Unix time, money is fen, days are Beijing's.

CREATE TABLE campaign (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mch_id  text NOT NULL,
    name    text NOT NULL,
    app_id  text NOT NULL,
    -- JSON, but no jsonb: that cannot keep every text.
    template text NOT NULL,
    created bigint NOT NULL,
    ready   bigint,
    digest  text,
    UNIQUE (mch_id, name)
);

CREATE TABLE payout (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign      bigint NOT NULL REFERENCES campaign,
    mch_id        text NOT NULL,
    key           text NOT NULL,
    openid        text NOT NULL,
    amount        bigint NOT NULL,
    texts         text,
    number        text NOT NULL,
    version       bigint NOT NULL DEFAULT 1,
    counted       date,
    phase         text NOT NULL,
    action        text,
    due_at        bigint,
    generation    bigint NOT NULL DEFAULT 0,
    attempts      bigint NOT NULL DEFAULT 0,
    open          bigint NOT NULL DEFAULT 0,
    queries       bigint NOT NULL DEFAULT 0,
    first_attempt bigint,
    last_attempt  bigint,
    accepted      bigint,
    stuck         boolean NOT NULL DEFAULT false,
    alarmed       boolean NOT NULL DEFAULT false,
    cause         text,
    proof         text,
    note          text,
    received      bigint NOT NULL DEFAULT 0,
    returned      bigint NOT NULL DEFAULT 0,
    UNIQUE (mch_id, key),
    CHECK ((action IS NULL) = (due_at IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX payout_due ON payout (campaign, action, due_at, id) WHERE action IS NOT NULL;
CREATE INDEX payout_campaign ON payout (campaign, id);

-- Every number that a payout ever had.
CREATE TABLE number (
    mch_id text NOT NULL,
    number text NOT NULL,
    payout bigint NOT NULL REFERENCES payout,
    PRIMARY KEY (mch_id, number)
);

CREATE TABLE journal (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout     bigint NOT NULL,
    at         bigint NOT NULL,
    by         text NOT NULL,
    kind       text NOT NULL,
    generation bigint NOT NULL,
    attempt    bigint NOT NULL,
    phase      text NOT NULL,
    text       text NOT NULL,
    -- Bytes, because an answer may hold what a text of the server cannot.
    raw        bytea
);

CREATE INDEX journal_payout ON journal (payout, id);

CREATE FUNCTION journal_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal only grows: % is refused', TG_OP;
END
$$;

CREATE TRIGGER journal_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_only_grows();

-- How many payouts of a campaign a payee got under a limit for payees.
CREATE TABLE admitted (
    campaign bigint NOT NULL REFERENCES campaign,
    openid   text NOT NULL,
    count    bigint NOT NULL,
    PRIMARY KEY (campaign, openid)
);

-- What a payee got on a day; under the openid '', what the merchant paid.
CREATE TABLE usage (
    mch_id text NOT NULL,
    day    date NOT NULL,
    openid text NOT NULL,
    count  bigint NOT NULL DEFAULT 0,
    fen    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (mch_id, day, openid)
) WITH (fillfactor = 60);

CREATE TABLE merchant (
    mch_id       text PRIMARY KEY,
    gate         text,
    gate_version bigint NOT NULL DEFAULT 0,
    -- Microseconds.
    next_slot    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
