package icebergtable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/google/uuid"
	"github.com/twmb/avro/ocf"

	"function/functions/datasets/internal/version"
	"function/functions/datasets/internal/written"
	"function/shared/fault"
)

// Incoming is what a snapshot that a client has written changes.
type Incoming struct {
	Operation string         // version.Append or version.Replace; empty: the snapshot changes nothing
	Added     []written.File // the new data files
	Metadata  []string       // keys of the manifest list and the manifests
}

const (
	maxManifest = 64 << 20 // bytes of a manifest or a list of them
	maxLive     = 10_000   // data files of a snapshot
	deleted     = 2        // state of a data file that is not in the snapshot
)

var errPartly = fault.New(fault.NotAcceptable, "The snapshot keeps some data files of its parent and removes others, which is not supported: append rows, overwrite the whole table, or remove rows by key (POST /v1/datasets/{id}/upload?operation=delete)")

// Read reads the manifests of a snapshot that follows a base version (0: none), and returns what it changes. The snapshot either
// has all data files of the base and new ones, or only new ones. What a version cannot carry is refused.
func (t *Tables) Read(ctx context.Context, id uuid.UUID, base int, list string, files written.Files) (*Incoming, error) {
	in := &Incoming{}
	before := map[string]bool{}
	if base > 0 {
		parts, err := t.parts(ctx, id, base)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			before[location(id, "data", fmt.Sprintf("part-%d.parquet", p.Part))] = true
		}
	}
	s := &incoming{Incoming: in, id: id, files: files, base: location(id, "metadata", fmt.Sprintf("manifest-%d.avro", base)), live: map[string]int64{}}
	s.before = before
	if err := s.records(ctx, list, s.manifest); err != nil {
		return nil, err
	}
	kept := 0
	for path, size := range s.live {
		if before[path] {
			kept++
			continue
		}
		file, err := s.file(ctx, path, size)
		if err != nil {
			return nil, err
		}
		in.Added = append(in.Added, file)
	}
	switch {
	case kept == len(before) && len(in.Added) == 0:
	case kept == len(before) && kept > 0:
		in.Operation = version.Append
	case kept == 0 && len(in.Added) > 0:
		in.Operation = version.Replace
	case kept == 0:
		return nil, fault.New(fault.NotAcceptable, "The snapshot removes all rows and adds none, which is not supported: overwrite the table with new rows, or drop it")
	default:
		return nil, errPartly
	}
	return in, nil
}

// incoming is a snapshot while it is being read.
type incoming struct {
	*Incoming
	id     uuid.UUID
	files  written.Files
	base   string          // the computed manifest of the base
	before map[string]bool // the data files of the base
	live   map[string]int64
}

// manifest reads an entry of the manifest list.
func (s *incoming) manifest(ctx context.Context, record map[string]any) error {
	path, _ := record["manifest_path"].(string)
	if path == s.base {
		for data := range s.before {
			s.live[data] = 0
		}
		return nil
	}
	if key, ok := keyOf(s.id, path); ok && objectKey.MatchString(key) {
		return fault.New(fault.NotAcceptable, "The snapshot has data files of an older version, which is not supported: restore that version (POST /v1/datasets/{id}/versions/{version}/restore)")
	}
	if spec, _ := integer(record["partition_spec_id"]); spec != 0 {
		return errPartitions
	}
	return s.records(ctx, path, s.entry)
}

var errPartitions = fault.New(fault.NotAcceptable, "Partitions are not supported: create the table without PARTITIONED BY")

// entry reads an entry of a manifest.
func (s *incoming) entry(_ context.Context, record map[string]any) error {
	status, ok := integer(record["status"])
	file, isFile := record["data_file"].(map[string]any)
	if !ok || !isFile {
		return fault.New(fault.Malformed, "A manifest of the snapshot has an entry without a status or a data file")
	}
	if status == deleted {
		return nil
	}
	if content, _ := integer(file["content"]); content != 0 {
		return fault.New(fault.NotAcceptable, "Delete files are not supported: set the table property write.delete.mode to copy-on-write, or remove rows by key (POST /v1/datasets/{id}/upload?operation=delete)")
	}
	path, _ := file["file_path"].(string)
	format, _ := file["file_format"].(string)
	size, _ := integer(file["file_size_in_bytes"])
	if format != "PARQUET" && format != "parquet" {
		return fault.New(fault.NotAcceptable, "Data files in the format %s are not supported: write Parquet", fault.Excerpt(format))
	}
	if s.live[path] = size; len(s.live) > maxLive {
		return fault.New(fault.TooLarge, "The snapshot has more than %d data files: write fewer and larger ones", maxLive)
	}
	return nil
}

// file finds a data file that the client has written.
func (s *incoming) file(ctx context.Context, path string, size int64) (written.File, error) {
	file, err := s.find(ctx, path)
	if err == nil && file.SizeBytes != size {
		err = fault.New(fault.Malformed, "File %s has %d bytes, and its manifest says %d: write it again", fault.Excerpt(path), file.SizeBytes, size)
	}
	return file, err
}

// find finds a file of the client by its URL.
func (s *incoming) find(ctx context.Context, path string) (file written.File, err error) {
	key, ok := keyOf(s.id, path)
	if !ok {
		return file, fault.New(fault.Malformed, "File %s is not below the location of the table, %s", fault.Excerpt(path), Location(s.id))
	}
	_, name, ok := Written(key)
	if !ok {
		return file, fault.New(fault.NotAcceptable, "File %s is not one that you have written: only new files can be added", fault.Excerpt(path))
	}
	file, err = s.files.Find(ctx, name)
	if errors.Is(err, written.ErrNoFile) {
		err = fault.New(fault.Malformed, "There is no file %s of yours: it was never written, a commit has taken it, or it has expired", fault.Excerpt(path))
	}
	return file, err
}

// records reads an Avro file that the client has written.
func (s *incoming) records(ctx context.Context, path string, each func(context.Context, map[string]any) error) error {
	file, err := s.find(ctx, path)
	if err != nil {
		return err
	}
	if file.SizeBytes > maxManifest {
		return fault.New(fault.TooLarge, "File %s is larger than %d bytes, the limit of manifests", fault.Excerpt(path), maxManifest)
	}
	s.Metadata = append(s.Metadata, file.Key)
	content, err := s.files.Open(ctx, file)
	if err != nil {
		return err
	}
	defer content.Close()
	r, err := ocf.NewReader(content, ocf.WithMaxBlockBytes(maxManifest), ocf.WithMaxDecompressedBlockBytes(maxManifest))
	if err != nil {
		return fault.New(fault.Malformed, "File %s is not an Avro file with null, deflate or snappy compression", fault.Excerpt(path)).Because(err)
	}
	defer r.Close()
	for {
		var record map[string]any
		err := r.Decode(&record)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.New(fault.Malformed, "File %s cannot be read as Avro: write it again", fault.Excerpt(path)).Because(err)
		}
		if err := each(ctx, record); err != nil {
			return err
		}
	}
}

// integer returns a decoded integer of Avro.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case int:
		return int64(n), true
	}
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	return n, err == nil
}
