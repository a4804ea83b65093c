package graph

import (
	"context"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/domain/tenant"
)

// loaders gather what the items of a list ask for one by one into single queries. They live as long as a request.
type loaders struct {
	ca                 *batched[*ca.CertificationAuthority]
	profileIDs         *batched[[]string]
	crl                *batched[*status.CRL]
	activeCertificates *batched[int]
	partition          *batched[*tenant.Partition]
	subscription       *batched[*tenant.Subscription]
	partitionOf        *batched[*tenant.Partition]
	endEntity          *batched[*endentity.EndEntity]
	endEntityExpiry    *batched[*time.Time]

	protocolConfiguration *batched[*protocolconfig.Configuration]
	certificate           *batched[*certificate.Certificate]
	acmeKey               *batched[*acme.ExternalKey]
	acmeAccount           *batched[*acme.Account]
}

type loadersKey struct{}

func loadersFrom(ctx context.Context) *loaders { return ctx.Value(loadersKey{}).(func() *loaders)() }

// withLoaders makes them when they are first asked for: most mutations never do.
func (r *Resolver) withLoaders(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadersKey{}, sync.OnceValue(r.newLoaders))
}

func (r *Resolver) newLoaders() *loaders {
	return &loaders{
		ca: loader(func(ctx context.Context, ids []string) (map[string]*ca.CertificationAuthority, error) {
			found, err := r.CAs.Load(ctx, ids)
			byID := map[string]*ca.CertificationAuthority{}
			for n, c := range found {
				byID[ids[n]] = c
			}
			return byID, err
		}),
		profileIDs:         loader(r.CAs.ProfileIDs),
		crl:                loader(r.Status.Latest),
		activeCertificates: loader(r.Certificates.ActiveByCA),
		partition:          loader(r.Tenants.LoadPartitions),
		subscription:       loader(r.Tenants.ByIDs),
		partitionOf:        loader(r.Tenants.PartitionsOf),
		endEntity: loader(func(ctx context.Context, ids []string) (map[string]*endentity.EndEntity, error) {
			found, err := r.EndEntityService.Load(ctx, ids)
			byID := map[string]*endentity.EndEntity{}
			for n, e := range found {
				byID[ids[n]] = e
			}
			return byID, err
		}),
		protocolConfiguration: loader(func(ctx context.Context, ids []string) (map[string]*protocolconfig.Configuration, error) {
			found, err := r.Protocols.Load(ctx, ids)
			byID := map[string]*protocolconfig.Configuration{}
			for n, c := range found {
				byID[ids[n]] = c
			}
			return byID, err
		}),
		certificate: loader(r.Certificates.Load),
		acmeKey:     loader(r.ACME.LoadKeys),
		acmeAccount: loader(r.ACME.LoadAccounts),
		endEntityExpiry: loader(func(ctx context.Context, ids []string) (map[string]*time.Time, error) {
			expiries, err := r.EndEntityService.Expiries(ctx, ids)
			byID := map[string]*time.Time{}
			for id, at := range expiries {
				byID[id] = &at
			}
			return byID, err
		}),
	}
}

// batched is a loader by id.
type batched[V any] struct{ loader *dataloader.Loader[string, V] }

// Load waits for the query that answers this and its neighbours' questions; the zero value where there is no answer.
func (b *batched[V]) Load(ctx context.Context, id string) (V, error) { return b.loader.Load(ctx, id)() }

func loader[V any](query func(context.Context, []string) (map[string]V, error)) *batched[V] {
	return &batched[V]{dataloader.NewBatchedLoader(func(ctx context.Context, ids []string) []*dataloader.Result[V] {
		found, err := query(ctx, ids)
		results := make([]*dataloader.Result[V], len(ids))
		for n, id := range ids {
			results[n] = &dataloader.Result[V]{Data: found[id], Error: err}
		}
		return results
	}, dataloader.WithWait[string, V](time.Millisecond))}
}
