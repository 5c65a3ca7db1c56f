package iceberg

import (
	"context"

	"github.com/google/uuid"

	"function/functions/datasets/internal/icebergtable"
	"function/shared/access"
	"function/shared/auth"
)

// Vend issues credentials that read the objects of one data set's table for a short time. It returns them as the
// properties of a client: s3.endpoint, s3.access-key-id and so on.
type Vend func(ctx context.Context, caller auth.Caller, dataset uuid.UUID) (map[string]string, error)

// Credential gives access to the objects whose URLs begin with the prefix.
type Credential struct {
	Prefix string            `json:"prefix"`
	Config map[string]string `json:"config"`
}

// CredentialsResponse lists credentials.
type CredentialsResponse struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Credentials []Credential `json:"storage-credentials" nullable:"false"`
	}
}

// Credentials issues credentials for the files of a table.
func (f *Function) Credentials(ctx context.Context, in *TableName) (*CredentialsResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id, err := f.find(ctx, access.Of(caller), in)
	if err != nil {
		return nil, err
	}
	if err := f.tables.Check(ctx, access.Of(caller), id); err != nil {
		return nil, err
	}
	out := &CredentialsResponse{CacheControl: "no-store"}
	out.Body.Credentials, _, err = f.credentials(ctx, caller, id)
	return out, err
}

// credentials returns credentials for a table, which the caller may read, as a list and as its configuration.
func (f *Function) credentials(ctx context.Context, caller auth.Caller, id uuid.UUID) ([]Credential, map[string]string, error) {
	if f.vend == nil {
		return []Credential{}, map[string]string{}, nil
	}
	config, err := f.vend(ctx, caller, id)
	if err != nil {
		return nil, nil, err
	}
	return []Credential{{"s3://" + icebergtable.Bucket + "/" + id.String() + "/", config}}, config, nil
}
