// Package walk exercises the platform as a new user does, over HTTP and with real files: register,
// log in, upload, query, schedule a report, and dispose of data by a retention policy. Tests run it
// against any running platform.
package walk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Target is a running platform.
type Target struct {
	URL     string
	Metrics string                              // URL of the metrics, which are not public
	Fire    func(t *testing.T, schedule string) // triggers a PingSource now
	Data    string                              // folder with the files to upload
}

// Run goes through all steps once, as a new user.
func Run(t *testing.T, target Target) {
	w := &walk{Target: target, client: &client{t: t, url: target.URL}}
	w.openAccount()
	w.logOutAndIn()
	w.weather = w.uploadWeather()
	w.downloadWeather()
	w.queryWeather()
	w.uploadCountries()
	w.queryProjections()
	report := w.makeReport()
	w.runReport(report)
	w.strangerSeesNothing(report)
	w.awaitScheduledRun(report)
	w.disposeOfWeather()
	w.changeStations()
	w.readPlatform()
}

type walk struct {
	Target
	*client
	email    string
	account  account
	tokens   tokens
	weather  string // ID of the data set
	original []byte // the weather file
}

type account struct {
	ID             string `json:"id"`
	Email          string `json:"email"`
	FirstName      string `json:"first_name"`
	LastName       string `json:"last_name"`
	OrganizationID string `json:"organization_id"`
	CreatedAt      string `json:"created_at"`
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
}

const password = "correct horse battery"

func newEmail() string {
	return "walker-" + strings.ToLower(rand.Text()) + "@example.com"
}

func (w *walk) openAccount() {
	w.email = newEmail()
	person := map[string]string{"email": w.email, "password": password, "first_name": "Ada", "last_name": "Lovelace"}
	w.account = call[account](w.client, http.MethodPost, "/v1/users/register", person, http.StatusCreated)
	if w.account.Email != w.email || w.account.ID == "" || w.account.OrganizationID == "" || w.account.CreatedAt == "" {
		w.t.Fatalf("registered %+v", w.account)
	}
	call[map[string]any](w.client, http.MethodPost, "/v1/users/register", person, http.StatusConflict)
	w.tokens = w.logIn(http.StatusOK, password)
	w.logIn(http.StatusUnauthorized, "wrong "+password)
	w.token = w.tokens.AccessToken
	if w.tokens.TokenType != "Bearer" || w.tokens.ExpiresIn <= 0 {
		w.t.Fatalf("tokens of type %q for %d s", w.tokens.TokenType, w.tokens.ExpiresIn)
	}
	if profile := get[account](w.client, "/v1/users/profile"); profile != w.account {
		w.t.Fatalf("profile %+v, want %+v", profile, w.account)
	}
	keys := get[struct {
		Keys []struct{ Kid, X string }
	}](w.client, "/.well-known/jwks.json")
	if len(keys.Keys) == 0 || keys.Keys[0].X == "" {
		w.t.Fatalf("key set %+v", keys)
	}
}

func (w *walk) logIn(status int, password string) tokens {
	w.t.Helper()
	return call[tokens](w.client, http.MethodPost, "/v1/users/login", map[string]string{"email": w.email, "password": password}, status)
}

// logOutAndIn ends a second session and checks that its tokens are refused afterwards.
func (w *walk) logOutAndIn() {
	exchange := func(token string, status int) tokens {
		w.t.Helper()
		return call[tokens](w.client, http.MethodPost, "/v1/users/refresh", map[string]string{"refresh_token": token}, status)
	}
	second := exchange(w.tokens.RefreshToken, http.StatusOK)
	other := &client{t: w.t, url: w.url, token: w.logIn(http.StatusOK, password).AccessToken}
	other.want(http.MethodGet, "/v1/users/profile", http.StatusOK)
	other.want(http.MethodPost, "/v1/users/logout", http.StatusNoContent)
	until(other, "the ended session to be refused", func() int {
		return other.send(http.MethodGet, "/v1/users/profile", "", nil).status
	}, func(status int) bool { return status == http.StatusUnauthorized })

	w.token = second.AccessToken
	w.want(http.MethodGet, "/v1/users/profile", http.StatusOK)
}

type dataset struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	RowCount int64  `json:"row_count"`
	Failure  string `json:"failure"`
	Columns  []struct {
		Name      string `json:"name"`
		Type      string `json:"type"`
		TopValues []struct {
			Value any   `json:"value"`
			Count int64 `json:"count"`
		} `json:"top_values"`
	} `json:"columns"`
}

type version struct {
	Version   int    `json:"version"`
	SizeBytes int64  `json:"size_bytes"`
	SHA256    string `json:"sha256"`
	Format    string `json:"format"`
}

// uploadFile creates a data set, uploads a file from the data folder, and waits until the data set
// can be queried.
func (w *walk) uploadFile(name, file string) (dataset, []byte) {
	w.t.Helper()
	content, err := os.ReadFile(w.Data + "/" + file)
	if err != nil {
		w.t.Fatal(err)
	}
	d := call[dataset](w.client, http.MethodPost, "/v1/datasets",
		map[string]string{"name": name, "description": "of a walk", "storage_type": "local"}, http.StatusCreated)
	if d.ID == "" || d.Status != "draft" {
		w.t.Fatalf("created %+v", d)
	}
	path := "/v1/datasets/" + d.ID
	v := decode[version](w.client, http.MethodPost, path, http.StatusCreated, w.upload(path+"/upload", file, content))
	hash := sha256.Sum256(content)
	want := version{Version: 1, SizeBytes: int64(len(content)), SHA256: hex.EncodeToString(hash[:]), Format: "csv"}
	if v != want {
		w.t.Fatalf("uploaded %+v, want %+v", v, want)
	}
	d = until(w.client, name+" to be ready", func() dataset { return get[dataset](w.client, path) },
		func(d dataset) bool { return d.Status == "ready" || d.Status == "failed" })
	if d.Status != "ready" {
		w.t.Fatalf("%s failed: %s", name, d.Failure)
	}
	return d, content
}

func (w *walk) uploadWeather() string {
	d, content := w.uploadFile("seattle_weather", "seattle-weather.csv")
	w.original = content
	if d.RowCount != 1461 || len(d.Columns) != 6 {
		w.t.Fatalf("%d rows and %d columns, want 1461 and 6", d.RowCount, len(d.Columns))
	}
	if c := d.Columns[5]; c.Name != "weather" || len(c.TopValues) != 5 || c.TopValues[0].Value != "rain" || c.TopValues[0].Count != 641 {
		w.t.Fatalf("profile of weather: %+v", c)
	}
	list := get[struct{ Items []dataset }](w.client, "/v1/datasets")
	if len(list.Items) != 1 || list.Items[0].ID != d.ID {
		w.t.Fatalf("list %+v", list)
	}
	w.want(http.MethodGet, "/v1/datasets/status", http.StatusOK)
	return d.ID
}

func (w *walk) downloadWeather() {
	path := "/v1/datasets/" + w.weather + "/download"
	if got := w.want(http.MethodGet, path, http.StatusOK); string(got.body) != string(w.original) {
		w.t.Fatal("the download is not what was uploaded")
	}
	part := w.send(http.MethodGet, path, "", nil, "Range", "bytes=1000-1999")
	if part.status != http.StatusPartialContent || string(part.body) != string(w.original[1000:2000]) {
		w.t.Fatalf("range: %d, %d bytes", part.status, len(part.body))
	}
}
