package exportdata

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/shared/audit"
	"function/shared/page"
)

// export is a running export of one person's data.
type export struct {
	*Function
	person   uuid.UUID
	key      []byte
	failures []byte // key under which failed logins are counted
	verified bool   // the person has proved that the address is theirs, so data that others stored about it may be shown
}

const selectAddress = `SELECT email_index, email_verified_at IS NOT NULL FROM users WHERE id = $1`

// open opens all data that the export reads, so that anything unreadable is refused before the
// response begins.
func (f *Function) open(ctx context.Context, personID uuid.UUID) (x *export, err error) {
	x = &export{Function: f, person: personID}
	if x.key, err = person.KeyOf(ctx, f.store, f.store.DB, personID); err != nil {
		return nil, err
	}
	var index []byte
	if err := f.store.DB.QueryRow(ctx, selectAddress, personID).Scan(&index, &x.verified); err != nil {
		return nil, fmt.Errorf("read account: %w", err)
	}
	x.failures = session.FailuresKey(f.store, index)
	for _, trail := range audit.Trails {
		if _, err := f.trails.Open(ctx, trail); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// file is one file of the archive: a JSON array. write emits its elements.
type file struct {
	name  string
	about string
	write func(x *export, ctx context.Context, emit func(any) error) error
}

func (x *export) write(ctx context.Context, w io.Writer) error {
	archive := zip.NewWriter(w)
	if err := x.describe(ctx, archive); err != nil {
		return err
	}
	for _, f := range files {
		entry, err := create(archive, f.name)
		if err != nil {
			return err
		}
		elements := &array{w: entry}
		if err := f.write(x, ctx, elements.add); err != nil {
			return fmt.Errorf("export %s: %w", f.name, err)
		}
		if err := elements.end(); err != nil {
			return err
		}
	}
	if _, err := person.KeyOf(ctx, x.store, x.store.DB, x.person); err != nil {
		return err // the account was erased meanwhile, so the last files are incomplete
	}
	return archive.Close()
}

// describe writes README.txt and about.json, which describe the other files and how the data is
// processed.
func (x *export) describe(ctx context.Context, archive *zip.Writer) error {
	entry, err := create(archive, "README.txt")
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString(introduction)
	for _, f := range files {
		fmt.Fprintf(&text, "\n%s\n    %s\n", f.name, f.about)
	}
	text.WriteString(notHere)
	if _, err := io.WriteString(entry, text.String()); err != nil {
		return err
	}
	processed, err := x.processing(ctx)
	if err != nil {
		return err
	}
	if entry, err = create(archive, "about.json"); err != nil {
		return err
	}
	return encode(entry, processed)
}

func create(archive *zip.Writer, name string) (io.Writer, error) {
	return archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Now().UTC()})
}

func encode(w io.Writer, v any) error {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// array writes a JSON array one element at a time.
type array struct {
	w     io.Writer
	begun bool
}

func (a *array) add(element any) error {
	separator := ",\n"
	if !a.begun {
		separator, a.begun = "[\n", true
	}
	if _, err := io.WriteString(a.w, separator); err != nil {
		return err
	}
	return encode(a.w, element)
}

func (a *array) end() error {
	last := "]\n"
	if !a.begun {
		last = "[]\n"
	}
	_, err := io.WriteString(a.w, last)
	return err
}

// batchSize is the number of rows that are read into memory before they are written, so that a slow
// reader does not occupy a database connection.
const batchSize = 500

// each emits the rows of a statement about the person in batches of @limit. The statement orders
// them by an identifier and selects those after @after.
func each[T any](ctx context.Context, x *export, statement string, arguments pgx.NamedArgs, id func(T) uuid.UUID, emit func(T) error) error {
	all := pgx.NamedArgs{"person": x.person, "limit": batchSize, "after": uuid.Nil}
	maps.Copy(all, arguments)
	for {
		rows, _ := x.store.DB.Query(ctx, statement, all)
		some, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
		if err != nil {
			return err
		}
		for _, one := range some {
			if err := emit(one); err != nil {
				return err
			}
		}
		if len(some) < batchSize {
			return nil
		}
		all["after"] = id(some[len(some)-1])
	}
}

// pages emits the items of a list page by page.
func pages[T any](list func(page.Query) (page.Page[T], error), emit func(T) error) error {
	for q := (page.Query{Limit: batchSize}); ; {
		p, err := list(q)
		if err != nil {
			return err
		}
		for _, item := range p.Items {
			if err := emit(item); err != nil {
				return err
			}
		}
		if p.NextCursor == "" {
			return nil
		}
		q.Cursor = p.NextCursor
	}
}
