package iceberg

import (
	"context"
	"net/url"

	"function/shared/auth"
	"function/shared/fault"
)

// TokenRequest is a form (RFC 6749 §4.4.2).
type TokenRequest struct {
	RawBody []byte `contentType:"application/x-www-form-urlencoded"`
}

// TokenResponse is an access token.
type TokenResponse struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		Issued      string `json:"issued_token_type"`
	}
}

// Token returns the API key in the form that clients expect, if it is valid.
func (f *Function) Token(ctx context.Context, in *TokenRequest) (*TokenResponse, error) {
	form, err := url.ParseQuery(string(in.RawBody))
	if err != nil {
		return nil, fault.New(fault.Malformed, "The request body is not a form: send grant_type=client_credentials and client_secret")
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return nil, fault.New(fault.Malformed, "The only grant_type is client_credentials, with an API key as client_secret. Tokens need no refresh.")
	}
	key := form.Get("client_secret")
	if key == "" {
		return nil, fault.New(fault.Unauthenticated, "The client_secret is empty: send an API key (POST /v1/users/api-keys)")
	}
	if err := f.verify(ctx, key); err != nil {
		return nil, err
	}
	out := &TokenResponse{CacheControl: "no-store"}
	out.Body.AccessToken, out.Body.TokenType, out.Body.Issued = key, "bearer", "urn:ietf:params:oauth:token-type:access_token"
	return out, nil
}

// Config returns the configuration of the catalogue.
func (f *Function) Config(ctx context.Context, in *ConfigRequest) (*ConfigResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if in.Warehouse != "" && in.Warehouse != caller.OrganizationID.String() {
		return nil, fault.New(fault.Malformed, "There is no such warehouse: leave it out, or name your organization by its identifier")
	}
	out := &ConfigResponse{}
	out.Body.Defaults, out.Body.Overrides, out.Body.Endpoints = map[string]string{"token-refresh-enabled": "false"}, map[string]string{}, endpoints
	return out, nil
}
