-- What a namespace keeps in PostgreSQL. @schema@ is its schema. Moments are wall times of whoever wrote them, for
-- people; only `expires` is compared with a clock, the server's.

CREATE TABLE @schema@.session (
    id        text COLLATE "C" PRIMARY KEY,
    who       text   NOT NULL,
    ttl       bigint NOT NULL,           -- milliseconds
    since     timestamptz NOT NULL,
    heartbeat bigint NOT NULL DEFAULT 0, -- raised by every renewal
    life      integer NOT NULL,          -- advisory locks that the process's two lines hold: its signs of life
    life_too  integer NOT NULL
);

CREATE TABLE @schema@.hold (
    name    text COLLATE "C" PRIMARY KEY,
    session text COLLATE "C" NOT NULL,
    nonce   text   NOT NULL,
    token   bigint NOT NULL,
    since   timestamptz NOT NULL,
    value   bytea  NOT NULL
);
CREATE INDEX hold_session ON @schema@.hold (session);

CREATE TABLE @schema@.waiter (
    turn    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text COLLATE "C" NOT NULL,
    session text COLLATE "C" NOT NULL,
    nonce   text  NOT NULL,
    since   timestamptz NOT NULL,
    value   bytea NOT NULL,
    UNIQUE (name, session, nonce)
);
CREATE INDEX waiter_name ON @schema@.waiter (name, turn);
CREATE INDEX waiter_session ON @schema@.waiter (session);

CREATE TABLE @schema@.withdrawn ( -- claims that were released before they arrived
    session text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    nonce   text NOT NULL,
    PRIMARY KEY (session, name, nonce)
);

CREATE TABLE @schema@.past (
    name     text COLLATE "C" NOT NULL,
    token    bigint NOT NULL,
    who      text   NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    ending   text   NOT NULL,
    recorded timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, token)
);
CREATE INDEX past_recorded ON @schema@.past (recorded);

CREATE TABLE @schema@.entry (
    key      text COLLATE "C" PRIMARY KEY,
    value    bytea  NOT NULL,
    revision bigint NOT NULL,
    expires  timestamptz
);
CREATE INDEX entry_expires ON @schema@.entry (expires) WHERE expires IS NOT NULL;

CREATE TABLE @schema@.stream (
    name text COLLATE "C" PRIMARY KEY,
    last bigint NOT NULL -- outlives what is trimmed
);

CREATE TABLE @schema@.message (
    stream text COLLATE "C" NOT NULL,
    place  bigint NOT NULL,
    data   bytea  NOT NULL,
    name   text COLLATE "C" NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (stream, place)
);
CREATE UNIQUE INDEX message_name ON @schema@.message (stream, name) WHERE name <> '';

CREATE SEQUENCE @schema@.fence;
CREATE SEQUENCE @schema@.revision;
CREATE SEQUENCE @schema@.life AS integer CYCLE;

CREATE TABLE @schema@.version (number integer NOT NULL);
INSERT INTO @schema@.version VALUES (@version@);
