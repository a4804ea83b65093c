package server

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/store"
)

type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics(a *App) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "pkiaas_http_request_seconds", Help: "Time to answer HTTP requests by listener, method and status code.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"listener", "method", "status"})}
	m.registry.MustRegister(m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewDBStatsCollector(a.store.Pool(), "pkiaas"),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pkiaas_jobs_due", Help: "Jobs that are due and not done."}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			n, err := a.jobs.Due(ctx)
			if err != nil {
				return -1
			}
			return float64(n)
		}),
		&laneMetrics{queue: a.jobs},
	)
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pkiaas_crl_held", Help: "Certification authorities whose CRL is held back because a check speaks against it.",
		}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			n, err := a.status.Alarms(ctx)
			if err != nil {
				return -1
			}
			return float64(n)
		}))
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pkiaas_clock_behind_seconds", Help: "How far the clock is behind the newest time in the database.",
		}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			behind, err := a.behind(ctx)
			if err != nil {
				return -1
			}
			return behind.Seconds()
		}))
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "pkiaas_audit_alarm", Help: "Audit logs, one for each partition and one of the platform, that do not end as they did.",
		}, func() float64 {
			if a.audit.Heads == nil {
				return 0
			}
			return float64(len(a.audit.Heads.Alarms()))
		}))
	for _, keys := range a.keys {
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pkiaas_keystore_up", Help: "1 while the key store can be used.",
				ConstLabels: prometheus.Labels{"keystore": keys.Name}}, func() float64 {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				if keys.Check(ctx) != nil {
					return 0
				}
				return 1
			}))
	}
	return m
}

// laneMetrics tells of each lane of jobs how much is due and how much failed.
type laneMetrics struct{ queue *job.Queue }

var (
	laneDue     = prometheus.NewDesc("pkiaas_lane_jobs_due", "Jobs of a lane that are due and not done.", []string{"lane"}, nil)
	laneFailing = prometheus.NewDesc("pkiaas_lane_jobs_failing", "Jobs of a lane whose last attempt failed.", []string{"lane"}, nil)
)

func (m *laneMetrics) Describe(to chan<- *prometheus.Desc) { to <- laneDue; to <- laneFailing }

func (m *laneMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	lanes, err := m.queue.Lanes(ctx)
	if err != nil {
		return // the database is away, which its own metric tells
	}
	for lane, state := range lanes {
		label := strings.ToLower(string(lane))
		to <- prometheus.MustNewConstMetric(laneDue, prometheus.GaugeValue, float64(state.Due), label)
		to <- prometheus.MustNewConstMetric(laneFailing, prometheus.GaugeValue, float64(state.Failing), label)
	}
}

func (m *metrics) observe(door protocols.Listener, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodHead:
	default:
		method = "other" // the caller chooses it: it must not choose our label values
	}
	m.requests.WithLabelValues(string(door), method, strconv.Itoa(status)).Observe(took.Seconds())
}

// admin is the operators' listener.
func (a *App) admin() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /errors", a.recent)
	a.health(mux)
	return mux
}

// probeEvery bounds how often /readyz, which anyone may ask, writes to the database.
const probeEvery = 2 * time.Second

// writeProbe remembers whether the database could be written to a moment ago.
type writeProbe struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (p *writeProbe) ask(ctx context.Context, s *store.Store, log *slog.Logger) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) > probeEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		before := p.err
		p.err, p.at = s.Probe(ctx), time.Now()
		switch {
		case before == nil && p.err != nil:
			log.Error("the database cannot be written to", "error", p.err)
		case before != nil && p.err == nil:
			log.Info("the database can be written to again")
		}
	}
	return p.err
}

// health answers whether the process lives (/healthz) and whether it can do its work (/readyz; with ?strict also all
// that needs keys).
func (a *App) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		if err := a.probe.ask(ctx, a.store, a.log); err != nil {
			text := "not ready: " + fault.Of(err).Message + "\n"
			if err := a.store.Ping(ctx); err == nil {
				text += "ready: reading from the database\n"
			}
			http.Error(w, text+"ready: CRL, OCSP and CA certificates that were published", http.StatusServiceUnavailable)
			return
		}
		// Without a key store nothing is issued, but CRLs and OCSP answers go on: traffic is not to be taken away. An
		// operator who wants to know asks for it.
		status, text := http.StatusOK, "ready\n"
		for _, keys := range a.keys {
			if err := keys.Check(ctx); err != nil {
				a.log.Error("degraded", "keystore", keys.Name, "error", err)
				text += "degraded: key store " + keys.Name + " is not available\n"
				if r.URL.Query().Has("strict") {
					status = http.StatusServiceUnavailable
				}
			}
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	})
}
