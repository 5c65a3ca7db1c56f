package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"function/shared/database"
)

// batch is the maximum number of entries sealed in one transaction. A checkpoint ends each batch.
const batch = 2000

// Seal chains the unsealed entries of a database's trail and returns how many it sealed. Several
// processes may seal at once: only one works on an organization at a time, and each entry is
// chained once. An entry whose transaction commits late is sealed late, after younger entries.
//
// Seal returns an error for each organization whose chain does not continue from its newest
// checkpoint, because entries were removed or changed (see [Restart]). It seals the others.
func Seal(ctx context.Context, db *pgxpool.Pool, trail Trail, signer Signer) (sealed int, err error) {
	rows, _ := db.Query(ctx, `SELECT DISTINCT organization_id FROM audit_entries WHERE seq IS NULL`)
	organizations, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("list unsealed organizations: %w", err)
	}
	// Signing may need a connection besides those of the workers.
	var workers errgroup.Group
	workers.SetLimit(max(1, min(maxWorkers, int(db.Config().MaxConns)-1)))
	var mu sync.Mutex
	var failures []error
	for _, organization := range organizations {
		if ctx.Err() != nil {
			break
		}
		workers.Go(func() error {
			n, err := sealOne(ctx, db, chain{trail: trail, organization: organization, signer: signer})
			mu.Lock()
			defer mu.Unlock()
			sealed += n
			if err != nil {
				failures = append(failures, fmt.Errorf("seal trail %s of organization %s: %w", trail, organization, err))
			}
			return nil
		})
	}
	_ = workers.Wait() // failures holds all errors
	return sealed, errors.Join(failures...)
}

// maxWorkers is the number of organizations sealed at once.
const maxWorkers = 4

func sealOne(ctx context.Context, db *pgxpool.Pool, c chain) (sealed int, err error) {
	for {
		n := 0
		err := database.TransactFrom(ctx, db, c.read, func(tx *database.Tx) error {
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

// chain is the chain of one organization.
type chain struct {
	trail        Trail
	organization uuid.UUID
	signer       Signer

	// Read from the database.
	mine     bool // no other process is sealing it
	end      ends
	unsealed []Line
}

// ends are the last sealed entry and the newest checkpoint. They match unless the chain was
// tampered with.
type ends struct {
	Seq, CheckpointSeq   int64
	Hash, CheckpointHash Hash
}

func (e ends) whole() bool {
	return e.Seq == e.CheckpointSeq && bytes.Equal(e.Hash, e.CheckpointHash)
}

const (
	chainKey   = `hashtextextended('audit ' || $1::text, 0)`
	lockChain  = `SELECT pg_try_advisory_xact_lock(` + chainKey + `)`
	awaitChain = `SELECT pg_advisory_xact_lock(` + chainKey + `)`
	selectEnds = `
SELECT coalesce(e.seq, 0), coalesce(e.hash, ''), coalesce(c.seq, 0), coalesce(c.hash, '')
FROM (SELECT $1::uuid AS organization_id) o
LEFT JOIN LATERAL (SELECT seq, hash FROM audit_entries WHERE organization_id = o.organization_id AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1) e ON true
LEFT JOIN LATERAL (SELECT seq, hash FROM audit_checkpoints WHERE organization_id = o.organization_id ORDER BY seq DESC LIMIT 1) c ON true`
	selectUnsealed = `SELECT ` + Columns + ` FROM audit_entries WHERE organization_id = $1 AND seq IS NULL ORDER BY id LIMIT $2`
	seal           = `
UPDATE audit_entries e SET seq = s.seq, previous_hash = s.previous_hash, hash = s.hash
FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[]) AS s (id, seq, previous_hash, hash) WHERE e.id = s.id AND e.seq IS NULL`
	insertCheckpoint = `INSERT INTO audit_checkpoints (organization_id, seq, hash, signed_at, statement) VALUES ($1, $2, $3, $4, $5)`
)

var errBroken = errors.New("its end does not match its newest checkpoint: entries were changed or removed. Nothing is sealed until somebody investigates and runs restart-audit (docs/operations.md)")

// read queues the queries for what the next batch needs.
func (c *chain) read(b *pgx.Batch) {
	b.Queue(lockChain, c.organization).QueryRow(func(row pgx.Row) error { return row.Scan(&c.mine) })
	c.readEnds(b)
	b.Queue(selectUnsealed, c.organization, batch).Query(func(rows pgx.Rows) (err error) {
		c.unsealed, err = pgx.CollectRows(rows, pgx.RowToStructByName[Line])
		return err
	})
}

func (c *chain) readEnds(b *pgx.Batch) {
	b.Queue(selectEnds, c.organization).QueryRow(func(row pgx.Row) error {
		return row.Scan(&c.end.Seq, &c.end.Hash, &c.end.CheckpointSeq, &c.end.CheckpointHash)
	})
}

// sealBatch seals the oldest unsealed entries and signs a checkpoint for them.
func (c *chain) sealBatch(ctx context.Context, tx *database.Tx) (int, error) {
	switch {
	case !c.mine:
		return 0, nil // another process is sealing
	case !c.end.whole():
		return 0, errBroken
	case len(c.unsealed) == 0:
		return 0, nil
	}
	end := Checkpoint{Trail: c.trail, OrganizationID: c.organization, Seq: c.end.Seq, Hash: c.end.Hash}
	return len(c.unsealed), c.seal(ctx, tx, end, c.unsealed)
}

// seal chains lines to the end of the chain and signs a checkpoint for them.
func (c *chain) seal(ctx context.Context, tx *database.Tx, end Checkpoint, lines []Line) error {
	if end.Seq == 0 {
		end.Hash = origin
	}
	ids, seqs := make([]uuid.UUID, len(lines)), make([]int64, len(lines))
	previous, hashes := make([][]byte, len(lines)), make([][]byte, len(lines))
	for i, line := range lines {
		line.Seq = end.Seq + 1
		hash, err := line.chained(end.Hash)
		if err != nil {
			return err
		}
		ids[i], seqs[i], previous[i], hashes[i] = line.ID, line.Seq, end.Hash, hash
		end.Seq, end.Hash = line.Seq, hash
	}
	if done, err := tx.Exec(ctx, seal, ids, seqs, previous, hashes); err != nil {
		return fmt.Errorf("seal entries: %w", err)
	} else if done.RowsAffected() != int64(len(lines)) {
		return fmt.Errorf("only %d of %d entries could be sealed", done.RowsAffected(), len(lines))
	}
	end.IssuedAt = time.Now().Unix()
	statement, err := end.sign(ctx, c.signer)
	if err != nil {
		return err
	}
	return tx.Write(ctx, insertCheckpoint, c.organization, end.Seq, []byte(end.Hash), end.SignedAt(), statement)
}
