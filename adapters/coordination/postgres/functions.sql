-- What happens inside PostgreSQL: each function is called alone and is one transaction.
--
-- A name's queue is changed under an advisory lock of the name. Locks are taken in this order, or two of these wait for
-- one another: a session's row, then names by their order. What is told by NOTIFY arrives in the order of the commits,
-- so that who listens loses nothing; a message has a kind and a name (at most 256 bytes), never a value.
--
-- @schema@ the schema, @channel@ the channel of changes (and with `:` and its id that of a session), @class@ the class of
-- the advisory locks that are signs of life.

-- Tell followers of a change; who finds a seat free knows that there are none, and is silent. It matters: whoever tells
-- anything wakes every connection of the database that listens to anything, and commits one after the other.
--
-- A follower holds all seats, shared, before it reads how things stand; a change holds one alone until it has committed.
-- So either the follower was first, and is told; or it waits for the change to be committed, and reads it. Two changes
-- at one seat are told in vain, which is harmless; hence several.
CREATE FUNCTION @schema@.tell(its_kind text, its_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(@class@, -1 - pg_backend_pid() % @seats@) THEN
        PERFORM pg_notify(@channel@, its_kind || ' ' || its_name);
    END IF;
END $$;

CREATE FUNCTION @schema@.attend() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_lock_shared(@class@, -seat) FROM generate_series(1, @seats@) AS seat
$$;

CREATE FUNCTION @schema@.leave() RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_unlock_shared(@class@, -seat) FROM generate_series(1, @seats@) AS seat
$$;

CREATE FUNCTION @schema@.tell_session(its_id text, message text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify(@channel@ || ':' || its_id, message)
$$;

CREATE FUNCTION @schema@.turn_of(its_name text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(its_name, @class@))
$$;

-- Whether one of a process's two lines is still there. What is free is taken, shared, until the transaction ends: nobody
-- minds, for every new line has a number of its own.
CREATE FUNCTION @schema@.listens(its_life integer, its_life_too integer) RETURNS boolean LANGUAGE sql AS $$
    SELECT NOT (pg_try_advisory_xact_lock_shared(@class@, its_life)
                AND pg_try_advisory_xact_lock_shared(@class@, its_life_too))
$$;

CREATE FUNCTION @schema@.granted(its_name text, its_session text, its_nonce text, its_value bytea, moment timestamptz)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO @schema@.hold (name, session, nonce, token, since, value)
    VALUES (its_name, its_session, its_nonce, nextval('@schema@.fence'), moment, its_value) RETURNING token
$$;

-- Grant a free name to the first waiter who listens; who is deaf keeps his place. The one who asks just now listens.
CREATE FUNCTION @schema@.serve(its_name text, moment timestamptz, asker text, its_nonce text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    waiting record;
    found_token bigint;
BEGIN
    FOR waiting IN
        SELECT w.*, s.life, s.life_too FROM @schema@.waiter w JOIN @schema@.session s ON s.id = w.session
        WHERE w.name = its_name ORDER BY w.turn
    LOOP
        IF (waiting.session = asker AND waiting.nonce = its_nonce) OR @schema@.listens(waiting.life, waiting.life_too) THEN
            DELETE FROM @schema@.waiter WHERE turn = waiting.turn;
            found_token := @schema@.granted(its_name, waiting.session, waiting.nonce, waiting.value, moment);
            PERFORM @schema@.tell_session(waiting.session, concat_ws(E'\n', 'granted', found_token, its_name, waiting.nonce));
            RETURN found_token;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION @schema@.close(its_name text, its_ending text, moment timestamptz, its_who text)
RETURNS void LANGUAGE sql AS $$
    WITH gone AS (DELETE FROM @schema@.hold WHERE name = its_name RETURNING *)
    INSERT INTO @schema@.past (name, token, who, since, until, ending)
    SELECT name, token, coalesce(its_who, (SELECT who FROM @schema@.session WHERE id = session)), since, moment, its_ending
    FROM gone;
    DELETE FROM @schema@.past WHERE name = its_name AND token <=
        (SELECT token FROM @schema@.past WHERE name = its_name ORDER BY token DESC OFFSET 10 LIMIT 1)
$$;

CREATE FUNCTION @schema@.claim(
    its_name text, its_session text, its_nonce text, its_value bytea, waits boolean, moment timestamptz
) RETURNS TABLE (outcome text, its_token bigint) LANGUAGE plpgsql AS $$
DECLARE
    held record;
    free boolean;
    found_token bigint;
BEGIN
    PERFORM FROM @schema@.session WHERE id = its_session FOR KEY SHARE;
    IF NOT FOUND THEN RETURN QUERY SELECT 'over', NULL::bigint; RETURN; END IF;
    PERFORM @schema@.turn_of(its_name);
    SELECT * INTO held FROM @schema@.hold WHERE name = its_name;
    free := NOT FOUND;
    IF NOT free AND held.session = its_session AND held.nonce = its_nonce THEN
        RETURN QUERY SELECT 'granted', held.token; RETURN;
    END IF;
    DELETE FROM @schema@.withdrawn WHERE session = its_session AND name = its_name AND nonce = its_nonce;
    IF FOUND THEN RETURN QUERY SELECT 'taken', NULL::bigint; RETURN; END IF;
    IF waits THEN
        IF free AND NOT EXISTS (SELECT FROM @schema@.waiter WHERE name = its_name) THEN
            found_token := @schema@.granted(its_name, its_session, its_nonce, its_value, moment);
        ELSE
            INSERT INTO @schema@.waiter (name, session, nonce, since, value)
            VALUES (its_name, its_session, its_nonce, moment, its_value) ON CONFLICT DO NOTHING;
            IF free THEN
                found_token := @schema@.serve(its_name, moment, its_session, its_nonce);
            END IF;
        END IF;
    ELSE
        DELETE FROM @schema@.waiter WHERE name = its_name AND session = its_session AND nonce = its_nonce;
        IF NOT free THEN RETURN QUERY SELECT 'taken', NULL::bigint; RETURN; END IF;
        found_token := @schema@.serve(its_name, moment, NULL, NULL);
        IF found_token IS NULL THEN
            found_token := @schema@.granted(its_name, its_session, its_nonce, its_value, moment);
        END IF;
    END IF;
    PERFORM @schema@.tell('claim', its_name);
    RETURN QUERY
        SELECT 'granted', token FROM @schema@.hold
        WHERE name = its_name AND session = its_session AND nonce = its_nonce;
    IF NOT FOUND THEN RETURN QUERY SELECT CASE WHEN waits THEN 'waits' ELSE 'taken' END, NULL::bigint; END IF;
END $$;

CREATE FUNCTION @schema@.release(its_name text, its_session text, its_nonce text, late boolean, moment timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM @schema@.turn_of(its_name);
    PERFORM FROM @schema@.hold WHERE name = its_name AND session = its_session AND nonce = its_nonce;
    IF FOUND THEN
        PERFORM @schema@.close(its_name, 'released', moment, NULL);
        IF @schema@.serve(its_name, moment, NULL, NULL) IS NULL THEN
            -- Nothing was granted that must outlive a crash of the server. Should the crash undo this, then whoever
            -- released it finds it over his next line, and gives it back once more (claims.py).
            PERFORM set_config('synchronous_commit', 'off', true);
        END IF;
        PERFORM @schema@.tell('claim', its_name);
        RETURN true;
    END IF;
    DELETE FROM @schema@.waiter WHERE name = its_name AND session = its_session AND nonce = its_nonce;
    IF FOUND THEN
        PERFORM @schema@.tell('claim', its_name);
    ELSIF late THEN
        INSERT INTO @schema@.withdrawn (session, name, nonce)
        SELECT id, its_name, its_nonce FROM @schema@.session WHERE id = its_session ON CONFLICT DO NOTHING;
    END IF;
    RETURN false;
END $$;

CREATE FUNCTION @schema@.revoke(its_name text, taken bigint, moment timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    holder text;
BEGIN
    PERFORM @schema@.turn_of(its_name);
    SELECT session INTO holder FROM @schema@.hold WHERE name = its_name AND token = taken;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM @schema@.close(its_name, 'revoked', moment, NULL);
    PERFORM @schema@.tell_session(holder, concat_ws(E'\n', 'revoked', taken, its_name));
    PERFORM @schema@.serve(its_name, moment, NULL, NULL);
    PERFORM @schema@.tell('claim', its_name);
    RETURN true;
END $$;

CREATE FUNCTION @schema@.proclaim(its_name text, its_session text, its_nonce text, its_value bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE @schema@.hold SET value = its_value
    WHERE name = its_name AND session = its_session AND nonce = its_nonce;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM @schema@.tell('claim', its_name);
    RETURN true;
END $$;

CREATE FUNCTION @schema@.begin_session(
    its_id text, its_who text, its_ttl bigint, moment timestamptz, its_life integer, its_life_too integer
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO @schema@.session (id, who, ttl, since, life, life_too)
    VALUES (its_id, its_who, its_ttl, moment, its_life, its_life_too);
    SELECT @schema@.tell('session', its_id)
$$;

-- The grants of a session that is prolonged with this; a row without a name for one that has none, no row when it is over.
CREATE FUNCTION @schema@.renew(its_id text) RETURNS TABLE (name text, nonce text, token bigint) LANGUAGE sql AS $$
    WITH alive AS (UPDATE @schema@.session SET heartbeat = heartbeat + 1 WHERE id = its_id RETURNING id)
    SELECT h.name, h.nonce, h.token FROM alive LEFT JOIN @schema@.hold h ON h.session = alive.id
$$;

-- End a session; given a count of its heart-beat, only if it is still that; if it is to be deaf, only if it is.
CREATE FUNCTION @schema@.end_session(its_id text, moment timestamptz, beats bigint, deaf boolean)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    ended record;
    one record;
BEGIN
    DELETE FROM @schema@.session WHERE id = its_id AND heartbeat = coalesce(beats, heartbeat)
        AND NOT (deaf AND @schema@.listens(life, life_too))
    RETURNING * INTO ended;
    IF NOT FOUND THEN RETURN false; END IF;
    DELETE FROM @schema@.withdrawn WHERE session = its_id;
    FOR one IN
        SELECT name FROM @schema@.waiter WHERE session = its_id UNION
        SELECT name FROM @schema@.hold WHERE session = its_id ORDER BY name
    LOOP
        PERFORM @schema@.turn_of(one.name);
        DELETE FROM @schema@.waiter WHERE session = its_id AND name = one.name;
        PERFORM FROM @schema@.hold WHERE session = its_id AND name = one.name;
        IF FOUND THEN
            PERFORM @schema@.close(one.name, 'lapsed', moment, ended.who);
            PERFORM @schema@.serve(one.name, moment, NULL, NULL);
        END IF;
        PERFORM @schema@.tell('claim', one.name);
    END LOOP;
    PERFORM @schema@.tell_session(its_id, 'over');
    PERFORM @schema@.tell('session', its_id);
    RETURN true;
END $$;
