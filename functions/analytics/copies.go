package analytics

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"function/shared/fault"
)

const (
	maxCopies  = 4 << 30          // bytes of decrypted copies on disk
	idleCopy   = 15 * time.Minute // how long an unused copy is kept: erasing a data set erases its copies too
	copyBound  = 5 * time.Minute  // how long making one may take
	copyPrefix = "tables-"
)

// copies are decrypted Parquet files of data set versions on this machine's disk,
// for DuckDB to read. A version never changes, so neither does its copy. A copy in
// use stays; the others go, least recently used first, when their place is needed
// or nobody has used them for a while. Readers who want a copy that is being made
// wait for it.
type copies struct {
	dir  string
	lock *os.File
	max  int64

	life   context.Context
	end    context.CancelFunc
	making sync.WaitGroup

	mu     sync.Mutex
	bytes  int64
	byName map[string]*copied
	unused *list.List // of *copied, least recently used first
}

type copied struct {
	name  string
	bytes int64
	users int
	made  chan struct{} // closed when the file is there, or err says why not
	err   error
	place *list.Element // in unused
	idle  *time.Timer
}

// fetch writes the plaintext of a table to a file that does not exist yet.
type fetch func(ctx context.Context, t table, path string) error

// newCopies makes a private directory in scratch, and removes those that dead
// processes have left there.
func newCopies(scratch string, max int64) (*copies, error) {
	if scratch == "" {
		scratch = os.TempDir()
	}
	removeAbandoned(scratch)
	dir, err := os.MkdirTemp(scratch, copyPrefix) // 0700
	if err != nil {
		return nil, fmt.Errorf("make a directory for copies: %w", err)
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, fmt.Errorf("lock the directory of copies: %w", err)
	}
	life, end := context.WithCancel(context.Background())
	return &copies{dir: dir, lock: lock, max: max, life: life, end: end, byName: map[string]*copied{}, unused: list.New()}, nil
}

// lockDirectory holds a directory until the file is closed or the process dies.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeAbandoned removes the directories whose process is dead. One made within
// the last minute may not be locked yet.
func removeAbandoned(scratch string) {
	dirs, _ := filepath.Glob(filepath.Join(scratch, copyPrefix+"*"))
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if lock, err := lockDirectory(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

func (c *copies) close() error {
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

// acquire answers the paths of the tables' copies, which stay until release.
func (c *copies) acquire(ctx context.Context, tables []table, fetch fetch) (paths []string, release func(), err error) {
	var total int64
	for _, t := range tables {
		total += t.TableBytes
	}
	if total > c.max {
		return nil, nil, fault.At("body.query", "the data sets of this query are together larger than %d GiB, which is more than one query can read", c.max>>30)
	}
	var held []*copied
	release = func() {
		for _, f := range held {
			c.release(f)
		}
	}
	for _, t := range tables {
		f, err := c.hold(t, fetch)
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
			err = fmt.Errorf("wait for a copy of a data set: %w", ctx.Err())
		}
		if err != nil {
			release()
			return nil, nil, err
		}
	}
	return paths, release, nil
}

// hold counts a user of a table's copy, and starts making it if there is none.
func (c *copies) hold(t table, fetch fetch) (*copied, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("%s-%d.parquet", t.DatasetID, t.Version)
	if f, ok := c.byName[name]; ok {
		f.users++
		if f.place != nil {
			c.unused.Remove(f.place)
			f.place = nil
			f.idle.Stop()
		}
		return f, nil
	}
	for c.bytes+t.TableBytes > c.max {
		oldest := c.unused.Front()
		if oldest == nil {
			return nil, fault.New(fault.Unavailable, "Too much data is being queried at once; try again in a few seconds").After(5 * time.Second)
		}
		c.remove(oldest.Value.(*copied))
	}
	f := &copied{name: name, bytes: t.TableBytes, users: 1, made: make(chan struct{})}
	c.byName[name] = f
	c.bytes += f.bytes
	c.making.Go(func() { c.fill(f, t, fetch) })
	return f, nil
}

// fill fetches a copy on nobody's behalf: whoever asked first may leave.
func (c *copies) fill(f *copied, t table, fetch fetch) {
	ctx, cancel := context.WithTimeout(c.life, copyBound)
	defer cancel()
	err := fetch(ctx, t, filepath.Join(c.dir, f.name))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		f.err = fmt.Errorf("copy data set %s version %d: %w", t.DatasetID, t.Version, err)
		c.remove(f)
	}
	close(f.made)
}

func (c *copies) release(f *copied) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.users--; f.users > 0 || c.byName[f.name] != f {
		return
	}
	f.place = c.unused.PushBack(f)
	f.idle = time.AfterFunc(idleCopy, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.place != nil {
			c.remove(f)
		}
	})
}

// remove forgets a copy that nobody uses, or that could not be made.
func (c *copies) remove(f *copied) {
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

// decrypt fetches a table's plaintext from storage.
func (q *Querier) decrypt(ctx context.Context, t table, path string) error {
	bucket, err := q.env.Objects(ctx, t.StorageType)
	if err != nil {
		return err
	}
	key, err := q.keeper.Unwrap(ctx, t.WrappedKey)
	if err != nil {
		return err
	}
	object, err := bucket.Open(ctx, t.TableName, key)
	if err != nil {
		return err
	}
	defer object.Close()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = object.WriteTo(file)
	return errors.Join(err, file.Close())
}
