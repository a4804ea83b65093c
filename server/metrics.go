package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pkiaas/pkiaas/protocols"
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
	)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pkiaas_crl_held", Help: "Certification authorities whose CRL is held back because a check speaks against it."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		n, err := a.status.Alarms(ctx)
		if err != nil {
			return -1
		}
		return float64(n)
	}))
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pkiaas_clock_behind_seconds", Help: "How far the clock is behind the newest time in the database."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		behind, err := a.behind(ctx)
		if err != nil {
			return -1
		}
		return behind.Seconds()
	}))
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pkiaas_audit_alarm", Help: "Audit logs, one for each partition and one of the platform, that do not end as they did."}, func() float64 {
		if a.audit.Heads == nil {
			return 0
		}
		return float64(len(a.audit.Heads.Alarms()))
	}))
	for _, keys := range a.keys {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pkiaas_keystore_up", Help: "1 while the key store can be used.",
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
	a.health(mux)
	return mux
}

// health answers whether the process lives (/healthz) and whether it can do its work (/readyz; with ?strict also all
// that needs keys).
func (a *App) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if err := a.store.Ping(ctx); err != nil {
			a.log.Error("not ready", "part", "database", "error", err)
			http.Error(w, "database is not available", http.StatusServiceUnavailable)
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
