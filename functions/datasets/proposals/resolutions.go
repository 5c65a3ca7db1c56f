package proposals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/keyed"
	"function/shared/secret"
)

const (
	resolutionsContext = "dataset_proposals.resolutions"

	newestTable       = `SELECT wrapped_key FROM published.version_tables t WHERE t.dataset_id = v.dataset_id AND t.version = v.version ORDER BY place DESC LIMIT 1`
	selectHeadKey     = `SELECT v.version, k.wrapped_key FROM dataset_versions v, LATERAL (` + newestTable + `) k WHERE v.dataset_id = $1 AND v.version = head_of($1, $2)`
	selectResolutions = `
SELECT v.resolutions, k.wrapped_key FROM dataset_proposals v LEFT JOIN LATERAL (` + newestTable + `) k ON true
WHERE v.dataset_id = $1 AND v.id = $2 AND v.resolutions IS NOT NULL`
)

// sealed are the resolutions of a proposal, which hold values of rows, sealed with the key of the proposed version.
type sealed struct {
	version     int // zero: the proposal has no resolutions
	resolutions []byte
}

// seal checks and seals resolutions of a proposal of the newest version of a branch.
func (f *Function) seal(ctx context.Context, id uuid.UUID, branch string, key []string, resolutions []keyed.Resolution) (s sealed, err error) {
	if len(resolutions) == 0 {
		return s, nil
	}
	var refused *invalid.Error
	if errors.As(keyed.CheckResolutions(resolutions, key), &refused) {
		return s, fault.At("body.resolutions", "%s", refused.Detail)
	}
	head, err := database.One[struct {
		Version    int
		WrappedKey []byte
	}](ctx, f.db, errNoBranch, selectHeadKey, id, branch)
	if err != nil {
		return s, err
	}
	plain, err := f.keys.Unwrap(ctx, head.WrappedKey)
	if err != nil {
		return s, err
	}
	encoded, err := json.Marshal(resolutions)
	if err != nil {
		return s, fmt.Errorf("encode resolutions: %w", err)
	}
	s.version = head.Version
	s.resolutions, err = secret.Seal(plain, resolutionsContext, string(encoded))
	return s, err
}

// approved returns the resolutions that an approval of a proposal applies.
func (f *Function) approved(ctx context.Context, in Request) (found []keyed.Resolution, err error) {
	stored, err := database.One[struct{ Resolutions, WrappedKey []byte }](ctx, f.db, errNoProposal, selectResolutions, in.ID, in.ProposalID)
	if errors.Is(err, errNoProposal) {
		return nil, nil
	}
	if err == nil && stored.WrappedKey == nil {
		return nil, fault.New(fault.Conflict, "The proposed version has expired, and the decisions about its conflicts with it: withdraw the proposal and make a new one")
	}
	if err != nil {
		return nil, err
	}
	key, err := f.keys.Unwrap(ctx, stored.WrappedKey)
	if err != nil {
		return nil, err
	}
	encoded, err := secret.Unseal(key, resolutionsContext, stored.Resolutions)
	if err == nil {
		err = json.Unmarshal([]byte(encoded), &found)
	}
	if err != nil {
		return nil, fmt.Errorf("read resolutions of proposal %s: %w", in.ProposalID, err)
	}
	return found, nil
}

// shown returns the resolutions of a proposal to readers who see all rows of the data set, as long as the proposed
// version has not expired.
func (f *Function) shown(ctx context.Context, in Request, r access.Reader) ([]keyed.Resolution, error) {
	err := dataset.SeesAll(ctx, f.db, in.ID, r)
	var found []keyed.Resolution
	if err == nil {
		found, err = f.approved(ctx, in)
	}
	var refused *fault.Error
	if errors.As(err, &refused) {
		return nil, nil
	}
	return found, err
}
