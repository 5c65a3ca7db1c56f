package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
)

// ErrIntact is returned when a chain is intact and needs no restart.
var ErrIntact = errors.New("the chain is intact up to its newest checkpoint: there is nothing to restart")

// Restart lets an organization's chain continue after its end was tampered with. The platform's
// operator runs it once the incident has been investigated. An entry with the reason begins a new
// segment, under a checkpoint marked as a restart. Nothing is repaired: a verifier finds both the
// tampering and the restart.
func Restart(ctx context.Context, db *pgxpool.Pool, trail Trail, organization uuid.UUID, signer Signer, reason string) error {
	c := chain{trail: trail, organization: organization, signer: signer}
	read := func(b *pgx.Batch) {
		b.Queue(awaitChain, organization)
		c.readEnds(b)
	}
	return database.TransactFrom(ctx, db, read, func(tx *database.Tx) error {
		if c.end.whole() {
			return ErrIntact
		}
		end := Checkpoint{Trail: trail, OrganizationID: organization, Seq: c.end.Seq, Hash: c.end.Hash, Restart: true}
		if c.end.CheckpointSeq > end.Seq { // the entries up to the checkpoint were removed
			end.Seq, end.Hash = c.end.CheckpointSeq, c.end.CheckpointHash
		}
		values, err := Entry{
			Action: "audit:restart", OrganizationID: organization, Platform: organization == uuid.Nil,
			Detail: map[string]any{"reason": reason, "entries_end": c.end.Seq, "checkpoints_end": c.end.CheckpointSeq},
		}.values(ctx)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, insert+` RETURNING `+Columns, values...)
		lines, err := pgx.CollectRows(rows, pgx.RowToStructByName[Line])
		if err != nil {
			return fmt.Errorf("record the restart: %w", err)
		}
		return c.seal(ctx, tx, end, lines)
	})
}
