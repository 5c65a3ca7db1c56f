// Package tables caches published versions of data sets on the local disk as decrypted Parquet
// files, which DuckDB and others read by path. A version never changes, so its file does not
// either. Files in use are kept. Unused files are removed, least recently used first, when space is
// needed, or after a while. Concurrent readers of a missing file wait for a single fetch.
package tables

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
)

const (
	maxBytes     = 4 << 30          // of files on disk
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

// Fetch writes the plaintext of a version to a new file.
type Fetch func(ctx context.Context, v Version, path string) error

// Cache holds the files of one process. It is safe for concurrent use.
type Cache struct {
	dir   string
	lock  *os.File
	max   int64
	fetch Fetch

	life   context.Context
	end    context.CancelFunc
	making sync.WaitGroup

	mu     sync.Mutex
	bytes  int64
	byName map[string]*file
	unused *list.List // of *file, least recently used first
}

type file struct {
	name  string
	bytes int64
	users int
	made  chan struct{} // closed when the file exists or err is set
	err   error
	place *list.Element // in unused
	idle  *time.Timer
}

// New returns a cache in its own directory within scratch (empty: the system's), and removes
// directories that dead processes left behind.
func New(scratch string, fetch Fetch) (*Cache, error) { return newCache(scratch, maxBytes, fetch) }

func newCache(scratch string, max int64, fetch Fetch) (*Cache, error) {
	dir, lock, err := ownDirectory(scratch)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	return &Cache{dir: dir, lock: lock, max: max, fetch: fetch, life: life, end: end, byName: map[string]*file{}, unused: list.New()}, nil
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

// Open returns the path of a version's file, which is kept until release is called.
func (c *Cache) Open(ctx context.Context, v Version) (path string, release func(), err error) {
	paths, release, err := c.OpenAll(ctx, []Version{v})
	if err != nil {
		return "", nil, err
	}
	return paths[0], release, nil
}

// OpenAll returns the paths of several versions' files, in order, which are kept until release is
// called. Versions that together exceed the cache are fault.Invalid. If files in use fill the
// cache, the error is fault.Unavailable.
func (c *Cache) OpenAll(ctx context.Context, versions []Version) (paths []string, release func(), err error) {
	var total int64
	for _, v := range versions {
		total += v.Bytes
	}
	if total > c.max {
		return nil, nil, fault.New(fault.Invalid, "The data sets together exceed %d GiB, the most that can be read at once", c.max>>30)
	}
	var held []*file
	release = sync.OnceFunc(func() {
		for _, f := range held {
			c.release(f)
		}
	})
	for _, v := range versions {
		f, err := c.hold(v)
		if err != nil {
			release()
			return nil, nil, err
		}
		held = append(held, f)
		paths = append(paths, filepath.Join(c.dir, f.name))
	}
	for _, f := range held {
		select {
		case <-f.made:
			err = f.err
		case <-ctx.Done():
			err = fmt.Errorf("wait for a version's file: %w", ctx.Err())
		}
		if err != nil {
			release()
			return nil, nil, err
		}
	}
	return paths, release, nil
}

// hold adds a user to a version's file, and starts a fetch if the file is missing.
func (c *Cache) hold(v Version) (*file, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("%s-%d.parquet", v.Dataset, v.Number)
	if f, ok := c.byName[name]; ok {
		f.users++
		if f.place != nil {
			c.unused.Remove(f.place)
			f.place = nil
			f.idle.Stop()
		}
		return f, nil
	}
	for c.bytes+v.Bytes > c.max {
		oldest := c.unused.Front()
		if oldest == nil {
			return nil, fault.New(fault.Unavailable, "Too much data is being read at once. Try again in a few seconds.").After(5 * time.Second)
		}
		c.remove(oldest.Value.(*file))
	}
	f := &file{name: name, bytes: v.Bytes, users: 1, made: make(chan struct{})}
	c.byName[name] = f
	c.bytes += f.bytes
	c.making.Go(func() { c.fill(f, v) })
	return f, nil
}

// fill fetches a file independently of the request that asked first, which may be cancelled.
func (c *Cache) fill(f *file, v Version) {
	ctx, cancel := context.WithTimeout(c.life, fetchTimeout)
	defer cancel()
	err := c.fetch(ctx, v, filepath.Join(c.dir, f.name))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		f.err = fmt.Errorf("fetch data set %s version %d: %w", v.Dataset, v.Number, err)
		c.remove(f)
	}
	close(f.made)
}

func (c *Cache) release(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.users--; f.users > 0 || c.byName[f.name] != f {
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
	if f.place != nil {
		c.unused.Remove(f.place)
		f.place = nil
		f.idle.Stop()
	}
	_ = os.Remove(filepath.Join(c.dir, f.name))
}
