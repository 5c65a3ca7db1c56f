package person

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/secret"
)

// Searching people by the first letters of their names works where the organization's
// settings allow it. Keyed hashes of the prefixes of each word are stored per organization
// and cannot be compared across organizations. A search creates missing hashes; changing the
// name or the setting deletes them (triggers of name_prefixes).
const (
	maxPrefix = 8 // letters
	maxWords  = 6 // of a name
)

// nameWords returns the words of a name without case and accents.
func nameWords(name string) []string {
	folded := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(cases.Fold().String(name)))
	words := strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	return words[:min(len(words), maxWords)]
}

// NameMatches reports whether each word of a query is a prefix of a word of the name.
func NameMatches(name Name, query string) bool {
	words := nameWords(name.FirstName + " " + name.LastName)
	for _, asked := range nameWords(query) {
		found := false
		for _, word := range words {
			found = found || strings.HasPrefix(word, asked)
		}
		if !found {
			return false
		}
	}
	return true
}

// NamePrefixes returns the prefix hashes that a member must have to match a query; name is
// the query's parameter for error messages.
func NamePrefixes(keeper *secret.Keeper, organization uuid.UUID, query string) ([][]byte, error) {
	var indexes [][]byte
	seen := map[string]bool{}
	for _, word := range nameWords(query) {
		letters := []rune(word)
		if prefix := string(letters[:min(len(letters), maxPrefix)]); !seen[prefix] {
			seen[prefix] = true
			indexes = append(indexes, prefixIndex(keeper, organization, prefix))
		}
	}
	if len(indexes) == 0 {
		return nil, fault.At("query.name", "a name to search for must contain a letter")
	}
	return indexes, nil
}

func prefixIndex(keeper *secret.Keeper, organization uuid.UUID, prefix string) []byte {
	return keeper.BlindIndex("name_prefixes "+organization.String(), prefix)
}

const (
	deletePrefixes = `DELETE FROM name_prefixes WHERE organization_id = $1 AND user_id = $2`
	insertPrefixes = `INSERT INTO name_prefixes (organization_id, prefix_index, user_id) SELECT $1, unnest($3::bytea[]), $2 ON CONFLICT DO NOTHING`
)

// IndexName stores the prefix hashes of a member's name. The empty prefix, which every
// member has, marks the name as indexed.
func IndexName(ctx context.Context, tx pgx.Tx, keeper *secret.Keeper, organization, user uuid.UUID, name Name) error {
	prefixes := map[string]bool{"": true}
	for _, word := range nameWords(name.FirstName + " " + name.LastName) {
		letters := []rune(word)
		for n := 1; n <= min(len(letters), maxPrefix); n++ {
			prefixes[string(letters[:n])] = true
		}
	}
	var indexes [][]byte
	for prefix := range prefixes {
		indexes = append(indexes, prefixIndex(keeper, organization, prefix))
	}
	if _, err := tx.Exec(ctx, deletePrefixes, organization, user); err != nil {
		return fmt.Errorf("forget name of member: %w", err)
	}
	if _, err := tx.Exec(ctx, insertPrefixes, organization, user, indexes); err != nil {
		return fmt.Errorf("index name of member: %w", err)
	}
	return nil
}

// indexBatch limits the names indexed in one transaction.
const indexBatch = 200

const (
	lockSettings  = `SELECT FROM organizations WHERE id = $1 AND (settings ->> 'search_by_name')::boolean FOR SHARE`
	selectMissing = `
SELECT u.id, u.wrapped_key, u.email, u.first_name, u.last_name FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.organization_id = $1 AND NOT EXISTS (SELECT FROM name_prefixes n WHERE n.organization_id = $1 AND n.user_id = m.user_id)
LIMIT $2 FOR SHARE OF u SKIP LOCKED`
	anyMissing = `
SELECT EXISTS (SELECT FROM memberships m
    WHERE m.organization_id = $1 AND NOT EXISTS (SELECT FROM name_prefixes n WHERE n.organization_id = $1 AND n.user_id = m.user_id))`
)

// maxRounds limits the transactions in which one search indexes missing names.
const maxRounds = 10

var errNoNameSearch = fault.New(fault.Conflict, "The organization does not allow searching by name: its setting search_by_name is off")

// IndexNames indexes members who are not indexed yet and reports whether all are: some may
// be locked by concurrent changes, or be too many for one search. It returns fault.Conflict
// if the organization does not allow searching by name.
func IndexNames(ctx context.Context, s store.Store, organization uuid.UUID) (complete bool, err error) {
	for range maxRounds {
		indexed, err := indexMissing(ctx, s, organization)
		if database.IsNoRows(err) {
			return false, errNoNameSearch
		}
		if err != nil {
			return false, err
		}
		if indexed < indexBatch {
			break
		}
	}
	var missing bool
	if err := s.DB.QueryRow(ctx, anyMissing, organization).Scan(&missing); err != nil {
		return false, fmt.Errorf("look for names that are not indexed: %w", err)
	}
	return !missing, nil
}

type unindexed struct {
	ID         uuid.UUID
	WrappedKey []byte
	SealedName
}

// indexMissing indexes some of the members who are not indexed yet and returns how many. It
// returns pgx.ErrNoRows if the organization does not allow searching by name.
func indexMissing(ctx context.Context, s store.Store, organization uuid.UUID) (indexed int, err error) {
	err = s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := tx.QueryRow(ctx, lockSettings, organization).Scan(); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, selectMissing, organization, indexBatch)
		missing, err := pgx.CollectRows(rows, pgx.RowToStructByName[unindexed])
		if err != nil {
			return err
		}
		for _, u := range missing {
			name, err := OpenName(ctx, s, u.WrappedKey, u.SealedName)
			if err != nil {
				return err
			}
			if err := IndexName(ctx, tx, s.Keeper, organization, u.ID, name); err != nil {
				return err
			}
		}
		indexed = len(missing)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("index names of members: %w", err)
	}
	return indexed, nil
}
