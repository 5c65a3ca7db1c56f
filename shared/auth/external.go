package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/policy"
)

// OIDCIssuer is another issuer whose access tokens are accepted: an OpenID Connect provider whose
// tokens are JWTs (OpenID Connect Core, RFC 9068).
type OIDCIssuer struct {
	Issuer     string                    `json:"issuer"`     // https, or http on a loopback address
	Audience   string                    `json:"audience"`   // the audience of its tokens for this platform
	JWKSURL    string                    `json:"jwks_url"`   // empty: found through OpenID Connect Discovery
	Algorithms []jose.SignatureAlgorithm `json:"algorithms"` // empty: RS256, PS256, ES256, EdDSA
}

// OIDCIssuers is the value of OIDC_ISSUERS: a JSON list.
type OIDCIssuers []OIDCIssuer

// EnvDecode implements envconfig.Decoder.
func (l *OIDCIssuers) EnvDecode(value string) error {
	if value == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(value), l); err != nil {
		return fmt.Errorf("OIDC_ISSUERS is not a list such as [{\"issuer\": …, \"audience\": …}]: %w", err)
	}
	return nil
}

// asymmetric lists the supported algorithms. With any of them, a verifier cannot sign tokens.
var asymmetric = []jose.SignatureAlgorithm{
	jose.RS256, jose.PS256, jose.ES256, jose.EdDSA, jose.RS384, jose.RS512, jose.PS384, jose.PS512, jose.ES384, jose.ES512,
}

// external verifies the tokens of another issuer.
type external struct {
	OIDCIssuer
	ring       *keyring
	subjectKey []byte
}

// Trust accepts the tokens of other issuers too. Their subjects are looked up by an HMAC-SHA256
// under subjectKey (OIDC_SUBJECT_KEY: 32 bytes, base64), which all functions share.
func (v *Verifier) Trust(issuers OIDCIssuers, subjectKey string) error {
	if len(issuers) == 0 {
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(subjectKey)
	if err != nil || len(key) != sha256.Size {
		return errors.New("OIDC_SUBJECT_KEY is not 32 bytes in base64")
	}
	v.external = map[string]*external{}
	for _, issuer := range issuers {
		e := &external{OIDCIssuer: issuer, subjectKey: key}
		if len(e.Algorithms) == 0 {
			e.Algorithms = asymmetric[:4]
		}
		e.ring = newKeyring(e.readKeys)
		switch {
		case issuer.Issuer == v.issuer || v.external[issuer.Issuer] != nil:
			return fmt.Errorf("OIDC_ISSUERS: two issuers are named %q", issuer.Issuer)
		case issuer.Audience == "":
			return fmt.Errorf("OIDC_ISSUERS: %q has no audience, so that tokens for other services would be accepted", issuer.Issuer)
		case !isFetchable(issuer.Issuer, true) || issuer.JWKSURL != "" && !isFetchable(issuer.JWKSURL, isLoopback(issuer.Issuer)):
			return fmt.Errorf("OIDC_ISSUERS: the URLs of %q must be https URLs", issuer.Issuer)
		}
		for _, algorithm := range e.Algorithms {
			if !slices.Contains(asymmetric, algorithm) {
				return fmt.Errorf("OIDC_ISSUERS: %q is not a supported asymmetric algorithm", algorithm)
			}
		}
		v.external[issuer.Issuer] = e
	}
	return nil
}

type externalClaims struct {
	jwt.Claims
	Org            string           `json:"org"`
	OrganizationID string           `json:"organization_id"`
	Methods        []string         `json:"amr"`
	AuthTime       *jwt.NumericDate `json:"auth_time"`

	// Claims of other tokens that an issuer may also sign for this audience.
	Nonce  json.RawMessage `json:"nonce"`   // ID tokens (OpenID Connect Core §2)
	AtHash json.RawMessage `json:"at_hash"` // ID tokens (§3.1.3.6)
	CHash  json.RawMessage `json:"c_hash"`  // ID tokens (§3.3.2.11)
	SHash  json.RawMessage `json:"s_hash"`  // ID tokens (Financial-grade API 1.0, Part 2)
	Events json.RawMessage `json:"events"`  // logout tokens and security events (RFC 8417)
	Use    any             `json:"typ"`     // Keycloak: Bearer, ID, Refresh, Logout …
}

// another reports whether a token is something other than an access token. Issuers that follow RFC
// 9068 set the header `typ` to at+jwt; others set JWT, or nothing, on all their tokens, so the
// claims have to tell.
func (c externalClaims) another() bool {
	for _, claim := range []json.RawMessage{c.Nonce, c.AtHash, c.CHash, c.SHash, c.Events} {
		if claim != nil {
			return true
		}
	}
	use, text := c.Use.(string)
	return c.Use != nil && (!text || !strings.EqualFold(use, "Bearer"))
}

// maxSubject is the maximum length of `sub` (OpenID Connect Core §2).
const maxSubject = 255

// token verifies a token of this issuer.
func (e *external) token(ctx context.Context, raw string) (*token, error) {
	payload, held, err := e.ring.verified(ctx, raw, e.Algorithms, TokenType, "application/"+TokenType, "JWT", "")
	if err != nil {
		return nil, err
	}
	var c externalClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, errToken
	}
	if c.another() {
		return nil, errToken
	}
	expected := jwt.Expected{Issuer: e.Issuer, AnyAudience: jwt.Audience{e.Audience}, Time: time.Now()}
	if c.Expiry == nil || c.Subject == "" || len(c.Subject) > maxSubject || c.ValidateWithLeeway(expected, leeway) != nil {
		return nil, errToken
	}
	t := &token{
		who:     who{kind: byExternal, issuer: e.Issuer, id: e.index(c.Subject), organization: c.organization(), twoFactors: slices.Contains(c.Methods, "mfa")},
		expires: c.Expiry.Time(), methods: c.Methods, ring: e.ring, keys: held,
	}
	if c.AuthTime != nil && !c.AuthTime.Time().After(time.Now().Add(leeway)) {
		t.provedAt = c.AuthTime.Time()
	}
	return t, nil
}

// proves adds how and when the person authenticated with the issuer (RFC 9470 §5). As in the
// platform's own sessions, a person who has a second factor has no fresh proof without using it.
// Without auth_time, the time is unknown.
func (t *token) proves(c Caller) Caller {
	c.Methods = t.methods
	if t.who.twoFactors || !c.SecondFactor {
		c.Subject.ProvedAt = t.provedAt
	}
	return c
}

// organization returns the organization that the token names, or uuid.Nil.
func (c externalClaims) organization() uuid.UUID {
	for _, text := range []string{c.Org, c.OrganizationID} {
		if id, err := uuid.Parse(text); err == nil {
			return id
		}
	}
	return uuid.Nil
}

// index returns the blind index of a subject.
func (e *external) index(subject string) (index [32]byte) {
	mac := hmac.New(sha256.New, e.subjectKey)
	mac.Write([]byte(e.Issuer))
	mac.Write([]byte{0})
	mac.Write([]byte(subject))
	mac.Sum(index[:0])
	return index
}

// ExternalIdentity is the subject of another issuer's token.
type ExternalIdentity struct {
	Issuer       string
	SubjectIndex []byte
}

// Identify verifies a token of another issuer, whether or not its subject has an account here. An
// invalid token is fault.Unauthenticated.
func (v *Verifier) Identify(ctx context.Context, raw string) (ExternalIdentity, error) {
	issuer, ok := v.external[issuerOf(raw)]
	if !ok || len(raw) > maxToken {
		return ExternalIdentity{}, errToken
	}
	t, err := issuer.token(ctx, raw)
	if err != nil {
		return ExternalIdentity{}, err
	}
	return ExternalIdentity{Issuer: issuer.Issuer, SubjectIndex: t.who.id[:]}, nil
}

// Of the organizations that have approved the person, this selects the one that the token names, or
// else the first.
const selectExternal = `
SELECT user_id, platform_admin, organization_id, waits_for, must_change_password, has_second_factor, demands_second_factor, roles, permissions, teams
FROM published.external_callers WHERE issuer = $1 AND subject_index = $2
ORDER BY waits_for IS NULL AND organization_id = $3 DESC, waits_for IS NULL DESC, member_since LIMIT 1`

type externalCaller struct {
	UserID              uuid.UUID
	PlatformAdmin       bool
	OrganizationID      *uuid.UUID
	WaitsFor            *string
	MustChangePassword  bool
	HasSecondFactor     bool
	DemandsSecondFactor bool
	Roles               []string
	Permissions         []policy.Permission
	Teams               []uuid.UUID
}

var errNotLinked = fault.New(fault.Unauthenticated, "No account is linked to this token: log in here and link it (POST /v1/users/identities)")

func (v *Verifier) externalCaller(ctx context.Context, w who) (Caller, error) {
	e, err := database.One[externalCaller](ctx, v.db, errNotLinked, selectExternal, w.issuer, w.id[:], w.organization)
	if err != nil {
		return Caller{}, err
	}
	c := Caller{Kind: Person, UserID: e.UserID, SecondFactor: e.HasSecondFactor, Subject: policy.Subject{ExternalIssuer: true}}
	switch {
	case e.MustChangePassword:
		c.Subject.BlockedBy = policy.BlockedByPassword
	case e.WaitsFor != nil:
		c.Subject.BlockedBy = *e.WaitsFor
	case e.DemandsSecondFactor && !w.twoFactors:
		c.Subject.BlockedBy = policy.BlockedBySecondFactor
	default:
		c.OrganizationID, c.Roles, c.Teams = *e.OrganizationID, e.Roles, e.Teams
		c.Subject.Roles, c.Subject.CustomPermissions = e.Roles, e.Permissions
	}
	if e.PlatformAdmin {
		c.Subject = v.administering(c.Subject, w.twoFactors)
	}
	return c, nil
}
