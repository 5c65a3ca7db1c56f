package scimusers

import (
	"maps"

	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
)

// maxAttributes limits the size of a person's stored attributes in bytes.
const maxAttributes = 64 << 10

// columns are the stored columns of a person's attributes.
type columns struct {
	attributes, userName, external []byte
	emails                         [][]byte
}

// columns seals a normalized resource, without the attributes that the service provider sets.
func (f *Function) columns(r scim.Resource, key []byte) (c columns, err error) {
	stored := maps.Clone(r)
	for _, own := range []string{"active", "groups", "id", "meta", "schemas"} {
		delete(stored, own)
	}
	if c.attributes, err = provisioning.SealAttributes(key, stored); err != nil {
		return c, err
	}
	if len(c.attributes) > maxAttributes {
		return c, scim.BadRequest(scim.InvalidValue, "A user can have at most %d KiB of attributes", maxAttributes>>10)
	}
	userName, _ := r["userName"].(string)
	c.userName = f.userNameIndex(userName)
	if external, ok := r["externalId"].(string); ok && external != "" {
		c.external = f.store.Keeper.BlindIndex(externalIndex, external)
	}
	c.emails = [][]byte{}
	emails, _ := r["emails"].([]any)
	for _, e := range emails {
		object, _ := e.(map[string]any)
		if value, ok := object["value"].(string); ok {
			c.emails = append(c.emails, person.EmailIndex(f.store.Keeper, value))
		}
	}
	return c, nil
}

const maxName = 100 // characters

// nameOf returns the name for the person's account, which needs at least a first name.
func nameOf(r scim.Resource) (n person.Name) {
	name, _ := r["name"].(map[string]any)
	n.FirstName, _ = name["givenName"].(string)
	n.LastName, _ = name["familyName"].(string)
	for _, instead := range []string{"displayName", "userName"} {
		if n.FirstName+n.LastName == "" {
			n.FirstName, _ = r[instead].(string)
		}
	}
	n.FirstName, n.LastName = printable(n.FirstName), printable(n.LastName)
	return n
}

// printable reduces a name to what accounts allow.
func printable(name string) string {
	var kept []rune
	for _, r := range name {
		if person.IsVisible(r) && len(kept) < maxName {
			kept = append(kept, r)
		}
	}
	return string(kept)
}
