// Package catalogue counts reads of data sets, and names those who may find them.
package catalogue

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/access"
	"function/shared/database"
)

// How data sets are read.
const (
	Queries   = "queries"
	Downloads = "downloads"
)

const (
	countUse = `
INSERT INTO dataset_usage AS u (dataset_id, day, user_id, queries, downloads)
SELECT d.id, (now() AT TIME ZONE 'UTC')::date, $2, ($3 = 'queries')::int, ($3 = 'downloads')::int
FROM datasets d WHERE d.id = ANY ($1) ORDER BY d.id
ON CONFLICT (dataset_id, day, user_id) DO UPDATE SET queries = u.queries + excluded.queries, downloads = u.downloads + excluded.downloads`
	countPopularity = `
INSERT INTO dataset_popularity AS p (dataset_id, reads, at)
SELECT d.id, 1, now() FROM datasets d WHERE d.id = ANY ($1) ORDER BY d.id
ON CONFLICT (dataset_id) DO UPDATE SET reads = decayed(p.reads, p.at, excluded.at) + 1, at = greatest(p.at, excluded.at)`
)

// Count counts one read of each data set. Data sets that no longer exist are left out.
func Count(ctx context.Context, db database.Writer, how string, user uuid.UUID, datasets ...uuid.UUID) error {
	if err := db.Write(ctx, countUse, datasets, user, how); err != nil {
		return fmt.Errorf("count use of data sets: %w", err)
	}
	if err := db.Write(ctx, countPopularity, datasets); err != nil {
		return fmt.Errorf("count popularity of data sets: %w", err)
	}
	return nil
}

// Marks returns the marks of a reader in the index of searches. The function catalogue_document of the database gives
// data sets the marks of those who may read them.
func Marks(r access.Reader) []string {
	marks := []string{"member/" + r.Organization.String()}
	if r.User != nil {
		marks = append(marks, r.Organization.String()+"/"+r.User.String())
	}
	if r.Governs {
		marks = append(marks, "governs/"+r.Organization.String())
	}
	for _, p := range r.Principals {
		marks = append(marks, "share/"+p.String())
	}
	return marks
}
