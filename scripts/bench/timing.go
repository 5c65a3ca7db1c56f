package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
)

const probes = 300 // logins with a wrong password, each to existing and to missing accounts

// timing logs in with wrong passwords to existing and to missing accounts alternately, each time
// from a different address. Half of the accounts have a hash with earlier parameters, which takes
// twice as long. The result is the difference of the mean times in standard errors (Welch): 3.3 or
// more would occur by chance once in a thousand runs.
func (b *bench) timing(ctx context.Context, s *site) error {
	if err := s.running(ctx); err != nil {
		return err
	}
	attempt := func(email string) (float64, error) {
		body, err := json.Marshal(map[string]string{"email": email, "password": "wrong horse battery"})
		if err != nil {
			return 0, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.platform.url+"/v1/users/login", bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Forwarded-For", fmt.Sprintf("198.%d.%d.%d", 18+rand.IntN(2), rand.IntN(256), rand.IntN(256)))
		took, err := timed(func() error {
			response, err := s.user.http.Do(request)
			if err == nil && response.StatusCode != http.StatusUnauthorized {
				err = fmt.Errorf("login with a wrong password: %s", response.Status)
			}
			if err == nil {
				err = response.Body.Close()
			}
			return err
		})
		return float64(took), err
	}
	var exists, missing []float64
	for i := range probes {
		e, err := attempt(probe(i))
		if err != nil {
			return err
		}
		m, err := attempt(fmt.Sprintf("nobody-%d@example.com", i))
		if err != nil {
			return err
		}
		exists, missing = append(exists, e), append(missing, m)
	}
	em, ev := meanAndVariance(exists)
	mm, mv := meanAndVariance(missing)
	errors := math.Abs(em-mm) / math.Sqrt(ev/probes+mv/probes)
	b.table.add("refused login, account or none", fmt.Sprintf("%s, %s", duration(em), duration(mm)),
		"at most 3.3 standard errors", fmt.Sprintf("%.2f", errors), errors <= 3.3)
	return nil
}

func meanAndVariance(values []float64) (mean, variance float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / float64(len(values)-1)
	}
	return mean, variance
}
