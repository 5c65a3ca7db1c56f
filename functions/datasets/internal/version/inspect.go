package version

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/staging"
	"function/shared/access"
	"function/shared/database"
	"function/shared/distribution"
	"function/shared/engine"
	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/quality"
	"function/shared/resultset"
)

// contract is the newest revision of a data set's contract.
type contract struct {
	revision int
	*quality.Contract
}

const (
	selectContract  = `SELECT revision, contract FROM dataset_contracts WHERE dataset_id = $1 ORDER BY revision DESC LIMIT 1`
	selectReference = `
SELECT id, ready_version AS version FROM datasets d
WHERE organization_id = $1 AND may_read(d, $3) AND lower(name) = lower($2) AND kind = 'table' AND ready_version IS NOT NULL AND deleted_at IS NULL`
)

// newestContract returns a data set's contract, or nil.
func newestContract(ctx context.Context, db database.Querier, id uuid.UUID) (*contract, error) {
	found, err := database.One[struct {
		Revision int
		Contract []byte
	}](ctx, db, pgx.ErrNoRows, selectContract, id)
	if database.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up contract: %w", err)
	}
	c, err := quality.Decode(found.Contract)
	if err != nil {
		return nil, fmt.Errorf("decode contract of %s: %w", id, err)
	}
	return &contract{found.Revision, c}, nil
}

// expected lists the columns that the contract promises, of a file that has them.
func (w *preparation) expected() []resultset.Column {
	if w.contract == nil || w.Operation == Delete {
		return nil
	}
	return w.contract.Expected()
}

// ruled lists the columns that the contract has rules about.
func (w *preparation) ruled() []string {
	if w.contract == nil {
		return nil
	}
	return w.contract.Columns()
}

// Inspection is the result of checking a version against its contract.
type Inspection struct {
	Revision int
	Results  []quality.Result
	failing  *failing // nil: no row fails
}

// failing are the stored rows that fail.
type failing struct {
	object     *staging.Object
	wrappedKey []byte
	profile    *ingest.Profile

	distribution *distribution.Distribution
}

// inspect checks the prepared rows of the version. It returns an *invalid.Error if its columns are not those of the
// contract.
func (w *preparation) inspect(ctx context.Context, out Outcome, table string) (*Inspection, error) {
	w.progress.report("check quality", 0.85)
	columns := make([]resultset.Column, len(out.Profile.Columns))
	for i, c := range out.Profile.Columns {
		columns[i] = resultset.Column{Name: c.Name, Type: c.Type}
	}
	if misfits := w.contract.Misfits(columns, out.Profile.Misfits); misfits != "" {
		return nil, &invalid.Error{Detail: misfits}
	}
	in := quality.Input{Version: w.Version, At: time.Now(), Values: out.Profile.Values, Misfits: out.Profile.Misfits}
	in.Files = w.files(out, table)
	found := &Inspection{Revision: w.contract.revision}
	if w.Base > 0 && (w.contract.Compatibility != "none" || w.contract.Compares()) {
		before, err := w.reader().Fetch(ctx, w.DatasetID, w.Base, w.dir)
		if err != nil {
			return nil, err
		}
		in.Previous = before.Files
		if w.contract.Compatibility != "none" {
			found.Results = append(found.Results, w.contract.Compatible(before.Columns, columns))
		}
	}
	var err error
	if in.References, err = w.references(ctx); err != nil {
		return nil, err
	}
	report, err := quality.Check(ctx, w.contract.Contract, in, quality.Options{Scratch: w.dir})
	if err != nil {
		return nil, fmt.Errorf("check quality: %w", err)
	}
	found.Results = append(found.Results, report.Results...)
	if report.Rows > 0 {
		found.failing, err = w.keep(ctx, report.File)
	}
	return found, err
}

// references fetches the current versions of the data sets that foreign keys refer to. Those that do not exist are
// absent, and the rule says so.
func (w *preparation) references(ctx context.Context) (map[string][]string, error) {
	files := map[string][]string{}
	everyone := access.Everyone(w.OrganizationID) // the result of a rule tells something about the other data set
	for i, name := range w.contract.References() {
		d, err := database.One[struct {
			ID      uuid.UUID
			Version int
		}](ctx, w.Area.DB, pgx.ErrNoRows, selectReference, w.OrganizationID, name, everyone)
		if database.IsNoRows(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look up data set of foreign key: %w", err)
		}
		dir := filepath.Join(w.dir, fmt.Sprintf("reference-%d", i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make scratch directory: %w", err)
		}
		view, err := access.Load(ctx, w.Area.DB, d.ID, everyone, w.Keys)
		if err != nil {
			return nil, err
		}
		rows, err := w.reader().FetchView(ctx, d.ID, d.Version, dir, view)
		if err != nil {
			return nil, err
		}
		files[name] = rows.Files
	}
	return files, nil
}

// keep stores the failing rows under a key of their own.
func (w *preparation) keep(ctx context.Context, path string) (*failing, error) {
	profile, err := ingest.Describe(ctx, []string{path}, ingest.Options{Scratch: w.dir})
	if err != nil {
		return nil, fmt.Errorf("describe failing rows: %w", err)
	}
	s, err := engine.OpenSpilling(ctx, w.dir, "")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	described, err := distribution.Describe(ctx, s, profile.Sample)
	if err != nil {
		return nil, fmt.Errorf("describe failing rows: %w", err)
	}
	key, wrapped, err := w.Keys.NewKey(ctx)
	if err != nil {
		return nil, err
	}
	object, err := w.put(ctx, path, key, func(float64) {})
	return &failing{object: object, wrappedKey: wrapped, profile: profile, distribution: described}, err
}

// encode returns results as stored JSON.
func encode(results []quality.Result) (json.RawMessage, error) {
	encoded, err := json.Marshal(slices.Concat([]quality.Result{}, results))
	if err != nil {
		return nil, fmt.Errorf("encode results: %w", err)
	}
	return encoded, nil
}
