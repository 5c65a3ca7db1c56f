package dataset

import (
	"strings"

	"function/shared/fault"
)

// Condition says which state a document or an object must have to be changed (RFC 9110 §13.1).
type Condition struct {
	IfMatch     string `header:"If-Match" maxLength:"1000" doc:"ETag, or list of ETags, of what to change; *: any, if there is one"`
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"*: write only if nothing has this identifier or name yet"`
}

// Allows refuses the change of what has the ETag, which is empty if there is nothing.
func (c Condition) Allows(etag string) error {
	if c.IfNoneMatch != "" && etag != "" {
		return fault.New(fault.PreconditionFailed, "It is already there: leave out If-None-Match to replace it")
	}
	if c.IfMatch == "" {
		return nil
	}
	for tag := range strings.SplitSeq(c.IfMatch, ",") {
		if tag = strings.TrimSpace(tag); etag != "" && (tag == etag || tag == "*") {
			return nil
		}
	}
	return fault.New(fault.PreconditionFailed, "It has changed since you read it: read it again and repeat your change")
}
