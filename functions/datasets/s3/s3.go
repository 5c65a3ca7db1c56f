// Package s3 serves versions of data sets by the S3 protocol, to clients that sign their requests with the credentials of
// /v1/datasets/s3/credentials. It runs for every such request, on every host of the platform.
//
// A data set is a bucket, named like the data set or by its identifier. The keys of a table begin with a version:
// 3/, tag/{name}/, branch/{name}/ or latest/. Under each, part-00000.parquet and so on hold the rows, and _source/file.csv (or
// another extension) is the file as it was uploaded; clients that read a folder of Parquet ignore folders whose names begin with an
// underscore, and a pattern such as *.parquet does not match it. The keys of a data set of objects are objects/{name}.
//
// Objects are decrypted on the way. Where a policy limits what the caller may read, the rows are those of the caller's view,
// and there is no uploaded file. An object that is put to latest/ or branch/{name}/ becomes a new version.
//
// Writers of several files put them into a folder append/{folder}/ or replace/{folder}/ (for a branch, after branch/{name}/), where
// they can also copy and delete them. When they put the empty file _SUCCESS there, as Spark and Hadoop do, the files become one
// version. Until then only their writer sees them. Nothing else can be changed or deleted.
//
// github.com/versity/versitygw checks signatures and speaks the protocol; it listens on a Unix socket behind this function.
package s3

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/hashicorp/golang-lru/v2/expirable"

	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/s3keys"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/transfer"
	"function/shared/database"
	"function/shared/function"
	"function/shared/tables"
)

// Service declares the function.
var Service = function.Service("datasets-s3", New, function.OnSigned((*Function).Serve)).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects, function.Callers)

// Function serves the requests of S3 clients.
type Function struct {
	issuer  s3keys.Issuer
	uploads *resumable.Store
	views   *tables.Cache
	others  map[string]Folder // buckets that are no data sets
	gateway *gateway

	requests sync.Map                       // *request, by a random name
	sizes    *lru.Cache[string, int64]      // of stored tables in plain text
	audited  *expirable.LRU[read, struct{}] // reads that have an audit entry
}

// read is the reading of an object by a session, in any number of requests.
type read struct {
	session, dataset uuid.UUID
	key              string
}

// One audit entry stands for all ranges of an object that a session reads within auditInterval.
const (
	auditInterval = 10 * time.Minute
	auditedReads  = 4096
)

// knownSizes is how many sizes of tables are kept.
const knownSizes = 1 << 16

// New connects the function to its database, key service and object storage, and starts the gateway.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	area, err := staging.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	if err != nil {
		return nil, err
	}
	verifier, err := env.Verifier(ctx)
	if err != nil {
		return nil, err
	}
	views, err := tables.New(env.Config.Scratch, tables.Decrypt(env.Objects, keys))
	if err != nil {
		return nil, err
	}
	env.OnClose(views.Close)
	sizes, err := lru.New[string, int64](knownSizes)
	if err != nil {
		return nil, fmt.Errorf("make cache of sizes: %w", err)
	}
	f := &Function{
		issuer:  s3keys.Issuer{Keys: keys, Verifier: verifier},
		uploads: &resumable.Store{DB: area.DB, Keys: keys, Area: area, Limit: cmp.Or(env.Config.MaxUploadBytes, transfer.DefaultUploadLimit)},
		views:   views,
		others:  map[string]Folder{},
		sizes:   sizes,
		audited: expirable.NewLRU[read, struct{}](auditedReads, nil, auditInterval),
	}
	iceberg, err := icebergtable.New(area.DB, keys, env.Objects)
	if err != nil {
		return nil, err
	}
	f.others[icebergtable.Bucket] = icebergFolder{iceberg}
	if f.gateway, err = startGateway(f); err != nil {
		return nil, err
	}
	env.OnClose(f.gateway.close)
	return f, nil
}
