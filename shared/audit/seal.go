package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
)

// batch is how many entries one transaction seals; a checkpoint ends each.
const batch = 2000

// Seal chains what is not sealed yet in a database, whose trail has a name, and
// tells how many entries that were. Several may seal at once: one of them works on
// an organization, in whose chain each entry comes once. An entry whose transaction
// commits late is sealed late, after entries that are younger.
//
// The organizations whose chain does not continue from its newest checkpoint are an
// error: somebody has removed or changed entries. The others are sealed.
func Seal(ctx context.Context, db *pgxpool.Pool, trail Trail, signer Signer) (sealed int, err error) {
	rows, _ := db.Query(ctx, `SELECT DISTINCT organization_id FROM audit_entries WHERE seq IS NULL`)
	organizations, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("list unsealed organizations: %w", err)
	}
	var failures []error
	for _, organization := range organizations {
		n, err := sealOne(ctx, db, chain{trail: trail, organization: organization, signer: signer})
		sealed += n
		if err != nil {
			failures = append(failures, fmt.Errorf("seal trail %s of organization %s: %w", trail, organization, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return sealed, errors.Join(failures...)
}

func sealOne(ctx context.Context, db *pgxpool.Pool, c chain) (sealed int, err error) {
	for {
		n := 0
		err := database.Transact(ctx, db, func(tx *database.Tx) error {
			n, err = c.sealBatch(ctx, tx)
			return err
		})
		if err != nil {
			return sealed, err
		}
		sealed += n
		if n < batch {
			return sealed, nil
		}
	}
}

// chain is one organization's.
type chain struct {
	trail        Trail
	organization uuid.UUID
	signer       Signer
}

const (
	lockChain = `SELECT pg_try_advisory_xact_lock(hashtextextended('audit ' || $1::text, 0))`
	// The end of the chain, which is what the newest checkpoint was signed over.
	selectEnd = `
SELECT coalesce(e.seq, 0), coalesce(e.hash, ''), coalesce(c.seq, 0) = coalesce(e.seq, 0) AND coalesce(c.hash, '') = coalesce(e.hash, '')
FROM (SELECT $1::uuid AS organization_id) o
LEFT JOIN LATERAL (SELECT seq, hash FROM audit_entries WHERE organization_id = o.organization_id AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1) e ON true
LEFT JOIN LATERAL (SELECT seq, hash FROM audit_checkpoints WHERE organization_id = o.organization_id ORDER BY seq DESC LIMIT 1) c ON true`
	selectUnsealed = `SELECT ` + Columns + ` FROM audit_entries WHERE organization_id = $1 AND seq IS NULL ORDER BY id LIMIT $2`
	seal           = `
UPDATE audit_entries e SET seq = s.seq, previous_hash = s.previous_hash, hash = s.hash
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[]) AS s (id, seq, previous_hash, hash) WHERE e.id = s.id AND e.seq IS NULL`
	insertCheckpoint = `INSERT INTO audit_checkpoints (organization_id, seq, hash, signed_at, statement) VALUES ($1, $2, $3, $4, $5)`
)

var errBroken = errors.New("its end is not what its newest checkpoint was signed over: entries have been changed or removed, and nothing is sealed until that is looked into")

// sealBatch seals the oldest unsealed entries and vouches for them.
func (c chain) sealBatch(ctx context.Context, tx pgx.Tx) (int, error) {
	var mine, whole bool
	if err := tx.QueryRow(ctx, lockChain, c.organization).Scan(&mine); err != nil || !mine {
		return 0, err // another one is sealing
	}
	end := Checkpoint{Trail: c.trail, OrganizationID: c.organization, IssuedAt: time.Now().Unix()}
	if err := tx.QueryRow(ctx, selectEnd, c.organization).Scan(&end.Seq, &end.Hash, &whole); err != nil {
		return 0, fmt.Errorf("find end of chain: %w", err)
	}
	if !whole {
		return 0, errBroken
	}
	if end.Seq == 0 {
		end.Hash = origin
	}
	rows, _ := tx.Query(ctx, selectUnsealed, c.organization, batch)
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByName[Line])
	if err != nil || len(lines) == 0 {
		return 0, err
	}
	ids, seqs := make([]uuid.UUID, len(lines)), make([]int64, len(lines))
	previous, hashes := make([][]byte, len(lines)), make([][]byte, len(lines))
	for i, line := range lines {
		line.Seq = end.Seq + 1
		hash, err := line.chained(end.Hash)
		if err != nil {
			return 0, err
		}
		ids[i], seqs[i], previous[i], hashes[i] = line.ID, line.Seq, end.Hash, hash
		end.Seq, end.Hash = line.Seq, hash
	}
	if done, err := tx.Exec(ctx, seal, ids, seqs, previous, hashes); err != nil {
		return 0, fmt.Errorf("seal entries: %w", err)
	} else if done.RowsAffected() != int64(len(lines)) {
		return 0, fmt.Errorf("%d of %d entries could be sealed", done.RowsAffected(), len(lines))
	}
	statement, err := end.sign(ctx, c.signer)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, insertCheckpoint, c.organization, end.Seq, []byte(end.Hash), end.SignedAt(), statement); err != nil {
		return 0, fmt.Errorf("keep checkpoint: %w", err)
	}
	return len(lines), nil
}
