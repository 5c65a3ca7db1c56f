package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"function/functions"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/runtime"
)

// TestMain runs the tests or, in a child process, the function named by K_SERVICE as main does, on
// an inherited listener.
func TestMain(m *testing.M) {
	if os.Getenv("K_SERVICE") == "" {
		platformtest.Run(m)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the tests end
		os.Exit(1)
	}()
	ctx := context.Background()
	config, err := function.ConfigFromEnvironment(ctx)
	if err == nil {
		err = serve(ctx, config, func() (net.Listener, error) { return net.FileListener(os.NewFile(3, "listener")) })
	}
	fmt.Fprintln(os.Stderr, "serve:", err)
	os.Exit(1)
}

// find returns the declarations of functions.
func find(t *testing.T, names ...string) (found []function.Declaration) {
	t.Helper()
	for _, name := range names {
		d, err := runtime.Find(functions.Catalog, name)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, d)
	}
	return found
}

// process is one function in its own process, as in a pod. It shares the databases and the broker
// of a platform.
type process struct {
	*platformtest.Wire
	url  string
	kill func()
}

// start starts a function that is killed at a step of its communication with the database. Requests
// may be sent at once: they wait in the listener.
func start(t *testing.T, p *platformtest.Platform, service string, killAt int) *process {
	t.Helper()
	return startCommand(t, p, service, killAt, exec.Command(os.Args[0]))
}

// startFull starts a function that can write no file of more than a few kilobytes, as on a full disk.
func startFull(t *testing.T, p *platformtest.Platform, service string) *process {
	t.Helper()
	return startCommand(t, p, service, never, exec.Command("sh", "-c", `ulimit -f 16 && exec "$0"`, os.Args[0]))
}

// never is a step that is not reached.
const never = 0

func startCommand(t *testing.T, p *platformtest.Platform, service string, killAt int, cmd *exec.Cmd) *process {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	inherited, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	cmd.ExtraFiles, cmd.Stderr = []*os.File{inherited}, t.Output()
	if _, err := cmd.StdinPipe(); err != nil { // open while this process lives
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	c := p.Env.Config
	w := platformtest.NewWire(t, c.UsersDatabaseURL, killAt, kill)
	cmd.Env = append(os.Environ(), "K_SERVICE="+service, "K_SINK="+c.Sink,
		"USERS_DATABASE_URL="+w.DSN(c.UsersDatabaseURL), "IDENTITY_DATABASE_URL="+w.DSN(c.IdentityDatabaseURL),
		"KEY_ENCRYPTION_KEY_URL="+c.KeyURL, "BLIND_INDEX_KEY="+c.BlindIndexKey,
		"DATASETS_DATABASE_URL="+w.DSN(c.DatasetsDatabaseURL), "STORAGE_LOCAL_URL="+c.StorageLocalURL, "STORAGE_LOCAL_BACKUP_URL="+c.StorageLocalBackupURL,
		"TOKEN_ISSUER="+c.TokenIssuer, "TOKEN_AUDIENCE="+c.TokenAudience, "RATE_LIMITS=off",
		"SMTP_URL="+c.SMTPURL, "MAIL=true", "MAIL_FROM="+c.MailFrom, "PUBLIC_URL="+c.PublicURL,
		fmt.Sprint("REGISTRATION_CONFIRMATION=", c.RegistrationConfirmation))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kill)
	return &process{w, "http://" + listener.Addr().String(), kill}
}

// patience is the time limit of a broken test.
const patience = time.Minute

// post returns the process's response to a request, or nil if it died first.
func (c *process) post(token, path string, body any) (*platformtest.Answer, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, c.url+path, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return c.send(request)
}

// send returns the process's response to a request, or nil if it died first.
func (c *process) send(request *http.Request) (*platformtest.Answer, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, c.died(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, c.died(err)
	}
	return &platformtest.Answer{Status: response.StatusCode, Header: response.Header, Body: answer}, nil
}

// died ignores an error that the killed process explains.
func (c *process) died(err error) error {
	select {
	case <-c.Killed():
		return nil
	case <-time.After(time.Second):
		return err
	}
}
