package listaudit

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/auth"
	"function/shared/page"
)

const (
	selectCheckpoints = `
SELECT seq, hash, signed_at, statement FROM audit_checkpoints WHERE organization_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`
	selectKeys = `SELECT kid, public_key FROM statement_keys ORDER BY created_at DESC`
)

// Checkpoints lists the checkpoints of the caller's organization's trail.
func (f *Function) Checkpoints(ctx context.Context, in *CheckpointsRequest) (*CheckpointsResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	return f.checkpoints(ctx, caller.OrganizationID, in)
}

// PlatformCheckpoints lists the checkpoints of the platform's own trail.
func (f *Function) PlatformCheckpoints(ctx context.Context, in *CheckpointsRequest) (*CheckpointsResponse, error) {
	return f.checkpoints(ctx, uuid.Nil, in)
}

func (f *Function) checkpoints(ctx context.Context, organization uuid.UUID, in *CheckpointsRequest) (*CheckpointsResponse, error) {
	db, err := f.trails.Open(ctx, in.Trail)
	if err != nil {
		return nil, err
	}
	before := in.Cursor
	if before == 0 {
		before = math.MaxInt64
	}
	rows, _ := db.Query(ctx, selectCheckpoints, organization, before, in.Limit+1)
	checkpoints, err := pgx.CollectRows(rows, pgx.RowToStructByName[Checkpoint])
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	out := &CheckpointsResponse{Body: page.Page[Checkpoint]{Items: append([]Checkpoint{}, checkpoints[:min(len(checkpoints), in.Limit)]...)}}
	if len(checkpoints) > in.Limit {
		out.Body.NextCursor = strconv.FormatInt(checkpoints[in.Limit-1].Seq, 10)
	}
	return out, nil
}

// Keys lists all keys that have ever signed checkpoints.
func (f *Function) Keys(ctx context.Context, _ *struct{}) (*KeysResponse, error) {
	rows, _ := f.store.DB.Query(ctx, selectKeys)
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByName[auth.PublicKey])
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	out := &KeysResponse{CacheControl: "public, max-age=300"}
	out.Body.Keys = []Key{}
	for _, k := range keys {
		out.Body.Keys = append(out.Body.Keys, Key{KeyType: "OKP", Curve: "Ed25519", ID: k.KID, X: k.X(), Use: "sig"})
	}
	return out, nil
}
