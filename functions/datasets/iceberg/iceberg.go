// Package iceberg is a catalogue of Apache Iceberg tables, read-only: the Iceberg REST catalogue (the OpenAPI
// description of Iceberg 1.10) under /iceberg/v1. Every table of the platform is one of its tables: those of the caller's
// organization in the namespace datasets, and those that others share with the caller in the namespace shared.
package iceberg

import (
	"context"
	"net/http"

	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/s3keys"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
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
}

// unsupported are operations of the specification that write.
var unsupported = []struct {
	id, path, summary string
	declare           func(id, path, summary string, access function.Access) function.Operation
}{
	{"create-namespace", root + "/namespaces", "Create a namespace", function.Post},
	{"delete-namespace", namespace, "Delete a namespace", function.Delete},
	{"namespace-properties", namespace + "/properties", "Change the properties of a namespace", function.Post},
	{"create-table", namespace + "/tables", "Create a table", function.Post},
	{"register-table", namespace + "/register", "Register a table", function.Post},
	{"commit", table, "Commit to a table", function.Post},
	{"delete-table", table, "Delete a table", function.Delete},
	{"rename-table", root + "/tables/rename", "Rename a table", function.Post},
	{"commit-transaction", root + "/transactions/commit", "Commit to several tables", function.Post},
	{"create-view", namespace + "/views", "Create a view", function.Post},
}

func writes() (list []function.Part[*Function]) {
	for _, u := range unsupported {
		o := operation(u.declare("datasets-iceberg-"+u.id, u.path, u.summary+" (not supported)", policy.DatasetsRead)).Fails(fault.NotAcceptable).AnyQuery().
			Describe("The catalogue is read-only. Every request is refused.")
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
	endpoint string // of the S3 gateway; empty: clients know it
	verify   func(ctx context.Context, token string) error
}

// New connects the function to its database, key service and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
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
	tables, err := icebergtable.New(db, keys, env.Objects)
	verify := func(ctx context.Context, token string) error {
		_, err := verifier.Verify(ctx, token)
		return err
	}
	return &Function{db: db, tables: tables, issuer: s3keys.Issuer{Keys: keys, Verifier: verifier}, endpoint: env.Config.PublicURL, verify: verify}, err
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
	http.MethodPost + " /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
}
