package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"function/scripts/bench/baseline"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/postgres"
)

const (
	few, many    = 1_000, 1_000_000 // accounts
	logins       = 200              // sequential
	reads        = 1000             // of a profile, sequential
	clients      = 4                // concurrent logins or reads
	turns        = 10               // of each throughput measurement
	turn         = 1500 * time.Millisecond
	verification = 2 * time.Second
)

// users measures logins, profile reads and token checks with few and with many accounts in the
// database, and whether timing reveals who has an account. Compared figures are measured
// alternately, since a machine's speed varies over time.
func (b *bench) users(ctx context.Context) (err error) {
	populations := []*population{
		{site: site{data: b.path("few")}, name: "1,000 accounts"},
		{site: site{data: b.path("many")}, name: "1,000,000 accounts"},
	}
	for i, accounts := range []int{few, many} {
		p := populations[i]
		defer func() { err = errors.Join(err, p.stopPlatform()) }()
		if err := p.populate(ctx, accounts); err != nil {
			return err
		}
	}
	var peers peers
	progress("logins")
	if err := peers.logins(ctx, populations); err != nil {
		return err
	}
	progress("profiles")
	if err := profiles(ctx, populations); err != nil {
		return err
	}
	progress("refused logins")
	if err := b.timing(ctx, &populations[1].site); err != nil {
		return err
	}
	progress("tokens, rows")
	for _, p := range populations {
		if err := p.stopPlatform(); err != nil {
			return err
		}
		if err := p.offline(ctx, func(server *postgres.Server) (err error) {
			if p.checks, err = p.checkTokens(ctx, server); err == nil {
				p.rows, err = rows(ctx, server)
			}
			return err
		}); err != nil {
			return err
		}
	}
	b.report(populations, peers)
	return nil
}

func (b *bench) report(populations []*population, peers peers) {
	for _, p := range populations {
		atLeastOf(&b.table, "logins, "+p.name, p.logins, peers.bare, "bare Argon2id", 0.9)
		part(&b.table, "of what our own hashing reaches", p.logins, peers.hashes)
		atMost(&b.table, "login besides its hash, "+p.name, median(p.alone)-median(peers.alone), duration(3*time.Millisecond))
		atMost(&b.table, "profile read, "+p.name, median(p.read), duration(1500*time.Microsecond))
		atLeast(&b.table, "profile reads, "+p.name, p.profiles, perSecond(5000))
		part(&b.table, "of what a bare handler reaches", p.profiles, p.rows)
		atLeast(&b.table, "token checks on one core, "+p.name, p.checks, perSecond(50_000))
	}
	before, after := populations[0], populations[1]
	atMostOf(&b.table, "login, "+after.name, median(after.alone), median(before.alone), before.name, 1.2)
	atMostOf(&b.table, "profile read, "+after.name, after.profile(), before.profile(), before.name, 1.2)
}

// population is a platform with a number of accounts, and its figures.
type population struct {
	site
	name                     string
	logins, profiles, checks perSecond
	rows                     perSecond  // read from its database by a bare handler
	alone, read              []duration // logins and profile reads, sequential
}

// profile returns the duration of one read at full throughput.
func (p *population) profile() duration {
	return duration(float64(time.Second) / float64(p.profiles))
}

// peers are figures of this machine, measured at the same time without the platform.
type peers struct {
	bare, hashes perSecond  // Argon2id as in x/crypto, and with our own hasher
	alone        []duration // our own hashes, sequential
}

func (p *population) populate(ctx context.Context, accounts int) error {
	if err := p.running(ctx); err != nil {
		return err
	}
	if err := p.stopPlatform(); err != nil {
		return err
	}
	if err := p.offline(ctx, func(server *postgres.Server) error { return p.fill(ctx, server, accounts) }); err != nil {
		return err
	}
	return p.running(ctx)
}

func (m *peers) logins(ctx context.Context, populations []*population) error {
	hash, err := newHash(ctx)
	if err != nil {
		return err
	}
	verify := func() error { return hash.verify(ctx) }
	measured := []throughput{{&m.bare, bare}, {&m.hashes, verify}}
	for _, p := range populations {
		body, err := json.Marshal(p.user.credentials())
		if err != nil {
			return err
		}
		login, hangUp, err := ask(ctx, p.platform.url, fmt.Sprintf("POST /v1/users/login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		if err != nil {
			return err
		}
		defer hangUp()
		measured = append(measured, throughput{&p.logins, login})
	}
	if err := inTurns(measured); err != nil {
		return err
	}
	for range logins {
		for _, p := range populations {
			took, err := timed(func() error { return p.user.login(ctx) })
			if err != nil {
				return err
			}
			p.alone = append(p.alone, took)
		}
		took, err := timed(verify)
		if err != nil {
			return err
		}
		m.alone = append(m.alone, took)
	}
	return nil
}

// profiles reads one profile repeatedly, sequentially and concurrently.
func profiles(ctx context.Context, populations []*population) error {
	var measured []throughput
	for _, p := range populations {
		get, hangUp, err := ask(ctx, p.platform.url, "GET /v1/users/profile HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "+p.user.token+"\r\n\r\n")
		if err != nil {
			return err
		}
		defer hangUp()
		measured = append(measured, throughput{&p.profiles, get})
	}
	for range reads {
		for i, p := range populations {
			took, err := timed(measured[i].do)
			if err != nil {
				return err
			}
			p.read = append(p.read, took)
		}
	}
	return inTurns(measured)
}

// throughput measures how many times per second several clients can do something.
type throughput struct {
	reached *perSecond
	do      func() error
}

// inTurns measures alternately, after one unmeasured turn in which plans, connections and caches
// are built.
func inTurns(measured []throughput) error {
	for i := range 1 + turns {
		for _, m := range measured {
			reached, err := repeat(clients, turn, m.do)
			if err != nil {
				return err
			}
			if i > 0 {
				*m.reached += reached / turns
			}
		}
	}
	return nil
}

// repeat runs do in several goroutines for a while and returns the rate.
func repeat(at int, during time.Duration, do func() error) (perSecond, error) {
	var mu sync.Mutex
	var all int
	var failed error
	began := time.Now()
	var running sync.WaitGroup
	for range at {
		running.Go(func() {
			n, err := 0, error(nil)
			for err == nil && time.Since(began) < during {
				if err = do(); err == nil {
					n++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all, failed = all+n, errors.Join(failed, err)
		})
	}
	running.Wait()
	return perSecond(float64(all) / time.Since(began).Seconds()), failed
}

// ask returns a function that sends a request and reads the response. Several goroutines may call
// it; each call uses its own connection. It is cheap, because it shares the processors with what it
// measures.
func ask(ctx context.Context, url, request string) (once func() error, hangUp func(), err error) {
	address := strings.TrimPrefix(url, "http://")
	places := make(chan *connection, clients)
	hangUp = func() {
		for range len(places) {
			(<-places).Close()
		}
	}
	for range clients {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			hangUp()
			return nil, nil, err
		}
		places <- &connection{conn, bufio.NewReader(conn)}
	}
	return func() error {
		c := <-places
		defer func() { places <- c }()
		return c.ask(request)
	}, hangUp, nil
}

type connection struct {
	net.Conn
	answers *bufio.Reader
}

// ask sends a request and reads exactly one response.
func (c *connection) ask(request string) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	status, length := "", -1
	for line := 0; ; line++ {
		text, err := c.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		field := strings.TrimSpace(string(text))
		if line == 0 {
			_, status, _ = strings.Cut(field, " ")
			continue
		}
		if field == "" {
			break
		}
		if value, ok := strings.CutPrefix(field, "Content-Length: "); ok {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
	if status != "200 OK" || length < 0 {
		return fmt.Errorf("%s: %s, %d bytes", strings.SplitN(request, " HTTP/", 2)[0], status, length)
	}
	_, err := c.answers.Discard(length)
	return err
}

// checkTokens returns how many tokens per second one goroutine checks, including revocation.
func (s *site) checkTokens(ctx context.Context, server *postgres.Server) (perSecond, error) {
	url, err := postgres.As(server.ConnString(postgres.Superuser), "token_verifier", string(database.Users))
	if err != nil {
		return 0, err
	}
	pool, err := database.Open(ctx, url)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	issuer, audience, err := claimed(s.user.token)
	if err != nil {
		return 0, err
	}
	verifier := auth.NewVerifier(pool, issuer, audience)
	return repeat(1, verification, func() error { _, err := verifier.Verify(ctx, s.user.token); return err })
}

func claimed(token string) (issuer, audience string, err error) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return "", "", err
	}
	var c auth.Claims
	err = json.Unmarshal(claims, &c)
	return c.Issuer, c.Audience, err
}

// rows returns how many times per second such a handler reads an account over loopback.
func rows(ctx context.Context, server *postgres.Server) (rate perSecond, err error) {
	ctx, end := context.WithCancel(ctx)
	handler := exec.CommandContext(ctx, os.Args[0], baseline.ServeRows, server.ConnString(string(database.Users)))
	handler.Stderr = os.Stderr
	stdout, err := handler.StdoutPipe()
	if err == nil {
		err = handler.Start()
	}
	if err != nil {
		end()
		return 0, err
	}
	defer func() { end(); _ = handler.Wait() }()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		return 0, errors.New("the bare handler ended before it was ready")
	}
	get, hangUp, err := ask(ctx, strings.TrimSpace(lines.Text()), "GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
	if err != nil {
		return 0, err
	}
	defer hangUp()
	return repeat(clients, verification, get)
}
