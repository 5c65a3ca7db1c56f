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

// Operation is one HTTP operation of a function. What follows from its path and from
// who may call it (tag, error answers, security) is derived.
type Operation struct {
	huma.Operation             // as OpenAPI describes it
	Need           policy.Need // of the caller
	IsSensitive    bool        // see [Operation.Sensitive]
	IsClusterLocal bool        // see [Operation.ClusterLocal]
	TakesAnyQuery  bool        // see [Operation.AnyQuery]
	OfOthers       bool        // see [Operation.AnyOrganization]

	Request reflect.Type // what its handler takes; set by [On]
}

// Access is who may call an operation: a policy.Need, or a policy.Permission.
type Access interface{ Need() policy.Need }

// Get declares GET on a path in the syntax of http.ServeMux. The identifier is
// unique in the catalog and begins with the domain; the summary is what a list of
// operations shows.
func Get(id, path, summary string, access Access) Operation {
	return operation(http.MethodGet, id, path, summary, access)
}

// Post declares POST, as [Get] does GET.
func Post(id, path, summary string, access Access) Operation {
	return operation(http.MethodPost, id, path, summary, access)
}

// Put declares PUT, as [Get] does GET.
func Put(id, path, summary string, access Access) Operation {
	return operation(http.MethodPut, id, path, summary, access)
}

// Patch declares PATCH, as [Get] does GET.
func Patch(id, path, summary string, access Access) Operation {
	return operation(http.MethodPatch, id, path, summary, access)
}

// Delete declares DELETE, as [Get] does GET.
func Delete(id, path, summary string, access Access) Operation {
	return operation(http.MethodDelete, id, path, summary, access)
}

func operation(method, id, path, summary string, access Access) Operation {
	need := access.Need()
	if method != http.MethodGet && policy.Lasting(need.Permission) && !need.Fresh && !need.ServiceAccount {
		need = need.WithoutImpersonation() // what outlives an impersonation is the person's own
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

// tags of the domains, which differ from the identifier's first word.
var tags = map[string]string{"datasets": "Data sets"}

func tagOf(id string) string {
	domain, _, _ := strings.Cut(id, "-")
	if tag, ok := tags[domain]; ok {
		return tag
	}
	return strings.ToUpper(domain[:1]) + domain[1:]
}

// Describe says in the API's description what the summary does not. Who may call the
// operation is added to it, see [Operation.Text].
func (o Operation) Describe(text string) Operation {
	o.Description = text
	return o
}

// Text is the operation's description, with the built-in roles that may call it.
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

// Tagged lists the operation under a heading other than its domain's.
func (o Operation) Tagged(tag string) Operation {
	o.Tags = []string{tag}
	return o
}

// Fails names faults that do not follow from the path and the access, such as
// fault.Conflict.
func (o Operation) Fails(kinds ...fault.Kind) Operation {
	o.Errors = slices.Clone(o.Errors)
	for _, kind := range kinds {
		if status := kind.Status(); !slices.Contains(o.Errors, status) {
			o.Errors = append(o.Errors, status)
		}
	}
	return o
}

// Status is the status of success where it is neither 200 nor, without a body, 204.
func (o Operation) Status(status int) Operation {
	o.DefaultStatus = status
	return o
}

// Answers describes answers by status, beside those that follow from the response type.
func (o Operation) Answers(responses map[string]*huma.Response) Operation {
	o.Responses = maps.Clone(o.Responses)
	if o.Responses == nil {
		o.Responses = map[string]*huma.Response{}
	}
	maps.Copy(o.Responses, responses)
	return o
}

// Takes describes a body that the operation reads itself, or that is larger than the
// default; maxBytes zero is the default.
func (o Operation) Takes(body *huma.RequestBody, maxBytes int64) Operation {
	o.RequestBody, o.MaxBodyBytes = body, maxBytes
	return o
}

// Sensitive marks an operation that tests or makes a secret, or sends mail: besides
// the limits of every operation it has a stricter one of its own, for each network
// address and each caller (RATE_LIMITS: guarded).
func (o Operation) Sensitive() Operation {
	o.IsSensitive = true
	return o
}

// ClusterLocal marks an operation for programs inside the cluster, reached by the name
// of the function's Service: no route leads to it.
func (o Operation) ClusterLocal() Operation {
	o.IsClusterLocal = true
	return o
}

// AnyQuery marks an operation whose protocol has it ignore unknown query parameters.
func (o Operation) AnyQuery() Operation {
	o.TakesAnyQuery = true
	return o
}

// AnyOrganization marks an operation under [OrganizationPath] that its caller may ask for
// without acting in the organization, such as leaving it.
func (o Operation) AnyOrganization() Operation {
	o.OfOthers = true
	return o
}

// OrganizationPath begins the path of what belongs to an organization. Of such an
// operation the runtime sees to it that {id} is the organization that the caller acts in:
// every other one is 404, and the attempt is in the caller's own trail.
const OrganizationPath = "/v1/organizations/{id}"

// IsTenants tells whether the operation is about the caller's organization alone.
func (o Operation) IsTenants() bool {
	return strings.HasPrefix(o.Path, OrganizationPath) && !o.Need.Public && !o.OfOthers
}

// Bearer is the name of the security scheme in the API's description.
const Bearer = "bearer"

// securityOf says a need in OpenAPI's terms: the words beside "bearer" are the
// permission and the conditions.
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
