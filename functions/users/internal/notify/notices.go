package notify

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"function/shared/fault"
	"function/shared/mail"
)

// notice is a mail that another domain requests (events.NoticeRequested). {name} in its text
// is a parameter, which must be an identifier or a number, so that nobody can use it to mail
// text of their own.
type notice struct{ subject, text string }

var notices = map[string]notice{
	"report_failed": {"A report failed", `A run of one of your organization's reports failed and will not be retried. To see why:

GET /v1/analytics/reports/{report_id}/runs/{run_id}

Correct the report's query, or start another run:

POST /v1/analytics/reports/{report_id}/run`},
	"dataset_failed": {"A data set could not be processed", `Version {version} of one of your organization's data sets could not be processed. Queries read
the previous version, if there is one. To see why:

GET /v1/datasets/{dataset_id}

Correct the file and upload it again.`},
	"dataset_blocked": {"A version of a data set is blocked by its contract", `Version {version} of one of your organization's data sets fails its contract. Queries read the
previous version, if there is one. To see which rules failed, and where the failing rows are:

GET /v1/datasets/{dataset_id}/quality/{version}

Correct the file and upload it again, or ask a person who may approve changes to accept the version.`},
	"dataset_late": {"A data set is older than its contract allows", `One of your organization's data sets has no version as new as its contract promises. To see the
promise and the versions:

GET /v1/datasets/{dataset_id}/contract
GET /v1/datasets/{dataset_id}/versions

Upload a new version, or change the freshness in the contract.`},
}

var (
	placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)
	safeParam   = regexp.MustCompile(`^[0-9a-fA-F-]{1,40}$`)
)

// Notice fills the parameters into the text of a notice. All recipients get the same text.
func Notice(name string, params map[string]string) (write func(to string) mail.Message, err error) {
	n, ok := notices[name]
	if !ok {
		return nil, fault.New(fault.Invalid, "There is no notice %q. The notices are %s", name, strings.Join(slices.Sorted(maps.Keys(notices)), ", "))
	}
	wanted := map[string]bool{}
	for _, match := range placeholder.FindAllStringSubmatch(n.text, -1) {
		wanted[match[1]] = true
	}
	for param := range wanted {
		if !safeParam.MatchString(params[param]) {
			return nil, fault.New(fault.Invalid, "The notice %s needs %s, which is an identifier or a number", name, param)
		}
	}
	for param := range params {
		if !wanted[param] {
			return nil, fault.New(fault.Invalid, "The notice %s has no parameter %q", name, param)
		}
	}
	text := placeholder.ReplaceAllStringFunc(n.text, func(p string) string { return params[strings.Trim(p, "{}")] })
	return func(to string) mail.Message { return message(to, n.subject, "%s", text) }, nil
}
