// Package passwordstrength estimates the strength of a password while a person types it: POST
// /v1/users/password/strength. It stores and logs nothing.
package passwordstrength

import (
	"context"

	"function/functions/users/internal/credential"
	"function/shared/function"
	"function/shared/password"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-password-strength", "/v1/users/password/strength", "Estimate the strength of a password", policy.Public).
	Sensitive().
	Describe("Estimates how hard the password is to guess and whether it satisfies the platform's rules; an organization may require more. Nothing is stored. Known breaches are only checked when a password is set."), New)

// Request contains the password and words related to the person.
type Request struct {
	Body struct {
		Password string   `json:"password" maxLength:"256"`
		Words    []string `json:"words,omitempty" maxItems:"10" doc:"Names and addresses of the person, which the password must not consist of"`
	}
}

// Response is the estimate.
type Response struct {
	Body struct {
		Score      int    `json:"score" minimum:"0" maximum:"4" doc:"From 0 (guessed within 1,000 attempts) to 4 (more than 10^10), on the scale of zxcvbn"`
		Hint       string `json:"hint" doc:"How to make it stronger; empty from a score of 3 on"`
		Acceptable bool   `json:"acceptable"`
		Reason     string `json:"reason" doc:"Why it is not acceptable"`
	}
}

// Function estimates the strength of passwords.
type Function struct{ policy password.Policy }

// New reads the password policy. It needs no database.
func New(_ context.Context, env *function.Env) (*Function, error) {
	minLength, err := credential.MinPasswordLength(env.Config)
	return &Function{password.Policy{MinLength: minLength}}, err
}

// maxWord limits the bytes of a word that are considered. An address has at most 254.
const maxWord = 254

// Handle estimates the strength of one password.
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
