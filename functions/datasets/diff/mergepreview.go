package diff

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/keyed"
)

// MergeRequest identifies the branches.
type MergeRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Name string    `path:"name" maxLength:"63" doc:"The branch to merge"`
	Body struct {
		Into  string   `json:"into,omitempty" default:"main" pattern:"^[a-z][a-z0-9._-]{0,62}$" doc:"The branch that gets the changes"`
		Key   []string `json:"key" minItems:"1" maxItems:"16" nullable:"false" doc:"The columns that identify a row" example:"[\"id\"]"`
		Limit int      `json:"limit,omitempty" minimum:"1" maximum:"1000" default:"100" doc:"Maximum number of conflicts to show"`
	}
}

// MergeResponse is what the merge would do.
type MergeResponse struct {
	Body struct {
		version.MergeVersions
		keyed.MergePreview
	}
}

// PreviewMerge returns what a merge would do.
func (f *Function) PreviewMerge(ctx context.Context, in *MergeRequest) (*MergeResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, reader); err != nil {
		return nil, err
	}
	if err := dataset.SeesAll(ctx, f.db, in.ID, reader); err != nil {
		return nil, err
	}
	out := &MergeResponse{}
	if out.Body.MergeVersions, err = version.FindMerge(ctx, f.db, in.ID, in.Name, in.Body.Into); err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:preview_merge", ResourceID: in.ID.String(), Detail: map[string]any{
		"branch": in.Name, "into": in.Body.Into, "into_version": out.Body.Into, "source_version": out.Body.Source}}
	if err := audit.Record(ctx, f.db, entry); err != nil {
		return nil, err
	}
	preview, err := f.previewMerge(ctx, in, out.Body.MergeVersions)
	var refused *invalid.Error
	if errors.As(err, &refused) {
		return nil, fault.At("body.key", "%s", refused.Detail)
	}
	if err != nil {
		return nil, fmt.Errorf("preview merge: %w", err)
	}
	out.Body.MergePreview = *preview
	return out, nil
}

func (f *Function) previewMerge(ctx context.Context, in *MergeRequest, v version.MergeVersions) (*keyed.MergePreview, error) {
	dir, err := os.MkdirTemp(f.scratch, "merge-*")
	if err != nil {
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	defer os.RemoveAll(dir)
	var sides [3]keyed.Table
	for i, number := range []int{v.Common, v.Into, v.Source} {
		if err := archival.Check(ctx, f.db, in.ID, number); err != nil {
			return nil, err
		}
		rows, err := f.reader.Fetch(ctx, in.ID, number, dir)
		if err != nil {
			return nil, err
		}
		sides[i] = rows.Files
	}
	return keyed.PreviewMerge(ctx, sides[0], sides[1], sides[2], in.Body.Key, in.Body.Limit, keyed.Options{Scratch: dir})
}
