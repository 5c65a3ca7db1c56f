package credential

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/secret"
)

// MaxPasskeys limits the passkeys of one person.
const MaxPasskeys = 20

// Passkeys makes the platform a relying party of WebAuthn (W3C, level 3).
type Passkeys struct {
	SecondFactors
	rp *webauthn.WebAuthn
}

// OpenPasskeys opens the store and checks the configured origins.
func OpenPasskeys(ctx context.Context, env *function.Env) (Passkeys, error) {
	rp, err := relyingParty(env.Config)
	if err != nil {
		return Passkeys{}, err
	}
	factors, err := OpenSecondFactors(ctx, env)
	return Passkeys{SecondFactors: factors, rp: rp}, err
}

func relyingParty(c function.Config) (*webauthn.WebAuthn, error) {
	origins := c.WebAuthnOrigins
	if len(origins) == 0 {
		public, err := notify.PublicURL(c)
		if err != nil {
			return nil, fmt.Errorf("passkeys have no origin: %w", err)
		}
		origins = []string{public.Scheme + "://" + public.Host}
	}
	first, err := url.Parse(origins[0])
	if err != nil {
		return nil, fmt.Errorf("read WEBAUTHN_ORIGINS: %w", err)
	}
	life := webauthn.TimeoutConfig{Timeout: ChallengeLife, TimeoutUVD: ChallengeLife}
	rp, err := webauthn.New(&webauthn.Config{
		RPID: cmp.Or(c.WebAuthnRPID, first.Hostname()), RPDisplayName: ServiceName, RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		Timeouts:              webauthn.TimeoutsConfig{Login: life, Registration: life},
	})
	if err != nil {
		return nil, fmt.Errorf("configure passkeys by WEBAUTHN_ORIGINS and WEBAUTHN_RP_ID: %w", err)
	}
	return rp, nil
}

// Encryption contexts of a passkey's sealed fields.
const (
	passkeyField     = "passkeys.credential"
	PasskeyNameField = "passkeys.name"
)

// passkeyOwner is a person in a WebAuthn ceremony. It implements webauthn.User.
type passkeyOwner struct {
	id          uuid.UUID
	name        person.Name
	key         []byte
	credentials []webauthn.Credential
}

func (k passkeyOwner) WebAuthnID() []byte { return k.id[:] }

func (k passkeyOwner) WebAuthnName() string { return k.name.Email }

func (k passkeyOwner) WebAuthnDisplayName() string { return k.name.FirstName + " " + k.name.LastName }

func (k passkeyOwner) WebAuthnCredentials() []webauthn.Credential { return k.credentials }

const (
	selectRecords = `SELECT credential FROM passkeys WHERE user_id = $1 ORDER BY id FOR UPDATE`
	insertPasskey = `INSERT INTO passkeys (id, user_id, credential_id, name, credential) VALUES ($1, $2, $3, $4, $5) RETURNING created_at`
	updatePasskey = `UPDATE passkeys SET credential = $2, last_used_at = now() WHERE credential_id = $1`
)

// ownerOf reads a person with their passkeys and locks the rows of the passkeys.
func (p Passkeys) ownerOf(ctx context.Context, tx *outbox.Tx, user uuid.UUID) (passkeyOwner, error) {
	key, err := person.KeyOf(ctx, p.SecondFactors.Store, tx, user)
	if err != nil {
		return passkeyOwner{}, err
	}
	rows, _ := tx.Query(ctx, selectRecords, user)
	sealed, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return passkeyOwner{}, fmt.Errorf("read passkeys of user %s: %w", user, err)
	}
	found := passkeyOwner{id: user, key: key, credentials: make([]webauthn.Credential, len(sealed))}
	for i, s := range sealed {
		plain, err := secret.Unseal(key, passkeyField, s)
		if err == nil {
			err = json.Unmarshal([]byte(plain), &found.credentials[i])
		}
		if err != nil {
			return passkeyOwner{}, fmt.Errorf("open passkey of user %s: %w", user, err)
		}
	}
	return found, nil
}

func (k passkeyOwner) seal(credential *webauthn.Credential) ([]byte, error) {
	plain, err := json.Marshal(credential)
	if err != nil {
		return nil, fmt.Errorf("encode passkey: %w", err)
	}
	return secret.Seal(k.key, passkeyField, string(plain))
}

// PasskeyInfo is a passkey as shown to its owner.
type PasskeyInfo struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty" doc:"Absent: never"`
}
