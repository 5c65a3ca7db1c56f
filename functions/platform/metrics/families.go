package metrics

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"function/shared/database"
	"function/shared/metrics"
)

type kind int

const (
	counter kind = iota
	gauge
	histogram
)

// suffixes lists the suffixes of the sample names of each kind.
var suffixes = map[kind][]string{counter: {""}, gauge: {""}, histogram: {"_sum", "_count", "_bucket"}}

// family is one metric.
type family struct {
	name, help string
	kind       kind
	labels     []string // names
	// initial lists the series that each database reports from the start, at zero.
	initial map[database.Name][]metrics.Labels
}

// unlabeled is the single series of a family without labels.
var unlabeled = []metrics.Labels{{}}

// families are the metrics that the platform exposes.
var families = []family{
	{
		name: "user_registrations_total", help: "Accounts registered.", kind: counter,
		initial: map[database.Name][]metrics.Labels{database.Users: unlabeled},
	},
	{
		name: "user_sessions_active", help: "Sessions that have neither ended nor expired.", kind: gauge,
		initial: map[database.Name][]metrics.Labels{database.Users: unlabeled},
	},
	{
		name: "audit_unsealed_seconds", help: "Age of the oldest audit entry that is not chained yet. Minutes indicate that platform-seal-audit fails.", kind: gauge, labels: []string{"trail"},
		initial: map[database.Name][]metrics.Labels{
			database.Users: {{"trail": "users"}}, database.Datasets: {{"trail": "datasets"}}, database.Analytics: {{"trail": "analytics"}},
		},
	},
	{
		name: "outbox_oldest_seconds", help: "Age of the oldest event that the broker has not confirmed yet. Minutes indicate that the broker or platform-outbox-relay fails.", kind: gauge, labels: []string{"database"},
		initial: map[database.Name][]metrics.Labels{
			database.Users: {{"database": string(database.Users)}}, database.Datasets: {{"database": string(database.Datasets)}}, database.Analytics: {{"database": string(database.Analytics)}},
		},
	},
	{
		name: "dead_letters", help: "Events that could not be delivered and have not been sent again since, by type.", kind: gauge, labels: []string{"event_type"},
	},
	{
		name: "database_connections", help: "Connections to the database, by all clients.", kind: gauge, labels: []string{"database"},
	},
	{
		name: "database_connections_max", help: "Maximum number of connections to the database's server, for all its databases.", kind: gauge, labels: []string{"database"},
	},
	{
		name: "database_size_bytes", help: "Size of the database on disk.", kind: gauge, labels: []string{"database"},
	},
	{
		name: "user_logins_total", help: "Logins, by result. Locked ones were refused unchecked because of earlier failures.", kind: counter, labels: []string{"result"},
		initial: map[database.Name][]metrics.Labels{database.Users: {{"result": "success"}, {"result": "failure"}, {"result": "locked"}}},
	},
	{
		name: "user_lockouts_total", help: "Accounts, network addresses, and pairs of them that had to wait after failed logins.", kind: counter, labels: []string{"scope"},
		initial: map[database.Name][]metrics.Labels{database.Users: {{"scope": "account"}, {"scope": "address"}, {"scope": "pair"}}},
	},
	{
		name: "user_mfa_total", help: "Second factors and step-up proofs, by method and result.", kind: counter, labels: []string{"method", "result"},
		initial: map[database.Name][]metrics.Labels{database.Users: {
			{"method": "totp", "result": "accepted"}, {"method": "totp", "result": "refused"},
			{"method": "passkey", "result": "accepted"}, {"method": "passkey", "result": "refused"},
			{"method": "recovery_code", "result": "accepted"}, {"method": "recovery_code", "result": "refused"},
			{"method": "password", "result": "accepted"}, {"method": "password", "result": "refused"},
		}},
	},
	{
		name: "password_hashes_waited_total", help: "Password hashes that waited for a processor.", kind: counter,
		initial: map[database.Name][]metrics.Labels{database.Users: unlabeled},
	},
	{
		name: "password_hashes_refused_total", help: "Password hashes that were refused because too many were waiting.", kind: counter,
		initial: map[database.Name][]metrics.Labels{database.Users: unlabeled},
	},
	{
		name: "datasets_total", help: "Data sets that exist now, by status.", kind: gauge, labels: []string{"status"},
		initial: map[database.Name][]metrics.Labels{
			database.Datasets: {{"status": "draft"}, {"status": "processing"}, {"status": "ready"}, {"status": "failed"}},
		},
	},
	{
		name: "data_freshness_missed_total", help: "Times at which a data set became older than its contract allows.", kind: counter,
		initial: map[database.Name][]metrics.Labels{database.Datasets: unlabeled},
	},
	{
		name: "data_replication_lag_seconds", help: "Age of the oldest object without a verified copy in the backup of its storage type; 0 if every object has one.", kind: gauge,
		initial: map[database.Name][]metrics.Labels{database.Datasets: unlabeled},
	},
	{
		name: "data_retired_copies", help: "Copies of objects in stores that are no longer configured as backups.", kind: gauge,
		initial: map[database.Name][]metrics.Labels{database.Datasets: unlabeled},
	},
	{
		name: "data_archived_versions", help: "Versions of data sets in the archive.", kind: gauge,
		initial: map[database.Name][]metrics.Labels{database.Datasets: unlabeled},
	},
	{
		name: "data_archived_bytes", help: "Stored bytes of the versions in the archive.", kind: gauge,
		initial: map[database.Name][]metrics.Labels{database.Datasets: unlabeled},
	},
	{
		name: "keys_to_rewrap", help: "Data keys that the current key encryption key has not wrapped, as far as is known; 0 before the first rotation.", kind: gauge, labels: []string{"database"},
	},
	{
		name: "data_backup_reads_total", help: "Reads of objects that the backup served because the primary store failed, by storage type.", kind: counter, labels: []string{"storage_type"},
		initial: map[database.Name][]metrics.Labels{
			database.Datasets: {{"storage_type": "local"}, {"storage_type": "s3"}, {"storage_type": "gcs"}, {"storage_type": "azure"}},
		},
	},
	{
		name: "data_processing_jobs_duration", help: "Seconds that jobs took, by job and outcome.", kind: histogram, labels: []string{"job", "outcome"},
		initial: map[database.Name][]metrics.Labels{
			database.Datasets:  {{"job": "profile", "outcome": "ready"}, {"job": "profile", "outcome": "failed"}},
			database.Analytics: {{"job": "report", "outcome": "succeeded"}, {"job": "report", "outcome": "failed"}},
		},
	},
	{
		name: "analytics_queries_total", help: "Queries run, by database and outcome.", kind: counter, labels: []string{"database", "outcome"},
		initial: map[database.Name][]metrics.Labels{
			database.Analytics: {{"database": "datasets", "outcome": "succeeded"}, {"database": "postgresql", "outcome": "succeeded"}},
		},
	},
	{
		name: "analytics_dashboard_views", help: "Dashboard views.", kind: counter,
		initial: map[database.Name][]metrics.Labels{database.Analytics: unlabeled},
	},
}

var databaseUp = prometheus.NewDesc("aic_database_up", "Whether the database responded to this scrape. If not, its metrics are absent.", []string{"database"}, nil)

// collector converts samples to the metrics of the families. It implements prometheus.Collector.
type collector samples

// Describe implements prometheus.Collector. It describes nothing, because the metrics depend on
// which databases respond.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for name, up := range c.up {
		value := 0.0
		if up {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(databaseUp, prometheus.GaugeValue, value, string(name))
	}
	for _, f := range families {
		f.collect(samples(c), out)
	}
}

// series is one time series: a number or the parts of a histogram.
type series struct {
	labels     []string // values, in the order of the family's labels
	value      float64
	sum, count float64
	buckets    map[float64]uint64 // cumulative, by upper bound
}

func (f family) collect(from samples, out chan<- prometheus.Metric) {
	all := map[string]*series{}
	at := func(labels metrics.Labels) *series {
		values := make([]string, len(f.labels))
		for i, name := range f.labels {
			values[i] = strings.ToValidUTF8(labels[name], "")
		}
		key := strings.Join(values, "\xff")
		if all[key] == nil {
			all[key] = &series{labels: values, buckets: emptyBuckets()}
		}
		return all[key]
	}
	for name, initial := range f.initial {
		for _, labels := range initial {
			if from.up[name] {
				at(labels)
			}
		}
	}
	for _, s := range from.list {
		suffix, ours := strings.CutPrefix(s.Name, f.name)
		if ours && slices.Contains(suffixes[f.kind], suffix) {
			at(s.Labels).add(suffix, s)
		}
	}
	desc := prometheus.NewDesc(f.name, f.help, f.labels, nil)
	for _, s := range all {
		out <- s.metric(desc, f.kind)
	}
}

func emptyBuckets() map[float64]uint64 {
	buckets := map[float64]uint64{}
	for _, bound := range metrics.Buckets {
		buckets[bound] = 0
	}
	return buckets
}

func (s *series) add(suffix string, from sample) {
	switch suffix {
	case "":
		s.value += from.Value
	case "_sum":
		s.sum += from.Value
	case "_count":
		s.count += from.Value
	case "_bucket":
		if bound, err := strconv.ParseFloat(from.Labels["le"], 64); err == nil {
			s.buckets[bound] += uint64(from.Value)
		}
	}
}

func (s *series) metric(desc *prometheus.Desc, k kind) prometheus.Metric {
	switch k {
	case gauge:
		return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, s.value, s.labels...)
	case histogram:
		return prometheus.MustNewConstHistogram(desc, uint64(s.count), s.sum, s.buckets, s.labels...)
	default:
		return prometheus.MustNewConstMetric(desc, prometheus.CounterValue, s.value, s.labels...)
	}
}
