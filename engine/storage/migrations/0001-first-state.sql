-- The state file of a workspace as a new one is laid out. The sum of migrations/ gives the same (a test compares).

-- Who this file is: `origin:<node>` is the origin that the node of that name writes events under.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE event_type (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    count INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE event_origin (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- Append-only. `data`, `metadata` and `context` are canonical JSON; `chain` is 32 bytes (engine/events/chain.py).
CREATE TABLE event (
    position  INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL,
    type      INTEGER NOT NULL REFERENCES event_type,
    aggregate TEXT    NOT NULL,
    data      TEXT    NOT NULL,
    metadata  TEXT    NOT NULL,
    origin    INTEGER NOT NULL REFERENCES event_origin,
    seq       INTEGER NOT NULL,
    context   TEXT    NOT NULL,
    hlc       INTEGER NOT NULL,
    chain     BLOB    NOT NULL
);
CREATE UNIQUE INDEX event_by_dot ON event (origin, seq);
CREATE INDEX event_by_aggregate ON event (aggregate);
CREATE INDEX event_by_type_and_time ON event (type, hlc);

-- Times are milliseconds since 1970. Lists and maps inside a row are JSON.
CREATE TABLE plan (
    number     INTEGER PRIMARY KEY,
    digest     TEXT    NOT NULL UNIQUE,
    sync       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    parent     TEXT    NOT NULL,
    undoes     TEXT    NOT NULL,
    counts     TEXT    NOT NULL,
    parked     INTEGER NOT NULL,
    refusals   TEXT    NOT NULL,
    errors     TEXT    NOT NULL,
    body       BLOB    NOT NULL
);
CREATE INDEX plan_by_sync ON plan (sync, created_at);
CREATE INDEX plan_by_time ON plan (created_at);

CREATE TABLE approval (
    number    INTEGER PRIMARY KEY,
    digest    TEXT    NOT NULL REFERENCES plan (digest),
    decision  TEXT    NOT NULL,
    approver  TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    comment   TEXT    NOT NULL,
    overrides TEXT    NOT NULL
);
CREATE INDEX approval_by_digest ON approval (digest);
