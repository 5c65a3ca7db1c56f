// Package passwordstrength judges a password while a person types it:
// POST /v1/users/password/strength. Nothing of it is stored or logged.
package passwordstrength

import (
	"context"

	"function/functions/users/internal/credential"
	"function/shared/function"
	"function/shared/password"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-password-strength", "/v1/users/password/strength", "How strong a password is", policy.Public).
	Sensitive().
	Describe("Estimates what guessing the password costs, and tells whether it would be accepted where an organization demands no more than the platform. Nothing is stored. Whether it was seen in a breach of another service is only asked when it is chosen."), New)

// Request is the password, and whose it would be.
type Request struct {
	Body struct {
		Password string   `json:"password" maxLength:"256"`
		Words    []string `json:"words,omitempty" maxItems:"10" doc:"Names and addresses of the person, which the password must not be made of"`
	}
}

// Response is the estimate.
type Response struct {
	Body struct {
		Score      int    `json:"score" minimum:"0" maximum:"4" doc:"0: a thousand guesses find it; 4: more than 10^10 are needed (the scale of zxcvbn)"`
		Hint       string `json:"hint" doc:"What would make it stronger; empty from a score of 3 on"`
		Acceptable bool   `json:"acceptable"`
		Reason     string `json:"reason" doc:"Why it is not acceptable"`
	}
}

// Function judges passwords.
type Function struct{ policy password.Policy }

// New needs no database.
func New(_ context.Context, env *function.Env) (*Function, error) {
	floor, err := credential.PasswordFloor(env.Config)
	return &Function{password.Policy{MinLength: floor}}, err
}

// maxWord is the most bytes of a word that are looked at: an address has 254.
const maxWord = 254

// Handle judges one password.
func (f *Function) Handle(_ context.Context, in *Request) (*Response, error) {
	words := make([]string, len(in.Body.Words))
	for i, w := range in.Body.Words {
		words[i] = w[:min(len(w), maxWord)]
	}
	strength := password.Estimate(in.Body.Password, words...)
	reason := f.policy.Check(in.Body.Password, words...)
	var out Response
	out.Body.Score, out.Body.Hint = strength.Score, strength.Hint
	out.Body.Acceptable, out.Body.Reason = reason == "", reason
	return &out, nil
}
