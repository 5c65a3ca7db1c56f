package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Settings are an organization's rules for its members.
type Settings struct {
	RequireSecondFactor bool `json:"require_second_factor" doc:"Members have no role here unless they log in with a second factor"`
	RequireSecondPerson bool `json:"require_second_person" doc:"Role changes take effect only once a second person approves them (SOX)"`
	PasswordMinLength   int  `json:"password_min_length" minimum:"8" maximum:"64" doc:"Minimum number of characters. NIST SP 800-63B-4 asks for 8 with a second factor (require_second_factor) and 15 without. The platform's PASSWORD_MIN_LENGTH always applies. For members of several organizations the strictest setting counts"`
	PasswordHistory     int  `json:"password_history" minimum:"0" maximum:"24" doc:"Number of earlier passwords that cannot be reused"`
	SessionIdleMinutes  int  `json:"session_idle_minutes" minimum:"15" maximum:"43200" doc:"A session ends when it is not refreshed for this long. A shorter value applies to open sessions at once"`
	SessionLifeHours    int  `json:"session_life_hours" minimum:"1" maximum:"8760" doc:"Maximum lifetime of a session. A shorter value applies to open sessions at once"`
	RefuseRequests      bool `json:"refuse_requests" doc:"Nobody can request to join; members are added by invitation or provisioning only. Pending requests remain until decided"`
	SearchByName        bool `json:"search_by_name" doc:"Members and platform admins can find members by the first letters of their names, which are stored as keyed hashes"`
}

// DefaultSettings apply to an organization that has set nothing.
var DefaultSettings = Settings{PasswordMinLength: 8, PasswordHistory: 0, SessionIdleMinutes: 7 * 24 * 60, SessionLifeHours: 30 * 24}

// SessionIdle returns how long a session lasts without a refresh.
func (s Settings) SessionIdle() time.Duration {
	return time.Duration(s.SessionIdleMinutes) * time.Minute
}

// SessionLife returns the maximum lifetime of a session.
func (s Settings) SessionLife() time.Duration { return time.Duration(s.SessionLifeHours) * time.Hour }

// Decisions are the settings that an organization has set. nil means the default. Their JSON is
// stored in the database and read by SQL.
type Decisions struct {
	RequireSecondFactor *bool `json:"require_second_factor,omitempty"`
	RequireSecondPerson *bool `json:"require_second_person,omitempty"`
	PasswordMinLength   *int  `json:"password_min_length,omitempty"`
	PasswordHistory     *int  `json:"password_history,omitempty"`
	SessionIdleMinutes  *int  `json:"session_idle_minutes,omitempty"`
	SessionLifeHours    *int  `json:"session_life_hours,omitempty"`
	RefuseRequests      *bool `json:"refuse_requests,omitempty"`
	SearchByName        *bool `json:"search_by_name,omitempty"`
}

// Weakens reports whether a change of settings relaxes the requirements on second factors,
// passwords or sessions.
func (s Settings) Weakens(before Settings) bool {
	return before.RequireSecondFactor && !s.RequireSecondFactor ||
		s.PasswordMinLength < before.PasswordMinLength || s.PasswordHistory < before.PasswordHistory ||
		s.SessionIdleMinutes > before.SessionIdleMinutes || s.SessionLifeHours > before.SessionLifeHours
}

const selectSettings = `SELECT settings FROM organizations WHERE id = $1`

// SettingsOf reads an organization's settings, with defaults for those not set.
func SettingsOf(ctx context.Context, db RowQuerier, organization uuid.UUID) (Settings, error) {
	var decided []byte
	if err := db.QueryRow(ctx, selectSettings, organization).Scan(&decided); err != nil {
		return Settings{}, fmt.Errorf("read settings of organization %s: %w", organization, err)
	}
	return SettingsFrom(decided)
}

// SettingsFrom adds defaults to an organization's stored settings, a JSON object.
func SettingsFrom(decided []byte) (Settings, error) {
	s := DefaultSettings
	if err := json.Unmarshal(decided, &s); err != nil {
		return s, fmt.Errorf("decode settings: %w", err)
	}
	return s, nil
}
