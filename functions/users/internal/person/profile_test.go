package person_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/userstest"
	"function/functions/users/profile"
	updateprofile "function/functions/users/update-profile"
	"function/shared/database"
	"function/shared/documents"
	_ "function/shared/documents/mongodb"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// profiles runs a test with each kind of document store.
func profiles(t *testing.T, test func(*testing.T, *platformtest.Platform)) {
	t.Parallel()
	mount := []function.Declaration{
		profile.Service,
		updateprofile.Service,
	}
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, platformtest.New(t, mount...))
	})
	t.Run("MongoDB", func(t *testing.T) {
		t.Parallel()
		url := platformtest.MongoDB(t)
		test(t, platformtest.NewWith(t, func(c *function.Config) { c.MongoURL = url }, mount...))
	})
}

func TestProfileIsMergedAndRead(t *testing.T) {
	profiles(t, func(t *testing.T, p *platformtest.Platform) {
		ada := p.Login("member")
		was := p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil)
		before := userstest.Read(t, was)
		if before.Preferences == nil || len(before.Attributes) != 0 || was.Header.Get("ETag") != `"0"` {
			t.Errorf("profile of somebody who has said nothing: %+v, %s", before, was.Header.Get("ETag"))
		}
		for i, step := range []struct{ patch, want string }{
			{`{"preferences": {"theme": "dark", "list": {"size": 50, "big": 12345678901234567890}}, "display_name": "Countess"}`,
				`{"display_name": "Countess", "preferences": {"theme": "dark", "list": {"size": 50, "big": 12345678901234567890}}, "attributes": {}}`},
			{`{"preferences": {"theme": null, "list": {"size": 20}}, "attributes": {"shoe": [1, {"a": null}]}, "locale": "de-CH", "time_zone": "Europe/Zurich"}`,
				`{"display_name": "Countess", "locale": "de-CH", "time_zone": "Europe/Zurich", "preferences": {"list": {"size": 20, "big": 12345678901234567890}}, "attributes": {"shoe": [1, {"a": null}]}}`},
			{`{"preferences": null, "display_name": null, "locale": null, "time_zone": null, "attributes": {"shoe": "x"}, "picture_url": "https://example.com/ada.png"}`,
				`{"picture_url": "https://example.com/ada.png", "preferences": {}, "attributes": {"shoe": "x"}}`},
		} {
			answered := userstest.Change(p, ada.Token, step.patch)
			got := userstest.Read(t, answered)
			var want person.Extras
			if err := json.Unmarshal([]byte(step.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Extras); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(step.want, "12345678901234567890") || strings.Contains(string(answered.Body), "12345678901234567890") {
				again := p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil)
				if diff := cmp.Diff(got, userstest.Read(t, again)); diff != "" || again.Header.Get("ETag") != fmt.Sprintf("%q", fmt.Sprint(i+1)) {
					t.Error(diff, again.Header.Get("ETag"))
				}
			} else {
				t.Errorf("a number has lost digits: %s", answered.Body)
			}
		}
		renamed := userstest.Read(t, userstest.Change(p, ada.Token, `{"first_name": "Augusta Ada", "last_name": "King"}`))
		if renamed.FirstName != "Augusta Ada" || renamed.LastName != "King" || renamed.Email != ada.Email || renamed.Attributes["shoe"] != "x" {
			t.Errorf("%+v", renamed)
		}
		told := platformtest.Published[events.ProfileChanged](p, 4)
		if i := slices.IndexFunc(told, func(e events.Received[events.ProfileChanged]) bool {
			return slices.Equal(e.Data.Fields, []string{"first_name", "last_name"})
		}); i < 0 || told[i].Data.UserID != ada.UserID {
			t.Errorf("events %+v", told)
		}
		var entries int
		if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM audit_entries WHERE action = 'profile:change' AND actor_id = $1 AND detail::text NOT LIKE '%Augusta%'`, ada.UserID).Scan(&entries); err != nil || entries != 4 {
			t.Errorf("%d audit entries, %v", entries, err)
		}
	})
}

func TestProfileChange_NoDifference_KeepsTheRevision(t *testing.T) {
	profiles(t, func(t *testing.T, p *platformtest.Platform) {
		ada := p.Login("member")
		userstest.Change(p, ada.Token, `{"preferences": {"theme": "dark"}}`).Want(t, http.StatusOK)
		for _, patch := range []string{`{}`, `{"preferences": {"theme": "dark"}}`, `{"display_name": null}`, `{"first_name": "Ada"}`} {
			if got := userstest.Change(p, ada.Token, patch).Want(t, http.StatusOK).Header.Get("ETag"); got != `"1"` {
				t.Errorf("%s: ETag %s", patch, got)
			}
		}
	})
}

func TestProfileChange_OutdatedETag_IsRefused(t *testing.T) {
	profiles(t, func(t *testing.T, p *platformtest.Platform) {
		ada := p.Login("member")
		userstest.Change(p, ada.Token, `{"attributes": {"a": 1}}`, "If-Match", `"0"`).Want(t, http.StatusOK)
		userstest.Change(p, ada.Token, `{"attributes": {"a": 2}}`, "If-Match", `"0"`).Want(t, http.StatusPreconditionFailed)
		userstest.Change(p, ada.Token, `{"attributes": {"a": 3}}`, "If-Match", `*`).Want(t, http.StatusOK)
		userstest.Change(p, ada.Token, `{"attributes": {"a": 3}}`, "If-Match", `"0", "2"`).Want(t, http.StatusOK) // a list (RFC 9110 §13.1.1)
		userstest.Change(p, ada.Token, `{"attributes": {"a": 3}}`, "If-Match", `"0",W/"2"`).Want(t, http.StatusPreconditionFailed)
		if got := userstest.Read(t, p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil)); got.Attributes["a"] != 3.0 {
			t.Errorf("%v", got.Attributes)
		}
	})
}

func TestProfileChange_Concurrent_AllAreApplied(t *testing.T) {
	profiles(t, func(t *testing.T, p *platformtest.Platform) {
		ada := p.Login("member")
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				userstest.Change(p, ada.Token, fmt.Sprintf(`{"attributes": {"k%d": %d}}`, i, i)).Want(t, http.StatusOK)
				p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil).Want(t, http.StatusOK)
			})
		}
		all.Wait()
		if got := userstest.Read(t, p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil)); len(got.Attributes) != 8 {
			t.Errorf("%v", got.Attributes)
		}
		won := make(chan int, 4)
		for i := range cap(won) {
			all.Go(func() {
				won <- userstest.Change(p, ada.Token, fmt.Sprintf(`{"attributes": {"w": %d}}`, i), "If-Match", `"8"`).Status
			})
		}
		all.Wait()
		close(won)
		winners := 0
		for status := range won {
			if status == http.StatusOK {
				winners++
			} else if status != http.StatusPreconditionFailed {
				t.Errorf("status %d", status)
			}
		}
		if winners != 1 {
			t.Errorf("%d changes of one revision won", winners)
		}
	})
}

func TestProfileChange_Hostile_IsRefused(t *testing.T) {
	profiles(t, func(t *testing.T, p *platformtest.Platform) {
		ada := p.Login("member")
		userstest.Change(p, ada.Token, `{"attributes": {"kept": true}}`).Want(t, http.StatusOK)
		wide := make([]string, 1100)
		for i := range wide {
			wide[i] = fmt.Sprintf(`"k%d": 1`, i)
		}
		for name, test := range map[string]struct {
			patch  string
			status int
		}{
			"not JSON":                {`{"attributes"`, http.StatusBadRequest},
			"empty":                   {``, http.StatusBadRequest},
			"two":                     {`{}{}`, http.StatusBadRequest},
			"array":                   {`[]`, http.StatusUnprocessableEntity},
			"null":                    {`null`, http.StatusUnprocessableEntity},
			"text":                    {`"x"`, http.StatusUnprocessableEntity},
			"role":                    {`{"role": "owner"}`, http.StatusUnprocessableEntity},
			"email":                   {`{"email": "eve@example.com"}`, http.StatusUnprocessableEntity},
			"identifier":              {`{"id": "x"}`, http.StatusUnprocessableEntity},
			"other case":              {`{"Role": "owner"}`, http.StatusUnprocessableEntity},
			"no name":                 {`{"first_name": null}`, http.StatusUnprocessableEntity},
			"empty name":              {`{"last_name": ""}`, http.StatusUnprocessableEntity},
			"name of another type":    {`{"last_name": {"a": 1}}`, http.StatusUnprocessableEntity},
			"control character":       {`{"first_name": "a\u0007b"}`, http.StatusUnprocessableEntity},
			"preferences as a list":   {`{"preferences": []}`, http.StatusUnprocessableEntity},
			"locale":                  {`{"locale": "../etc"}`, http.StatusUnprocessableEntity},
			"time zone":               {`{"time_zone": "../../etc/passwd"}`, http.StatusUnprocessableEntity},
			"this machine's zone":     {`{"time_zone": "Local"}`, http.StatusUnprocessableEntity},
			"script for a picture":    {`{"picture_url": "javascript:alert(1)"}`, http.StatusUnprocessableEntity},
			"credentials in a URL":    {`{"picture_url": "https://a:b@example.com/"}`, http.StatusUnprocessableEntity},
			"deep":                    {`{"attributes": ` + strings.Repeat(`{"a":`, 10) + `1` + strings.Repeat(`}`, 11), http.StatusUnprocessableEntity},
			"very deep":               {`{"attributes": ` + strings.Repeat(`[`, 60_000), http.StatusUnprocessableEntity},
			"many keys":               {`{"attributes": {` + strings.Join(wide, ",") + `}}`, http.StatusUnprocessableEntity},
			"long key":                {`{"attributes": {"` + strings.Repeat("k", 129) + `": 1}}`, http.StatusUnprocessableEntity},
			"empty key":               {`{"attributes": {"": 1}}`, http.StatusUnprocessableEntity},
			"large":                   {`{"attributes": {"a": "` + strings.Repeat("x", 64<<10) + `"}}`, http.StatusRequestEntityTooLarge},
			"large with what is kept": {`{"attributes": {"a": "` + strings.Repeat("x", 64<<10-30) + `"}}`, http.StatusRequestEntityTooLarge},
			"not UTF-8":               {"{\"attributes\": {\"a\": \"\xff\"}}", http.StatusBadRequest},
		} {
			if got := userstest.Change(p, ada.Token, test.patch); got.Status != test.status {
				t.Errorf("%s: status %d, want %d\n%s", name, got.Status, test.status, got.Body)
			}
		}
		userstest.Change(p, ada.Token, `{}`, "Content-Type", "text/plain").Want(t, http.StatusUnsupportedMediaType)
		userstest.Change(p, "", `{}`).Want(t, http.StatusUnauthorized)
		got := userstest.Read(t, p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil))
		if diff := cmp.Diff(person.Extras{Preferences: map[string]any{}, Attributes: map[string]any{"kept": true}}, got.Extras); diff != "" || got.Role != "member" || got.Email != ada.Email {
			t.Error(diff)
		}
	})
}

func TestProfile_FreePart_IsSealedInEitherStore(t *testing.T) {
	profiles(t, func(t *testing.T, p *platformtest.Platform) {
		ctx := context.Background()
		ada, eve := p.Login("member"), p.Login("member")
		userstest.Change(p, ada.Token, `{"attributes": {"secret": "Wilhelmina"}}`).Want(t, http.StatusOK)
		if got := userstest.Read(t, p.Do(eve.Token, http.MethodGet, userstest.ProfilePath, nil)); len(got.Attributes) != 0 {
			t.Errorf("another person reads %v", got.Attributes)
		}
		var id string
		var body []byte
		err := p.DB(database.Users).QueryRow(ctx, `SELECT u.profile_document::text, coalesce(d.body, '') FROM users u LEFT JOIN documents d ON d.id = u.profile_document WHERE u.id = $1`, ada.UserID).Scan(&id, &body)
		if err != nil {
			t.Fatal(err)
		}
		mongo, err := p.Env.Documents()
		if err != nil {
			t.Fatal(err)
		}
		if mongo != nil {
			if len(body) > 0 {
				t.Error("the document is in PostgreSQL too")
			}
			if body, err = mongo.Get(ctx, person.ProfileDocuments, uuidOf(t, id)); err != nil {
				t.Fatal(err)
			}
		}
		if len(body) == 0 || strings.Contains(string(body), "Wilhelmina") {
			t.Errorf("the document is stored as %q", body)
		}
		// Erasing the key erases what it sealed.
		if _, err := p.DB(database.Users).Exec(ctx, `UPDATE users SET wrapped_key = (SELECT wrapped_key FROM users WHERE id = $2) WHERE id = $1`, ada.UserID, eve.UserID); err != nil {
			t.Fatal(err)
		}
		if got := p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil); got.Status != http.StatusInternalServerError || strings.Contains(string(got.Body), "Wilhelmina") {
			t.Errorf("without the key: %d %s", got.Status, got.Body)
		}
	})
}

// A process that dies between the two writes leaves an unreferenced document and an unchanged
// profile.
func TestProfile_UnreferencedDocument_IsIgnored(t *testing.T) {
	profiles(t, func(t *testing.T, p *platformtest.Platform) {
		ctx := context.Background()
		ada := p.Login("member")
		userstest.Change(p, ada.Token, `{"attributes": {"a": "committed"}}`).Want(t, http.StatusOK)
		// The commit fails after the document was stored.
		if _, err := p.DB(database.Users).Exec(ctx, `
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'killed'; END $$;
CREATE CONSTRAINT TRIGGER killed AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`); err != nil {
			t.Fatal(err)
		}
		userstest.Change(p, ada.Token, `{"first_name": "Nobody", "attributes": {"a": "lost"}}`).Want(t, http.StatusInternalServerError)
		got := userstest.Read(t, p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil))
		if got.Attributes["a"] != "committed" || got.FirstName != "Ada" {
			t.Errorf("half a change holds: %+v", got)
		}
		if _, err := p.DB(database.Users).Exec(ctx, `DROP TRIGGER killed ON users`); err != nil {
			t.Fatal(err)
		}
		if got := userstest.Read(t, userstest.Change(p, ada.Token, `{"attributes": {"a": "again"}}`)); got.Attributes["a"] != "again" {
			t.Errorf("%v", got.Attributes)
		}
	})
}

// After MongoDB is configured, profiles in PostgreSQL can still be read.
func TestProfile_Changed_MovesToMongoDB(t *testing.T) {
	t.Parallel()
	url := platformtest.MongoDB(t)
	p := platformtest.NewWith(t, func(c *function.Config) { c.MongoURL = url },
		profile.Service, updateprofile.Service)
	ada := p.Login("member")
	ctx := context.Background()
	userstest.Change(p, ada.Token, `{"attributes": {"a": 1}}`).Want(t, http.StatusOK)
	mongo, err := p.Env.Documents()
	if err != nil {
		t.Fatal(err)
	}
	var id string
	if err := p.DB(database.Users).QueryRow(ctx, `SELECT profile_document::text FROM users WHERE id = $1`, ada.UserID).Scan(&id); err != nil {
		t.Fatal(err)
	}
	body, err := mongo.Get(ctx, person.ProfileDocuments, uuidOf(t, id))
	if err != nil {
		t.Fatal(err)
	}
	inPostgres := documents.PostgreSQL{DB: p.DB(database.Users)}
	if err := inPostgres.Put(ctx, person.ProfileDocuments, uuidOf(t, id), body); err != nil {
		t.Fatal(err)
	}
	if err := mongo.Delete(ctx, person.ProfileDocuments, uuidOf(t, id)); err != nil {
		t.Fatal(err)
	}
	if got := userstest.Read(t, userstest.Change(p, ada.Token, `{"attributes": {"b": 2}}`)); len(got.Attributes) != 2 {
		t.Errorf("%v", got.Attributes)
	}
	var left int
	if err := p.DB(database.Users).QueryRow(ctx, `SELECT count(*) FROM documents`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d documents left in PostgreSQL, %v", left, err)
	}
}

// BenchmarkProfile reads profiles that are stored in PostgreSQL only, over HTTP.
func BenchmarkProfile(b *testing.B) {
	p := platformtest.New(b, profile.Service, updateprofile.Service)
	ada := p.Login("member")
	userstest.Change(p, ada.Token, `{"preferences": {"theme": "dark", "columns": ["a", "b", "c"]}, "display_name": "Countess"}`).Want(b, http.StatusOK)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			request, _ := http.NewRequest(http.MethodGet, p.URL+userstest.ProfilePath, nil)
			request.Header.Set("Authorization", "Bearer "+ada.Token)
			answer, err := client.Do(request)
			if err != nil || answer.StatusCode != http.StatusOK {
				b.Error(answer, err)
				return
			}
			var got person.Profile
			if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
				b.Error(err)
			}
			answer.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "profiles/s")
}

func uuidOf(t *testing.T, text string) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
