package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/protocols"
	"github.com/pkiaas/pkiaas/protocols/crl"
	"github.com/pkiaas/pkiaas/protocols/ocsp"
	"github.com/pkiaas/pkiaas/store"
)

func archiveDir(cfg *Config) string { return filepath.Join(cfg.Data, "status") }

// databaseRetry is how often a server that starts tries to reach its database.
const databaseRetry = time.Second

// awaitDatabase returns once the database can be reached. Until then CRLs, OCSP answers and CA certificates are served
// from what the server has kept of them, and everything else is answered with UNAVAILABLE.
func awaitDatabase(ctx context.Context, cfg *Config) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("the data directory: %w", err)
	}
	wrong := reach(ctx, cfg)
	if wrong == "" {
		return nil
	}
	log, _ := newLogger(cfg)
	log.Error("waiting for the database; the status of certificates is served from what was kept", "cause", wrong)
	stop, err := standIn(cfg, log)
	if err != nil {
		return err
	}
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(databaseRetry):
		}
		if reach(ctx, cfg) == "" {
			return nil
		}
	}
}

// reach tells what is wrong with a database that cannot be reached. Whatever else may be wrong with it is found when it
// is opened.
func reach(ctx context.Context, cfg *Config) string {
	if strings.HasPrefix(cfg.Database, "sqlite:") {
		return "" // a file is there or not
	}
	s, err := store.Open(cfg.Database)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err = errors.Join(s.Ping(ctx), s.Close())
	}
	return store.Away(err)
}

// standIn serves on the listeners of a server that has no database yet.
func standIn(cfg *Config, log *slog.Logger) (stop func(), err error) {
	kept := status.Stored{Archive: status.NewArchive(archiveDir(cfg)), Now: store.Now}
	public := newRouter()
	for _, p := range []protocols.Protocol{crl.Protocol{Published: kept, Now: store.Now}, ocsp.Protocol{Responder: kept, Now: store.Now}} {
		for _, e := range p.Endpoints() {
			public.add(e)
		}
	}
	admin := http.NewServeMux()
	admin.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	admin.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		protocols.PlainError(w, fault.New(fault.Unavailable, "not ready: the database cannot be reached").After(databaseRetry))
	})
	a := &App{cfg: cfg, visitors: newVisitors(cfg.AddressRate)}
	if a.proxies, err = parseProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if s.Shutdown(ctx) != nil {
				_ = s.Close() // what has not ended by now is cut off
			}
			cancel()
		}
	}
	for name, h := range map[string]http.Handler{"public": public, "admin": admin} {
		l, err := a.listen(name)
		if err != nil {
			stop()
			return nil, err
		}
		if l == nil {
			continue
		}
		s := newHTTPServer(h, log)
		servers = append(servers, s)
		go func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				log.Error("serving without a database", "error", err)
			}
		}()
	}
	return stop, nil
}

// listen binds one of the listeners; nil when it is turned off.
func (a *App) listen(name string) (net.Listener, error) {
	address := map[string]string{
		"tls": a.cfg.Listen, "public": a.cfg.ListenPublic, "mtls": a.cfg.ListenMTLS, "admin": a.cfg.ListenAdmin,
	}[name]
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return a.guarded(name, l), nil
}
