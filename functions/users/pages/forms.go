package pages

// form is a page: what it asks for, and the operation that it asks.
type form struct {
	name, Path, Title string
	Lead              string
	To                string // path of the operation, which is sent the fields, and the token
	Token             string // name under which it is sent the token of the link; empty: the page needs none
	Fields            []field
	Submit            string // on the button
	Done              string // what a person reads when it has worked
	LogIn             bool   // the operation is for a person: the page logs in before, and out after
	LookUp            string // path of an operation that tells, for the token, which organization invites, and as what
}

// field is a member of the operation's body, or of the login's before it.
type field struct {
	Name, Label, Type string
	AutoComplete      string // HTML, §4.10.18.7
	Rated             bool   // a new password, whose strength is told
}

var (
	email       = field{Name: "email", Label: "Email address", Type: "email", AutoComplete: "username"}
	password    = field{Name: "password", Label: "Password", Type: "password", AutoComplete: "current-password"}
	newPassword = field{Name: "password", Label: "New password", Type: "password", AutoComplete: "new-password", Rated: true}
)

// forms are the pages at the paths that users.Post links to with a token, or without a
// login.
var forms = []form{
	{
		name: "confirm-registration", Path: "/register/confirm", Title: "Open your account",
		Lead: "One step is left: confirm that you have asked for this account, by the password that you have chosen for it.",
		To:   "/v1/users/email/confirm", Token: "token", Fields: []field{password}, Submit: "Open the account",
		Done: "Your account is open. You can log in now.",
	},
	{
		name: "verify-email", Path: "/email/verify", Title: "Confirm your email address",
		Lead: "Confirm that this is the address of your account, by the account's password.",
		To:   "/v1/users/email/verify", Token: "token", Fields: []field{password}, Submit: "Confirm",
		Done: "Your email address is confirmed.",
	},
	{
		name: "confirm-email-change", Path: "/email/change/confirm", Title: "Confirm your new email address",
		Lead: "Confirm that your account has this address from now on, by the account's password.",
		To:   "/v1/users/email/change/confirm", Token: "token", Fields: []field{password}, Submit: "Confirm",
		Done: "Your account has the new address. Log in with it from now on.",
	},
	{
		name: "forgot-password", Path: "/password/forgot", Title: "Forgotten your password?",
		Lead: "Say which account is yours, and look into its mailbox.",
		To:   "/v1/users/password/forgot", Fields: []field{email}, Submit: "Send me a link",
		Done: "If there is an account with this address, a mail is on its way, with a link that is good for an hour.",
	},
	{
		name: "reset-password", Path: "/password/reset", Title: "Choose a new password",
		Lead: "A few unusual words are easier to keep in mind than signs and digits, and harder to guess.",
		To:   "/v1/users/password/reset", Token: "token", Fields: []field{newPassword}, Submit: "Set the password",
		Done: "Your password is set, and your other sessions were ended. You can log in now.",
	},
	{
		name: "unlock", Path: "/unlock", Title: "Log in again now",
		Lead: "Somebody has tried many passwords on your account. End the wait that keeps them, and you, from trying more.",
		To:   "/v1/users/unlock", Token: "token", Submit: "End the wait",
		Done: "The wait is over. You can log in now.",
	},
	{
		name: "accept-invitation", Path: "/invitations/accept", Title: "Accept the invitation",
		Lead: "Log in with the address that was invited.", LookUp: "/v1/organizations/invitations/look-up",
		To: "/v1/organizations/invitations/accept", Token: "token", Fields: []field{email, password}, LogIn: true, Submit: "Log in and accept",
		Done: "You are a member now.",
	},
	{
		name: "register-by-invitation", Path: "/invitations/register", Title: "Open an account",
		Lead: "For the address that was invited.", LookUp: "/v1/organizations/invitations/look-up",
		To: "/v1/users/register", Token: "invitation", Submit: "Open the account and accept",
		Fields: []field{
			email, newPassword,
			{Name: "first_name", Label: "First name", Type: "text", AutoComplete: "given-name"},
			{Name: "last_name", Label: "Last name", Type: "text", AutoComplete: "family-name"},
		},
		Done: "Your account is open, and you are a member. You can log in now.",
	},
}
