package rewrapkeys_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"testing"

	"function/functions/users/profile"
	rewrapkeys "function/functions/users/rewrap-keys"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func left(t *testing.T, p *platformtest.Platform) (n int) {
	t.Helper()
	if err := p.DB(database.Users).QueryRow(t.Context(), `SELECT value::int FROM published.metrics WHERE name = 'keys_to_rewrap'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRewrapKeys_OldKeyRemoved_PeopleAreReadable(t *testing.T) {
	t.Parallel()
	walk := []function.Declaration{rewrapkeys.Service, profile.Service}
	first := platformtest.New(t, walk...)
	token := first.Login("owner").Token
	with := func(current, previous string) *platformtest.Platform {
		return platformtest.NewWith(t, func(c *function.Config) {
			sink := c.Sink
			*c = first.Env.Config
			c.Sink, c.KeyURL, c.PreviousKeyURL = sink, current, previous
		}, walk...)
	}
	current := "base64key://" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	want := first.Do(token, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK).Body

	both := with(current, first.Env.Config.KeyURL)
	both.Do(token, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	for range 2 {
		both.Wake("users-rewrap-keys").Want(t, http.StatusNoContent)
		if n := left(t, both); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	}

	alone := with(current, "")
	if got := alone.Do(token, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK).Body; !bytes.Equal(got, want) {
		t.Errorf("profile %s, want %s", got, want)
	}
	keeper, err := alone.Env.Keeper(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var seeds int
	rows, err := alone.DB(database.Users).Query(t.Context(), `SELECT sealed_seed FROM signing_keys`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for ; rows.Next(); seeds++ {
		var sealed []byte
		if err := rows.Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if _, err := keeper.Unwrap(t.Context(), sealed); err != nil {
			t.Error(err)
		}
	}
	if seeds == 0 {
		t.Error("there is no signing key")
	}
	with(first.Env.Config.KeyURL, "").Do(token, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusInternalServerError)
}
