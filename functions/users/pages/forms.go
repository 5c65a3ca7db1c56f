package pages

// form is a page with a form, and the operation that the form calls.
type form struct {
	name, Path, Title string
	Lead              string
	To                string // path of the operation that receives the fields and the token
	Token             string // name of the body's member for the token of the link; empty: the page needs no token
	Fields            []field
	Submit            string // label of the button
	Done              string // message after success
	LogIn             bool   // the operation needs a login: the page logs in before it and out after it
	LookUp            string // path of the operation that returns the inviting organization and the role for the token
}

// field is a member of the operation's body or of the preceding login's.
type field struct {
	Name, Label, Type string
	AutoComplete      string // HTML, §4.10.18.7
	Rated             bool   // a new password, whose strength is shown
}

var (
	email       = field{Name: "email", Label: "Email address", Type: "email", AutoComplete: "username"}
	password    = field{Name: "password", Label: "Password", Type: "password", AutoComplete: "current-password"}
	newPassword = field{Name: "password", Label: "New password", Type: "password", AutoComplete: "new-password", Rated: true}
)

// forms are the pages to which mails link, and the page for a forgotten password.
var forms = []form{
	{
		name: "confirm-registration", Path: "/register/confirm", Title: "Complete your registration",
		Lead: "One step is left: enter the password that you chose when you registered.",
		To:   "/v1/users/email/confirm", Token: "token", Fields: []field{password}, Submit: "Open the account",
		Done: "Your account is open. You can log in now.",
	},
	{
		name: "verify-email", Path: "/email/verify", Title: "Confirm your email address",
		Lead: "Enter your account's password to confirm that this is its address.",
		To:   "/v1/users/email/verify", Token: "token", Fields: []field{password}, Submit: "Confirm",
		Done: "Your email address is confirmed.",
	},
	{
		name: "confirm-email-change", Path: "/email/change/confirm", Title: "Confirm your new email address",
		Lead: "Enter your account's password to change its address to this one.",
		To:   "/v1/users/email/change/confirm", Token: "token", Fields: []field{password}, Submit: "Confirm",
		Done: "Your address was changed. Use the new address to log in from now on.",
	},
	{
		name: "forgot-password", Path: "/password/forgot", Title: "Forgotten your password?",
		Lead: "Enter your account's email address. We will mail you a link.",
		To:   "/v1/users/password/forgot", Fields: []field{email}, Submit: "Send me a link",
		Done: "If an account has this address, we have mailed it a link that is valid for an hour.",
	},
	{
		name: "reset-password", Path: "/password/reset", Title: "Choose a new password",
		Lead: "A few unusual words are easier to remember than symbols and digits, and harder to guess.",
		To:   "/v1/users/password/reset", Token: "token", Fields: []field{newPassword}, Submit: "Set the password",
		Done: "Your password is set, and your other sessions were ended. You can log in now.",
	},
	{
		name: "unlock", Path: "/unlock", Title: "Unlock your account",
		Lead: "Somebody entered many wrong passwords for your account, so logins are delayed. Unlock it to log in now.",
		To:   "/v1/users/unlock", Token: "token", Submit: "Unlock",
		Done: "Your account is unlocked. You can log in now.",
	},
	{
		name: "accept-invitation", Path: "/invitations/accept", Title: "Accept the invitation",
		Lead: "Log in with the address that received the invitation.", LookUp: "/v1/organizations/invitations/look-up",
		To: "/v1/organizations/invitations/accept", Token: "token", Fields: []field{email, password}, LogIn: true, Submit: "Log in and accept",
		Done: "You are a member now.",
	},
	{
		name: "register-by-invitation", Path: "/invitations/register", Title: "Register an account",
		Lead: "Use the address that received the invitation.", LookUp: "/v1/organizations/invitations/look-up",
		To: "/v1/users/register", Token: "invitation", Submit: "Open the account and accept",
		Fields: []field{
			email, newPassword,
			{Name: "first_name", Label: "First name", Type: "text", AutoComplete: "given-name"},
			{Name: "last_name", Label: "Last name", Type: "text", AutoComplete: "family-name"},
		},
		Done: "Your account is open, and you are a member. You can log in now.",
	},
}
