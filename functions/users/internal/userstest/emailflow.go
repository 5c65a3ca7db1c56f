package userstest

const VerifyPath = "/v1/users/email/verify"

const ChangeEmailPath = "/v1/users/email/change"

const ConfirmChange = "/v1/users/email/change/confirm"

func EmailBody(email string) map[string]string {
	return map[string]string{"email": email, "password": "correct horse"}
}

// ProofBody returns a request body with a token and the account's password.
func ProofBody(token string) map[string]string {
	return map[string]string{"token": token, "password": "correct horse"}
}
