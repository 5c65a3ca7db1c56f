package function

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/fault"
	"function/shared/policy"
)

// Operation is one HTTP operation of a function. Its tag, error responses and security follow from
// its path and from who may call it.
type Operation struct {
	huma.Operation                                     // the OpenAPI description
	Need           policy.Need                         // what the caller must have
	IsSensitive    bool                                // see [Operation.Sensitive]
	IsClusterLocal bool                                // see [Operation.ClusterLocal]
	TakesAnyQuery  bool                                // see [Operation.AnyQuery]
	OfOthers       bool                                // see [Operation.AnyOrganization]
	Protocol       http.Header                         // see [Operation.Speaks]
	ErrorMember    func(status int, detail string) any // see [Operation.RefusesWith]

	Request reflect.Type // the handler's input; set by [On]
}

// Access says who may call an operation: a policy.Need or a policy.Permission.
type Access interface{ Need() policy.Need }

// Get declares a GET operation. The path uses the syntax of http.ServeMux. The identifier is unique
// in the catalog and begins with the domain; the summary appears in lists of operations.
func Get(id, path, summary string, access Access) Operation {
	return operation(http.MethodGet, id, path, summary, access)
}

// Post declares a POST operation; see [Get].
func Post(id, path, summary string, access Access) Operation {
	return operation(http.MethodPost, id, path, summary, access)
}

// Put declares a PUT operation; see [Get].
func Put(id, path, summary string, access Access) Operation {
	return operation(http.MethodPut, id, path, summary, access)
}

// Patch declares a PATCH operation; see [Get].
func Patch(id, path, summary string, access Access) Operation {
	return operation(http.MethodPatch, id, path, summary, access)
}

// Delete declares a DELETE operation; see [Get].
func Delete(id, path, summary string, access Access) Operation {
	return operation(http.MethodDelete, id, path, summary, access)
}

// Head declares a HEAD operation; see [Get]. A GET operation answers HEAD too, unless there is one.
func Head(id, path, summary string, access Access) Operation {
	return operation(http.MethodHead, id, path, summary, access)
}

// Options declares an OPTIONS operation; see [Get].
func Options(id, path, summary string, access Access) Operation {
	return operation(http.MethodOptions, id, path, summary, access)
}

func operation(method, id, path, summary string, access Access) Operation {
	need := access.Need()
	if method != http.MethodGet && method != http.MethodHead && policy.Lasting(need.Permission) && !need.Fresh && !need.ServiceAccount {
		need = need.WithoutImpersonation() // changes that outlive an impersonation are reserved to the person
	}
	o := Operation{Need: need, Operation: huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tagOf(id)}, Security: securityOf(need),
	}}
	if !need.Public {
		o.Errors = append(o.Errors, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(path, "{") {
		o.Errors = append(o.Errors, http.StatusNotFound)
	}
	return o
}

// tags holds the tags that differ from the identifier's first word.
var tags = map[string]string{"datasets": "Data sets"}

func tagOf(id string) string {
	domain, _, _ := strings.Cut(id, "-")
	if tag, ok := tags[domain]; ok {
		return tag
	}
	return strings.ToUpper(domain[:1]) + domain[1:]
}

// Describe sets the operation's description. [Operation.Text] adds who may call the operation.
func (o Operation) Describe(text string) Operation {
	o.Description = text
	return o
}

// Text returns the description followed by the built-in roles that may call the operation.
func (o Operation) Text() string {
	var who string
	switch {
	case o.Need.Permission == "":
		return o.Description
	case o.Need.ServiceAccount:
		who = "Service accounts with " + string(o.Need.Permission) + "."
	default:
		who = "Roles: " + strings.Join(policy.RolesWith(o.Need.Permission), ", ") + "."
	}
	return strings.TrimPrefix(o.Description+"\n\n"+who, "\n\n")
}

// Tagged replaces the tag of the domain.
func (o Operation) Tagged(tag string) Operation {
	o.Tags = []string{tag}
	return o
}

// Fails adds faults that do not follow from the path and the access, such as fault.Conflict.
func (o Operation) Fails(kinds ...fault.Kind) Operation {
	o.Errors = slices.Clone(o.Errors)
	for _, kind := range kinds {
		if status := kind.Status(); !slices.Contains(o.Errors, status) {
			o.Errors = append(o.Errors, status)
		}
	}
	return o
}

// Status sets the success status if it is not 200, or 204 without a body.
func (o Operation) Status(status int) Operation {
	o.DefaultStatus = status
	return o
}

// Answers adds responses by status to those that follow from the response type.
func (o Operation) Answers(responses map[string]*huma.Response) Operation {
	o.Responses = maps.Clone(o.Responses)
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	maps.Copy(o.Responses, responses)
	return o
}

// Takes describes a body that the operation reads itself or that may exceed the default size. A
// maxBytes of zero keeps the default.
func (o Operation) Takes(body *huma.RequestBody, maxBytes int64) Operation {
	o.RequestBody, o.MaxBodyBytes = body, maxBytes
	return o
}

// Sensitive marks an operation that checks or creates a secret, or sends mail. It has a stricter
// rate limit per network address and per caller (RATE_LIMITS: guarded), in addition to the general
// limits.
func (o Operation) Sensitive() Operation {
	o.IsSensitive = true
	return o
}

// ClusterLocal marks an operation for programs inside the cluster. It has no public route; callers
// use the host name of the function's Service.
func (o Operation) ClusterLocal() Operation {
	o.IsClusterLocal = true
	return o
}

// AnyQuery marks an operation whose protocol requires it to ignore unknown query parameters.
func (o Operation) AnyQuery() Operation {
	o.TakesAnyQuery = true
	return o
}

// Speaks sets header fields that the protocol of the operation requires in every response,
// including refusals.
func (o Operation) Speaks(protocol http.Header) Operation {
	o.Protocol = protocol
	return o
}

// RefusesWith adds a member "error" to the problem details of every refusal, for a protocol whose clients look there.
func (o Operation) RefusesWith(member func(status int, detail string) any) Operation {
	o.ErrorMember = member
	return o
}

// AnyOrganization marks an operation under [OrganizationPath] that does not require the caller to
// act in that organization, such as leaving it.
func (o Operation) AnyOrganization() Operation {
	o.OfOthers = true
	return o
}

// OrganizationPath is the path prefix of an organization's resources. The runtime checks that {id}
// is the organization that the caller acts in. For any other, it answers 404 and records the
// attempt in the audit trail of the caller's organization.
const OrganizationPath = "/v1/organizations/{id}"

// IsTenantScoped reports whether the operation is limited to the caller's organization.
func (o Operation) IsTenantScoped() bool {
	return strings.HasPrefix(o.Path, OrganizationPath) && !o.Need.Public && !o.OfOthers
}

// Bearer is the name of the security scheme in the API description.
const Bearer = "bearer"

// securityOf renders a need as an OpenAPI security requirement. The scopes are the permission and
// the conditions.
func securityOf(need policy.Need) []map[string][]string {
	if need.Public {
		return nil
	}
	words := []string{}
	if need.Permission != "" {
		words = append(words, string(need.Permission))
	}
	for _, condition := range []struct {
		word string
		on   bool
	}{
		{"fresh", need.Fresh}, {"service_account", need.ServiceAccount},
		{"unready", need.AllowedBeforeSetup}, {"themselves", need.NoImpersonation},
	} {
		if condition.on {
			words = append(words, condition.word)
		}
	}
	return []map[string][]string{{Bearer: words}}
}
