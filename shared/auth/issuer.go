package auth

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/secret"
)

// AccessTokenLife is the lifetime of an access token.
const AccessTokenLife = 15 * time.Minute

// Issuer signs access tokens with the newest active key and creates the first key. Only the users
// domain, whose database holds the keys, issues tokens.
type Issuer struct {
	db       *pgxpool.Pool
	keeper   *secret.Keeper
	issuer   string
	audience string

	mu      sync.Mutex
	signers map[string]typedSigner // by `typ` header
}

// typedSigner signs payloads of one type. It holds the newest key at the time of reading.
type typedSigner struct {
	jose.Signer
	read time.Time
}

// NewIssuer returns an issuer that signs with the keys in user_management_db, unsealed by keeper.
func NewIssuer(db *pgxpool.Pool, keeper *secret.Keeper, issuer, audience string) *Issuer {
	return &Issuer{db: db, keeper: keeper, issuer: issuer, audience: audience, signers: map[string]typedSigner{}}
}

// Ready loads the signing key unless it was loaded recently. Call it before a transaction that
// signs: otherwise each transaction holds one connection while it waits for another.
func (i *Issuer) Ready(ctx context.Context) error {
	_, err := i.signerOf(ctx, TokenType, keysTTL/2)
	return err
}

// Issue signs an access token for a caller who authenticated with methods (RFC 8176: pwd, otp …),
// at Subject.ProvedAt if that is known.
func (i *Issuer) Issue(ctx context.Context, c Caller, methods ...string) (string, error) {
	signer, err := i.signerOf(ctx, TokenType, keysTTL)
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims := Claims{
		Issuer: i.issuer, Audience: i.audience, Subject: c.UserID.String(), ClientID: i.audience,
		SessionID: c.SessionID.String(), Roles: c.Roles, Methods: methods,
		IssuedAt: now.Unix(), Expiry: now.Add(AccessTokenLife).Unix(), ID: uuid.NewString(),
	}
	if !c.Subject.ProvedAt.IsZero() {
		claims.AuthTime = c.Subject.ProvedAt.Unix()
	}
	if c.OrganizationID != uuid.Nil {
		claims.OrganizationID = c.OrganizationID.String()
	}
	if c.ImpersonatorID != uuid.Nil {
		claims.Actor = &Actor{Subject: c.ImpersonatorID.String()}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return jws.CompactSerialize()
}

// PublicKeys returns the keys that verify tokens, newest first.
func PublicKeys(ctx context.Context, db *pgxpool.Pool) ([]PublicKey, error) {
	rows, _ := db.Query(ctx, `SELECT kid, public_key FROM published.signing_keys ORDER BY created_at DESC`)
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByName[PublicKey])
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	return keys, nil
}

type signingKey struct {
	KID        string
	SealedSeed []byte
}

const (
	selectNewestKey = `
SELECT kid, sealed_seed FROM signing_keys WHERE signs_from <= clock_timestamp() AND (retired_at IS NULL OR retired_at > now())
ORDER BY signs_from DESC, kid LIMIT 1`
	lockKeys  = `SELECT pg_advisory_xact_lock(hashtext('signing_keys'))`
	insertKey = `INSERT INTO signing_keys (kid, public_key, sealed_seed, signs_from) VALUES ($1, $2, $3, now() + $4)`
	keepKey   = `INSERT INTO statement_keys (kid, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`
)

// signerOf returns a signer for a type of payload, with the newest key as read within the duration
// memory. For statements, it stores the public key permanently.
func (i *Issuer) signerOf(ctx context.Context, typ string, memory time.Duration) (jose.Signer, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if known, ok := i.signers[typ]; ok && time.Since(known.read) < memory {
		return known, nil
	}
	newest, err := i.newestKey(ctx)
	if err != nil {
		return nil, err
	}
	seed, err := i.keeper.Unwrap(ctx, newest.SealedSeed)
	if err != nil {
		return nil, fmt.Errorf("unseal signing key %s: %w", newest.KID, err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	if typ != TokenType {
		if _, err := i.db.Exec(ctx, keepKey, newest.KID, []byte(key.Public().(ed25519.PublicKey))); err != nil {
			return nil, fmt.Errorf("keep public key %s: %w", newest.KID, err)
		}
	}
	private := jose.JSONWebKey{Key: key, KeyID: newest.KID}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return nil, fmt.Errorf("make signer: %w", err)
	}
	i.signers[typ] = typedSigner{signer, time.Now()}
	return signer, nil
}

func (i *Issuer) newestKey(ctx context.Context) (signingKey, error) {
	key, err := database.One[signingKey](ctx, i.db, pgx.ErrNoRows, selectNewestKey)
	if err == nil {
		return key, nil
	}
	if !database.IsNoRows(err) {
		return key, fmt.Errorf("read signing key: %w", err)
	}
	err = pgx.BeginFunc(ctx, i.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockKeys); err != nil {
			return err
		}
		key, err = database.One[signingKey](ctx, tx, pgx.ErrNoRows, selectNewestKey)
		if !database.IsNoRows(err) {
			return err
		}
		key, err = i.makeKey(ctx, tx, 0)
		return err
	})
	if err != nil {
		return key, fmt.Errorf("make the first signing key: %w", err)
	}
	return key, nil
}

// makeKey inserts a key that signs after the notice period.
func (i *Issuer) makeKey(ctx context.Context, tx pgx.Tx, notice time.Duration) (signingKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return signingKey{}, err
	}
	jwk := jose.JSONWebKey{Key: public}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256) // RFC 7638
	if err != nil {
		return signingKey{}, err
	}
	sealed, err := i.keeper.Wrap(ctx, private.Seed())
	if err != nil {
		return signingKey{}, err
	}
	key := signingKey{KID: base64.RawURLEncoding.EncodeToString(thumbprint), SealedSeed: sealed}
	_, err = tx.Exec(ctx, insertKey, key.KID, []byte(public), sealed, notice)
	return key, err
}
