package objects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"gocloud.dev/blob/fileblob"
)

// fileblob writes <object>.<time in hexadecimal>.tmp beside the object and
// renames it on commit; a process that dies in between leaves that file.
const temporarySuffix = ".tmp"

func openLocal(u *url.URL) (*Bucket, error) {
	if u.Host != "" && u.Host != "localhost" || u.RawQuery != "" || !path.IsAbs(u.Path) {
		return nil, errors.New("want file:///directory, an absolute path without parameters")
	}
	dir := filepath.Clean(filepath.FromSlash(u.Path))
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	blobs, err := fileblob.OpenBucket(dir, &fileblob.Options{
		NoTempDir:   true, // a rename cannot cross file systems
		DirFileMode: 0o700,
		Metadata:    fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, err
	}
	return &Bucket{blobs: blobs, dir: dir}, nil
}

// makeDir is like os.MkdirAll, but the new directory entries survive a power failure.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDirs makes the directory entries that lead to an object durable, from the
// object's own up to the bucket's root: fileblob syncs nothing, and may have
// made any of them. In a cloud store there is nothing to do.
func (b *Bucket) syncDirs(name string) error {
	if b.dir == "" {
		return nil
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		err := syncDir(filepath.Join(b.dir, filepath.FromSlash(dir)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if dir == "." {
			return nil
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // not supported by some file systems, such as network mounts
	}
	return errors.Join(err, d.Close())
}

// Sweep removes the temporary files of dead writers from a local bucket: those last written before
// the given time, which should be longer ago than an upload may pause. A writer whose file was
// swept although it is alive fails to commit. Sweep returns the number of files removed, also with
// an error. In a cloud store it does nothing: unfinished uploads are invisible there, and a
// lifecycle rule of the store should remove them.
func (b *Bucket) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	if b.dir == "" {
		return 0, nil
	}
	temporaryFile := regexp.MustCompile(`\.[0-9a-f]{16}\.tmp$`)
	err = filepath.WalkDir(b.dir, func(file string, entry fs.DirEntry, err error) error {
		if err := errors.Join(ctx.Err(), ignoreNotExist(err)); err != nil {
			return err
		}
		if entry == nil || !entry.Type().IsRegular() || !temporaryFile.MatchString(entry.Name()) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreNotExist(err)
		}
		if !info.ModTime().Before(before) {
			return nil
		}
		if err := os.Remove(file); err != nil {
			return ignoreNotExist(err)
		}
		removed++
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("sweep bucket: %w", err)
	}
	return removed, nil
}

// ignoreNotExist ignores that a file was committed or aborted in the meantime.
func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
