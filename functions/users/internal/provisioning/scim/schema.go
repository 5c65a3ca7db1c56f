package scim

import (
	"slices"
	"strings"
)

// Attribute describes one attribute (RFC 7643 §7).
type Attribute struct {
	Name            string      `json:"name"`
	Type            string      `json:"type"`
	MultiValued     bool        `json:"multiValued"`
	Description     string      `json:"description"`
	Required        bool        `json:"required"`
	CaseExact       bool        `json:"caseExact"`
	Mutability      string      `json:"mutability"`
	Returned        string      `json:"returned"`
	Uniqueness      string      `json:"uniqueness"`
	CanonicalValues []string    `json:"canonicalValues,omitempty"`
	ReferenceTypes  []string    `json:"referenceTypes,omitempty"`
	SubAttributes   []Attribute `json:"subAttributes,omitempty"`
}

// Attribute types (RFC 7643 §2.3).
const (
	text        = "string"
	boolean     = "boolean"
	dateTime    = "dateTime"
	reference   = "reference"
	complexType = "complex"
)

// Schema is a named set of attributes.
type Schema struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Attributes  []Attribute `json:"attributes"`
}

// ResourceType is a kind of resource (RFC 7643 §6).
type ResourceType struct {
	Name       string
	Endpoint   string
	Schema     Schema
	Extensions []Schema
}

// BasePath is the path under which the resource types are served.
const BasePath = "/scim/v2"

// Location returns the path of a resource. Responses put the requested host in front of it
// ([Base]).
func (t ResourceType) Location(id string) string { return BasePath + t.Endpoint + "/" + id }

func attribute(name, kind, description string) Attribute {
	return Attribute{Name: name, Type: kind, Description: description, Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
}

func (a Attribute) required() Attribute { a.Required = true; return a }
func (a Attribute) readOnly() Attribute { a.Mutability = "readOnly"; return a }
func (a Attribute) exact() Attribute    { a.CaseExact = true; return a }
func (a Attribute) unique() Attribute   { a.Uniqueness = "server"; return a }
func (a Attribute) to(types ...string) Attribute {
	a.ReferenceTypes = types
	return a
}

func complexAttribute(name, description string, sub ...Attribute) Attribute {
	a := attribute(name, complexType, description)
	a.SubAttributes = sub
	return a
}

// multiValued returns a multi-valued attribute with the sub-attributes of RFC 7643 §2.4.
func multiValued(name, description string, types ...string) Attribute {
	kind := attribute("type", text, "The purpose of the value")
	kind.CanonicalValues = types
	a := complexAttribute(name, description, attribute("value", text, "The value"), attribute("display", text, "The human-readable value"),
		kind, attribute("primary", boolean, "Whether this is the preferred value"))
	a.MultiValued = true
	return a
}

func textAttributes(describe ...string) (attributes []Attribute) {
	for i := 0; i+1 < len(describe); i += 2 {
		attributes = append(attributes, attribute(describe[i], text, describe[i+1]))
	}
	return attributes
}

// common attributes belong to every resource (RFC 7643 §3.1).
var common = []Attribute{
	attribute("id", text, "Identifier here").readOnly().exact().unique(),
	attribute("externalId", text, "Identifier in the provisioning system").exact(),
	complexAttribute("meta", "About the resource",
		attribute("resourceType", text, "").readOnly().exact(), attribute("created", dateTime, "").readOnly(),
		attribute("lastModified", dateTime, "").readOnly(), attribute("location", reference, "").readOnly().exact(),
		attribute("version", text, "").readOnly().exact()).readOnly(),
}

// The schemas of resources (RFC 7643 §8.7).
const (
	UserSchema       = "urn:ietf:params:scim:schemas:core:2.0:User"
	EnterpriseSchema = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	GroupSchema      = "urn:ietf:params:scim:schemas:core:2.0:Group"
)

// User is a person.
var User = ResourceType{
	Name: "User", Endpoint: "/Users",
	Schema: Schema{ID: UserSchema, Name: "User", Description: "A person", Attributes: append([]Attribute{
		attribute("userName", text, "The person's name in the organization").required().unique(),
		complexAttribute("name", "The parts of the person's name", textAttributes("formatted", "The full name", "familyName", "", "givenName", "", "middleName", "",
			"honorificPrefix", "", "honorificSuffix", "")...),
		attribute("profileUrl", reference, "A page about the person").to("external"),
		attribute("active", boolean, "Whether the person may act in the organization"),
		multiValued("emails", "Email addresses; the account is found by the primary or else the first one", "work", "home", "other"),
		multiValued("phoneNumbers", "Telephone numbers", "work", "home", "mobile", "fax", "pager", "other"),
		multiValued("ims", "Instant messaging addresses"),
		multiValued("photos", "URLs of pictures", "photo", "thumbnail"),
		addresses,
		multiValued("entitlements", "The person's entitlements outside of this service"),
		multiValued("roles", "Roles outside of this service; they grant no rights here"),
		userGroups,
	}, textAttributes("displayName", "The displayed name", "nickName", "", "title", "The person's position", "userType", "",
		"preferredLanguage", "As in Accept-Language", "locale", "", "timezone", "Name in the IANA time zone database")...)},
	Extensions: []Schema{{ID: EnterpriseSchema, Name: "EnterpriseUser", Description: "Enterprise attributes of a person", Attributes: append([]Attribute{
		complexAttribute("manager", "The person's manager", attribute("value", text, "Identifier of the manager").exact(), attribute("$ref", reference, "").to("User"),
			attribute("displayName", text, "").readOnly()),
	}, textAttributes("employeeNumber", "", "costCenter", "", "organization", "", "division", "", "department", "")...)}},
}

var addresses = func() Attribute {
	a := multiValued("addresses", "Postal addresses", "work", "home", "other")
	a.SubAttributes = append(textAttributes("formatted", "", "streetAddress", "", "locality", "", "region", "", "postalCode", "", "country", "ISO 3166-1 alpha-2"), a.SubAttributes[2:]...)
	return a
}()

var userGroups = func() Attribute {
	a := complexAttribute("groups", "The groups that the person belongs to", attribute("value", text, "").readOnly().exact(), attribute("display", text, "").readOnly()).readOnly()
	a.MultiValued = true
	return a
}()

// Group is a team.
var Group = ResourceType{
	Name: "Group", Endpoint: "/Groups",
	Schema: Schema{ID: GroupSchema, Name: "Group", Description: "A team", Attributes: []Attribute{
		attribute("displayName", text, "The team's name").required().unique(),
		members,
	}},
}

var members = func() Attribute {
	a := complexAttribute("members", "The members of the team", attribute("value", text, "Identifier of the person").exact(), attribute("$ref", reference, "").to("User"),
		attribute("type", text, "User"), attribute("display", text, "").readOnly())
	a.MultiValued = true
	return a
}()

// find returns the attribute with a name, ignoring case (RFC 7643 §2.1).
func find(attributes []Attribute, name string) (Attribute, bool) {
	for _, a := range attributes {
		if strings.EqualFold(a.Name, name) {
			return a, true
		}
	}
	return Attribute{}, false
}

// place is an attribute and its position in a resource.
type place struct {
	Attribute
	extension string // empty: the top level
}

// resolve finds a top-level attribute by its name and an optional schema. Attributes of
// extensions are also found without their schema, because Microsoft Entra ID queries managers
// like that.
func (t ResourceType) resolve(schema, name string) (place, bool) {
	if schema == "" || strings.EqualFold(schema, t.Schema.ID) {
		if a, ok := find(common, name); ok {
			return place{a, ""}, true
		}
		if a, ok := find(t.Schema.Attributes, name); ok || schema != "" {
			return place{a, ""}, ok
		}
	}
	for _, extension := range t.Extensions {
		if schema != "" && !strings.EqualFold(schema, extension.ID) {
			continue
		}
		if a, ok := find(extension.Attributes, name); ok {
			return place{a, extension.ID}, true
		}
	}
	return place{}, false
}

// extension finds an extension by its identifier.
func (t ResourceType) extension(id string) (Schema, bool) {
	for _, extension := range t.Extensions {
		if strings.EqualFold(extension.ID, id) {
			return extension, true
		}
	}
	return Schema{}, false
}

// foreign reports whether a path names a schema that the resource type does not have.
func (t ResourceType) foreign(path string) bool {
	path = strings.ToLower(path)
	of := func(s Schema) bool { return strings.HasPrefix(path, strings.ToLower(s.ID)) }
	return strings.HasPrefix(path, "urn:") && !of(t.Schema) && !slices.ContainsFunc(t.Extensions, of)
}

// Names lists the top-level attributes of the resource type's own schema.
func (t ResourceType) Names() (names []string) {
	for _, a := range t.Schema.Attributes {
		names = append(names, a.Name)
	}
	return names
}
