package tables

import (
	"context"
	"slices"
	"sync"
)

// Copies are the open files of versions. They are kept until Release is called.
type Copies struct {
	cache   *Cache
	files   []*file
	wanted  map[*file][]bool // the columns that have been asked for
	release sync.Once
}

// Release allows the files to be removed.
func (o *Copies) Release() {
	o.release.Do(func() {
		for _, f := range o.files {
			o.cache.release(f)
		}
	})
}

// Len returns the number of files.
func (o *Copies) Len() int { return len(o.files) }

// Path returns the path of the file of the version at index i.
func (o *Copies) Path(i int) string { return o.files[i].path }

// Complete reports whether a file has all columns of its version. Otherwise call Load before
// reading any.
func (o *Copies) Complete(i int) bool {
	o.cache.mu.Lock()
	defer o.cache.mu.Unlock()
	return o.files[i].complete()
}

// Columns returns the names of the columns of a file that was not complete when it was opened.
func (o *Copies) Columns(i int) (names []string) {
	if l := o.files[i].layout; l != nil {
		for _, c := range l.columns {
			names = append(names, c.name)
		}
	}
	return names
}

// Load waits until columns are in the files of the versions at some indexes. A name that is not a
// column's loads all columns, as nil does. The caller may not be reading these files.
func (o *Copies) Load(ctx context.Context, versions []int, columns []string) error {
	for _, i := range versions {
		o.want(o.files[i], columns)
	}
	if o.bytes() > o.cache.max {
		return o.cache.tooLarge()
	}
	var all []*part
	for _, i := range versions {
		f := o.files[i]
		parts, err := o.cache.load(f, o.wanted[f], o.users(f))
		if err != nil {
			return err
		}
		all = append(all, parts...)
	}
	for _, p := range all {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// want adds columns to those that have been asked for.
func (o *Copies) want(f *file, columns []string) {
	if f.layout == nil {
		return
	}
	wanted := o.wanted[f]
	all := columns == nil || slices.ContainsFunc(columns, func(name string) bool { return !f.layout.has(name) })
	for i, c := range f.layout.columns {
		wanted[i] = wanted[i] || all || slices.Contains(columns, c.name)
	}
}

// bytes returns the size of what has been asked for.
func (o *Copies) bytes() (total int64) {
	for f, columns := range o.wanted {
		total += f.footer.bytes
		for i, wanted := range columns {
			if wanted {
				total += f.layout.columns[i].bytes()
			}
		}
	}
	return total
}

// users returns how often these copies hold a file.
func (o *Copies) users(f *file) (n int) {
	for _, other := range o.files {
		if other == f {
			n++
		}
	}
	return n
}
