-- Searches of many documents: a small index of the hot ones, and plans that always use an index.
-- +goose Up

-- The newest and the most popular documents, among which searches look first; see the function refresh_hot_documents.
ALTER TABLE search_documents ADD COLUMN hot boolean NOT NULL DEFAULT false;
UPDATE search_documents SET hot = true WHERE id IN (SELECT id FROM search_documents ORDER BY id DESC LIMIT 40000);
ALTER TABLE search_documents ALTER COLUMN hot SET DEFAULT true;
CREATE INDEX search_documents_hot ON search_documents USING gin (lexemes) WHERE hot;

-- A number that orders popularities like decayed, at any moment.
-- +goose StatementBegin
CREATE FUNCTION popularity_rank(reads float8, at timestamptz) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ln(greatest(reads, 1e-300)) / ln(2.0::float8) + extract(epoch FROM at)::float8 / (15 * 86400)
$$;
-- +goose StatementEnd
CREATE INDEX dataset_popularity_rank ON dataset_popularity (popularity_rank(reads, at) DESC);

-- How well a document matches: 1 more if its name has the words. It is 1 for no words.
-- +goose StatementBegin
CREATE FUNCTION search_score(lexemes tsvector, words tsquery, name tsquery) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN words IS NULL THEN 1 ELSE 0.01 + ts_rank('{0.1, 0.2, 0.5, 1}', lexemes, words)::float8 + CASE WHEN lexemes @@ name THEN 1 ELSE 0 END END
$$;
-- +goose StatementEnd

-- The newest hot documents that match. The estimates of the planner are wrong for rare lexemes, so these functions exclude every plan but
-- scans of the index of lexemes.
-- +goose StatementBegin
CREATE FUNCTION search_hot(query tsquery, words tsquery, name tsquery, most int)
RETURNS TABLE (id uuid, score float8) LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off SET work_mem = '64MB' AS $$
    SELECT s.id, search_score(s.lexemes, words, name)
    FROM (SELECT h.id FROM search_documents h WHERE h.hot AND h.lexemes @@ query ORDER BY h.id DESC LIMIT most) f JOIN search_documents s USING (id)
$$;
-- +goose StatementEnd

-- Other documents that match: the index finds those that match query, and of these remain those that match also. If there are more, no order
-- says which.
-- +goose StatementBegin
CREATE FUNCTION search_rest(query tsquery, also tsquery, words tsquery, name tsquery, most int)
RETURNS TABLE (id uuid, score float8) LANGUAGE sql STABLE SET enable_seqscan = off SET enable_indexscan = off SET work_mem = '64MB' AS $$
    SELECT s.id, search_score(s.lexemes, words, name)
    FROM search_documents s WHERE NOT s.hot AND s.lexemes @@ query AND (also IS NULL OR s.lexemes @@ also) LIMIT most
$$;
-- +goose StatementEnd

-- Makes the newest and the most popular documents hot, and others not, at most so many at once. Returns how many it changed.
-- +goose StatementBegin
CREATE FUNCTION refresh_hot_documents(newest int, popular int, most int) RETURNS bigint LANGUAGE sql AS $$
    WITH wanted AS MATERIALIZED (
        (SELECT id FROM search_documents ORDER BY id DESC LIMIT newest)
        UNION (SELECT dataset_id FROM dataset_popularity ORDER BY popularity_rank(reads, at) DESC LIMIT popular)
    ), changing AS MATERIALIZED (
        (SELECT s.id, true AS hot FROM wanted w JOIN search_documents s USING (id) WHERE NOT s.hot LIMIT most)
        UNION ALL (SELECT s.id, false FROM search_documents s WHERE s.hot AND NOT EXISTS (SELECT FROM wanted w WHERE w.id = s.id) LIMIT most)
    ), locked AS MATERIALIZED (
        SELECT s.id, c.hot FROM changing c JOIN search_documents s USING (id) ORDER BY s.id FOR UPDATE OF s SKIP LOCKED
    ), changed AS (
        UPDATE search_documents s SET hot = l.hot FROM locked l WHERE l.id = s.id RETURNING 1
    )
    SELECT count(*) FROM changed
$$;
-- +goose StatementEnd

-- Which state of a document is the newest, for indexes in other servers. Documents of before have 1.
CREATE SEQUENCE search_revision START 2;
ALTER TABLE search_documents ADD COLUMN revision bigint NOT NULL DEFAULT 1;

-- Documents whose changes the indexes in other servers may not have yet, also deleted ones.
CREATE TABLE search_changes (
    id       uuid PRIMARY KEY,
    revision bigint NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX search_changes_revision ON search_changes (revision);

-- Indexes in other servers. One that is not ready has the documents up to the identifier copied.
CREATE TABLE search_feeds (
    name       text PRIMARY KEY,
    ready      boolean NOT NULL DEFAULT false,
    copied     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- +goose StatementBegin
CREATE FUNCTION search_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint := nextval('search_revision');
BEGIN
    INSERT INTO search_changes (id, revision) VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END, newest)
    ON CONFLICT (id) DO UPDATE SET revision = greatest(search_changes.revision, excluded.revision), at = now();
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.revision := newest;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER changed BEFORE INSERT OR UPDATE OF document OR DELETE ON search_documents FOR EACH ROW EXECUTE FUNCTION search_changed();
