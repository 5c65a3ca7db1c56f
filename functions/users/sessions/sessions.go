// Package sessions lists and ends a person's sessions: GET /v1/users/sessions, DELETE
// /v1/users/sessions/{id} and POST /v1/users/sessions/revoke-all.
package sessions

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/function"
	"function/shared/page"
)

// Session is an open session.
type Session struct {
	ID           uuid.UUID      `json:"id" format:"uuid"`
	CreatedAt    time.Time      `json:"created_at"`
	RefreshedAt  time.Time      `json:"refreshed_at" doc:"When its tokens were last refreshed"`
	ExpiresAt    time.Time      `json:"expires_at" doc:"When it ends unless it is refreshed"`
	Methods      []string       `json:"methods" nullable:"false" doc:"How you proved who you are (RFC 8176)"`
	Device       session.Device `json:"device"`
	Address      string         `json:"address,omitempty" doc:"IP address at login"`
	Country      string         `json:"country,omitempty" doc:"Country of the address (ISO 3166-1 alpha-2)" example:"DE"`
	Impersonated bool           `json:"impersonated" doc:"Whether a platform admin is acting as you in it"`
	Current      bool           `json:"current" doc:"Whether it is the current session"`
}

// ListRequest selects one page.
type ListRequest struct{ page.Query }

// ListResponse is one page.
type ListResponse struct{ Body page.Page[Session] }

// Function lists and ends sessions.
type Function struct {
	store  store.Store
	mailer notify.Mailer
}

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}

const selectSessions = `
SELECT id, created_at, refreshed_at, expires_at, methods, device, address, coalesce(country, '') AS country, impersonator_id IS NOT NULL AS impersonated
FROM sessions WHERE user_id = @user AND ended_at IS NULL AND expires_at > now() AND id < @before
ORDER BY id DESC LIMIT @limit`

type row struct {
	ID                                uuid.UUID
	CreatedAt, RefreshedAt, ExpiresAt time.Time
	Methods                           []string
	Device, Address                   []byte
	Country                           string
	Impersonated                      bool
}

// List lists the caller's sessions. An admin who acts as the person does not see where they
// began.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	key, err := person.OwnKey(ctx, f.store, caller)
	if err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.store.DB, in.Query, func(r row) uuid.UUID { return r.ID }, selectSessions, pgx.NamedArgs{"user": caller.UserID})
	if err != nil {
		return nil, err
	}
	sessions, err := page.Map(found, func(r row) (Session, error) {
		if key == nil {
			r.Device, r.Address, r.Country = nil, nil, ""
		}
		s, err := r.open(key)
		s.Current = s.ID == caller.SessionID
		return s, err
	})
	return &ListResponse{sessions}, err
}

func (r row) open(key []byte) (s Session, err error) {
	s = Session{
		ID: r.ID, CreatedAt: r.CreatedAt, RefreshedAt: r.RefreshedAt, ExpiresAt: r.ExpiresAt,
		Methods: r.Methods, Country: r.Country, Impersonated: r.Impersonated,
	}
	device, err := person.Unseal(key, session.DeviceField, r.Device)
	if err != nil {
		return s, err
	}
	s.Device = session.DeviceOf(device)
	s.Address, err = person.Unseal(key, session.AddressField, r.Address)
	return s, err
}
