package packed

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"function/shared/fault"
	"function/shared/ingest/invalid"
)

const (
	MaxMembers = 1000 // files in a tar archive
	blockSize  = 512  // two blocks of zeros end an archive
)

// Member is a file in a tar archive.
type Member struct {
	Name string // in the archive
	Path string // of its copy
}

// isTar recognizes a tar archive (POSIX.1-2017, pax; also GNU) by its first bytes.
func isTar(head []byte) bool {
	return len(head) >= blockSize && bytes.HasPrefix(head[257:], []byte("ustar"))
}

// Members writes the files of a tar archive, in its order, to a directory. It leaves out those that are Hidden. A damaged archive gives an *invalid.Error.
func Members(ctx context.Context, from, dir string) ([]Member, error) {
	source, err := os.Open(from)
	if err != nil {
		return nil, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer source.Close()
	in := &counter{file: source, ctx: ctx, read: func(int64) {}}
	var list []Member
	for archive := tar.NewReader(in); ; {
		h, data, err := next(archive)
		if errors.Is(err, io.EOF) && in.n < 2*blockSize {
			err = io.ErrUnexpectedEOF
		}
		if errors.Is(err, io.EOF) {
			end := make([]byte, 2*blockSize)
			if _, err := in.ReadAt(end, in.n-2*blockSize); err != nil {
				return nil, in.fault(Tar, err)
			}
			if bytes.Count(end, []byte{0}) < len(end) {
				return nil, in.fault(Tar, io.ErrUnexpectedEOF) // files may be missing
			}
			return list, nil
		}
		if err != nil {
			return nil, in.fault(Tar, err)
		}
		if len(list) == MaxMembers {
			return nil, &invalid.Error{Detail: fmt.Sprintf("The tar archive has more than %d files: write fewer and larger ones.", MaxMembers)}
		}
		m := Member{Name: h.Name, Path: filepath.Join(dir, fmt.Sprintf("member-%d", len(list)))}
		if err := writeMember(m.Path, data, in); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
}

// next goes to the next file of an archive.
func next(archive *tar.Reader) (*tar.Header, io.Reader, error) {
	for {
		h, err := archive.Next()
		if err != nil {
			return nil, nil, err
		}
		switch {
		case h.Typeflag == tar.TypeDir || Hidden(h.Name):
		case h.Typeflag != tar.TypeReg:
			return nil, nil, &invalid.Error{Detail: fmt.Sprintf("%s in the tar archive is a link or a device: only files can be read.", fault.Excerpt(h.Name))}
		default:
			return h, archive, nil
		}
	}
}

// Hidden reports whether a file is not one of the table's files that it lies beside, but one that their writer adds: a part of its path
// begins with an underscore or a dot.
func Hidden(name string) bool {
	for part := range strings.SplitSeq(path.Clean(name), "/") {
		if strings.HasPrefix(part, "_") || strings.HasPrefix(part, ".") && part != "." && part != ".." {
			return true
		}
	}
	return false
}

func writeMember(path string, data io.Reader, in *counter) error {
	target, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create a scratch file: %w", err)
	}
	defer target.Close()
	// A sparse file says that it is larger than what the archive has of it.
	out := &bounded{w: target, in: in}
	if _, err := io.CopyBuffer(out, onlyReader{data}, make([]byte, 256<<10)); err != nil {
		if out.err != nil {
			return out.err
		}
		return in.fault(Tar, err)
	}
	if err := target.Close(); err != nil {
		return fmt.Errorf("write a scratch file: %w", err)
	}
	return nil
}
