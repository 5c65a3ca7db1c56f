package runtime_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
	"function/shared/ratelimit"
	_ "function/shared/ratelimit/redis"
)

type limitedFunction struct{}

func (limitedFunction) Handle(context.Context, *struct{}) (*struct{}, error) { return nil, nil }

func (limitedFunction) Account(ctx context.Context, in *struct {
	Account string `path:"account"`
}) (*struct{}, error) {
	return nil, ratelimit.Account(ctx, []byte(in.Account))
}

func endpoint(o function.Operation) function.Declaration {
	construct := func(context.Context, *function.Env) (limitedFunction, error) { return limitedFunction{}, nil }
	if strings.Contains(o.Path, "{account}") {
		return function.Service(o.OperationID, construct, function.On(o, limitedFunction.Account))
	}
	return function.Service(o.OperationID, construct, function.On(o, limitedFunction.Handle))
}

func mountLimited(t *testing.T, change func(*function.Config)) *platformtest.Platform {
	t.Helper()
	return platformtest.NewWith(t, func(c *function.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		limit := func(name string, quota int) ratelimit.Limit {
			return ratelimit.Limit{Name: name, Quota: quota, Window: time.Hour}
		}
		c.RateLimits = ratelimit.Limits{Address: limit("address", 10), Caller: limit("caller", 5), Guarded: limit("guarded", 2), Account: limit("account", 3)}
		change(c)
	},
		endpoint(function.Get("tests-open", "/v1/open", "Open", policy.Public)),
		endpoint(function.Get("tests-guarded", "/v1/guarded", "Sensitive", policy.Public).Sensitive()),
		endpoint(function.Get("tests-other", "/v1/other", "Sensitive, too", policy.Public).Sensitive()),
		endpoint(function.Get("tests-mine", "/v1/mine", "For people", policy.Person)),
		endpoint(function.Get("tests-account", "/v1/account/{account}", "Limited for each account", policy.Public)),
	)
}

func get(p *platformtest.Platform, path, token, from string) platformtest.Answer {
	if from == "" {
		return p.Do(token, http.MethodGet, path, nil)
	}
	return p.Do(token, http.MethodGet, path, nil, "X-Forwarded-For", from)
}

func TestLimit_Address_CoversAllOperations(t *testing.T) {
	t.Parallel()
	p := mountLimited(t, func(*function.Config) {})
	for i := range 10 {
		path := []string{"/v1/open", "/v1/account/x"}[i/8]
		a := get(p, path, "", "192.0.2.1").Want(t, http.StatusNoContent)
		if got, want := a.Header.Get("RateLimit-Policy"), `"address";q=10;w=3600`; got != want {
			t.Errorf("RateLimit-Policy: %s, want %s", got, want)
		}
		if got := a.Header.Get("RateLimit"); !strings.HasPrefix(got, `"address";r=`+string(rune('9'-i))+`;t=`) {
			t.Errorf("RateLimit of request %d: %s", i+1, got)
		}
	}
	a := get(p, "/v1/open", "", "192.0.2.1").Want(t, http.StatusTooManyRequests)
	if a.Header.Get("Retry-After") == "" || !strings.HasPrefix(a.Header.Get("RateLimit"), `"address";r=0;`) {
		t.Errorf("headers %v of a refusal", a.Header)
	}
	get(p, "/v1/open", "", "192.0.2.2").Want(t, http.StatusNoContent)
	for range 20 { // a loopback address does not identify a client
		get(p, "/v1/open", "", "").Want(t, http.StatusNoContent)
	}
}

func TestLimit_Caller_CoversAllAddresses(t *testing.T) {
	t.Parallel()
	p := mountLimited(t, func(*function.Config) {})
	ada, eve := p.Login("member"), p.Login("member")
	for i := range 5 {
		a := get(p, "/v1/mine", ada.Token, "192.0.2."+string(rune('1'+i))).Want(t, http.StatusNoContent)
		if got := a.Header.Values("RateLimit-Policy"); len(got) != 2 || got[1] != `"caller";q=5;w=3600` {
			t.Errorf("RateLimit-Policy: %q", got)
		}
	}
	get(p, "/v1/mine", ada.Token, "192.0.2.9").Want(t, http.StatusTooManyRequests)
	get(p, "/v1/mine", eve.Token, "192.0.2.9").Want(t, http.StatusNoContent)
	get(p, "/v1/mine", "no token", "192.0.2.9").Want(t, http.StatusUnauthorized)
}

func TestLimit_SensitiveOperationsAndAccounts_HaveTheirOwn(t *testing.T) {
	t.Parallel()
	p := mountLimited(t, func(*function.Config) {})
	for range 2 {
		get(p, "/v1/guarded", "", "192.0.2.1").Want(t, http.StatusNoContent)
	}
	get(p, "/v1/guarded", "", "192.0.2.1").Want(t, http.StatusTooManyRequests)
	get(p, "/v1/other", "", "192.0.2.1").Want(t, http.StatusNoContent)
	for range 3 {
		get(p, "/v1/account/ada", "", "192.0.2.20").Want(t, http.StatusNoContent)
	}
	a := get(p, "/v1/account/ada", "", "192.0.2.20").Want(t, http.StatusTooManyRequests)
	policies, states := a.Header.Values("RateLimit-Policy"), a.Header.Values("RateLimit")
	if len(policies) != 2 || policies[1] != `"account";q=3;w=3600` || len(states) != 2 || !strings.HasPrefix(states[1], `"account";r=0;`) {
		t.Errorf("RateLimit-Policy %q and RateLimit %q of the account's refusal", policies, states)
	}
	get(p, "/v1/account/eve", "", "192.0.2.20").Want(t, http.StatusNoContent)
	get(p, "/v1/account/ada", "", "192.0.2.21").Want(t, http.StatusNoContent) // from another source
}

func TestLimit_CompanyBehindOneAddress_CanLogIn(t *testing.T) {
	t.Parallel()
	p := mountLimited(t, func(c *function.Config) { c.RateLimits = ratelimit.Default })
	for range 300 {
		get(p, "/v1/guarded", "", "192.0.2.1").Want(t, http.StatusNoContent)
	}
}

func TestLimit_RedisUnavailable_PostgreSQLLimits(t *testing.T) {
	t.Parallel()
	p := mountLimited(t, func(c *function.Config) { c.RedisURL = "redis://127.0.0.1:1" })
	for range 10 {
		get(p, "/v1/open", "", "192.0.2.1").Want(t, http.StatusNoContent)
	}
	get(p, "/v1/open", "", "192.0.2.1").Want(t, http.StatusTooManyRequests)
}

func TestLimit_OffOrStoreUnavailable_LimitsNobody(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*function.Config){
		"off": func(c *function.Config) { c.RateLimits = ratelimit.Limits{} },
		"no store": func(c *function.Config) {
			c.IdentityDatabaseURL = "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"
		},
		"no Redis, and no store": func(c *function.Config) {
			c.RedisURL, c.IdentityDatabaseURL = "redis://127.0.0.1:1", "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := mountLimited(t, change)
			for range 15 {
				get(p, "/v1/open", "", "192.0.2.1").Want(t, http.StatusNoContent)
			}
		})
	}
}
