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
	"net/http"
	"strings"
	"sync"
	"time"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/postgres"
)

const (
	few, many    = 1_000, 1_000_000 // accounts
	logins       = 200              // one after the other
	clients      = 4                // that log in or read at once
	spell        = 5 * time.Second  // of one measurement of throughput
	verification = 2 * time.Second
)

// users measures logins, profile reads and token checks with few accounts in the
// database and with many, and whether time tells who has an account.
func (b *bench) users(ctx context.Context) error {
	before, err := b.withAccounts(ctx, few)
	if err != nil {
		return err
	}
	after, err := b.withAccounts(ctx, many)
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		of   usage
	}{{"1,000 accounts", before}, {"1,000,000 accounts", after}} {
		atLeastOf(&b.table, "logins, "+m.name, m.of.logins, m.of.bare, "bare Argon2id", 0.9)
		part(&b.table, "of what our own hashing reaches", m.of.logins, m.of.hashes)
		atMost(&b.table, "login besides its hash, "+m.name, m.of.overhead, duration(3*time.Millisecond))
		atMost(&b.table, "profile read, "+m.name, m.of.read, duration(1500*time.Microsecond))
		atLeast(&b.table, "profile reads, "+m.name, m.of.profiles, perSecond(5000))
		part(&b.table, "of what a bare handler reaches", m.of.profiles, m.of.rows)
		atLeast(&b.table, "token checks on one core, "+m.name, m.of.checks, perSecond(50_000))
	}
	atMostOf(&b.table, "login, 1,000,000 accounts", after.login, before.login, "1,000 accounts", 1.2)
	atMostOf(&b.table, "profile read, 1,000,000 accounts", after.profile(), before.profile(), "1,000 accounts", 1.2)
	return b.timing(ctx)
}

// usage is what the platform does with so many accounts.
type usage struct {
	logins, bare, hashes   perSecond // hashes are by our own hasher, bare ones are not
	login, overhead        duration
	read                   duration  // of a profile, one after the other
	profiles, rows, checks perSecond // rows are read by a bare handler
}

// profile is how long one read takes of what the processors have to give.
func (u usage) profile() duration { return duration(float64(time.Second) / float64(u.profiles)) }

func (b *bench) withAccounts(ctx context.Context, accounts int) (u usage, err error) {
	if err := b.running(ctx); err != nil {
		return u, err
	}
	if err := b.stopPlatform(); err != nil {
		return u, err
	}
	if err := b.offline(ctx, func(server *postgres.Server) error {
		return b.fill(ctx, server, accounts)
	}); err != nil {
		return u, err
	}
	if err := b.running(ctx); err != nil {
		return u, err
	}
	hash, err := newHash(ctx)
	if err != nil {
		return u, err
	}
	progress("%d accounts: logins", accounts)
	if err := b.throughput(ctx, hash, &u); err != nil {
		return u, err
	}
	var whole, hashed []duration
	for range logins {
		w, err := timed(func() error { return b.user.login(ctx) })
		if err != nil {
			return u, err
		}
		h, err := hash.verify(ctx)
		if err != nil {
			return u, err
		}
		whole, hashed = append(whole, w), append(hashed, h)
	}
	u.login, u.overhead = median(whole), median(whole)-median(hashed)
	progress("%d accounts: profiles, rows, tokens", accounts)
	if u.read, u.profiles, err = b.profiles(ctx); err != nil {
		return u, err
	}
	if err := b.stopPlatform(); err != nil {
		return u, err
	}
	err = b.offline(ctx, func(server *postgres.Server) (err error) {
		if u.rows, err = rows(ctx, server); err != nil {
			return err
		}
		u.checks, err = b.checks(ctx, server)
		return err
	})
	return u, err
}

// throughput is logins per second, and hashes per second in this process, in turns.
func (b *bench) throughput(ctx context.Context, hash *hash, u *usage) error {
	const turns = 3
	body, err := json.Marshal(b.user.credentials())
	if err != nil {
		return err
	}
	login, hangUp, err := ask(ctx, b.platform.url, fmt.Sprintf("POST /v1/users/login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	if err != nil {
		return err
	}
	defer hangUp()
	if _, err := repeat(clients, spell, login); err != nil { // plans, connections and caches come to be
		return err
	}
	for range turns {
		for _, m := range []struct {
			total *perSecond
			do    func() error
		}{
			{&u.logins, login},
			{&u.bare, bare},
			{&u.hashes, func() error { _, err := hash.verify(ctx); return err }},
		} {
			n, err := repeat(clients, spell, m.do)
			if err != nil {
				return err
			}
			*m.total += n / turns
		}
	}
	return nil
}

// repeat has several do the same for a while.
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

// profiles reads one profile again and again, alone and several at once.
func (b *bench) profiles(ctx context.Context) (read duration, rate perSecond, err error) {
	get, hangUp, err := ask(ctx, b.platform.url, "GET /v1/users/profile HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer "+b.user.token+"\r\n\r\n")
	if err != nil {
		return 0, 0, err
	}
	defer hangUp()
	var reads []duration
	for range 1000 {
		r, err := timed(get)
		if err != nil {
			return 0, 0, err
		}
		reads = append(reads, r)
	}
	rate, err = repeat(clients, spell, get)
	return median(reads), rate, err
}

// ask makes a function that sends one request and reads its answer, for several at
// once, on a connection each. It costs little, since it shares the processors with
// what it measures.
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

func (c *connection) ask(request string) error {
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", strings.SplitN(request, " HTTP/", 2)[0], response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// checks is how often one goroutine checks a token, revocation included.
func (b *bench) checks(ctx context.Context, server *postgres.Server) (perSecond, error) {
	url, err := postgres.As(server.ConnString(postgres.Superuser), "token_verifier", string(database.Users))
	if err != nil {
		return 0, err
	}
	pool, err := database.Open(ctx, url)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	issuer, audience, err := claimed(b.user.token)
	if err != nil {
		return 0, err
	}
	verifier := auth.NewVerifier(pool, issuer, audience)
	return repeat(1, verification, func() error { _, err := verifier.Verify(ctx, b.user.token); return err })
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
