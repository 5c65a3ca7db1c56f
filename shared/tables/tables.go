// Package tables caches published versions of data sets on the local disk as decrypted Parquet
// files, which DuckDB and others read by path. A version never changes, so its file does not
// either. Files in use are kept. Unused files are removed, least recently used first, when space is
// needed, or after a while. Concurrent readers of missing data wait for a single fetch.
//
// The file of a large version has the size and the footer of the original, and at first nothing
// else: it is sparse. [Copies.Load] copies columns to the places where the footer says that they
// are. A column that has not been loaded consists of zeros, which no reader of Parquet accepts as a
// page: reading it is an error, and never yields values.
package tables

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/objects"
)

const (
	maxBytes     = 4 << 30          // of data on disk
	small        = 8 << 20          // up to this size, versions are copied whole
	idle         = 15 * time.Minute // how long an unused file is kept, so that erasing a data set erases its files too
	fetchTimeout = 5 * time.Minute  // timeout of a fetch
)

// Version is a data set version whose Parquet file is in storage.
type Version struct {
	Dataset     uuid.UUID
	Number      int
	StorageType string
	Object      string // in the bucket of the storage type
	Bytes       int64  // of plaintext
	WrappedKey  []byte
}

// Source is the plaintext of a version in storage: an [objects.Object].
type Source interface {
	Size() int64
	CopyRanges(dst io.WriterAt, ranges []objects.Range) error
	io.WriterTo
	io.Closer
}

// Open opens the plaintext of a version.
type Open func(ctx context.Context, v Version) (Source, error)

// Cache holds the files of one process. It is safe for concurrent use.
type Cache struct {
	dir   string
	lock  *os.File
	max   int64
	small int64
	open  Open

	life   context.Context
	end    context.CancelFunc
	making sync.WaitGroup

	mu     sync.Mutex
	bytes  int64
	byName map[string]*file
	unused *list.List // of *file, least recently used first
}

// New returns a cache in its own directory within scratch (empty: the system's), and removes
// directories that dead processes left behind.
func New(scratch string, open Open) (*Cache, error) { return newCache(scratch, maxBytes, small, open) }

func newCache(scratch string, max, small int64, open Open) (*Cache, error) {
	dir, lock, err := ownDirectory(scratch)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	return &Cache{dir: dir, lock: lock, max: max, small: small, open: open, life: life, end: end, byName: map[string]*file{}, unused: list.New()}, nil
}

// Close cancels running fetches and removes all files.
func (c *Cache) Close() error {
	c.end()
	c.making.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.byName {
		if f.idle != nil {
			f.idle.Stop()
		}
	}
	return errors.Join(os.RemoveAll(c.dir), c.lock.Close())
}

// Open returns the files of versions, in order. Versions that together exceed the cache are
// fault.Invalid, also when their columns are loaded. If files in use fill the cache, the error is
// fault.Unavailable.
func (c *Cache) Open(ctx context.Context, versions ...Version) (*Copies, error) {
	o := &Copies{cache: c, wanted: map[*file][]bool{}}
	var total int64
	for _, v := range versions {
		total += min(v.Bytes, c.small)
	}
	if total > c.max {
		return nil, c.tooLarge()
	}
	for _, v := range versions {
		f, err := c.hold(v)
		if err != nil {
			o.Release()
			return nil, err
		}
		o.files = append(o.files, f)
	}
	for _, f := range o.files {
		if err := f.footer.wait(ctx); err != nil {
			o.Release()
			return nil, err
		}
		if o.wanted[f] == nil {
			o.wanted[f] = make([]bool, len(f.columns))
		}
	}
	return o, nil
}

func (c *Cache) tooLarge() error {
	return fault.New(fault.Invalid, "The data that the query reads exceeds %d GiB, the most that can be read at once. Read fewer data sets or columns", c.max>>30)
}

// hold adds a user to a version's file, and starts a fetch if the file is missing.
func (c *Cache) hold(v Version) (*file, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("%s-%d.parquet", v.Dataset, v.Number)
	if f, ok := c.byName[name]; ok {
		f.users++
		c.use(f)
		return f, nil
	}
	f := &file{name: name, path: filepath.Join(c.dir, name), version: v, users: 1, footer: newPart(min(v.Bytes, c.small))}
	if err := c.reserve(f, f.footer.bytes); err != nil {
		return nil, err
	}
	c.byName[name] = f
	c.making.Go(func() { c.begin(f) })
	return f, nil
}

// use takes a file off the list of unused ones.
func (c *Cache) use(f *file) {
	if f.place != nil {
		c.unused.Remove(f.place)
		f.place = nil
		f.idle.Stop()
	}
}

// reserve makes room for more bytes of a file.
func (c *Cache) reserve(f *file, bytes int64) error {
	for c.bytes+bytes > c.max {
		oldest := c.unused.Front()
		if oldest == nil {
			return fault.New(fault.Unavailable, "Too much data is being read at once. Try again in a few seconds.").After(5 * time.Second)
		}
		c.remove(oldest.Value.(*file))
	}
	c.bytes += bytes
	f.bytes += bytes
	return nil
}

func (c *Cache) release(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.users--; f.users > 0 || c.byName[f.name] != f {
		return
	}
	if f.failed {
		c.remove(f)
		return
	}
	f.place = c.unused.PushBack(f)
	f.idle = time.AfterFunc(idle, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.place != nil {
			c.remove(f)
		}
	})
}

// remove deletes a file that is unused or could not be fetched.
func (c *Cache) remove(f *file) {
	if c.byName[f.name] != f {
		return
	}
	delete(c.byName, f.name)
	c.bytes -= f.bytes
	c.use(f)
	_ = os.Remove(f.path)
}
