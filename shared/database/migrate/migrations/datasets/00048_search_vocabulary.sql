-- Searches: kinds of personal data, and the words that documents have, by which an index looks up the words that begin with another.
-- +goose Up

ALTER TABLE search_documents ADD COLUMN personal text[] NOT NULL DEFAULT '{}';

-- Inserts or replaces a document, a search.Document. The lexemes ' p:' are kinds of personal data.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION search_put(doc jsonb) RETURNS void LANGUAGE sql AS $$
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
        UNION SELECT search_exact('p', kind) FROM unnest(search_list(doc, 'personal') || CASE WHEN search_list(doc, 'personal') <> '{}' THEN ARRAY['any'] ELSE '{}' END) kind
        UNION SELECT search_exact(l.prefix, x)
              FROM (VALUES ('t', 'tags', 1000), ('m', 'terms', 1000), ('c', 'columns', 1000), ('r', 'readers', 5000)) l (prefix, member, most), unnest((search_list(doc, l.member))[:l.most]) x
    )
    INSERT INTO search_documents (id, kind, domain, owner, tags, personal, document, lexemes)
    SELECT (doc ->> 'id')::uuid, doc ->> 'kind', coalesce(doc ->> 'domain', ''), (doc ->> 'owner')::uuid, search_list(doc, 'tags'), search_list(doc, 'personal'), doc,
           search_vector(name, 'A') || search_vector(columns || ' ' || marks, 'B')
           || search_vector(search_words(left(doc ->> 'description', 50000) || ' ' || array_to_string(search_list(doc, 'column_descriptions'), ' ')), 'C')
           || search_vector(search_words((SELECT coalesce(string_agg(v ->> 'value', ' '), '') FROM jsonb_array_elements(coalesce(nullif(doc -> 'values', 'null'), '[]')) v)), 'D')
           || array_to_tsvector(ARRAY(SELECT lexeme FROM exact))
    FROM names
    ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, domain = excluded.domain, owner = excluded.owner, tags = excluded.tags,
        personal = excluded.personal, document = excluded.document, lexemes = excluded.lexemes
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION catalogue_document(dataset uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
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
        'personal', (SELECT coalesce(jsonb_agg(DISTINCT kind ORDER BY kind), '[]') FROM dataset_personal_data WHERE dataset_id = d.id AND status <> 'rejected'),
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

CREATE CONSTRAINT TRIGGER catalogue AFTER INSERT OR UPDATE OF kind, status OR DELETE ON dataset_personal_data
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalogue_changed('dataset_id');

-- The words of documents, and some that documents had. For a prefix the index of lexemes collects all matches, which takes long for
-- frequent words; for words it need not. A word may be here twice, because a unique index would let writers wait for each other.
CREATE TABLE search_vocabulary (word text COLLATE "C" NOT NULL);
CREATE INDEX search_vocabulary_word ON search_vocabulary (word);

-- Words that a document no longer has: see the function forget_words.
CREATE TABLE search_words_gone (word text COLLATE "C" NOT NULL);

-- +goose StatementBegin
CREATE FUNCTION search_words_of(lexemes tsvector) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(w), '{}') FROM unnest(tsvector_to_array(lexemes)) w WHERE NOT starts_with(w, ' ')
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION search_words_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_words text[] := '{}';
    new_words text[] := '{}';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        old_words := search_words_of(OLD.lexemes);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        new_words := search_words_of(NEW.lexemes);
    END IF;
    LOCK TABLE search_vocabulary IN ROW EXCLUSIVE MODE; -- forget_words waits for the end of this transaction
    INSERT INTO search_vocabulary (word)
    SELECT w FROM (SELECT unnest(new_words) EXCEPT SELECT unnest(old_words)) n (w) WHERE NOT EXISTS (SELECT FROM search_vocabulary v WHERE v.word = w);
    INSERT INTO search_words_gone (word) SELECT unnest(old_words) EXCEPT SELECT unnest(new_words);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER words AFTER INSERT OR UPDATE OF lexemes OR DELETE ON search_documents FOR EACH ROW EXECUTE FUNCTION search_words_changed();

-- Deletes words that are no longer in any document, so that nothing remains of what was deleted. Returns how many it looked at. Words of the newest
-- documents are not looked up, because the frequent ones are among them.
-- +goose StatementBegin
CREATE FUNCTION forget_words(most int) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    words text[];
    looked bigint;
BEGIN
    WITH gone AS (
        DELETE FROM search_words_gone WHERE ctid = ANY (ARRAY(SELECT ctid FROM search_words_gone LIMIT most FOR UPDATE SKIP LOCKED)) RETURNING word
    )
    SELECT count(*), coalesce(array_agg(DISTINCT word), '{}') INTO looked, words FROM gone;
    SELECT coalesce(array_agg(word), '{}') INTO words FROM (
        SELECT unnest(words) EXCEPT SELECT unnest(search_words_of(lexemes)) FROM (SELECT lexemes FROM search_documents ORDER BY id DESC LIMIT 1000) newest
    ) rest (word);
    LOCK TABLE search_vocabulary IN SHARE ROW EXCLUSIVE MODE; -- nobody is adding a document with one of the words
    DELETE FROM search_vocabulary v USING unnest(words) gone (word)
    WHERE v.word = gone.word AND NOT EXISTS (SELECT FROM search_documents WHERE lexemes @@ format('''%s''', gone.word)::tsquery);
    RETURN looked;
END $$;
-- +goose StatementEnd

SELECT refresh_catalogue(dataset_id) FROM (SELECT DISTINCT dataset_id FROM dataset_personal_data WHERE status <> 'rejected' ORDER BY dataset_id) p;
INSERT INTO search_vocabulary (word) SELECT DISTINCT unnest(search_words_of(lexemes)) FROM search_documents;
DELETE FROM search_words_gone;
