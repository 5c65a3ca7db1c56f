package icebergtable

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// The Avro schemas of manifests and of lists of manifests, with those fields that have values here (Iceberg,
// format version 2, Manifests and Manifest lists).
const (
	entrySchema = `{"type": "record", "name": "manifest_entry", "fields": [
{"name": "status", "type": "int", "field-id": 0},
{"name": "snapshot_id", "type": ["null", "long"], "default": null, "field-id": 1},
{"name": "sequence_number", "type": ["null", "long"], "default": null, "field-id": 3},
{"name": "file_sequence_number", "type": ["null", "long"], "default": null, "field-id": 4},
{"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": [
  {"name": "content", "type": "int", "field-id": 134},
  {"name": "file_path", "type": "string", "field-id": 100},
  {"name": "file_format", "type": "string", "field-id": 101},
  {"name": "partition", "type": {"type": "record", "name": "r102", "fields": []}, "field-id": 102},
  {"name": "record_count", "type": "long", "field-id": 103},
  {"name": "file_size_in_bytes", "type": "long", "field-id": 104}]}}]}`
	manifestSchema = `{"type": "record", "name": "manifest_file", "fields": [
{"name": "manifest_path", "type": "string", "field-id": 500},
{"name": "manifest_length", "type": "long", "field-id": 501},
{"name": "partition_spec_id", "type": "int", "field-id": 502},
{"name": "content", "type": "int", "field-id": 517},
{"name": "sequence_number", "type": "long", "field-id": 515},
{"name": "min_sequence_number", "type": "long", "field-id": 516},
{"name": "added_snapshot_id", "type": "long", "field-id": 503},
{"name": "added_files_count", "type": "int", "field-id": 504},
{"name": "existing_files_count", "type": "int", "field-id": 505},
{"name": "deleted_files_count", "type": "int", "field-id": 506},
{"name": "added_rows_count", "type": "long", "field-id": 512},
{"name": "existing_rows_count", "type": "long", "field-id": 513},
{"name": "deleted_rows_count", "type": "long", "field-id": 514}]}`
)

var (
	entryAvro    = avro.MustParse(entrySchema)
	manifestAvro = avro.MustParse(manifestSchema)
)

// The states of the data files in a manifest.
const (
	existing = 0
	added    = 1
)

type entry struct {
	Status             int    `avro:"status"`
	SnapshotID         *int64 `avro:"snapshot_id"`
	SequenceNumber     *int64 `avro:"sequence_number"`
	FileSequenceNumber *int64 `avro:"file_sequence_number"`
	DataFile           struct {
		Content         int      `avro:"content"`
		FilePath        string   `avro:"file_path"`
		FileFormat      string   `avro:"file_format"`
		Partition       struct{} `avro:"partition"`
		RecordCount     int64    `avro:"record_count"`
		FileSizeInBytes int64    `avro:"file_size_in_bytes"`
	} `avro:"data_file"`
}

type manifestFile struct {
	ManifestPath       string `avro:"manifest_path"`
	ManifestLength     int64  `avro:"manifest_length"`
	PartitionSpecID    int    `avro:"partition_spec_id"`
	Content            int    `avro:"content"`
	SequenceNumber     int64  `avro:"sequence_number"`
	MinSequenceNumber  int64  `avro:"min_sequence_number"`
	AddedSnapshotID    int64  `avro:"added_snapshot_id"`
	AddedFilesCount    int    `avro:"added_files_count"`
	ExistingFilesCount int    `avro:"existing_files_count"`
	DeletedFilesCount  int    `avro:"deleted_files_count"`
	AddedRowsCount     int64  `avro:"added_rows_count"`
	ExistingRowsCount  int64  `avro:"existing_rows_count"`
	DeletedRowsCount   int64  `avro:"deleted_rows_count"`
}

// manifest returns the manifest of a ready version and its entry in the list. The same version always has the same
// manifest: it has the schema of the version's own files, and not that of the table as it is now.
func (t *Tables) manifest(ctx context.Context, id uuid.UUID, version int) ([]byte, *manifestFile, error) {
	parts, err := t.parts(ctx, id, version)
	if err != nil {
		return nil, nil, err
	}
	ids, err := t.snapshotIDs(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	number := int64(version)
	listed := &manifestFile{
		ManifestPath: location(id, "metadata", fmt.Sprintf("manifest-%d.avro", version)), SequenceNumber: number, MinSequenceNumber: number, AddedSnapshotID: ids.of(version),
	}
	var entries []any
	own := widths{}
	fields := []SchemaField{}
	for _, p := range parts {
		file, err := t.file(ctx, id, p)
		if err != nil {
			return nil, nil, err
		}
		own.add(file.fields)
		fields = own.fields(file.fields)
		sequence, snapshot := int64(p.Part), ids.of(p.Part)
		e := entry{Status: existing, SnapshotID: &snapshot, SequenceNumber: &sequence, FileSequenceNumber: &sequence}
		e.DataFile.FilePath = location(id, "data", fmt.Sprintf("part-%d.parquet", p.Part))
		e.DataFile.FileFormat, e.DataFile.RecordCount, e.DataFile.FileSizeInBytes = "PARQUET", file.rows, file.size()
		if p.Part == version {
			e.Status = added
			listed.AddedFilesCount, listed.AddedRowsCount = listed.AddedFilesCount+1, listed.AddedRowsCount+file.rows
		} else {
			listed.ExistingFilesCount, listed.ExistingRowsCount = listed.ExistingFilesCount+1, listed.ExistingRowsCount+file.rows
			listed.MinSequenceNumber = min(listed.MinSequenceNumber, sequence)
		}
		entries = append(entries, e)
	}
	schema, err := json.Marshal(TableSchema{Type: "struct", ID: version, Fields: fields})
	if err != nil {
		return nil, nil, fmt.Errorf("encode schema of manifest: %w", err)
	}
	content, err := container(listed.ManifestPath, entryAvro, entrySchema, map[string][]byte{
		"schema": schema, "schema-id": []byte(strconv.Itoa(version)), "partition-spec": []byte("[]"), "partition-spec-id": []byte("0"),
		"format-version": []byte("2"), "content": []byte("data"),
	}, entries)
	listed.ManifestLength = int64(len(content))
	return content, listed, err
}

// manifestList returns the list of the only manifest of a ready version.
func (t *Tables) manifestList(ctx context.Context, id uuid.UUID, version int) ([]byte, error) {
	_, listed, err := t.manifest(ctx, id, version)
	if err != nil {
		return nil, err
	}
	ids, err := t.snapshotIDs(ctx, id)
	if err != nil {
		return nil, err
	}
	return container(location(id, "metadata", fmt.Sprintf("snap-%d.avro", version)), manifestAvro, manifestSchema, map[string][]byte{
		"snapshot-id": []byte(strconv.FormatInt(ids.of(version), 10)), "sequence-number": []byte(strconv.Itoa(version)), "format-version": []byte("2"),
	}, []any{*listed})
}

// container writes an Avro object container file. Its marker is made of its name, so that the file is always the same.
func container(name string, schema *avro.Schema, text string, meta map[string][]byte, records []any) ([]byte, error) {
	hash := sha256.Sum256([]byte(name))
	// pyiceberg does not read files that name no codec, and compressed bytes could differ between versions of Go.
	options := []ocf.WriterOpt{ocf.WithCodec(ocf.DeflateCodec(flate.NoCompression)), ocf.WithSchema(text), ocf.WithSyncMarker([16]byte(hash[:16]))}
	for _, key := range slices.Sorted(maps.Keys(meta)) { // a map of several would be written in any order
		options = append(options, ocf.WithMetadata(map[string][]byte{key: meta[key]}))
	}
	var out bytes.Buffer
	w, err := ocf.NewWriter(&out, schema, options...)
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", name, err)
	}
	for _, r := range records {
		if err := w.Encode(r); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return out.Bytes(), nil
}
