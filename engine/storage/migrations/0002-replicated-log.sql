-- The log becomes one of several that exchange their events.

-- Of a redacted event data and metadata are `{}`, and `hashes` keeps H(data) + H(metadata): 64 bytes.
ALTER TABLE event ADD COLUMN hashes BLOB;

-- Who writes an origin's events: `own` a node of this file, `application` callers of append here, `` other nodes.
ALTER TABLE event_origin ADD COLUMN writer TEXT NOT NULL DEFAULT '';
UPDATE event_origin SET writer = 'own';

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

-- What is remembered of each peer between sessions; `updated` in microseconds since 1970.
CREATE TABLE peer (
    name    TEXT    PRIMARY KEY,
    memory  TEXT    NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
