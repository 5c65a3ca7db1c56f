package quality

import (
	"context"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/quality"
)

// SuggestRequest identifies the data set.
type SuggestRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// SuggestResponse is a contract that can be set.
type SuggestResponse struct{ Body quality.Contract }

var errNotReady = fault.New(fault.Conflict, "This data set has no ready version whose profile could be used: upload a file first")

const selectProfile = `
SELECT v.row_count AS rows, v.columns FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.ready_version
WHERE d.id = $1 AND v.columns IS NOT NULL`

// Suggest suggests a contract.
func (f *Function) Suggest(ctx context.Context, in *SuggestRequest) (*SuggestResponse, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	p, err := database.One[struct {
		Rows    int64
		Columns []byte
	}](ctx, f.db, errNotReady, selectProfile, in.ID)
	if err != nil {
		return nil, err
	}
	contract, err := quality.Suggest(p.Rows, p.Columns)
	return &SuggestResponse{Body: contract}, err
}
