package auth_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/database"
)

// BenchmarkVerify measures what each request pays to authenticate its caller, including the session
// lookups every half second: with one person repeatedly, and with many.
func BenchmarkVerify(b *testing.B) {
	for _, people := range []int{1, 1000} {
		b.Run(strconv.Itoa(people), func(b *testing.B) {
			p := open(b)
			tokens := make([]string, people)
			for i := range tokens {
				session := uuid.New()
				if _, err := p.DB(database.Users).Exec(context.Background(),
					`INSERT INTO sessions (id, user_id, organization_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`,
					session, p.caller.UserID, p.caller.OrganizationID); err != nil {
					b.Fatal(err)
				}
				tokens[i] = p.sign(p.header(nil), p.claims(map[string]any{"sid": session, "exp": time.Now().Add(time.Hour).Unix()}))
			}
			ctx, verifier := context.Background(), p.another(b)
			verify := func(i int) auth.Caller {
				caller, err := verifier.Verify(ctx, tokens[i%people])
				if err != nil {
					b.Fatal(err)
				}
				return caller
			}
			var wg sync.WaitGroup
			for i := range people {
				wg.Go(func() { verify(i) })
			}
			wg.Wait()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				verify(i)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
