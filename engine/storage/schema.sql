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

-- Who writes an origin's events: `own` a node of this file, `application` callers of append here, `` other nodes.
CREATE TABLE event_origin (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    writer TEXT NOT NULL DEFAULT ''
);

-- Append-only. `data`, `metadata` and `context` are canonical JSON; `chain` is 32 bytes (engine/events/chain.py).
-- Of a redacted event data and metadata are `{}`, and `hashes` keeps H(data) + H(metadata): 64 bytes.
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
    chain     BLOB    NOT NULL,
    hashes    BLOB
);
CREATE UNIQUE INDEX event_by_dot ON event (origin, seq);
CREATE INDEX event_by_aggregate ON event (aggregate);
CREATE INDEX event_by_type_and_time ON event (type, hlc);

-- Events that are known of but not held: a filter left them out, or they were compacted. `chain` is that of the last.
CREATE TABLE event_skip (
    origin INTEGER NOT NULL REFERENCES event_origin,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    chain  BLOB    NOT NULL,
    why    TEXT    NOT NULL,
    PRIMARY KEY (origin, first)
) WITHOUT ROWID;

-- Where the event is that a caller gave this id; ids that the log gave itself are not here.
CREATE TABLE event_key (
    id       TEXT    PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

-- Aggregates with more than one head, or with contests left; every other has one head, its newest event.
-- `heads` are the positions of the events that no other event of the aggregate knows of. A `quiet` one is here only
-- because its newest event, which had been left out before, is not its head.
CREATE TABLE contested (
    aggregate TEXT    PRIMARY KEY,
    heads     TEXT    NOT NULL,
    quiet     INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Events whose payload may not be kept, also those that have not arrived yet.
CREATE TABLE redaction (
    origin TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (origin, seq)
) WITHOUT ROWID;

-- For searching: in which blocks of positions of a segment of the log three letters occur, and which segments are done.
CREATE TABLE event_gram (
    segment INTEGER NOT NULL,
    gram    INTEGER NOT NULL,
    blocks  BLOB    NOT NULL,
    PRIMARY KEY (segment, gram)
) WITHOUT ROWID;

CREATE TABLE event_indexed (
    segment INTEGER PRIMARY KEY
);

-- From here on times are microseconds since 1970, and lists and maps inside a row are JSON.
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

CREATE TABLE run (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     TEXT    NOT NULL REFERENCES plan (digest),
    sync       TEXT    NOT NULL,
    targets    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    started_by TEXT    NOT NULL,
    ended_at   INTEGER,
    verdict    TEXT    NOT NULL DEFAULT '',
    verified   INTEGER,
    process    TEXT    NOT NULL,
    stop_asked INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX run_by_sync ON run (sync);
CREATE INDEX run_by_digest ON run (digest);

-- The changes of the plan, in its order. `at` is the moment of the latest change of state.
CREATE TABLE run_item (
    run        INTEGER NOT NULL REFERENCES run (number),
    number     INTEGER NOT NULL,
    target     TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    spelling   TEXT    NOT NULL,
    renamed_to TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    reason     TEXT    NOT NULL DEFAULT '',
    attempt    INTEGER NOT NULL DEFAULT 0,
    at         INTEGER,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE INDEX run_item_removed ON run_item (target, at) WHERE action = 'remove' AND state = 'done';

-- How many items of a run are in each state: kept by whoever changes a state, so that lists need not count.
CREATE TABLE run_count (
    run   INTEGER NOT NULL REFERENCES run (number),
    state TEXT    NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (run, state)
) WITHOUT ROWID;

-- A row stays for ever, so that its token only grows. `grant_token` is that of the lock it was taken under, counted in
-- `grant_space`.
CREATE TABLE lease (
    name        TEXT    PRIMARY KEY,
    holder      TEXT    NOT NULL,
    process     TEXT    NOT NULL,
    token       INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    released    INTEGER NOT NULL DEFAULT 0,
    grant_space TEXT    NOT NULL DEFAULT '',
    grant_token INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- The leases a run was seen to hold: while none of them holds any more, a run that says it is running is not.
CREATE TABLE run_lease (
    run   INTEGER NOT NULL REFERENCES run (number),
    name  TEXT    NOT NULL REFERENCES lease (name),
    token INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;

-- Members that are Syncdeck's to remove: `added` by a run, or `adopted` by a person.
CREATE TABLE ownership (
    target TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    since  INTEGER NOT NULL,
    how    TEXT    NOT NULL,
    PRIMARY KEY (target, key)
) WITHOUT ROWID;

CREATE TABLE source_read (
    number INTEGER PRIMARY KEY,
    sync   TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    sum    TEXT    NOT NULL
);
CREATE INDEX source_read_by_sync ON source_read (sync);

-- `quarantine` is the reason, empty for a target that is not in quarantine.
CREATE TABLE target_status (
    sync       TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    health     TEXT    NOT NULL,
    as_of      INTEGER NOT NULL,
    counts     TEXT    NOT NULL,
    parked     INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    failures   INTEGER NOT NULL,
    members    INTEGER,
    quarantine TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (sync, target)
) WITHOUT ROWID;

-- What is remembered of each peer between sessions.
CREATE TABLE peer (
    name    TEXT    PRIMARY KEY,
    memory  TEXT    NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
