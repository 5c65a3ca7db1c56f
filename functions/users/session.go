package users

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/auth"
)

// SessionLife is how long a session can be refreshed after the login.
const SessionLife = 30 * 24 * time.Hour

// Tokens is what a login and a refresh answer (RFC 6749 §5.1).
type Tokens struct {
	AccessToken  string `json:"access_token" doc:"JWT (RFC 9068), for the Authorization header"`
	TokenType    string `json:"token_type" enum:"Bearer"`
	ExpiresIn    int    `json:"expires_in" doc:"Seconds that the access token is good for"`
	RefreshToken string `json:"refresh_token" doc:"Good for one exchange at POST /v1/users/refresh"`
}

// Bearer puts the two tokens of a session into their answer.
func Bearer(access, refresh string) Tokens {
	return Tokens{AccessToken: access, TokenType: "Bearer", ExpiresIn: int(auth.AccessTokenLife.Seconds()), RefreshToken: refresh}
}

const insertRefreshToken = `INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)`

// NewRefreshToken gives a session a refresh token: 256 random bits, of which only
// the hash is stored.
func NewRefreshToken(ctx context.Context, tx pgx.Tx, session uuid.UUID) (string, error) {
	raw := make([]byte, 32)
	rand.Read(raw)
	token := base64.RawURLEncoding.EncodeToString(raw)
	if _, err := tx.Exec(ctx, insertRefreshToken, RefreshTokenHash(token), session); err != nil {
		return "", fmt.Errorf("insert refresh token: %w", err)
	}
	return token, nil
}

// RefreshTokenHash is how a refresh token is stored. A token is random enough that
// a plain hash protects it.
func RefreshTokenHash(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

// CallerOf is the caller that a session's tokens speak of: without organization
// and roles while the membership is only requested.
func CallerOf(session uuid.UUID, m Membership) auth.Caller {
	c := auth.Caller{UserID: m.UserID, SessionID: session, Roles: []string{}}
	if m.Status == MembershipActive {
		c.OrganizationID, c.Roles = m.OrganizationID, []string{m.Role}
	}
	return c
}
