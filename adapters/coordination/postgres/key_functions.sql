-- The functions about keys, their expiry, and event streams; the rest as in functions.sql.

CREATE FUNCTION @schema@.remove(its_key text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM @schema@.entry WHERE key = its_key;
    SELECT @schema@.tell('key', its_key)
$$;

-- The revision a key has, 0 for none; its writers come one after the other from here to the end of the transaction.
CREATE FUNCTION @schema@.revision_of(its_key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_revision bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(its_key, @class@ + 1));
    SELECT revision INTO found_revision FROM @schema@.entry
    WHERE key = its_key AND (expires IS NULL OR expires > clock_timestamp());
    RETURN coalesce(found_revision, 0);
END $$;

-- 'lease' unless this is the newest grant; it stays so until the transaction ends.
CREATE FUNCTION @schema@.outdated(fence text, fence_token bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF fence IS NULL THEN RETURN false; END IF;
    PERFORM FROM @schema@.hold WHERE name = fence AND token = fence_token FOR SHARE;
    RETURN NOT FOUND;
END $$;

CREATE FUNCTION @schema@.put(
    its_key text, its_value bytea, expected bigint, lasting bigint, fence text, fence_token bigint
) RETURNS TABLE (outcome text, its_revision bigint) LANGUAGE plpgsql AS $$
DECLARE
    known bigint;
BEGIN
    IF @schema@.outdated(fence, fence_token) THEN RETURN QUERY SELECT 'lease', 0::bigint; RETURN; END IF;
    known := @schema@.revision_of(its_key);
    IF expected <> known THEN RETURN QUERY SELECT 'changed', known; RETURN; END IF;
    PERFORM @schema@.tell('key', its_key);
    RETURN QUERY
        INSERT INTO @schema@.entry AS e (key, value, revision, expires)
        VALUES (its_key, its_value, nextval('@schema@.revision'), clock_timestamp() + lasting * interval '1 ms')
        ON CONFLICT (key) DO UPDATE
            SET value = excluded.value, revision = excluded.revision, expires = excluded.expires
        RETURNING 'done', e.revision;
END $$;

CREATE FUNCTION @schema@.delete(its_key text, expected bigint, fence text, fence_token bigint)
RETURNS TABLE (outcome text, its_revision bigint) LANGUAGE plpgsql AS $$
DECLARE
    known bigint;
BEGIN
    IF @schema@.outdated(fence, fence_token) THEN RETURN QUERY SELECT 'lease', 0::bigint; RETURN; END IF;
    known := @schema@.revision_of(its_key);
    IF expected <> known THEN RETURN QUERY SELECT 'changed', known; RETURN; END IF;
    IF known > 0 THEN PERFORM @schema@.remove(its_key); END IF;
    RETURN QUERY SELECT 'done', known;
END $$;

-- Remove what is over, keys and what is told of the past, and return the milliseconds until the next key does.
CREATE FUNCTION @schema@.sweep() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        DELETE FROM @schema@.entry WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM @schema@.entry WHERE expires <= clock_timestamp() ORDER BY expires LIMIT 100
            FOR UPDATE SKIP LOCKED)) RETURNING key
    LOOP
        PERFORM @schema@.tell('key', one.key);
    END LOOP;
    DELETE FROM @schema@.withdrawn w WHERE NOT EXISTS (SELECT FROM @schema@.session WHERE id = w.session);
    DELETE FROM @schema@.past WHERE recorded < clock_timestamp() - interval '1 day';
    RETURN (SELECT ceil(extract(epoch FROM min(expires) - clock_timestamp()) * 1000) FROM @schema@.entry
            WHERE expires IS NOT NULL);
END $$;

CREATE FUNCTION @schema@.append(its_stream text, its_data bytea, its_name text, expected bigint, moment timestamptz)
RETURNS TABLE (outcome text, its_place bigint) LANGUAGE plpgsql AS $$
DECLARE
    known bigint;
    found_last bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(its_stream, @class@ + 2));
    SELECT place INTO known FROM @schema@.message WHERE its_name <> '' AND stream = its_stream AND name = its_name;
    IF FOUND THEN RETURN QUERY SELECT 'done', known; RETURN; END IF;
    SELECT last INTO found_last FROM @schema@.stream WHERE name = its_stream;
    found_last := coalesce(found_last, 0);
    IF expected <> found_last THEN RETURN QUERY SELECT 'changed', found_last; RETURN; END IF;
    INSERT INTO @schema@.stream AS s (name, last) VALUES (its_stream, found_last + 1)
    ON CONFLICT (name) DO UPDATE SET last = excluded.last;
    INSERT INTO @schema@.message (stream, place, data, name, at)
    VALUES (its_stream, found_last + 1, its_data, its_name, moment);
    PERFORM @schema@.tell('stream', its_stream);
    RETURN QUERY SELECT 'done', found_last + 1;
END $$;
