package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/ingest/invalid"
	"function/shared/orc/orcwriter"
)

// writeORC writes the file to the scratch directory, because only its values show whether ORC can carry them.
func (t *Table) writeORC(ctx context.Context, scratch string) error {
	path := filepath.Join(scratch, "export.orc")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create a scratch file: %w", err)
	}
	var out *orcwriter.Writer
	err = t.each(ctx, func(schema *arrow.Schema) (sink, error) {
		var err error
		out, err = orcwriter.New(f, schema, orcwriter.Options{Compression: orcwriter.Zlib, StripeSize: maxRowGroup / 4})
		return out, err
	})
	err = errors.Join(err, f.Close())
	var refused orcwriter.Error
	if errors.As(err, &refused) {
		return &invalid.Error{Detail: string(refused)}
	}
	if err != nil {
		return err
	}
	t.complete = path
	t.Notes = append(t.Notes, out.Notes()...)
	return nil
}
