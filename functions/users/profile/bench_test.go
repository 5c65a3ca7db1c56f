package profile_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"function/functions/users/profile"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/ratelimit"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// BenchmarkProfile measures what rate limits cost a caller who stays within them.
func BenchmarkProfile(b *testing.B) {
	for name, limits := range map[string]ratelimit.Limits{
		"unlimited": {},
		"limited":   {Caller: ratelimit.Limit{Name: "caller", Quota: 1_000_000, Window: time.Second}},
	} {
		b.Run(name, func(b *testing.B) {
			p := platformtest.NewWith(b, func(c *function.Config) { c.RateLimits = limits }, profile.Service)
			token := p.Login("member").Token
			transport := &http.Transport{MaxIdleConnsPerHost: 16}
			defer transport.CloseIdleConnections()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, p.URL+"/v1/users/profile", nil)
					if err != nil {
						b.Fatal(err)
					}
					r.Header.Set("Authorization", "Bearer "+token)
					answer, err := transport.RoundTrip(r)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
					if answer.StatusCode != http.StatusOK {
						b.Fatal(answer.Status)
					}
				}
			})
		})
	}
}
