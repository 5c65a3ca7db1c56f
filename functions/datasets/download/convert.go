package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/functions/datasets/internal/transfer"
	stored "function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/export"
	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// maxConversions is how many conversions run at the same time in a process, for their memory.
const maxConversions = 2

// notesHeader lists what a format carries as another type (RFC 9651, a list of strings).
const notesHeader = "Conversion-Notes"

const selectName = `SELECT name FROM datasets d WHERE id = $1 AND may_read(d, $2) AND deleted_at IS NULL`

// convert opens the rows of a version in another format. What the format cannot carry is refused
// before the response starts.
func (f *Function) convert(ctx context.Context, in *Request, caller auth.Caller, reader access.Reader, view access.View) (*Response, error) {
	d, err := database.One[struct{ Name string }](ctx, f.db, stored.ErrNotFound, selectName, in.ID, reader)
	if err != nil {
		return nil, err
	}
	ref := in.Version
	if ref == "" {
		ref = stored.Main
	}
	number, err := stored.Resolve(ctx, f.db, in.ID, ref, "query.version")
	if err != nil {
		return nil, err
	}
	tag := fmt.Sprintf(`W/"%d-%s"`, number, in.Format)
	if !view.Whole() {
		tag = fmt.Sprintf(`W/"%d-%s-%s"`, number, in.Format, view.Key())
	}
	if in.known(tag) {
		return &Response{Body: func(hctx huma.Context) {
			hctx.SetHeader("ETag", tag)
			hctx.SetStatus(http.StatusNotModified)
		}}, nil
	}
	if err := f.record(ctx, caller, in.ID, map[string]any{"version": number, "format": in.Format}); err != nil {
		return nil, err
	}
	select {
	case f.conversions <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	table, done, err := f.table(ctx, in, number, view)
	if err != nil {
		<-f.conversions
		return nil, err
	}
	return &Response{Body: func(hctx huma.Context) {
		defer func() { done(); <-f.conversions }()
		r, w := humago.Unwrap(hctx)
		header := w.Header()
		header.Set("Content-Type", export.MediaType(in.Format))
		header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-v%d.%s"`, d.Name, number, in.Format))
		header.Set("ETag", tag)
		if len(table.Notes) > 0 {
			header.Set(notesHeader, list(table.Notes))
		}
		if r.Method != http.MethodHead {
			transfer.Stream(ctx, w, func(out io.Writer) error { return table.Write(ctx, out) })
		}
	}}, nil
}

// table fetches and opens the rows. The caller calls done when it has written them.
func (f *Function) table(ctx context.Context, in *Request, number int, view access.View) (table *export.Table, done func(), err error) {
	dir, err := os.MkdirTemp(f.scratch, "download-*")
	if err != nil {
		return nil, nil, fmt.Errorf("make scratch directory: %w", err)
	}
	done = func() { _ = os.RemoveAll(dir) }
	reader := stored.Reader{DB: f.db, Keys: f.keys, Bucket: f.objects}
	rows, err := reader.FetchView(ctx, in.ID, number, dir, view)
	if err == nil {
		table, err = export.Open(ctx, rows.Files, in.Format, export.Options{Scratch: dir})
	}
	var refused *invalid.Error
	if errors.As(err, &refused) {
		err = fault.At("query.format", "%s", refused.Detail)
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("convert version: %w", err)
	}
	return table, done, nil
}

// list encodes a list of strings (RFC 9651 §3.3.3), which are of printable ASCII.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		text = strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '?'
			}
			return r
		}, text)
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	}
	return strings.Join(quoted, ", ")
}

// known reports whether the client has what the tag names.
func (r *Request) known(tag string) bool {
	for one := range strings.SplitSeq(r.IfNoneMatch, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
