// Package logout ends a session: POST /v1/users/logout.
package logout

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/users"
	"function/shared/auth"
	"function/shared/function"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-logout", Method: http.MethodPost, Path: "/v1/users/logout",
	Summary: "Log out", Tags: []string{users.Tag}, Security: function.Person,
	Description:   "Ends the session. Its access and refresh tokens are refused everywhere within a second.",
	DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized},
}

// Function ends sessions.
type Function struct{ users.Store }

// New opens the sessions.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const endSession = `UPDATE sessions SET ended_at = now(), end_reason = 'logout' WHERE id = $1 AND ended_at IS NULL`

// Handle ends the caller's session.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := f.DB.Exec(ctx, endSession, caller.SessionID); err != nil {
		return nil, fmt.Errorf("end session: %w", err)
	}
	return nil, nil
}
