package walk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"mime/multipart"
	"net/http"
	"regexp"
	"testing"
)

// TeamTarget is a running platform with an S3 store and its backup, which a test can break.
type TeamTarget struct {
	Target
	Elsewhere  []File                                    // files that other programs wrote
	Crash      func()                                    // kills the platform
	Restart    func() string                             // starts it again on the same data and returns its URL
	BackedUp   func() bool                               // whether the backup has every object of the store
	StopStore  func()                                    // kills the store
	StartStore func()                                    // starts it again with the same objects
	NewestMail func(t *testing.T, address string) string // text of the newest mail to an address, or ""
}

// File is a table in a file of another program. SQL reads it from the data set elsewhere.
type File struct {
	Name    string
	Content []byte
	SQL     string
	Rows    [][]string
}

// RunTeam plays two people who manage data on an empty platform.
func RunTeam(t *testing.T, target TeamTarget) {
	m := &team{TeamTarget: target, walk: &walk{Target: target.Target, client: &client{t: t, url: target.URL}}}
	m.openAccount()
	m.bob = m.invite(m.NewestMail, "Bob", "admin")
	m.readNastyCSV()
	m.readFilesFromElsewhere()
	m.convertEveryFormat()
	m.refuseInfinity()
	m.mergeTwoBranches()
	m.queryAtATime()
	m.dropAndRestore()
	m.resumeThroughCrash()
	m.failOver()
}

type team struct {
	TeamTarget
	*walk
	bob *walk
}

var invitationToken = regexp.MustCompile(`token=([A-Za-z0-9_-]+)`)

// invite returns a new member of the organization.
func (w *walk) invite(newestMail func(t *testing.T, address string) string, name, role string) *walk {
	w.t.Helper()
	guest := &walk{Target: w.Target, client: &client{t: w.t, url: w.url}, email: newEmail()}
	path := "/v1/organizations/" + w.account.OrganizationID + "/invitations"
	call[map[string]any](w.client, http.MethodPost, path, map[string]string{"email": guest.email, "role": role}, http.StatusCreated)
	token := until(w.client, "the invitation", func() []string { return invitationToken.FindStringSubmatch(newestMail(w.t, guest.email)) },
		func(found []string) bool { return found != nil })
	person := map[string]string{"email": guest.email, "password": password, "first_name": name, "last_name": "Boole", "invitation": token[1]}
	guest.account = call[account](guest.client, http.MethodPost, "/v1/users/register", person, http.StatusCreated)
	guest.token = guest.logIn(http.StatusOK, password).AccessToken
	return guest
}

// send uploads a file with reading options and waits until its version is ready.
func (m *team) send(h *history, reading, name string, content []byte) {
	m.t.Helper()
	v := decode[version](m.client, http.MethodPost, h.path, http.StatusCreated, m.form(h, reading, name, content))
	if sum := sha256.Sum256(content); v.SHA256 != hex.EncodeToString(sum[:]) || v.SizeBytes != int64(len(content)) {
		m.t.Fatalf("%s: received %+v, not the %d bytes that were sent", name, v, len(content))
	}
	h.await(v.Version)
}

func (m *team) form(h *history, reading, name string, content []byte) answer {
	m.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form) // a buffer does not fail
	if reading != "" {
		_ = w.WriteField("reading", reading)
	}
	part, _ := w.CreateFormFile("file", name)
	_, _ = part.Write(content)
	_ = w.Close()
	return m.walk.send(http.MethodPost, h.path+"/upload", w.FormDataContentType(), &form)
}

// wantFile checks that a data set's newest version is downloaded as it was uploaded.
func (m *team) wantFile(h *history, content []byte) {
	m.t.Helper()
	if got := m.want(http.MethodGet, h.path+"/download", http.StatusOK); !bytes.Equal(got.body, content) {
		m.t.Fatalf("the download is not the file: %d bytes, want %d", len(got.body), len(content))
	}
}
