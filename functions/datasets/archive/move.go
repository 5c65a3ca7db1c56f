package archive

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/staging"
	"function/shared/audit"
	"function/shared/job"
	"function/shared/outbox"
)

// copy copies the version's own objects. Copies of a version that then stays in place are swept.
func (f *Function) copy(ctx context.Context, j *job.Job, storageType string, dataset uuid.UUID, version int) error {
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	names, err := archival.Objects(ctx, f.area.DB, dataset, version)
	if err != nil {
		return err
	}
	primary, err := f.area.Bucket(ctx, storageType)
	if err != nil {
		return err
	}
	to, err := f.area.Archives.Open(ctx, storageType)
	if err != nil {
		return err
	}
	for i, name := range names {
		j.Progress(int64(i), int64(len(names)), "copy")
		sum, err := f.area.Archives.Record(ctx, f.area.DB, storageType, name)
		if err != nil {
			return err
		}
		if sum, err = primary.Copy(ctx, name, to, sum); err != nil {
			return fmt.Errorf("archive version %d: %w", version, err)
		}
		if err := f.area.Archives.Verified(ctx, f.area.DB, storageType, name, sum); err != nil {
			return err
		}
	}
	return nil
}

// move makes the copies in the archive the version's objects.
func (f *Function) move(ctx context.Context, tx *outbox.Tx, policy *archival.Policy, dataset uuid.UUID, version int) error {
	names, err := archival.Objects(ctx, tx, dataset, version)
	if err != nil {
		return err
	}
	if err := f.area.Archives.Keep(ctx, tx, policy.StorageType, names); err != nil {
		return err
	}
	if err := staging.Release(ctx, tx, policy.StorageType, names); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, setArchived, dataset, version); err != nil {
		return fmt.Errorf("mark version as archived: %w", err)
	}
	return audit.Record(ctx, tx, audit.Entry{
		Action: "datasets:archive", ResourceID: dataset.String(), OrganizationID: policy.OrganizationID, Detail: map[string]any{"version": version},
	})
}
