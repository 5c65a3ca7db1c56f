package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/uuid7"
)

const (
	awaitChain = `SELECT pg_advisory_xact_lock(hashtextextended('audit ' || $1::text, 0))`
	selectLine = `SELECT ` + Columns + ` FROM audit_entries WHERE id = $1`
)

// ErrWhole: there is nothing to start anew.
var ErrWhole = errors.New("the chain continues from its newest checkpoint: there is nothing to start anew")

// Restart has an organization's chain, whose end was tampered with, go on: for whoever
// runs the platform, once that was looked into. The entry that tells of it, with the
// reason, begins a new segment under a checkpoint that says so. Nothing is mended: a
// verifier finds what was done before, and the restart too.
func Restart(ctx context.Context, db *pgxpool.Pool, trail Trail, organization uuid.UUID, signer Signer, reason string) error {
	c := chain{trail: trail, organization: organization, signer: signer}
	return database.Transact(ctx, db, func(tx *database.Tx) error {
		if _, err := tx.Exec(ctx, awaitChain, organization); err != nil {
			return fmt.Errorf("wait for the sealing: %w", err)
		}
		if err := c.readEnds(ctx, tx); err != nil {
			return err
		}
		if c.end.whole() {
			return ErrWhole
		}
		end := Checkpoint{Trail: trail, OrganizationID: organization, Seq: c.end.Seq, Hash: c.end.Hash, Restart: true}
		if c.end.CheckpointSeq > end.Seq { // the entries up to it were removed
			end.Seq, end.Hash = c.end.CheckpointSeq, c.end.CheckpointHash
		}
		id := uuid7.New()
		err := recordAs(ctx, atOnce{tx}, id, Entry{
			Action: "audit:restart", OrganizationID: organization, Platform: organization == uuid.Nil,
			Detail: map[string]any{"reason": reason, "entries_end": c.end.Seq, "checkpoints_end": c.end.CheckpointSeq},
		})
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, selectLine, id)
		lines, err := pgx.CollectRows(rows, pgx.RowToStructByName[Line])
		if err != nil {
			return fmt.Errorf("read the entry of the restart: %w", err)
		}
		return c.seal(ctx, tx, end, lines)
	})
}

func (c *chain) readEnds(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, selectEnds, c.organization).Scan(&c.end.Seq, &c.end.Hash, &c.end.CheckpointSeq, &c.end.CheckpointHash)
	if err != nil {
		return fmt.Errorf("find the ends of the chain: %w", err)
	}
	return nil
}

// atOnce writes at once, for what is read in the same transaction.
type atOnce struct{ pgx.Tx }

// Write implements database.Writer.
func (tx atOnce) Write(ctx context.Context, sql string, arguments ...any) error {
	_, err := tx.Exec(ctx, sql, arguments...)
	return err
}
