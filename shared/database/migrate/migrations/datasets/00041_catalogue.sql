-- The catalogue: owners, stewards, domains, tags, terms, usage, and the text that searches find data sets by.
-- +goose Up

CREATE TABLE glossary_terms (
    organization_id uuid NOT NULL,
    term            text NOT NULL,
    definition      text NOT NULL,
    synonyms        text[] NOT NULL,
    related         text[] NOT NULL, -- other terms
    changed_by      uuid NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT glossary_terms_pkey PRIMARY KEY (organization_id, term)
);
CREATE UNIQUE INDEX glossary_terms_name ON glossary_terms (organization_id, lower(term));
CREATE TRIGGER organization_erased BEFORE INSERT ON glossary_terms FOR EACH ROW EXECUTE FUNCTION refuse_erased_organization();

CREATE TABLE dataset_metadata (
    dataset_id     uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    stewards       uuid[] NOT NULL DEFAULT '{}',
    domain         text NOT NULL DEFAULT '',
    tags           text[] NOT NULL DEFAULT '{}',
    columns        jsonb NOT NULL DEFAULT '{}',  -- {name: {description, tags}}, also of columns that no longer exist
    search_columns text[] NOT NULL DEFAULT '{}', -- whose most frequent values searches find
    revision       int NOT NULL DEFAULT 1,
    changed_by     uuid NOT NULL,
    changed_at     timestamptz NOT NULL DEFAULT now()
);

-- The terms of data sets and of their columns.
CREATE TABLE dataset_terms (
    dataset_id      uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    column_name     text NOT NULL, -- '': of the data set
    organization_id uuid NOT NULL,
    term            text NOT NULL,
    PRIMARY KEY (dataset_id, column_name, term),
    CONSTRAINT dataset_terms_term FOREIGN KEY (organization_id, term) REFERENCES glossary_terms
);
CREATE INDEX dataset_terms_by_term ON dataset_terms (organization_id, term);
CREATE TRIGGER organization_erased BEFORE INSERT ON dataset_terms FOR EACH ROW EXECUTE FUNCTION refuse_erased_organization();

-- Who reads data sets, per day.
CREATE TABLE dataset_usage (
    dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
    day        date NOT NULL,
    user_id    uuid NOT NULL,
    queries    int NOT NULL DEFAULT 0,
    downloads  int NOT NULL DEFAULT 0,
    PRIMARY KEY (dataset_id, day, user_id)
);
CREATE INDEX dataset_usage_age ON dataset_usage (day);

-- How often data sets are read: each read counts as one, and after 15 days as half.
CREATE TABLE dataset_popularity (
    dataset_id uuid PRIMARY KEY REFERENCES datasets ON DELETE CASCADE,
    reads      float8 NOT NULL,
    at         timestamptz NOT NULL
);
-- +goose StatementBegin
CREATE FUNCTION decayed(reads float8, at timestamptz, moment timestamptz) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT reads * 0.5 ^ greatest(extract(epoch FROM moment - at)::float8 / (15 * 86400), 0)
$$;
-- +goose StatementEnd

-- The index of searches, package search. Its lexemes are the folded words of a document with their weights: A for names, B
-- for columns, tags and terms, C for descriptions, D for values. Lexemes that begin with a space cannot be words:
-- ' n:' a word of the name, ' x:' a word without one of its letters, and for filters ' k:' kind, ' d:' domain,
-- ' t:' tag, ' m:' term, ' c:' column, ' o:' owner, ' r:' reader. A tsvector has at most 1 MiB, so long texts and lists are cut.
CREATE TABLE search_documents (
    id       uuid PRIMARY KEY,
    kind     text NOT NULL,
    domain   text NOT NULL,
    owner    uuid,
    tags     text[] NOT NULL,
    document jsonb NOT NULL, -- search.Document
    lexemes  tsvector NOT NULL
);
CREATE INDEX search_documents_lexemes ON search_documents USING gin (lexemes);

-- Text in lower case without accents.
-- +goose StatementBegin
CREATE FUNCTION search_fold(x text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(translate(lower(regexp_replace(normalize(x, NFKD), '[\u0300-\u036f]', '', 'g')), 'øłđħı', 'oldhi'), 'ß', 'ss')
$$;
-- +goose StatementEnd

-- The words of a text, separated by spaces. Each character of a script that is written without spaces is a word.
-- +goose StatementBegin
CREATE FUNCTION search_words(x text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT trim(regexp_replace(regexp_replace(search_fold(x), '([\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])', ' \1 ', 'g'), '[^[:alnum:]]+', ' ', 'g'))
$$;
-- +goose StatementEnd

-- The words of a name, as it is and cut where camel case begins a word.
-- +goose StatementBegin
CREATE FUNCTION search_name_words(x text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT search_words(x || ' ' || CASE WHEN x ~ '[[:lower:]0-9][[:upper:]]' THEN regexp_replace(x, '([[:lower:]0-9])([[:upper:]])', '\1 \2', 'g') ELSE '' END)
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION search_vector(words text, weight text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(format('''%s'':%s%s', left(w, 100), least(n, 16000), weight), ' '), '')::tsvector
    FROM regexp_split_to_table(left(words, 50000), ' ') WITH ORDINALITY t (w, n) WHERE w <> ''
$$;
-- +goose StatementEnd

-- A word and what is left of it without one of its letters. Two words that share one of these differ by one letter that is
-- missing, added, wrong or exchanged with its neighbour.
-- +goose StatementBegin
CREATE FUNCTION search_variants(word text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN length(word) NOT BETWEEN 4 AND 30 THEN '{}' ELSE
        word || ARRAY(SELECT DISTINCT left(word, i - 1) || substr(word, i + 1) FROM generate_series(1, length(word)) i) END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION search_exact(prefix text, x text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ' ' || prefix || ':' || left(lower(x), 100)
$$;
-- +goose StatementEnd

-- The texts of a member of a document that is a list.
-- +goose StatementBegin
CREATE FUNCTION search_list(document jsonb, member text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(document -> member) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(document -> member)) ELSE '{}' END
$$;
-- +goose StatementEnd

-- Inserts or replaces a document, a search.Document.
-- +goose StatementBegin
CREATE FUNCTION search_put(doc jsonb) RETURNS void LANGUAGE sql AS $$
    WITH names AS (
        SELECT search_name_words(left(doc ->> 'name', 10000)) AS name,
               search_name_words(array_to_string(search_list(doc, 'columns'), ' ')) AS columns,
               search_words(array_to_string(search_list(doc, 'tags') || search_list(doc, 'terms') || search_list(doc, 'synonyms') || (doc ->> 'domain'), ' ')) AS marks
    ), exact AS (
        SELECT ' n:' || left(w, 100) AS lexeme FROM names, regexp_split_to_table(names.name, ' ') w WHERE w <> ''
        UNION SELECT ' x:' || v FROM names, regexp_split_to_table(names.name || ' ' || names.marks, ' ') w, unnest(search_variants(w)) v
        UNION SELECT search_exact('k', doc ->> 'kind')
        UNION SELECT search_exact('d', doc ->> 'domain') WHERE doc ->> 'domain' <> ''
        UNION SELECT search_exact('o', doc ->> 'owner') WHERE doc ->> 'owner' <> ''
        UNION SELECT search_exact(l.prefix, x)
              FROM (VALUES ('t', 'tags', 1000), ('m', 'terms', 1000), ('c', 'columns', 1000), ('r', 'readers', 5000)) l (prefix, member, most), unnest((search_list(doc, l.member))[:l.most]) x
    )
    INSERT INTO search_documents (id, kind, domain, owner, tags, document, lexemes)
    SELECT (doc ->> 'id')::uuid, doc ->> 'kind', coalesce(doc ->> 'domain', ''), (doc ->> 'owner')::uuid, search_list(doc, 'tags'), doc,
           search_vector(name, 'A') || search_vector(columns || ' ' || marks, 'B')
           || search_vector(search_words(left(doc ->> 'description', 50000) || ' ' || array_to_string(search_list(doc, 'column_descriptions'), ' ')), 'C')
           || search_vector(search_words((SELECT coalesce(string_agg(v ->> 'value', ' '), '') FROM jsonb_array_elements(coalesce(nullif(doc -> 'values', 'null'), '[]')) v)), 'D')
           || array_to_tsvector(ARRAY(SELECT lexeme FROM exact))
    FROM names
    ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, domain = excluded.domain, owner = excluded.owner, tags = excluded.tags,
        document = excluded.document, lexemes = excluded.lexemes
$$;
-- +goose StatementEnd

-- The columns of the current version of a data set. The profile is json, because it may contain \u0000.
-- +goose StatementBegin
CREATE FUNCTION current_columns(dataset uuid) RETURNS TABLE (place bigint, name text, top_values jsonb) LANGUAGE sql STABLE AS $$
    SELECT c.place, c.value ->> 'name', coalesce(nullif(c.value -> 'top_values', 'null'), '[]')
    FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.ready_version,
         jsonb_array_elements(regexp_replace(v.columns::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g')::jsonb) WITH ORDINALITY c (value, place)
    WHERE d.id = dataset AND v.columns IS NOT NULL
$$;
-- +goose StatementEnd

-- What searches find of a data set, a search.Document; NULL if it is deleted, or holds the failing rows of another. Values are those of chosen columns that no
-- policy masks, and none if a policy hides rows.
-- +goose StatementBegin
CREATE FUNCTION catalogue_document(dataset uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH current AS MATERIALIZED (SELECT * FROM current_columns(dataset)),
    described AS (
        SELECT c.name, m.columns -> c.name AS told FROM current c JOIN dataset_metadata m ON m.dataset_id = dataset WHERE m.columns ? c.name
    ), used AS (
        SELECT DISTINCT g.term, g.synonyms FROM dataset_terms t JOIN glossary_terms g USING (organization_id, term)
        WHERE t.dataset_id = dataset AND (t.column_name = '' OR t.column_name IN (SELECT name FROM current))
    )
    SELECT jsonb_build_object(
        'id', d.id, 'kind', d.kind, 'name', d.name, 'description', d.description, 'domain', coalesce(m.domain, ''), 'owner', coalesce(d.owner_id, d.created_by),
        'columns', (SELECT coalesce(jsonb_agg(name ORDER BY place), '[]') FROM current),
        'column_descriptions', (SELECT coalesce(jsonb_agg(told ->> 'description' ORDER BY name), '[]') FROM described WHERE told ->> 'description' <> ''),
        'tags', (SELECT coalesce(jsonb_agg(tag ORDER BY tag), '[]') FROM (
            SELECT unnest(m.tags) AS tag UNION SELECT jsonb_array_elements_text(told -> 'tags') FROM described WHERE jsonb_typeof(told -> 'tags') = 'array') t),
        'terms', (SELECT coalesce(jsonb_agg(term ORDER BY term), '[]') FROM used),
        'synonyms', (SELECT coalesce(jsonb_agg(DISTINCT s), '[]') FROM used, unnest(used.synonyms) s),
        'values', (SELECT coalesce(jsonb_agg(jsonb_build_object('column', c.name, 'value', v ->> 'value') ORDER BY c.place), '[]')
            FROM current c, jsonb_array_elements(c.top_values) v
            WHERE c.name = ANY (m.search_columns) AND jsonb_typeof(v -> 'value') = 'string'
              AND NOT EXISTS (
                SELECT FROM dataset_policies p WHERE p.dataset_id = d.id AND (
                    coalesce(p.policy ->> 'filter', '') <> '' OR coalesce(p.policy ->> 'mask_personal_data', '') <> ''
                    OR EXISTS (SELECT FROM jsonb_array_elements(coalesce(nullif(p.policy -> 'masks', 'null'), '[]')) mask WHERE lower(mask ->> 'column') = lower(c.name))))),
        'readers', (SELECT jsonb_agg(reader ORDER BY reader) FROM (
            SELECT unnest(CASE WHEN d.restricted THEN ARRAY['governs/' || d.organization_id, d.organization_id || '/' || coalesce(d.owner_id, d.created_by)]
                          ELSE ARRAY['member/' || d.organization_id] END) AS reader
            UNION SELECT 'share/' || grantee_id FROM dataset_shares WHERE dataset_id = d.id) r))
    FROM datasets d LEFT JOIN dataset_metadata m ON m.dataset_id = d.id
    WHERE d.id = dataset AND d.deleted_at IS NULL AND d.quality_of IS NULL
$$;
-- +goose StatementEnd

-- Writes what searches find of a data set. Changes of one data set wait for each other, so that none writes what
-- another has changed.
-- +goose StatementBegin
CREATE FUNCTION refresh_catalogue(dataset uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    doc jsonb;
BEGIN
    PERFORM FROM datasets WHERE id = dataset FOR NO KEY UPDATE;
    doc := catalogue_document(dataset);
    IF doc IS NULL THEN
        DELETE FROM search_documents WHERE id = dataset;
    ELSE
        PERFORM search_put(doc);
    END IF;
END $$;
-- +goose StatementEnd

-- Every change of what is said about a data set writes it, at the end of the same transaction.
-- +goose StatementBegin
CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
BEGIN
    PERFORM refresh_catalogue((changed ->> TG_ARGV[0])::uuid);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION glossary_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_catalogue(t.dataset_id) FROM (
        SELECT DISTINCT dataset_id FROM dataset_terms WHERE organization_id = NEW.organization_id AND term = NEW.term ORDER BY dataset_id) t;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE CONSTRAINT TRIGGER catalogue AFTER INSERT OR DELETE OR UPDATE OF name, description, restricted, owner_id, ready_version, deleted_at ON datasets
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalogue_changed('id');
CREATE CONSTRAINT TRIGGER catalogue AFTER INSERT OR UPDATE OR DELETE ON dataset_metadata
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalogue_changed('dataset_id');
CREATE CONSTRAINT TRIGGER catalogue AFTER INSERT OR DELETE ON dataset_terms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalogue_changed('dataset_id');
CREATE CONSTRAINT TRIGGER catalogue AFTER INSERT OR UPDATE OR DELETE ON dataset_shares
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalogue_changed('dataset_id');
CREATE CONSTRAINT TRIGGER catalogue AFTER INSERT OR UPDATE OR DELETE ON dataset_policies
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalogue_changed('dataset_id');
CREATE CONSTRAINT TRIGGER catalogue AFTER UPDATE ON glossary_terms
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION glossary_changed();

SELECT refresh_catalogue(id) FROM datasets WHERE deleted_at IS NULL;
