package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"function/scripts/bench/process"
	"function/shared/database"
	"function/shared/database/migrate"
	"function/shared/postgres"
	"function/shared/runtime"
)

const (
	coldStarts  = 10
	tracedStart = 3 // starts with GODEBUG=inittrace=1, which itself takes time
)

// cold measures a function's process from exec to its first response, as Knative starts it: with
// the platform's database, a known account, and the binary in the page cache.
func (b *bench) cold(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	if err := b.stopPlatform(); err != nil {
		return err
	}
	server, err := b.startPostgres(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(context.Background()) }()
	broker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	defer broker.Close()
	environment, err := b.environment(server, broker.URL)
	if err != nil {
		return err
	}
	hash, err := newHash(ctx)
	if err != nil {
		return err
	}

	var whole, listening, mounting, first, second, hashed, inits []duration
	var peaks []size
	for range coldStarts {
		s, err := b.startLogin(ctx, environment)
		if err != nil {
			return err
		}
		h, err := timed(func() error { return hash.verify(ctx) })
		if err != nil {
			return err
		}
		whole, listening, mounting = append(whole, s.listening+s.mounting+s.first), append(listening, s.listening), append(mounting, s.mounting)
		first, second, hashed, peaks = append(first, s.first), append(second, s.second), append(hashed, h), append(peaks, s.peak)
	}
	for range tracedStart {
		s, err := b.startLogin(ctx, append(environment, "GODEBUG=inittrace=1"))
		if err != nil {
			return err
		}
		inits = append(inits, s.inits)
	}
	binary, err := os.Stat("bin/serve")
	if err != nil {
		return err
	}
	total := median(whole)
	note(&b.table, "cold start of users-login", total)
	part(&b.table, "exec, loading, Go's runtime", median(listening)-median(inits), total)
	part(&b.table, "package initialization", median(inits), total)
	part(&b.table, "mounting", median(mounting), total)
	part(&b.table, "being the first: connection, caches, memory", median(first)-median(second), total)
	part(&b.table, "the login besides its hash", median(second)-median(hashed), total)
	part(&b.table, "password hash", median(hashed), total)
	note(&b.table, "  peak memory", median(peaks))
	note(&b.table, "  size of bin/serve", size(binary.Size()))
	return nil
}

// environment returns the environment of users-login, as on a cluster.
func (b *bench) environment(server *postgres.Server, sink string) ([]string, error) {
	users, err := postgres.As(server.ConnString(postgres.Superuser), migrate.Owners[database.Users], string(database.Users))
	if err != nil {
		return nil, err
	}
	keys, err := b.keys()
	if err != nil {
		return nil, err
	}
	return append(os.Environ(), "K_SERVICE=users-login", limits, "K_SINK="+sink, "USERS_DATABASE_URL="+users,
		"KEY_ENCRYPTION_KEY_URL=base64key://"+keys.KeyEncryptionKey, "BLIND_INDEX_KEY="+keys.BlindIndexKey), nil
}

// coldStart holds the times of one process up to its first response.
type coldStart struct {
	listening duration // from exec until the port accepts connections
	mounting  duration // then until the function is ready
	first     duration // then until the response to a login
	second    duration // a second login
	inits     duration // package initialization, if traced
	peak      size
}

// startLogin starts bin/serve, logs in and stops it.
func (b *bench) startLogin(ctx context.Context, environment []string) (s coldStart, err error) {
	port, err := freePort()
	if err != nil {
		return s, err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "bin/serve")
	cmd.Env = append(environment, "PORT="+port)
	cmd.Stderr = &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	err = b.logIn(port, began, &s)
	if err == nil {
		var peak int64
		peak, err = process.PeakMemory(cmd.Process.Pid)
		s.peak = size(peak)
	}
	err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
	if err != nil {
		return s, fmt.Errorf("start users-login: %w: %s", err, stderr.Bytes())
	}
	s.inits, err = sumInits(stderr.String())
	return s, err
}

// logIn does on one connection what an activator does: it waits for the port, checks readiness, and
// sends requests.
func (b *bench) logIn(port string, began time.Time, s *coldStart) error {
	address := "127.0.0.1:" + port
	credentials, err := json.Marshal(b.user.credentials())
	if err != nil {
		return err
	}
	connection, err := dial(address, began)
	if err != nil {
		return err
	}
	defer connection.Close()
	s.listening = duration(time.Since(began))
	answers := bufio.NewReader(connection)
	exchange := func(method, path string, body []byte) (duration, error) {
		request, err := http.NewRequest(method, "http://"+address+path, bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		request.Header.Set("Content-Type", "application/json")
		return timed(func() error { return exchange(connection, answers, request) })
	}
	if s.mounting, err = exchange(http.MethodGet, runtime.ReadinessPath, nil); err != nil {
		return err
	}
	if s.first, err = exchange(http.MethodPost, "/v1/users/login", credentials); err != nil {
		return err
	}
	s.second, err = exchange(http.MethodPost, "/v1/users/login", credentials)
	return err
}

const startTimeout = 10 * time.Second

func dial(address string, began time.Time) (net.Conn, error) {
	for {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			return connection, connection.SetDeadline(began.Add(startTimeout))
		}
		if time.Since(began) > startTimeout {
			return nil, err
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func exchange(connection net.Conn, answers *bufio.Reader, request *http.Request) error {
	if err := request.Write(connection); err != nil {
		return err
	}
	response, err := http.ReadResponse(answers, request)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s %s", request.Method, request.URL.Path, response.Status, content)
	}
	return errors.Join(err, response.Body.Close())
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), listener.Close()
}

// initLine matches a line of GODEBUG=inittrace=1, see package runtime.
var initLine = regexp.MustCompile(`(?m)^init \S+ @\S+ ms, (\S+) ms clock`)

func sumInits(trace string) (sum duration, err error) {
	for _, line := range initLine.FindAllStringSubmatch(trace, -1) {
		ms, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			return 0, err
		}
		sum += duration(ms * float64(time.Millisecond))
	}
	return sum, nil
}
