-- The coordination file: who holds and waits for what, keys, streams. It lies beside the state file and is not part of
-- it: losing it loses no history. Deadlines are seconds of the clock that goes on while the machine sleeps, valid for
-- one boot; `since` and `until` are wall time in microseconds, for people.

-- `instance`: of which boot and file the deadlines are; `timens`: the time namespace they were read in; `ceiling`: no
-- sequence number at or above it is given out before a greater one is on the disk; `trimmed`: up to where `change` is.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES ('instance', ''), ('timens', 0), ('ceiling', 1), ('trimmed', 0);

CREATE TABLE namespace (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- Everything that happened lately, for those who follow; trimmed at its beginning, its end always stays. `seq` is the
-- one counter of the file: tokens and revisions are taken from it.
CREATE TABLE change (
    seq       INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    name      TEXT    NOT NULL
);

-- `process` is a mark as in processes.py; `address` the socket that its wake-ups go to.
CREATE TABLE session (
    id        TEXT    PRIMARY KEY,
    namespace INTEGER NOT NULL,
    who       TEXT    NOT NULL,
    process   TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    ttl       REAL    NOT NULL,
    deadline  REAL    NOT NULL,
    since     INTEGER NOT NULL
) WITHOUT ROWID;

-- A name with its holder; without a session it is free. `past` has a line for each of the last holds, newest first:
-- token, since, until, ending, who. Everything about a name is one row, so that a hand-over writes one page.
CREATE TABLE claim (
    id        INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    session   TEXT,
    nonce     TEXT,
    token     INTEGER,
    since     INTEGER,
    who       TEXT,
    value     BLOB,
    past      TEXT    NOT NULL DEFAULT '',
    UNIQUE (namespace, name)
);

-- `place` is the number of the change that told of it. Clustered, so that coming and going writes one page.
CREATE TABLE waiter (
    namespace INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    place     INTEGER NOT NULL,
    session   TEXT    NOT NULL,
    nonce     TEXT    NOT NULL,
    since     INTEGER NOT NULL,
    value     BLOB    NOT NULL,
    PRIMARY KEY (namespace, name, place)
) WITHOUT ROWID;

-- `expires` is the time it was given, in seconds: after a restart of the machine it begins anew.
CREATE TABLE key (
    namespace INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    value     BLOB    NOT NULL,
    revision  INTEGER NOT NULL,
    expires   REAL,
    deadline  REAL,
    PRIMARY KEY (namespace, name)
) WITHOUT ROWID;
CREATE INDEX key_by_deadline ON key (namespace, deadline) WHERE deadline IS NOT NULL;

-- `last` is the offset of the last message ever, also when all were trimmed.
CREATE TABLE stream (
    id        INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    last      INTEGER NOT NULL,
    UNIQUE (namespace, name)
);

CREATE TABLE message (
    stream INTEGER NOT NULL REFERENCES stream,
    offset INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    data   BLOB    NOT NULL,
    PRIMARY KEY (stream, offset)
) WITHOUT ROWID;
CREATE UNIQUE INDEX message_by_name ON message (stream, name) WHERE name <> '';
