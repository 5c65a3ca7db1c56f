package scim

// resourceTypes are all supported resource types.
var resourceTypes = []ResourceType{User, Group}

// ServiceProviderConfig describes which parts of the protocol are supported (RFC 7643 §5).
func ServiceProviderConfig() Resource {
	supported := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	return Resource{
		"schemas":        []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":          supported(true),
		"bulk":           map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":         map[string]any{"supported": true, "maxResults": MaxResults},
		"changePassword": supported(false),
		"sort":           supported(true),
		"etag":           supported(true),
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "primary": true, "specUri": "https://www.rfc-editor.org/info/rfc6750",
			"description": "An API key of a service account, with the scope provisioning:write, in the Authorization header",
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": BasePath + "/ServiceProviderConfig"},
	}
}

// ResourceTypes describes the resource types (RFC 7643 §6).
func ResourceTypes() (described []Resource) {
	for _, t := range resourceTypes {
		extensions := []any{}
		for _, extension := range t.Extensions {
			extensions = append(extensions, map[string]any{"schema": extension.ID, "required": false})
		}
		described = append(described, Resource{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"},
			"id":      t.Name, "name": t.Name, "description": t.Schema.Description, "endpoint": t.Endpoint,
			"schema": t.Schema.ID, "schemaExtensions": extensions,
			"meta": map[string]any{"resourceType": "ResourceType", "location": BasePath + "/ResourceTypes/" + t.Name},
		})
	}
	return described
}

// Schemas describes the schemas (RFC 7643 §7).
func Schemas() (described []Resource) {
	for _, t := range resourceTypes {
		for _, s := range append([]Schema{t.Schema}, t.Extensions...) {
			described = append(described, Resource{
				"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"},
				"id":      s.ID, "name": s.Name, "description": s.Description, "attributes": s.Attributes,
				"meta": map[string]any{"resourceType": "Schema", "location": BasePath + "/Schemas/" + s.ID},
			})
		}
	}
	return described
}
