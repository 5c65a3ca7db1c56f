package s3

import (
	"context"
	"slices"
	"strings"

	"function/functions/datasets/internal/dataset"
)

// listing asks for the keys of a bucket.
type listing struct {
	prefix    string
	delimiter string
	after     string // key or common prefix
	max       int
}

// listed are keys in the order of their bytes.
type listed struct {
	objects  []*object
	prefixes []string
	last     string // the last key or common prefix
	more     bool
}

func (l *listed) full(max int) bool { return len(l.objects)+len(l.prefixes) >= max }

// group returns the common prefix under which a key is listed, if any.
func (q listing) group(key string) (common string, ok bool) {
	rest, ok := strings.CutPrefix(key, q.prefix)
	if !ok || q.delimiter == "" {
		return "", false
	}
	name, _, found := strings.Cut(rest, q.delimiter)
	return q.prefix + name + q.delimiter, found
}

// follows reports whether a common prefix has keys that follow q.after.
func (q listing) follows(common string) bool {
	return common > q.after || strings.HasPrefix(q.after, common) && q.after != common
}

// add adds a key, or its common prefix, and reports whether there is room.
func (q listing) add(l *listed, key string, o *object) bool {
	common, grouped := q.group(key)
	switch {
	case !strings.HasPrefix(key, q.prefix), !grouped && key <= q.after, grouped && (!q.follows(common) || common == l.last):
		return true
	case l.full(q.max):
		l.more = true
		return false
	case grouped:
		l.prefixes, l.last = append(l.prefixes, common), common
	default:
		l.objects, l.last = append(l.objects, o), key
	}
	return true
}

// list lists the keys of a bucket.
func (b *bucket) list(ctx context.Context, q listing) (*listed, error) {
	l := &listed{}
	if q.max == 0 {
		return l, nil
	}
	if b.Kind == dataset.Objects {
		return l, b.listObjects(ctx, q, l)
	}
	if err := b.listTables(ctx, q, l); err != nil || !mayNameFolder(q.prefix) {
		return l, err
	}
	files := &listed{}
	if err := b.listFiles(ctx, q, files); err != nil {
		return l, err
	}
	return q.merge(l, files), nil
}

// entry is a key, or a common prefix, which has no object.
type entry struct {
	name   string
	object *object
}

func (l *listed) entries() (list []entry) {
	for _, o := range l.objects {
		list = append(list, entry{o.key, o})
	}
	for _, p := range l.prefixes {
		list = append(list, entry{p, nil})
	}
	return list
}

// merge merges two pages of different keys to one. Where a page ends before its list does, so does the merged one.
func (q listing) merge(a, b *listed) *listed {
	all := append(a.entries(), b.entries()...)
	slices.SortFunc(all, func(x, y entry) int { return strings.Compare(x.name, y.name) })
	all = slices.CompactFunc(all, func(x, y entry) bool { return x.name == y.name })
	out := &listed{more: a.more || b.more}
	for _, e := range all {
		if a.more && e.name > a.last || b.more && e.name > b.last {
			break
		}
		if out.full(q.max) {
			out.more = true
			break
		}
		if out.last = e.name; e.object == nil {
			out.prefixes = append(out.prefixes, e.name)
		} else {
			out.objects = append(out.objects, e.object)
		}
	}
	return out
}
