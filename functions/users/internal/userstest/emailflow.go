package userstest

const VerifyPath = "/v1/users/email/verify"

const ChangeEmailPath = "/v1/users/email/change"

const ConfirmChange = "/v1/users/email/change/confirm"

func EmailBody(email string) map[string]string {
	return map[string]string{"email": email, "password": "correct horse"}
}

// HeldBody is a token, and the proof that the account is the person's.
func HeldBody(token string) map[string]string {
	return map[string]string{"token": token, "password": "correct horse"}
}
