package knative_test

import (
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	network "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	serving "knative.dev/serving/pkg/apis/serving/v1"

	"function/shared/function"
)

// end is one end of a connection: a pod, or an address outside of the cluster.
type end struct {
	labels    labels.Set
	namespace string
	address   string
}

const (
	component = "app.kubernetes.io/component"
	ours      = "aic-data"
	world     = "203.0.113.7"
)

func store(name string) end { return end{labels: labels.Set{"app": name}, namespace: ours} }

func selects(t *testing.T, selector *meta.LabelSelector, of labels.Set) bool {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(of)
}

// isAmong tells whether peers of a policy of ours hold an end; no peers are everybody.
func (e end) isAmong(t *testing.T, peers []network.NetworkPolicyPeer) bool {
	t.Helper()
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p network.NetworkPolicyPeer) bool {
		if p.IPBlock != nil {
			in := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(netip.MustParseAddr(e.address)) }
			return e.address != "" && in(p.IPBlock.CIDR) && !slices.ContainsFunc(p.IPBlock.Except, in)
		}
		if e.address != "" {
			return false
		}
		namespace := e.namespace == ours
		if p.NamespaceSelector != nil {
			namespace = selects(t, p.NamespaceSelector, labels.Set{"kubernetes.io/metadata.name": e.namespace})
		}
		return namespace && (p.PodSelector == nil || selects(t, p.PodSelector, e.labels))
	})
}

func holds(ports []network.NetworkPolicyPort, port int) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p network.NetworkPolicyPort) bool { return p.Port.IntValue() == port })
}

// allowed tells whether policies let a pod of ours connect, as far as its own side goes.
func allowed(t *testing.T, policies []*network.NetworkPolicy, from labels.Set, to end, port int) bool {
	t.Helper()
	return slices.ContainsFunc(policies, func(p *network.NetworkPolicy) bool {
		return selects(t, &p.Spec.PodSelector, from) && slices.ContainsFunc(p.Spec.Egress, func(r network.NetworkPolicyEgressRule) bool {
			return to.isAmong(t, r.To) && holds(r.Ports, port)
		})
	})
}

// pods are the labels of each function's pods, by service.
func pods(t *testing.T) map[string]labels.Set {
	t.Helper()
	all := map[string]labels.Set{}
	for _, s := range of[*serving.Service](render(t, "base")) {
		all[s.Name] = labels.Merge(s.Spec.Template.Labels, labels.Set{"serving.knative.dev/service": s.Name})
	}
	return all
}

// dependency is what a setting has functions connect to.
type dependency struct {
	to   end
	port int
	from string // components, or one service
}

const everyDomain = "users datasets analytics compliance platform"

// dependencies are those of each setting that names somebody to talk to.
var dependencies = map[string][]dependency{
	"USERS_DATABASE_URL":     {{end{labels: labels.Set{"app": "postgresql"}, namespace: "aic-platform"}, 5432, "users compliance platform"}},
	"DATASETS_DATABASE_URL":  {{end{labels: labels.Set{"app": "postgresql"}, namespace: "aic-platform"}, 5432, "datasets platform users"}},
	"ANALYTICS_DATABASE_URL": {{end{labels: labels.Set{"app": "postgresql"}, namespace: "aic-platform"}, 5432, "analytics platform users"}},
	"IDENTITY_DATABASE_URL":  {{end{labels: labels.Set{"app": "postgresql"}, namespace: "aic-platform"}, 5432, everyDomain}},
	"CATALOG_DATABASE_URL":   {{end{labels: labels.Set{"app": "postgresql"}, namespace: "aic-platform"}, 5432, "analytics"}},
	"READER_DATABASE_URL":    {{end{labels: labels.Set{"app": "postgresql"}, namespace: "aic-platform"}, 5432, "analytics"}},
	"MONGODB_URL":            {{store("mongodb"), 27017, "users"}},
	"REDIS_URL":              {{store("redis"), 6379, everyDomain}},
	"K_SINK":                 {{end{namespace: "knative-eventing"}, 8080, everyDomain}},
	"STORAGE_LOCAL_URL":      {{store("object-storage"), 7070, "datasets analytics"}, {end{address: world}, 443, "datasets analytics"}},
	"KEY_ENCRYPTION_KEY_URL": {{end{address: world}, 443, "users datasets analytics platform"}},
	"PASSWORD_RANGE_URL":     {{end{address: world}, 443, "users"}},
	"OIDC_ISSUERS":           {{end{address: world}, 443, everyDomain}, {end{address: "2001:db8::7"}, 443, everyDomain}},
	"SMTP_URL":               {{end{address: world}, 25, "users-send-mail"}, {end{address: world}, 465, "users-send-mail"}, {end{address: world}, 587, "users-send-mail"}},
	"SERVICES_DOMAIN":        {{end{namespace: "kourier-system"}, 8081, "gateway"}},
	"PUBLIC_URL":             {}, // is written into mails
}

func TestFunctionsReachWhatTheirSettingsName(t *testing.T) {
	t.Parallel()
	config := reflect.TypeFor[function.Config]()
	for i := range config.NumField() {
		name, _, _ := strings.Cut(config.Field(i).Tag.Get("env"), ",")
		if _, known := dependencies[name]; strings.HasSuffix(name, "_URL") && !known {
			t.Errorf("%s is not among the dependencies: who connects to what it names?", name)
		}
	}
	policies, all := of[*network.NetworkPolicy](render(t, "base")), pods(t)
	for name, needed := range dependencies {
		for _, d := range needed {
			reached := 0
			for service, pod := range all {
				if !slices.Contains(strings.Fields(d.from), pod[component]) && d.from != service {
					continue
				}
				if reached++; !allowed(t, policies, pod, d.to, d.port) {
					t.Errorf("%s may not connect to %+v at %d, as %s has it", service, d.to, d.port, name)
				}
			}
			if reached == 0 {
				t.Errorf("%s: no pods of %s", name, d.from)
			}
		}
	}
}

func TestNoFunctionReachesMetadataOrTheCluster(t *testing.T) {
	t.Parallel()
	policies := of[*network.NetworkPolicy](render(t, "base"))
	for service, pod := range pods(t) {
		for _, address := range []string{"169.254.169.254", "10.96.0.1", "fd00:ec2::254"} {
			if allowed(t, policies, pod, end{address: address}, 443) || allowed(t, policies, pod, end{address: address}, 80) {
				t.Errorf("%s may connect to %s", service, address)
			}
		}
	}
}

// A store lets in who may connect to it, and nobody else.
func TestStoresLetInWhomTheyServe(t *testing.T) {
	t.Parallel()
	policies, all := of[*network.NetworkPolicy](render(t, "base")), pods(t)
	stores, err := os.ReadDir("stores")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range stores {
		name := entry.Name()
		if name == "postgresql" {
			continue // its namespace is not ours
		}
		for _, p := range of[*network.NetworkPolicy](render(t, "stores/"+name)) {
			port := int(p.Spec.Ingress[0].Ports[0].Port.IntVal)
			for service, pod := range all {
				lets := slices.ContainsFunc(p.Spec.Ingress, func(r network.NetworkPolicyIngressRule) bool {
					return (end{labels: pod, namespace: ours}).isAmong(t, r.From) && holds(r.Ports, port)
				})
				if reaches := allowed(t, policies, pod, store(name), port); lets != reaches {
					t.Errorf("%s lets %s in: %t; %s may connect to it: %t", name, service, lets, service, reaches)
				}
			}
		}
	}
}
