package admin

import (
	"github.com/prometheus/client_golang/prometheus"
)

// namespace begins the name of each metric.
const namespace = "portcullis"

// collector makes metrics of a Source's snapshots.
type collector struct {
	source Source
	descriptions
}

// describe makes the description of a metric.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// descriptions are those of all that a collector collects.
type descriptions struct {
	build, draining, sockets, sessions                                  *prometheus.Desc
	transactions, statements, bytes                                     *prometheus.Desc
	logins, loginsInProgress, loginsQueued                              *prometheus.Desc
	refusals, timeouts, cancels, reloads, reloadedAt, audit, certExpiry *prometheus.Desc
	up, connections, connectionsMax, waiting, oldestWait, waits, waited *prometheus.Desc
	claims, dials, closed                                               *prometheus.Desc
}

func newCollector(source Source) *collector {
	return &collector{source, descriptions{
		build:    describe("build_info", "What runs; always 1.", "version", "go_version"),
		draining: describe("draining", "1 while the gateway waits for its sessions to end."),
		sockets:  describe("client_sockets", "Sockets of clients, logged in or not."),
		sessions: describe("sessions", "Sessions by database, pooling mode and what they do.", "database", "mode", "phase"),

		transactions: describe("transactions_total", "Transactions, implicit ones included, that have ended.", "database"),
		statements:   describe("statements_total", "Statements that clients have asked to be run.", "database"),
		bytes:        describe("client_bytes_total", "Bytes from clients (in) and to them (out), without what TLS adds.", "database", "direction"),

		logins:           describe("logins_total", "Logins by result; refused are those for whom there was no socket.", "result"),
		loginsInProgress: describe("logins_in_progress", "Clients in their handshake."),
		loginsQueued:     describe("logins_queued", "Clients that wait for their handshake to begin."),

		refusals:   describe("refusals_total", "Statements that were refused, by rule.", "rule"),
		timeouts:   describe("timeouts_total", "What has ended by a timeout.", "kind"),
		cancels:    describe("cancel_requests_total", "Cancel requests; dropped are those beyond the limit.", "result"),
		reloads:    describe("reloads_total", "Reloads of the configuration.", "result"),
		reloadedAt: describe("last_reload_timestamp_seconds", "When the configuration in use was loaded."),
		audit:      describe("audit_writable", "1 if the audit log takes events."),
		certExpiry: describe("certificate_expiry_timestamp_seconds", "When the listener's certificate ends."),

		up:             describe("datasource_up", "1 if the datasource was reached at the last attempt.", "database", "datasource"),
		connections:    describe("pool_connections", "Connections to a datasource by state.", "database", "datasource", "state"),
		connectionsMax: describe("pool_connections_max", "Connections that a pool may have, without its reserve.", "database", "datasource"),
		waiting:        describe("pool_waiting", "Sessions that wait for a connection.", "database", "datasource"),
		oldestWait:     describe("pool_oldest_wait_seconds", "How long the first of them waits.", "database", "datasource"),
		waits:          describe("pool_waits_total", "Claims that had to wait.", "database", "datasource"),
		waited:         describe("pool_wait_seconds_total", "The time that claims have waited.", "database", "datasource"),
		claims:         describe("pool_claims_total", "Claims to a connection by result.", "database", "datasource", "result"),
		dials:          describe("pool_dials_total", "Attempts to connect by result.", "database", "datasource", "result"),
		closed:         describe("pool_closed_total", "Connections that were closed.", "database", "datasource"),
	}}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.source.Snapshot()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	count := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) { count(d, float64(value), labels...) }
	gauge(c.build, 1, s.Build.Version, s.Build.GoVersion)
	gauge(c.draining, number(s.Draining))
	gauge(c.sockets, float64(s.Sockets))
	for _, one := range s.Sessions {
		gauge(c.sessions, float64(one.Count), one.Database, one.Mode, one.Phase)
	}
	for _, d := range s.Databases {
		counter(c.transactions, d.Transactions, d.Name)
		counter(c.statements, d.Statements, d.Name)
		counter(c.bytes, d.BytesIn, d.Name, "in")
		counter(c.bytes, d.BytesOut, d.Name, "out")
	}
	counter(c.logins, s.Logins.Accepted, "accepted")
	counter(c.logins, s.Logins.Failed, "failed")
	counter(c.logins, s.Logins.Refused, "refused")
	gauge(c.loginsInProgress, float64(s.Logins.InProgress))
	gauge(c.loginsQueued, float64(s.Logins.Queued))
	for rule, n := range s.Refusals {
		counter(c.refusals, n, rule)
	}
	for kind, n := range s.Timeouts {
		counter(c.timeouts, n, kind)
	}
	counter(c.cancels, s.Cancels.Accepted, "accepted")
	counter(c.cancels, s.Cancels.Dropped, "dropped")
	counter(c.reloads, s.Reloads.Done, "done")
	counter(c.reloads, s.Reloads.Failed, "failed")
	gauge(c.reloadedAt, float64(s.Reloads.Last.Unix()))
	if s.Audit != nil {
		gauge(c.audit, number(s.Audit.Writable))
	}
	if !s.CertExpiry.IsZero() {
		gauge(c.certExpiry, float64(s.CertExpiry.Unix()))
	}
	for i := range s.Pools {
		c.pool(&s.Pools[i], gauge, counter)
		count(c.waited, s.Pools[i].WaitedFor.Seconds(), s.Pools[i].Database, s.Pools[i].Datasource)
	}
}

func (c *collector) pool(p *Pool, gauge func(*prometheus.Desc, float64, ...string), counter func(*prometheus.Desc, uint64, ...string)) {
	at := []string{p.Database, p.Datasource}
	with := func(label string) []string { return append(at[:2:2], label) }
	gauge(c.up, number(p.Up), at...)
	gauge(c.connections, float64(p.Idle), with("idle")...)
	gauge(c.connections, float64(p.Used), with("used")...)
	gauge(c.connections, float64(p.Dialling), with("dialling")...)
	gauge(c.connections, float64(p.Checking), with("checking")...)
	gauge(c.connectionsMax, float64(p.Max), at...)
	gauge(c.waiting, float64(p.Waiting), at...)
	gauge(c.oldestWait, p.OldestWait.Seconds(), at...)
	counter(c.waits, p.Waited, at...)
	counter(c.claims, p.Acquired, with("granted")...)
	counter(c.claims, p.TimedOut, with("timed_out")...)
	counter(c.claims, p.Failed, with("failed")...)
	counter(c.claims, p.Cancelled, with("cancelled")...)
	counter(c.dials, p.Dials, with("done")...)
	counter(c.dials, p.DialFailures, with("failed")...)
	counter(c.closed, p.Closed, at...)
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
