package tables

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"function/shared/objects"
)

// file is the local file of a version.
type file struct {
	name    string
	path    string
	version Version
	bytes   int64 // reserved
	users   int
	failed  bool // a fetch failed and may have left data behind
	place   *list.Element
	idle    *time.Timer

	footer  *part   // of a version copied whole: everything
	layout  *layout // nil if the version is copied whole; set before footer is made
	columns []*part // by which the columns are fetched; nil: missing
}

// part is what one fetch copies.
type part struct {
	bytes int64
	made  chan struct{} // closed when the data is in the file or err is set
	err   error
}

func newPart(bytes int64) *part { return &part{bytes: bytes, made: make(chan struct{})} }

func (p *part) wait(ctx context.Context) error {
	select {
	case <-p.made:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("wait for a version's file: %w", ctx.Err())
	}
}

func (p *part) pending() bool {
	select {
	case <-p.made:
		return false
	default:
		return true
	}
}

// complete reports whether all columns have been fetched.
func (f *file) complete() bool {
	for _, p := range f.columns {
		if p == nil || p.pending() {
			return false
		}
	}
	return true
}

// begin copies a small version, or the footer of a large one, independently of the request that
// asked first, which may be cancelled.
func (c *Cache) begin(f *file) {
	l, err := c.copyFirst(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		f.footer.err = f.explain(err)
		c.remove(f)
	case l != nil:
		f.layout, f.columns = l, make([]*part, len(l.columns))
		f.footer.bytes = length(l.footer)
		c.bytes -= f.bytes - f.footer.bytes
		f.bytes = f.footer.bytes
	}
	close(f.footer.made)
}

func (c *Cache) copyFirst(f *file) (l *layout, err error) {
	err = c.fetch(f, os.O_CREATE|os.O_EXCL, func(out *os.File, src Source) error {
		if f.version.Bytes > c.small {
			if err := out.Truncate(src.Size()); err != nil {
				return err
			}
			l, err = copyFooter(out, src, c.small)
			if !errors.Is(err, errLayout) {
				return err
			}
			if err := c.reserveWhole(f); err != nil {
				return err
			}
		}
		_, err = src.WriteTo(io.NewOffsetWriter(out, 0))
		return err
	})
	return l, err
}

// reserveWhole makes room for a large version that is copied whole.
func (c *Cache) reserveWhole(f *file) error {
	if f.version.Bytes > c.max {
		return c.tooLarge()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f.footer.bytes = f.version.Bytes
	return c.reserve(f, f.version.Bytes-f.bytes)
}

// load returns the fetches of wanted columns, and starts one of those that are missing. users is
// the number of users of the file that wait for it.
func (c *Cache) load(f *file, wanted []bool, users int) (parts []*part, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing, bytes := f.missing(wanted)
	if len(missing) > 0 {
		err := c.reserve(f, bytes)
		if err != nil && f.users == users {
			if err = c.forget(f); err == nil {
				missing, bytes = f.missing(wanted)
				err = c.reserve(f, bytes)
			}
		}
		if err != nil {
			return nil, err
		}
		p := newPart(bytes)
		for _, i := range missing {
			f.columns[i] = p
		}
		c.making.Go(func() { c.fill(f, p, missing) })
	}
	for i, p := range f.columns {
		if wanted[i] {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

func (f *file) missing(wanted []bool) (columns []int, bytes int64) {
	for i, p := range f.columns {
		if wanted[i] && p == nil {
			columns = append(columns, i)
			bytes += f.layout.columns[i].bytes()
		}
	}
	return columns, bytes
}

// forget discards the columns of a file that nobody reads at the moment.
func (c *Cache) forget(f *file) error {
	for _, p := range f.columns {
		if p != nil && p.pending() {
			return nil
		}
	}
	if err := discard(f.path, f.layout.footer); err != nil {
		f.failed = true
		return fmt.Errorf("discard columns: %w", err)
	}
	clear(f.columns)
	c.bytes -= f.bytes - f.footer.bytes
	f.bytes = f.footer.bytes
	return nil
}

// discard frees the space of a file except for some parts.
func discard(path string, keep []objects.Range) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	parts := make([][]byte, len(keep))
	for i, r := range keep {
		parts[i] = make([]byte, r.Length)
		if _, err := file.ReadAt(parts[i], r.Offset); err != nil {
			return err
		}
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	for i, r := range keep {
		if _, err := file.WriteAt(parts[i], r.Offset); err != nil {
			return err
		}
	}
	return nil
}

// fill copies columns into a file, independently of the request, too.
func (c *Cache) fill(f *file, p *part, columns []int) {
	err := c.fetch(f, 0, func(out *os.File, src Source) error {
		if len(columns) == len(f.columns) {
			_, err := src.WriteTo(io.NewOffsetWriter(out, 0))
			return err
		}
		return src.CopyRanges(out, f.layout.ranges(columns))
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		p.err = f.explain(err)
		f.failed = true
		for _, i := range columns {
			f.columns[i] = nil
		}
	}
	close(p.made)
}

// fetch opens the local file and the version in storage.
func (c *Cache) fetch(f *file, flags int, write func(*os.File, Source) error) error {
	ctx, cancel := context.WithTimeout(c.life, fetchTimeout)
	defer cancel()
	src, err := c.open(ctx, f.version)
	if err != nil {
		return err
	}
	defer src.Close()
	out, err := os.OpenFile(f.path, os.O_RDWR|flags, 0o600)
	if err != nil {
		return err
	}
	err = write(out, src)
	return errors.Join(err, out.Close())
}

func (f *file) explain(err error) error {
	return fmt.Errorf("fetch data set %s version %d: %w", f.version.Dataset, f.version.Number, err)
}
