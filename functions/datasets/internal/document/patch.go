package document

// Patch applies a JSON Merge Patch (RFC 7396) to a document and returns the result. Both may share
// parts with it.
func Patch(document, patch map[string]any) map[string]any {
	patched := make(map[string]any, len(document))
	for name, member := range document {
		patched[name] = member
	}
	for name, change := range patch {
		switch change := change.(type) {
		case nil:
			delete(patched, name)
		case map[string]any:
			member, _ := patched[name].(map[string]any)
			patched[name] = Patch(member, change)
		default:
			patched[name] = change
		}
	}
	return patched
}
