package lifecycle

import (
	"context"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/expiry"
	"function/shared/database"
)

// PreviewRequest is the policy to try.
type PreviewRequest struct {
	Request
	KeepVersions int `query:"keep_versions" minimum:"1" maximum:"1000000" doc:"As in the policy"`
	KeepDays     int `query:"keep_days" minimum:"1" maximum:"36500" doc:"As in the policy"`

	ArchiveAfterDays int `query:"archive_after_days" minimum:"1" maximum:"36500" doc:"As in the policy"`
}

// PreviewResponse is what a policy would remove and archive.
type PreviewResponse struct {
	Body struct {
		Versions []expiry.ExpiredVersion `json:"versions" nullable:"false" doc:"The versions that it would remove, oldest first"`
		Archive  []archival.DueVersion   `json:"archive" nullable:"false" doc:"The versions that it would move to the archive, oldest first"`
	}
}

// Preview lists what a policy would remove and archive.
func (f *Function) Preview(ctx context.Context, in *PreviewRequest) (*PreviewResponse, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	p := expiry.Policy{KeepVersions: limit(in.KeepVersions), KeepDays: limit(in.KeepDays), ArchiveAfterDays: limit(in.ArchiveAfterDays)}
	var err error
	if p == (expiry.Policy{}) {
		if p, err = database.One[expiry.Policy](ctx, f.db, errNoPolicy, selectPolicy, in.ID); err != nil {
			return nil, err
		}
	}
	out := &PreviewResponse{}
	out.Body.Archive = []archival.DueVersion{}
	if out.Body.Versions, err = expiry.Expired(ctx, f.db, in.ID, p); err != nil || p.ArchiveAfterDays == nil {
		return out, err
	}
	expired := make([]int, len(out.Body.Versions))
	for i, v := range out.Body.Versions {
		expired[i] = v.Version
	}
	out.Body.Archive, err = archival.Due(ctx, f.db, in.ID, *p.ArchiveAfterDays, expired)
	return out, err
}

// limit returns nil for a limit that the request does not set.
func limit(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}
