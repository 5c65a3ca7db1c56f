package policy

import "slices"

// Permission is the right to do one thing, as resource:action.
type Permission string

// The permissions. Those of the platform do not belong to an organization.
const (
	OrganizationsRead    Permission = "organizations:read"
	OrganizationsWrite   Permission = "organizations:write"
	OrganizationsDelete  Permission = "organizations:delete"
	MembersRead          Permission = "members:read"
	MembersWrite         Permission = "members:write"
	TeamsRead            Permission = "teams:read"
	TeamsWrite           Permission = "teams:write"
	RolesRead            Permission = "roles:read"
	RolesWrite           Permission = "roles:write"
	RolesApprove         Permission = "roles:approve"
	ServiceAccountsRead  Permission = "service_accounts:read"
	ServiceAccountsWrite Permission = "service_accounts:write"
	DomainsWrite         Permission = "domains:write"
	ConsentsRead         Permission = "consents:read"
	PurposesWrite        Permission = "purposes:write"
	AuditRead            Permission = "audit:read"
	ProvisioningWrite    Permission = "provisioning:write" // SCIM

	DatasetsRead  Permission = "datasets:read"
	DatasetsWrite Permission = "datasets:write"

	DatasetsApprove Permission = "datasets:approve" // other people's changes, where they need approval
	DatasetsGovern  Permission = "datasets:govern"  // who may read which data sets, and what of them

	AnalyticsQuery Permission = "analytics:query"
	ReportsRead    Permission = "reports:read"
	ReportsWrite   Permission = "reports:write"

	RetentionRead    Permission = "retention:read"
	RetentionWrite   Permission = "retention:write"
	DeadLettersRead  Permission = "dead_letters:read"
	DeadLettersWrite Permission = "dead_letters:write"

	PlatformUsers Permission = "platform:users" // find, suspend, restore and impersonate anybody
)

// lasting permissions change who belongs to an organization, what members may do, what it decides
// for them, or which past deliveries are repeated.
var lasting = []Permission{
	OrganizationsWrite, OrganizationsDelete, MembersWrite, TeamsWrite, RolesWrite, RolesApprove, ServiceAccountsWrite,
	DomainsWrite, PurposesWrite, ProvisioningWrite, RetentionWrite, DeadLettersWrite, DatasetsApprove, DatasetsGovern,
}

// Lasting reports whether what a permission allows outlives an impersonation, so that an
// impersonator must not do it.
func Lasting(p Permission) bool { return slices.Contains(lasting, p) }

// The built-in roles. PlatformAdmin is a flag of an account; an organization cannot grant it.
const (
	Owner             = "owner"
	Admin             = "admin"
	Analyst           = "analyst"
	Member            = "member"
	Viewer            = "viewer"
	ComplianceOfficer = "compliance_officer"
	PlatformAdmin     = "platform_admin"
)

var (
	viewer  = []Permission{OrganizationsRead, MembersRead, TeamsRead, DatasetsRead, ReportsRead}
	analyst = and(viewer, AnalyticsQuery, ReportsWrite)
	member  = and(analyst, DatasetsWrite, RetentionRead)
	officer = and(viewer, DatasetsApprove, DatasetsGovern, RolesRead, RolesApprove, ServiceAccountsRead, ConsentsRead, PurposesWrite, AuditRead, RetentionRead, RetentionWrite, DeadLettersRead)
	admin   = and(and(member, officer...), OrganizationsWrite, MembersWrite, TeamsWrite, RolesWrite, ServiceAccountsWrite, DomainsWrite, ProvisioningWrite, DeadLettersWrite)
	owner   = and(admin, OrganizationsDelete)
)

var builtIn = map[string][]Permission{
	Owner: owner, Admin: admin, Analyst: analyst, Member: member, Viewer: viewer, ComplianceOfficer: officer,
	PlatformAdmin: {DeadLettersRead, DeadLettersWrite, PlatformUsers},
}

func and(some []Permission, more ...Permission) []Permission {
	all := append(slices.Clone(some), more...)
	slices.Sort(all)
	return slices.Compact(all)
}

// BuiltIn lists the built-in roles of an organization, the most powerful first.
func BuiltIn() []string { return []string{Owner, Admin, ComplianceOfficer, Member, Analyst, Viewer} }

// IsBuiltIn reports whether a role is built in.
func IsBuiltIn(role string) bool { return builtIn[role] != nil }

// Permissions returns the permissions of a built-in role, sorted, or nil for any other role.
func Permissions(role string) []Permission { return slices.Clone(builtIn[role]) }

// Grantable lists, sorted, the permissions that an organization can put into custom roles: all but
// the platform's.
func Grantable() []Permission { return slices.Clone(owner) }

// RolesWith lists the built-in roles that have a permission, the most powerful first.
func RolesWith(p Permission) []string {
	return slices.DeleteFunc(append(BuiltIn(), PlatformAdmin), func(role string) bool { return !slices.Contains(builtIn[role], p) })
}
