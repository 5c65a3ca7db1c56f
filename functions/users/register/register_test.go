package register_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/register"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declaration = register.Service

const path = "/v1/users/register"

func personBody(extra string) string {
	return `{"email": "Ada@Example.com", "password": "correct horse", "first_name": "Ada", "last_name": "Łovelace"` + extra + `}`
}

func TestRegister_NoOrganization_CreatesOne(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)

	account := platformtest.Decode[person.Account](t, p.Do("", http.MethodPost, path, personBody("")).Want(t, http.StatusCreated))

	if account.Email != "ada@example.com" || account.FirstName != "Ada" || account.LastName != "Łovelace" {
		t.Errorf("account %+v is not the person who registered", account)
	}
	if account.ID == uuid.Nil || account.OrganizationID == uuid.Nil || account.CreatedAt.IsZero() {
		t.Errorf("account %+v lacks an identifier, an organization or a time", account)
	}
	published := platformtest.Published[events.UserRegistered](p, 1)
	if got := published[0].Data; got.UserID != account.ID || got.OrganizationID != account.OrganizationID || got.Role != "owner" {
		t.Errorf("event %+v is not about account %+v", got, account)
	}
}

func TestRegister_PersonalData_IsSealed(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	// Names that cannot occur in the hexadecimal dump of a sealed field.
	p.Do("", http.MethodPost, path, strings.Replace(personBody(""), `"Ada"`, `"Wilhelmina"`, 1)).Want(t, http.StatusCreated)

	for _, table := range []string{"users", "outbox", "organizations", "memberships"} {
		var dump string
		if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT coalesce(string_agg(r::text, ' '), '') FROM `+table+` r`).Scan(&dump); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"example.com", "Wilhelmina", "ovelace", "correct horse"} {
			if strings.Contains(strings.ToLower(dump), strings.ToLower(word)) {
				t.Errorf("table %s holds %q in the clear", table, word)
			}
		}
	}
}

func TestRegister_TakenAddressInAnyCase_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	p.Do("", http.MethodPost, path, personBody("")).Want(t, http.StatusCreated)
	p.Do("", http.MethodPost, path, strings.Replace(personBody(""), "Ada@Example.com", "ada@EXAMPLE.com", 1)).Want(t, http.StatusConflict)
}

func TestRegister_WithOrganization_RequestsToJoin(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	owner := p.Login("owner")

	account := platformtest.Decode[person.Account](t,
		p.Do("", http.MethodPost, path, personBody(`, "organization_id": "`+owner.OrganizationID.String()+`"`)).Want(t, http.StatusCreated))

	var role, status string
	err := p.DB(database.Users).QueryRow(context.Background(), `SELECT role, status FROM memberships WHERE user_id = $1`, account.ID).Scan(&role, &status)
	if err != nil || role != "member" || status != "requested" {
		t.Errorf("membership %s, %s (%v), want member, requested", role, status, err)
	}
	p.Do("", http.MethodPost, path, strings.Replace(personBody(`, "organization_id": "`+uuid.NewString()+`"`), "Ada@", "eve@", 1)).
		Want(t, http.StatusUnprocessableEntity)
}

func TestRegister_BadInput_IsRefusedWithoutEcho(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"not JSON":       {`{"email": "s3cret-value`, http.StatusBadRequest},
		"empty":          {``, http.StatusBadRequest},
		"array":          {`["s3cret-value"]`, http.StatusUnprocessableEntity},
		"no email":       {`{"password": "s3cret-value", "first_name": "A", "last_name": "B"}`, http.StatusUnprocessableEntity},
		"bad email":      {`{"email": "s3cret-value", "password": "s3cret-value", "first_name": "A", "last_name": "B"}`, http.StatusUnprocessableEntity},
		"display name":   {strings.Replace(personBody(""), "Ada@Example.com", "Ada <s3cret@example.com>", 1), http.StatusUnprocessableEntity},
		"two addresses":  {strings.Replace(personBody(""), "Ada@Example.com", "s3cret@example.com, b@example.com", 1), http.StatusUnprocessableEntity},
		"NUL in a name":  {strings.Replace(personBody(""), `"Ada"`, `"s3cret\u0000"`, 1), http.StatusUnprocessableEntity},
		"short password": {`{"email": "a@example.com", "password": "s3cret", "first_name": "A", "last_name": "B"}`, http.StatusUnprocessableEntity},
		"wrong type":     {`{"email": "a@example.com", "password": ["s3cret-value"], "first_name": "A", "last_name": "B"}`, http.StatusUnprocessableEntity},
		"unknown field":  {personBody(`, "nickname": "s3cret"`), http.StatusUnprocessableEntity},
		"bad uuid":       {personBody(`, "organization_id": "s3cret-value"`), http.StatusUnprocessableEntity},
		"oversized":      {`{"email": "` + strings.Repeat("s3cret-value", 100_000) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			answer := p.Do("", http.MethodPost, path, test.body).Want(t, test.status)
			if strings.Contains(string(answer.Body), "s3cret") {
				t.Errorf("the answer echoes the input: %s", answer.Body)
			}
		})
	}
	var count int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM users`).Scan(&count); err != nil || count != 0 {
		t.Errorf("%d users after refused registrations (%v)", count, err)
	}
}
