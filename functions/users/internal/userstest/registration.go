package userstest

const RegisterPath = "/v1/users/register"

func RegistrationBody(email, password, first string) map[string]string {
	return map[string]string{"email": email, "password": password, "first_name": first, "last_name": "Lovelace"}
}
