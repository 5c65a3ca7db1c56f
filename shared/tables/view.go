package tables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"function/shared/access"
)

// OpenView returns what a view shows of a table whose rows are in the files of versions, in order. A view of a part of the
// rows or columns is a file of its own, which is written when it is first opened and then kept like any other.
func (c *Cache) OpenView(ctx context.Context, view access.View, versions []Version) (*Copies, error) {
	if view.Whole() || len(versions) == 0 {
		return c.Open(ctx, versions...)
	}
	newest := versions[len(versions)-1]
	f, err := c.holdView(fmt.Sprintf("%s-%d-%s.parquet", newest.Dataset, newest.Number, view.Key()), view, versions)
	if err != nil {
		return nil, err
	}
	o := &Copies{cache: c, files: []*file{f}, wanted: map[*file][]bool{f: nil}}
	if err := f.footer.wait(ctx); err != nil {
		o.Release()
		return nil, err
	}
	return o, nil
}

// holdView adds a user to the file of a view, and starts its writing if it is missing.
func (c *Cache) holdView(name string, view access.View, versions []Version) (*file, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.byName[name]; ok {
		f.users++
		c.use(f)
		return f, nil
	}
	var bytes int64
	for _, v := range versions {
		bytes += v.Bytes
	}
	if 2*bytes > c.max { // the versions are needed at the same time
		return nil, c.tooLarge()
	}
	f := &file{name: name, path: filepath.Join(c.dir, name), version: versions[len(versions)-1], users: 1, footer: newPart(bytes)}
	if err := c.reserve(f, bytes); err != nil {
		return nil, err
	}
	c.byName[name] = f
	c.making.Go(func() { c.beginView(f, view, versions) })
	return f, nil
}

// beginView writes the file of a view, independently of the request that asked first.
func (c *Cache) beginView(f *file, view access.View, versions []Version) {
	size, err := c.writeView(f.path, view, versions)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		f.footer.err = f.explain(err)
		c.remove(f)
	} else {
		c.bytes += size - f.bytes
		f.bytes, f.footer.bytes = size, size
	}
	close(f.footer.made)
}

func (c *Cache) writeView(path string, view access.View, versions []Version) (size int64, err error) {
	ctx, cancel := context.WithTimeout(c.life, fetchTimeout)
	defer cancel()
	whole, err := c.Open(ctx, versions...)
	if err != nil {
		return 0, err
	}
	defer whole.Release()
	var files []string
	for i := range whole.Len() {
		if err := whole.Load(ctx, []int{i}, nil); err != nil {
			return 0, err
		}
		files = append(files, whole.Path(i))
	}
	if err := view.Write(ctx, files, path, access.Options{Scratch: c.dir}); err != nil {
		return 0, errors.Join(err, removeIfThere(path))
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
