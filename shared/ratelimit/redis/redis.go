// Package redis stores rate limits in Redis 6 or newer, or Valkey. Importing it registers redis://
// and rediss:// URLs with ratelimit.Drivers.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"function/shared/ratelimit"
)

func init() {
	open := func(url string) (ratelimit.Server, error) { return Open(url) }
	for _, scheme := range []string{"redis", "rediss", "unix"} {
		ratelimit.Drivers.Register(scheme, open)
	}
}

// Server stores the keys of limits. It connects on the first request, so that a process can start
// while Redis is unavailable.
type Server struct {
	options rueidis.ClientOption

	mu     sync.Mutex
	client rueidis.Client
}

// Open returns a store for a server's URL, such as redis://user:password@host:6379/0, or rediss://
// for TLS.
func Open(url string) (*Server, error) {
	options, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, errors.New("REDIS_URL is not the URL of a Redis server") // the cause may quote a password
	}
	options.DisableCache = true // every read of a key is part of a write
	options.Dialer.Timeout = ratelimit.Timeout
	return &Server{options: options}, nil
}

// The server's clock counts. A key expires when its quota is fully restored.
var takeScript = rueidis.NewLuaScript(`
local cell, quota, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local granted = math.max(0, math.min(wanted, math.floor((now + cell * quota - arrival) / cell)))
arrival = arrival + granted * cell
if granted > 0 then
  redis.call('SET', KEYS[1], string.format('%d', arrival), 'PX', math.ceil((arrival - now) / 1000))
end
return {granted, arrival - now}`)

// Take implements ratelimit.Store.
func (r *Server) Take(ctx context.Context, key []byte, l ratelimit.Limit, cells int) (ratelimit.Grant, error) {
	client, err := r.open()
	if err != nil {
		return ratelimit.Grant{}, err
	}
	answer, err := takeScript.Exec(ctx, client, []string{"rate_limit:" + string(key)}, []string{
		strconv.FormatInt(l.Cell().Microseconds(), 10), strconv.Itoa(l.Quota), strconv.Itoa(cells),
	}).AsIntSlice()
	if err == nil && len(answer) != 2 {
		err = fmt.Errorf("an answer of %d numbers", len(answer))
	}
	if err != nil {
		return ratelimit.Grant{}, fmt.Errorf("take cells of a rate limit from Redis: %w", err)
	}
	return ratelimit.Grant{Cells: int(answer[0]), Whole: time.Duration(answer[1]) * time.Microsecond}, nil
}

func (r *Server) open() (rueidis.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	client, err := rueidis.NewClient(r.options)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	r.client = client
	return client, nil
}

// Close closes the connection.
func (r *Server) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		r.client.Close()
	}
	return nil
}
