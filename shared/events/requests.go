package events

import "github.com/google/uuid"

// RegistrationRequested reports a registration whose address has to be confirmed.
type RegistrationRequested struct {
	RegistrationID uuid.UUID `json:"registration_id"`
}

func (RegistrationRequested) EventType() string            { return v1("users.registration_requested") }
func (e RegistrationRequested) EventSubject() string       { return e.RegistrationID.String() }
func (RegistrationRequested) EventOrganization() uuid.UUID { return uuid.Nil }

// PasswordResetRequested reports a request for a password reset. Whether the address has an account
// is not known yet.
type PasswordResetRequested struct {
	RequestID uuid.UUID `json:"request_id"`
}

func (PasswordResetRequested) EventType() string            { return v1("users.password_reset_requested") }
func (e PasswordResetRequested) EventSubject() string       { return e.RequestID.String() }
func (PasswordResetRequested) EventOrganization() uuid.UUID { return uuid.Nil }
