// Package iceberg is a catalogue of Apache Iceberg tables: the Iceberg REST catalogue (the OpenAPI description of Iceberg
// 1.10) under /iceberg/v1. Every table of the platform is one of its tables: those of the caller's organization in the namespace
// datasets, and those that others share with the caller in the namespace shared.
//
// A client writes data files and manifests below the location of a table, through the S3 gateway, and commits them as a snapshot,
// which becomes a version. Tables can be created and dropped.
package iceberg

import (
	"cmp"
	"context"
	"net/http"

	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/s3keys"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/transfer"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/policy"
)

const (
	root      = "/iceberg/v1"
	namespace = root + "/namespaces/{namespace}"
	table     = namespace + "/tables/{table}"
)

// Service declares the function.
var Service = function.Service("datasets-iceberg", New, append(parts, writes()...)...).
	Uses(function.Owns(database.Datasets), function.Keys, function.Objects, function.Callers)

var parts = []function.Part[*Function]{
	function.On(operation(function.Get("datasets-iceberg-config", root+"/config", "Show the configuration of the Iceberg catalogue", policy.DatasetsRead)), (*Function).Config),
	function.On(function.Post("datasets-iceberg-token", root+"/oauth/tokens", "Log in to the Iceberg catalogue with an API key", policy.Public).
		Tagged("Iceberg").RefusesWith(oauthError).Fails(fault.Unauthenticated, fault.Malformed).Sensitive().
		Describe("OAuth 2.0 with grant_type=client_credentials. The client_secret is an API key, which is also the access token."), (*Function).Token),
	function.On(operation(function.Get("datasets-iceberg-namespaces", root+"/namespaces", "List the namespaces of the Iceberg catalogue", policy.DatasetsRead)).Fails(fault.NotFound), (*Function).Namespaces),
	function.On(operation(function.Get("datasets-iceberg-namespace", namespace, "Show a namespace of the Iceberg catalogue", policy.DatasetsRead)), (*Function).Namespace),
	function.On(operation(function.Head("datasets-iceberg-namespace-exists", namespace, "Check whether a namespace of the Iceberg catalogue exists", policy.DatasetsRead)).Status(http.StatusNoContent), (*Function).NamespaceExists),
	function.On(operation(function.Get("datasets-iceberg-tables", namespace+"/tables", "List Iceberg tables", policy.DatasetsRead)), (*Function).Tables),
	function.On(operation(function.Get("datasets-iceberg-table", table, "Load an Iceberg table", policy.DatasetsRead)).
		Fails(fault.NotAcceptable).Answers(notModified).
		Describe("The metadata in format version 2. Snapshots are the versions, and have their numbers. If a column has a type that Iceberg does not have, or a policy limits what you may read, the table is refused."), (*Function).Table),
	function.On(operation(function.Head("datasets-iceberg-table-exists", table, "Check whether an Iceberg table exists", policy.DatasetsRead)).Status(http.StatusNoContent), (*Function).TableExists),
	function.On(operation(function.Get("datasets-iceberg-credentials", table+"/credentials", "Get credentials for the files of an Iceberg table", policy.DatasetsRead)), (*Function).Credentials),
	function.On(operation(function.Post("datasets-iceberg-metrics", table+"/metrics", "Report metrics of reading an Iceberg table", policy.DatasetsRead)).
		Describe("The report is dropped."), (*Function).Metrics),
	function.On(operation(function.Post("datasets-iceberg-create-table", namespace+"/tables", "Create an Iceberg table", policy.DatasetsWrite)).Fails(fault.NotAcceptable, fault.Conflict).
		Describe("A data set with a schema and without rows. Partitions, sort orders and a location are not supported. Columns that are required are so until the table has rows: a contract can require values (`PUT /v1/datasets/{id}/contract`)."), (*Function).CreateTable),
	function.On(operation(function.Post("datasets-iceberg-commit", table, "Commit to an Iceberg table", policy.DatasetsWrite)).Fails(fault.NotAcceptable, fault.Conflict, fault.Unavailable).
		Describe("The snapshot becomes a version: it has all data files of its parent and new ones, or only new ones. The answer comes when the version is ready; if the data set's contract blocks it, the commit is refused. A repeated commit adds nothing twice."), (*Function).Commit),
	function.On(operation(function.Delete("datasets-iceberg-delete-table", table, "Drop an Iceberg table", policy.DatasetsWrite)).Fails(fault.Conflict).
		Describe("Deletes the data set, as `DELETE /v1/datasets/{id}` does."), (*Function).Drop),
}

// unsupported are operations of the specification that are refused.
var unsupported = []struct {
	id, path, summary string
	declare           func(id, path, summary string, access function.Access) function.Operation
}{
	{"create-namespace", root + "/namespaces", "Create a namespace", function.Post},
	{"delete-namespace", namespace, "Delete a namespace", function.Delete},
	{"namespace-properties", namespace + "/properties", "Change the properties of a namespace", function.Post},
	{"register-table", namespace + "/register", "Register a table", function.Post},
	{"rename-table", root + "/tables/rename", "Rename a table", function.Post},
	{"commit-transaction", root + "/transactions/commit", "Commit to several tables", function.Post},
	{"create-view", namespace + "/views", "Create a view", function.Post},
}

func writes() (list []function.Part[*Function]) {
	for _, u := range unsupported {
		o := operation(u.declare("datasets-iceberg-"+u.id, u.path, u.summary+" (not supported)", policy.DatasetsRead)).Fails(fault.NotAcceptable).AnyQuery().
			Describe("Every request is refused.")
		list = append(list, function.On(o, (*Function).Write))
	}
	return list
}

// operation sets what all operations have in common.
func operation(o function.Operation) function.Operation {
	return o.Tagged("Iceberg").RefusesWith(errorModel)
}

// Function serves the catalogue.
type Function struct {
	db       *outbox.DB
	tables   *icebergtable.Tables
	issuer   s3keys.Issuer
	uploads  *resumable.Store
	objects  func(ctx context.Context, storageType string) (*objects.Bucket, error)
	endpoint string // of the S3 gateway; empty: clients know it
	verify   func(ctx context.Context, token string) error
}

// New connects the function to its database, key service and object storage.
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
	tables, err := icebergtable.New(area.DB, keys, env.Objects)
	verify := func(ctx context.Context, token string) error {
		_, err := verifier.Verify(ctx, token)
		return err
	}
	return &Function{
		db: area.DB, tables: tables, issuer: s3keys.Issuer{Keys: keys, Verifier: verifier}, objects: env.Objects, endpoint: env.Config.PublicURL, verify: verify,
		uploads: &resumable.Store{DB: area.DB, Keys: keys, Area: area, Limit: cmp.Or(env.Config.MaxUploadBytes, transfer.DefaultUploadLimit)},
	}, err
}

// ConfigRequest names the warehouse.
type ConfigRequest struct {
	Warehouse string `query:"warehouse" maxLength:"200" doc:"The identifier of your organization, or nothing"`
}

// ConfigResponse is the configuration.
type ConfigResponse struct {
	Body struct {
		Defaults  map[string]string `json:"defaults"`
		Overrides map[string]string `json:"overrides"`
		Endpoints []string          `json:"endpoints" nullable:"false" doc:"The operations that clients may use, with the paths of the specification"`
	}
}

// endpoints are the operations, as the specification writes them.
var endpoints = []string{
	http.MethodGet + " /v1/{prefix}/namespaces",
	http.MethodGet + " /v1/{prefix}/namespaces/{namespace}",
	http.MethodHead + " /v1/{prefix}/namespaces/{namespace}",
	http.MethodGet + " /v1/{prefix}/namespaces/{namespace}/tables",
	http.MethodGet + " /v1/{prefix}/namespaces/{namespace}/tables/{table}",
	http.MethodHead + " /v1/{prefix}/namespaces/{namespace}/tables/{table}",
	http.MethodGet + " /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials",
	http.MethodPost + " /v1/{prefix}/namespaces/{namespace}/tables",
	http.MethodPost + " /v1/{prefix}/namespaces/{namespace}/tables/{table}",
	http.MethodDelete + " /v1/{prefix}/namespaces/{namespace}/tables/{table}",
	http.MethodPost + " /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
}
