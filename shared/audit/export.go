package audit

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/uuid7"
)

const (
	selectRange = `SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM audit_entries WHERE organization_id = $1 AND id >= $2 AND id < $3 AND seq IS NOT NULL`
	selectStart = `SELECT coalesce(max(seq), 0) FROM audit_checkpoints WHERE organization_id = $1 AND seq < $2`
	selectStop  = `SELECT coalesce(min(seq), $2) FROM audit_checkpoints WHERE organization_id = $1 AND seq >= $2`
	selectLast  = `SELECT coalesce(max(seq), 0) FROM audit_checkpoints WHERE organization_id = $1`
	selectChain = `SELECT ` + Columns + ` FROM audit_entries WHERE organization_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`
	selectSigns = `SELECT seq, statement FROM audit_checkpoints WHERE organization_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq`
)

// exportBatch is the number of entries read into memory before they are written. While a slow
// client is being written to, the export holds no connection.
const exportBatch = 500

// Reader is a pool, or a transaction that sees a snapshot of the trail.
type Reader interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
}

// Export writes an organization's sealed entries of a period, oldest first, with the checkpoints
// among them. It begins and ends at checkpoints, so it may include entries from before and after
// the period. A zero from or to leaves that end open.
func Export(ctx context.Context, db Reader, organization uuid.UUID, from, to time.Time, w io.Writer) error {
	after, last, err := span(ctx, db, organization, from, to)
	if err != nil {
		return fmt.Errorf("find the entries to export: %w", err)
	}
	if after > 0 {
		if err := writeMerged(ctx, db, organization, nil, after, after, w); err != nil {
			return err
		}
	}
	for after < last {
		rows, _ := db.Query(ctx, selectChain, organization, after, last, exportBatch)
		lines, err := pgx.CollectRows(rows, pgx.RowToStructByName[Line])
		if err != nil {
			return fmt.Errorf("read entries: %w", err)
		}
		upTo := last
		if len(lines) == exportBatch {
			upTo = lines[len(lines)-1].Seq
		}
		if err := writeMerged(ctx, db, organization, lines, after+1, upTo, w); err != nil {
			return err
		}
		after = upTo
	}
	return nil
}

// span returns the entry after which an export begins and its last entry.
func span(ctx context.Context, db Reader, organization uuid.UUID, from, to time.Time) (after, last int64, err error) {
	if from.IsZero() && to.IsZero() {
		err = db.QueryRow(ctx, selectLast, organization).Scan(&last)
		return 0, last, err
	}
	until := uuid.Max
	if !to.IsZero() {
		until = uuid7.First(to)
	}
	if err := db.QueryRow(ctx, selectRange, organization, uuid7.First(from), until).Scan(&after, &last); err != nil || last == 0 {
		return 0, 0, err
	}
	if err := db.QueryRow(ctx, selectStart, organization, after).Scan(&after); err != nil {
		return 0, 0, err
	}
	if to.IsZero() {
		err = db.QueryRow(ctx, selectLast, organization).Scan(&last)
	} else {
		err = db.QueryRow(ctx, selectStop, organization, last).Scan(&last)
	}
	return after, last, err
}

type signed struct {
	Seq       int64
	Statement string
}

// writeMerged writes entries with the checkpoints from first to last among them.
func writeMerged(ctx context.Context, db Reader, organization uuid.UUID, lines []Line, first, last int64, w io.Writer) error {
	rows, _ := db.Query(ctx, selectSigns, organization, first, last)
	checkpoints, err := pgx.CollectRows(rows, pgx.RowToStructByName[signed])
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	for len(lines)+len(checkpoints) > 0 {
		var next Exported
		if len(checkpoints) == 0 || len(lines) > 0 && lines[0].Seq <= checkpoints[0].Seq {
			next.Entry, lines = &lines[0], lines[1:]
		} else {
			next.Checkpoint, checkpoints = checkpoints[0].Statement, checkpoints[1:]
		}
		if err := next.Write(w); err != nil {
			return err
		}
	}
	return nil
}
