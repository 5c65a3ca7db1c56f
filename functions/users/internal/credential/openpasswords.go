package credential

import (
	"cmp"
	"context"
	"fmt"

	"function/functions/users/internal/store"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/password"
)

// Passwords hashes passwords, and checks new ones by the rules of the platform and of
// organizations.
type Passwords struct {
	store.Store
	Hasher   *password.Hasher
	floor    int             // characters of a new password, whatever an organization demands
	breaches *password.Range // knows breached passwords; nil: no service is asked
}

// OpenPasswords opens the accounts and the process's hasher. Hashes that waited for their
// turn, or found the queue full, are counted.
func OpenPasswords(ctx context.Context, env *function.Env) (Passwords, error) {
	s, err := store.Open(ctx, env)
	if err != nil {
		return Passwords{}, err
	}
	hasher, err := env.Hasher()
	if err != nil {
		return Passwords{}, err
	}
	floor, err := PasswordFloor(env.Config)
	if err != nil {
		return Passwords{}, err
	}
	p := Passwords{Store: s, Hasher: hasher, floor: floor}
	if env.Config.PasswordRangeURL != "" {
		p.breaches = password.NewRange(env.Config.PasswordRangeURL)
	}
	for name, tally := range map[string]*metrics.Tally{"password_hashes_refused_total": &hasher.Refused, "password_hashes_waited_total": &hasher.Waited} {
		tally.Keep(s.DB, name, nil)
		env.OnClose(tally.Close)
	}
	return p, nil
}

// mostDemanded is the most characters that may be demanded of a new password (NIST SP
// 800-63B-4 §3.1.1.2: at least 64 are accepted).
const mostDemanded = 64

// PasswordFloor is the least characters of a new password on this platform, whatever an
// organization demands (PASSWORD_MIN_LENGTH).
func PasswordFloor(c function.Config) (int, error) {
	floor := cmp.Or(c.PasswordMinLength, password.LeastWithSecondFactor)
	if floor < password.LeastWithSecondFactor || floor > mostDemanded {
		return 0, fmt.Errorf("PASSWORD_MIN_LENGTH is %d, but must be %d to %d characters", floor, password.LeastWithSecondFactor, mostDemanded)
	}
	return floor, nil
}
