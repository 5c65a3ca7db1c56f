package userstest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	approvemember "function/functions/users/approve-member"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/jwks"
	"function/functions/users/login"
	"function/functions/users/logout"
	"function/functions/users/profile"
	"function/functions/users/refresh"
	"function/functions/users/register"
	"function/functions/users/sessions"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/platformtest"
)

func Mount(t *testing.T) *platformtest.Platform { return platformtest.New(t, Declarations()...) }

func Declarations() []function.Declaration {
	return []function.Declaration{
		register.Service,
		login.Service,
		refresh.Service,
		logout.Service,
		sessions.Service,
		profile.Service,
		jwks.Service,
		approvemember.Service,
	}
}

func Registered(t *testing.T, p *platformtest.Platform, email, extra string) person.Account {
	t.Helper()
	body := `{"email": "` + email + `", "password": "correct horse", "first_name": "Ada", "last_name": "Łovelace"` + extra + `}`
	return platformtest.Decode[person.Account](t, p.Do("", http.MethodPost, "/v1/users/register", body).Want(t, http.StatusCreated))
}

func LoggedIn(t *testing.T, p *platformtest.Platform, email string) session.Tokens {
	t.Helper()
	body := `{"email": "` + email + `", "password": "correct horse"}`
	return platformtest.Decode[session.Tokens](t, p.Do("", http.MethodPost, "/v1/users/login", body).Want(t, http.StatusOK))
}

func Exchange(p *platformtest.Platform, token string) platformtest.Answer {
	return p.Do("", http.MethodPost, "/v1/users/refresh", map[string]string{"refresh_token": token})
}

// WaitUntilRefused waits until an access token is refused. The verifier promises a second at most,
// which is not measured here.
func WaitUntilRefused(t *testing.T, p *platformtest.Platform, token string) {
	t.Helper()
	for range 1000 {
		if p.Do(token, http.MethodGet, "/v1/users/profile", nil).Status == http.StatusUnauthorized {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the access token of a session that has ended is still good")
}

// Purge permanently deletes all organizations of a person, as users-purge-organizations does. It
// calls meanwhile before the transaction commits.
func Purge(t *testing.T, p *platformtest.Platform, personID uuid.UUID, meanwhile func()) {
	t.Helper()
	ctx := context.Background()
	db, err := p.Env.Database(ctx, database.Users)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Transact(ctx, func(tx *outbox.Tx) error {
		rows, _ := tx.Query(ctx, `SELECT organization_id FROM memberships WHERE user_id = $1`, personID)
		organizations, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		for _, o := range organizations {
			if err := membership.DeleteOrganization(ctx, tx, o); err != nil {
				return err
			}
		}
		meanwhile()
		return membership.EnsurePersonalOrganization(ctx, tx, personID)
	})
	if err != nil {
		t.Fatal(err)
	}
}
