package iceberg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/s3keys"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/policy"
)

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

// lifetime is how long credentials are valid.
const lifetime = time.Hour

// credentials returns credentials for the objects of a table, which the caller may read, as a list and as the configuration of
// a client. They can write if the caller may change the table. The token of another issuer has no session for which they could be issued.
func (f *Function) credentials(ctx context.Context, caller auth.Caller, id uuid.UUID) ([]Credential, map[string]string, error) {
	if caller.SessionID == uuid.Nil {
		return []Credential{}, map[string]string{}, nil
	}
	writes := policy.Decide(caller.Subject, policy.Need{Permission: policy.DatasetsWrite}, time.Now()).Allowed
	if writes {
		switch err := dataset.Changeable(ctx, f.db, dataset.Table, id, access.Of(caller)); {
		case errors.Is(err, dataset.ErrNotFound):
			writes = false
		case err != nil:
			return nil, nil, err
		}
	}
	c, err := f.issuer.Temporary(caller, s3keys.Limits{DatasetID: &id, ReadOnly: !writes}, lifetime)
	if err != nil {
		return nil, nil, fmt.Errorf("issue credentials: %w", err)
	}
	config := map[string]string{
		"s3.region": s3keys.Region, "s3.path-style-access": "true",
		"s3.access-key-id": c.AccessKeyID, "s3.secret-access-key": c.SecretAccessKey, "s3.session-token": c.SessionToken,
	}
	if f.endpoint != "" {
		config["s3.endpoint"] = f.endpoint
	}
	return []Credential{{"s3://" + icebergtable.Bucket + "/" + id.String() + "/", config}}, config, nil
}
