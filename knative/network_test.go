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

// end is one end of a connection: a pod, or an address outside the cluster.
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

// isAmong reports whether the peers of a policy include an end. No peers mean everybody.
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

// allowed reports whether the policies of one of our pods allow a connection on its side.
func allowed(t *testing.T, policies []*network.NetworkPolicy, from labels.Set, to end, port int) bool {
	t.Helper()
	return slices.ContainsFunc(policies, func(p *network.NetworkPolicy) bool {
		return selects(t, &p.Spec.PodSelector, from) && slices.ContainsFunc(p.Spec.Egress, func(r network.NetworkPolicyEgressRule) bool {
			return to.isAmong(t, r.To) && holds(r.Ports, port)
		})
	})
}

// pods returns the labels of each function's pods, by service.
func pods(t *testing.T) map[string]labels.Set {
	t.Helper()
	all := map[string]labels.Set{}
	for _, s := range of[*serving.Service](render(t, "base")) {
		all[s.Name] = labels.Merge(s.Spec.Template.Labels, labels.Set{"serving.knative.dev/service": s.Name})
	}
	return all
}

// dependency is something that a setting makes functions connect to.
type dependency struct {
	to   end
	port int
}

var (
	databaseServer = dependency{end{labels: labels.Set{"app": "postgresql"}, namespace: "aic-platform"}, 5432}
	overHTTPS      = []dependency{{end{address: world}, 443}, {end{address: "2001:db8::7"}, 443}}
)

// storage is the bundled object storage, or one of a cloud.
var storage = append([]dependency{{store("object-storage"), 7070}}, overHTTPS...)

// dependencies lists the peers that each setting stands for. Exactly the functions with the setting
// can reach them.
var dependencies = map[string][]dependency{
	"USERS_DATABASE_URL":           {databaseServer},
	"DATASETS_DATABASE_URL":        {databaseServer},
	"ANALYTICS_DATABASE_URL":       {databaseServer},
	"IDENTITY_DATABASE_URL":        append([]dependency{databaseServer}, overHTTPS...), // and other issuers' keys (OIDC_ISSUERS)
	"CATALOG_DATABASE_URL":         {databaseServer},
	"READER_DATABASE_URL":          {databaseServer},
	"COMPLIANCE_DATABASE_URL":      {databaseServer},
	"DATASETS_AUDIT_DATABASE_URL":  {databaseServer},
	"ANALYTICS_AUDIT_DATABASE_URL": {databaseServer},
	"MONGODB_URL":                  {{store("mongodb"), 27017}},
	"REDIS_URL":                    {{store("redis"), 6379}},
	"SEARCH_URL":                   {{store("elasticsearch"), 9200}},
	"STORAGE_LOCAL_URL":            storage,
	"STORAGE_S3_URL":               storage,
	"STORAGE_GCS_URL":              storage,
	"STORAGE_AZURE_URL":            storage,
	"STORAGE_LOCAL_BACKUP_URL":     storage,
	"STORAGE_S3_BACKUP_URL":        storage,
	"STORAGE_GCS_BACKUP_URL":       storage,
	"STORAGE_AZURE_BACKUP_URL":     storage,
	"STORAGE_LOCAL_ARCHIVE_URL":    storage,
	"STORAGE_S3_ARCHIVE_URL":       storage,
	"STORAGE_GCS_ARCHIVE_URL":      storage,
	"STORAGE_AZURE_ARCHIVE_URL":    storage,
	"KEY_ENCRYPTION_KEY_URL":       overHTTPS,

	"PREVIOUS_KEY_ENCRYPTION_KEY_URL": overHTTPS,
	"SMTP_URL":                        {{end{address: world}, 25}, {end{address: world}, 465}, {end{address: world}, 587}},
}

// public lists settings that every function gets and that are not secret.
var public = map[string]string{
	"PASSWORD_RANGE_URL": "asked over HTTPS by functions that know their callers",
	"PUBLIC_URL":         "is written into mails",
}

// settings returns the settings that each function's pods get from secrets, by service.
func settings(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, s := range of[*serving.Service](render(t, "base")) {
		all[s.Name] = []string{}
		for _, env := range s.Spec.Template.Spec.Containers[0].Env {
			all[s.Name] = append(all[s.Name], env.Name)
		}
	}
	return all
}

func TestNetwork_Functions_ReachWhatTheirSettingsName(t *testing.T) {
	t.Parallel()
	config := reflect.TypeFor[function.Config]()
	for i := range config.NumField() {
		name, _, _ := strings.Cut(config.Field(i).Tag.Get("env"), ",")
		_, secret := dependencies[name]
		if _, told := public[name]; strings.HasSuffix(name, "_URL") && !secret && !told {
			t.Errorf("%s is not among the dependencies: who connects to what it names?", name)
		}
	}
	policies, all := of[*network.NetworkPolicy](render(t, "base")), pods(t)
	given := settings(t)
	for name, needed := range dependencies {
		for _, d := range needed {
			reached := 0
			for service, pod := range all {
				if slices.Contains(given[service], name) {
					if reached++; !allowed(t, policies, pod, d.to, d.port) {
						t.Errorf("%s may not connect to %+v at %d, as %s has it", service, d.to, d.port, name)
					}
				}
			}
			if reached == 0 {
				t.Errorf("%s: no pod has it", name)
			}
		}
	}
	for service, pod := range all {
		if slices.Contains(given[service], "IDENTITY_DATABASE_URL") {
			continue
		}
		for name, needed := range dependencies {
			for _, d := range needed {
				needs := slices.ContainsFunc(given[service], func(has string) bool {
					return slices.ContainsFunc(dependencies[has], func(other dependency) bool { return reflect.DeepEqual(other, d) })
				})
				if !needs && allowed(t, policies, pod, d.to, d.port) {
					t.Errorf("%s may connect to %+v at %d, which %s names and it does not have", service, d.to, d.port, name)
				}
			}
		}
	}
	broker, gateway := end{namespace: "knative-eventing"}, end{namespace: "kourier-system"}
	for service, pod := range all {
		owns := slices.ContainsFunc(given[service], func(name string) bool {
			return slices.Contains([]string{"USERS_DATABASE_URL", "DATASETS_DATABASE_URL", "ANALYTICS_DATABASE_URL", "COMPLIANCE_DATABASE_URL"}, name)
		})
		if allowed(t, policies, pod, broker, 8080) != owns {
			t.Errorf("%s owns a database: %t; it may publish events: %t", service, owns, !owns)
		}
		if isGateway := pod[component] == "gateway"; allowed(t, policies, pod, gateway, 8081) != isGateway {
			t.Errorf("%s is a gateway: %t; it may call functions: %t", service, isGateway, !isGateway)
		}
	}
}

func TestNetwork_MetadataAndClusterAddresses_AreUnreachable(t *testing.T) {
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

// A store accepts connections only from pods that may connect to it.
func TestNetwork_Stores_AcceptOnlyTheirClients(t *testing.T) {
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
