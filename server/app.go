// Package server is where everything is put together: configuration, services, listeners.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/authority"
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/ceremony"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/mail"
	"github.com/pkiaas/pkiaas/domain/measure"
	"github.com/pkiaas/pkiaas/domain/notify"
	"github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/report"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/graph"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Version of the release.
const Version = "0.1.0"

// App is a running server: its services, and its listeners once Listen was called.
type App struct {
	cfg      *Config
	log      *slog.Logger
	recent   *recentLines // of the log
	now      func() time.Time
	hashCost identity.HashCost
	store    *store.Store
	keys     keystore.Set
	own      keystore.Store // of the server's internal CA
	kek      *keystore.KEK
	guard    *rbac.Guard
	audit    *audit.Log
	jobs     *job.Queue
	limiter  *tenant.Limiter
	proxies  proxies
	visitors *visitors
	probe    writeProbe
	certs    servingCertificates
	ca       *internalCA
	metrics  *metrics
	record   recordState

	mail         *mail.Service
	approvals    *approval.Service
	identity     *identity.Service
	tenants      *tenant.Service
	profiles     *profile.Service
	cas          *ca.Service
	certificates *certificate.Service
	endEntities  *endentity.Service
	delegates    *delegate.Service
	authorities  *authority.Service
	enrollment   *enrollment.Service
	status       *status.Service
	ceremony     *ceremony.Service
	measure      *measure.Service
	bulk         *bulk.Service
	report       *report.Service
	notify       *notify.Service
	credentials  *credential.Service
	// Enrollment protocols; what speaks them is in protocols/.
	configurations *protocolconfig.Service
	acme           *acme.Engine
	acmeAdmin      *acme.Service

	listeners map[string]net.Listener
	stopped   sync.WaitGroup

	// ending is over when the server stops; answers that go on without end are ended by it.
	ending     context.Context
	endStreams context.CancelFunc
}

// Open validates the configuration, opens key store and database, migrates, and puts the services together. Nothing
// listens yet.
func Open(ctx context.Context, cfg *Config) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory: %w", err)
	}
	log, recent := newLogger(cfg)
	a := &App{cfg: cfg, log: log, recent: recent, now: store.Now, hashCost: identity.StrongHashes, listeners: map[string]net.Listener{}}
	a.ending, a.endStreams = context.WithCancel(context.Background())
	a.visitors = newVisitors(cfg.AddressRate)
	var err error
	if a.proxies, err = parseProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	if err := a.openKeys(ctx); err != nil {
		return nil, err
	}
	if a.store, err = store.Open(cfg.Database); err != nil {
		return nil, err
	}
	if _, err := a.store.Migrate(ctx); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	if a.guard, err = rbac.New(); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	return a, nil
}

func newLogger(cfg *Config) (*slog.Logger, *recentLines) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewJSONHandler(os.Stderr, options)
	if cfg.LogFormat == "text" {
		handler = slog.NewTextHandler(os.Stderr, options)
	}
	kept, recent := keepRecent(handler)
	return slog.New(kept), recent
}

// wire fills the services, in the order in which they depend on each other. It reads like a parts list.
func (a *App) wire() error {
	cfg := a.cfg
	a.audit = &audit.Log{Store: a.store, Guard: a.guard, Now: a.now}
	if a.ca != nil { // what serves nothing and has no key of its own compares nothing
		kept, err := keepers(cfg)
		if err != nil {
			return err
		}
		a.audit.Heads = &audit.Heads{Log: a.audit, Signer: a.ca.rootKey, Keepers: kept, Logger: a.log}
	}
	a.jobs = &job.Queue{Store: a.store, Now: a.now, Log: a.log}
	a.limiter = &tenant.Limiter{Store: a.store, Now: a.now}
	quota := tenant.Quota{Store: a.store}
	authn, err := newWebAuthn(cfg.BaseURL)
	if err != nil {
		return fmt.Errorf("passkeys: %w", err)
	}
	a.mail = &mail.Service{
		Store: a.store, Guard: a.guard, Jobs: a.jobs, Sealer: a.kek, Now: a.now, SMTPURL: cfg.SMTPURL, From: cfg.MailFrom,
	}
	a.approvals = &approval.Service{
		Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, Mail: a.mail, Now: a.now, BaseURL: cfg.BaseURL,
	}
	a.identity = (&identity.Service{
		Approvals: a.approvals, Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, Mail: a.mail, Sealer: a.kek, WebAuthn: authn,
		Now: a.now, BaseURL: cfg.BaseURL, HashCost: a.hashCost,
	}).Init()
	a.tenants = &tenant.Service{
		Store: a.store, Guard: a.guard, Audit: a.audit, Owners: a.identity, Now: a.now, Regions: cfg.Regions, BaseURL: cfg.BaseURL,
	}
	a.profiles = &profile.Service{Store: a.store, Guard: a.guard, Audit: a.audit, Now: a.now}
	a.cas = (&ca.Service{
		Approvals: a.approvals, Profiles: a.profiles, Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, Quota: quota,
		Now: a.now, Keys: a.keys,
		URLs: ca.URLs{PublicURL: cfg.PublicURL, MutualURL: cfg.MTLSURL}, TwoPersonRoots: cfg.TwoPersonRoots}).Init()
	a.configurations = &protocolconfig.Service{
		Store: a.store, Guard: a.guard, Audit: a.audit, CAs: a.cas, Profiles: a.profiles, Sealer: a.kek, Now: a.now,
	}
	a.endEntities = &endentity.Service{Store: a.store, Guard: a.guard, Audit: a.audit, Now: a.now}
	a.certificates = &certificate.Service{
		Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, CAs: a.cas, Quota: quota, Approvals: a.approvals, Now: a.now,
	}
	a.delegates = &delegate.Service{
		Store: a.store, Audit: a.audit, Jobs: a.jobs, Keys: a.keys, CAs: a.cas, Now: a.now,
		Kinds: []*delegate.Kind{delegate.OCSPSigners(cfg.OCSPSigners == "compatible")},
	}
	a.status = &status.Service{
		Delegates: a.delegates, Certificates: a.certificates, Log: a.log, Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs,
		Keys: a.keys, CAs: a.cas, Now: a.now, ClockSkew: cfg.ClockSkew, CRLInterval: cfg.CRLInterval,
		Archive: status.NewArchive(archiveDir(cfg)), Costly: a.visitors.costly}
	if a.status.Destinations, err = destinations(cfg); err != nil {
		return err
	}
	a.enrollment = (&enrollment.Service{
		Approvals: a.approvals, Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, Keys: a.keys, CAs: a.cas,
		Profiles: a.profiles, EndEntities: a.endEntities,
		Quota: quota, Limits: a.limiter, Now: a.now, ClockSkew: cfg.ClockSkew}).Init()
	a.delegates.Issuer = a.enrollment
	a.authorities = &authority.Service{
		Store: a.store, Audit: a.audit, Jobs: a.jobs, Keys: a.keys, CAs: a.cas, Enrollment: a.enrollment, Delegates: a.delegates,
		CRLs: a.status, Now: a.now,
	}
	a.credentials = (&credential.Service{
		Store: a.store, Guard: a.guard, Audit: a.audit, Keys: a.keys, Now: a.now, ClockSkew: cfg.ClockSkew,
	}).Init()
	a.ceremony = &ceremony.Service{Approvals: a.approvals, Guard: a.guard, Audit: a.audit, Keys: a.keys, Signer: a.ca, Now: a.now}
	a.measure = &measure.Service{}
	a.bulk = &bulk.Service{
		Approvals: a.approvals, Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, Actors: a.identity,
		Certificates: a.certificates, Enrollment: a.enrollment, Now: a.now,
	}
	a.report = &report.Service{Store: a.store, Guard: a.guard, Now: a.now}
	webhooks, err := newPoster(cfg.WebhookAllow)
	if err != nil {
		return err
	}
	a.notify = &notify.Service{
		Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, Mail: a.mail, Poster: webhooks, Sealer: a.kek, Now: a.now,
		BaseURL: cfg.BaseURL, Keys: a.keys,
	}
	authority, err := newValidation(cfg)
	if err != nil {
		return err
	}
	a.acme = (&acme.Engine{
		Store: a.store, Audit: a.audit, Jobs: a.jobs, Configurations: a.configurations, Enrollment: a.enrollment,
		Certificates: a.certificates, CAs: a.cas, Sealer: a.kek,
		Validator: validation{authority}, Now: a.now, BaseURL: cfg.BaseURL}).Init()
	a.acmeAdmin = &acme.Service{
		Store: a.store, Guard: a.guard, Audit: a.audit, Jobs: a.jobs, Configurations: a.configurations, Certificates: a.certificates,
		Sealer: a.kek, Now: a.now, Actors: a.identity,
	}
	a.configurations.Register(a.enrollmentProtocols()...)
	a.wireApprovals()
	a.metrics = newMetrics(a)
	a.registerJobs()
	return nil
}

// registerJobs is the list of what is done later.
func (a *App) registerJobs() {
	a.jobs.HandleLong(job.Work, ca.CreateJob, a.authorities.CreateCA)
	a.jobs.HandleLong(job.Work, ca.RenewJob, a.authorities.RenewCA)
	a.jobs.Handle(job.Work, ca.PurgeJob, a.cas.Purge)
	a.jobs.Handle(job.Work, ca.MoveKeyJob, a.authorities.MoveKey)
	a.jobs.Handle(job.Work, ca.DestroyKeyJob, a.authorities.DestroyKey)
	a.jobs.Handle(job.Status, ca.DelegatesJob, a.delegates.Keep)
	a.jobs.Handle(job.Work, enrollment.CleanJob, a.enrollment.Clean)
	a.jobs.HandleLong(job.Status, certificate.PublishCRLJob, a.status.PublishJob)
	a.jobs.HandleLong(job.Outward, status.ExportJob, a.status.Export)
	a.jobs.Handle(job.Status, certificate.ReleaseJob, a.certificates.Release)
	a.jobs.Handle(job.Work, certificate.ExpireJob, a.certificates.Expire)
	a.jobs.Handle(job.Work, certificate.DescribeJob, a.certificates.Describe)
	a.jobs.Handle(job.Work, certificate.WordsJob, a.certificates.WriteWords)
	a.jobs.Handle(job.Work, bulk.RunJob, a.bulk.Run)
	a.jobs.Handle(job.Work, bulk.CleanJob, a.bulk.Clean)
	a.jobs.Handle(job.Work, notify.ExpiryJob, a.notify.Expiry)
	a.jobs.HandleLong(job.Outward, notify.AlarmJob, a.notify.Alarms)
	a.jobs.Handle(job.Outward, notify.DeliverJob, a.notify.Deliver)
	a.jobs.Handle(job.Outward, acme.ValidateJob, a.acme.Validate)
	a.jobs.Handle(job.Work, acme.CleanJob, a.acme.Clean)
	a.jobs.HandleLong(job.Work, acme.CampaignJob, a.acmeAdmin.Run)
	a.jobs.Handle(job.Work, approval.RunJob, a.approvals.Run)
	a.jobs.Handle(job.Work, approval.ExpireJob, a.approvals.Expire)
	a.jobs.Handle(job.Work, approval.TellJob, a.approvals.Tell)
	a.jobs.Handle(job.Outward, mail.SendJob, a.mail.Deliver)
	a.jobs.Handle(job.Outward, identity.PasswordLinkJob, a.identity.SendPasswordLink)
	a.jobs.Handle(job.Work, tenant.CleanJob, a.limiter.Clean)
	a.jobs.Handle(job.Work, identity.CleanJob, a.identity.Clean)
}

// standingJobs are those that are always due again; asking for them twice is asking once.
var standingJobs = []string{
	certificate.ExpireJob, tenant.CleanJob, identity.CleanJob, certificate.DescribeJob, certificate.WordsJob, bulk.CleanJob,
	notify.ExpiryJob, notify.AlarmJob, acme.CleanJob, enrollment.CleanJob,
}

// newWebAuthn: a passkey is bound to a domain name, so a server reached by its address (as in the demo) serves passkeys
// under localhost.
func newWebAuthn(baseURL string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, err
	}
	host, origin := u.Hostname(), u.Scheme+"://"+u.Host
	if net.ParseIP(host) != nil {
		host = "localhost"
		origin = u.Scheme + "://localhost"
		if u.Port() != "" {
			origin += ":" + u.Port()
		}
	}
	return webauthn.New(&webauthn.Config{RPID: host, RPDisplayName: "pkiaas", RPOrigins: []string{origin}})
}

// resolver is GraphQL's view of the services.
func (a *App) resolver() (*graph.Resolver, error) {
	facts := graph.Facts{
		Version: Version, BaseURL: a.cfg.BaseURL, Demo: a.cfg.Demo, PublicURL: a.cfg.PublicURL, Terms: terms,
		TwoPersonRoots: a.cfg.TwoPersonRoots,
	}
	if file := a.certs.root(); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		facts.TLSRootCertificate = string(text)
	}
	return &graph.Resolver{
		Ending: a.ending.Done(), Authenticate: a.establish, Guard: a.guard, Audit: a.audit, Tenants: a.tenants, Identity: a.identity,
		Mail: a.mail, Profiles: a.profiles, CAs: a.cas, Certificates: a.certificates,
		JobService: &job.Service{Queue: a.jobs, Guard: a.guard},
		Enrollment: a.enrollment, EndEntityService: a.endEntities, Status: a.status, Ceremony: a.ceremony, Measure: a.measure,
		Bulk: a.bulk, Report: a.report, Notify: a.notify, Protocols: a.configurations, ACME: a.acmeAdmin, ApprovalService: a.approvals,
		Credentials: a.credentials, Keys: a.keys, Now: a.now, Log: a.log, Facts: facts}, nil
}

const terms = "By assigning this subscription you agree that your organisation answers for the certificates issued in the partition: " +
	"that subscribers are who their certificates say, " +
	"that certificates are revoked when their keys may be in other hands, and that the region chosen cannot be changed later."

// Listen binds the listeners and puts the services together; URLs that were not set follow from the listeners.
func (a *App) Listen(ctx context.Context) error {
	for _, name := range []string{"tls", "public", "mtls", "admin"} {
		l, err := a.listen(name)
		if err != nil {
			a.closeListeners()
			return err
		}
		if l != nil {
			a.listeners[name] = l
		}
	}
	fill(&a.cfg.BaseURL, "https://"+reachable(a.listeners["tls"]))
	fill(&a.cfg.PublicURL, "http://"+reachable(a.listeners["public"]))
	fill(&a.cfg.MTLSURL, "https://"+reachable(a.listeners["mtls"]))
	err := a.cfg.canonicalURLs()
	if err != nil {
		a.closeListeners()
		return err
	}
	if a.ca, err = newInternalCA(ctx, a.cfg, a.own, servingNames(a.cfg)); err != nil {
		a.closeListeners()
		return err
	}
	a.certs = a.ca
	if a.cfg.TLSCert != "" {
		files := &fileCertificate{certFile: a.cfg.TLSCert, keyFile: a.cfg.TLSKey, log: a.log}
		if _, err := files.get(nil); err != nil {
			a.closeListeners()
			return err
		}
		a.certs = files
	}
	return a.wire()
}

// reachable is the address of a listener as one on this machine can use it.
func reachable(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return net.JoinHostPort(host, port)
}

func (a *App) closeListeners() {
	for _, l := range a.listeners {
		_ = l.Close() // never served anything
	}
}

// Serve answers requests and works on jobs until ctx ends, then finishes what it has in hand.
func (a *App) Serve(ctx context.Context, ready func() error) error {
	limitMemory(a.log)
	handlers, err := a.handlers()
	if err != nil {
		return err
	}
	missing, err := a.missingKeyStores(ctx)
	if err != nil {
		return err
	}
	for _, name := range missing {
		a.log.Error(
			"CAs have keys in a key store that is not configured: they cannot sign until --keystore names it again", "keystore", name,
		)
	}
	a.checkClock(ctx)
	a.reconcile(ctx)
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	a.background(background)
	servers := map[string]*http.Server{}
	failed := make(chan error, len(a.listeners))
	for name, l := range a.listeners {
		s := newHTTPServer(handlers[name], a.log)
		servers[name] = s
		switch name {
		case "tls":
			s.TLSConfig = tlsConfig(a.certs)
		case "mtls":
			s.TLSConfig = mutualTLSConfig(a.certs)
			s.MaxHeaderBytes, s.ConnContext = readHeaders, withTLSState
			l = newShapedListener(l, s.TLSConfig)
		}
		go func() {
			var err error
			if s.TLSConfig != nil && name != "mtls" {
				err = s.ServeTLS(l, "", "")
			} else {
				err = s.Serve(l)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("listener %s: %w", l.Addr(), err)
			}
		}()
	}
	a.log.Info(
		"serving", "version", Version, "url", a.cfg.BaseURL, "public", a.cfg.PublicURL, "database",
		strings.SplitN(a.cfg.Database, ":", 2)[0],
	)
	if ready != nil {
		if err = ready(); err != nil {
			failed <- err
		}
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	a.log.Info("stopping")
	a.endStreams()
	deadline, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() {
			if s.Shutdown(deadline) != nil {
				_ = s.Close() // what has not ended by now is cut off
			}
		})
	}
	wg.Wait()
	a.acme.Stop()
	stop()
	a.stopped.Wait()
	err = errors.Join(err, a.identity.SaveLastUse(deadline), a.credentials.SaveLastUse(deadline), a.store.Close())
	a.keys.Close()
	return err
}

func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}

// background starts what goes on beside requests.
func (a *App) background(ctx context.Context) {
	a.stopped.Go(func() { a.jobs.Run(ctx) })
	a.stopped.Go(func() { a.status.Refresh(ctx) })
	a.stopped.Go(func() { a.keepHeads(ctx) })
	a.stopped.Go(func() {
		ticker := time.NewTicker(10 * time.Second)
		defer ticker.Stop()
		for {
			if err := a.store.Tx(ctx, func(ctx context.Context) error {
				for _, kind := range standingJobs {
					if err := a.jobs.EnqueueOnce(ctx, kind, "all"); err != nil {
						return err
					}
				}
				return nil
			}); err != nil && ctx.Err() == nil {
				a.log.Error("standing jobs", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := a.identity.SaveLastUse(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("noting the use of API tokens", "error", err)
			}
			if err := a.credentials.SaveLastUse(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("noting the use of credentials", "error", err)
			}
		}
	})
}
