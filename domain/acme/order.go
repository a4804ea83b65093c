package acme

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// OrderRequest is the payload of newOrder (RFC 8555 7.4, RFC 9773 5, draft-ietf-acme-profiles).
type OrderRequest struct {
	Identifiers []Identifier
	NotBefore   *time.Time
	NotAfter    *time.Time
	Profile     string
	Replaces    string
}

const maxIdentifiers = 100

// normalize brings identifiers into their one spelling, each once, in the order in which the client wrote them.
func normalize(given []Identifier) ([]Identifier, error) {
	if len(given) == 0 || len(given) > maxIdentifiers {
		return nil, malformed("an order has 1 to %d identifiers", maxIdentifiers)
	}
	var list []Identifier
	var bad []*Problem
	for _, id := range given {
		one, problem := id.normal()
		if problem != nil {
			bad = append(bad, problem.of(id))
			continue
		}
		list = append(list, one)
	}
	if len(bad) == 1 {
		return nil, bad[0]
	}
	if len(bad) > 1 {
		p := NewProblem(bad[0].Type, "%d identifiers are refused", len(bad))
		if slices.ContainsFunc(bad, func(b *Problem) bool { return b.Type != p.Type }) {
			p.Type = "compound"
		}
		p.Subproblems = bad
		return nil, p
	}
	seen := map[Identifier]bool{}
	return slices.DeleteFunc(list, func(id Identifier) bool {
		before := seen[id]
		seen[id] = true
		return before
	}), nil
}

func (id Identifier) normal() (Identifier, *Problem) {
	switch id.Type {
	case DNS:
		if strings.Contains(id.Value, "_") {
			return id, NewProblem("rejectedIdentifier", "a host name has no underscore")
		}
		if _, err := netip.ParseAddr(id.Value); err == nil {
			return id, malformed("an address is an identifier of type ip (RFC 8738)")
		}
		g, err := san.Parse(san.DNSName, id.Value, "identifiers")
		if err != nil {
			return id, malformed("%s", err)
		}
		return Identifier{DNS, g.Value}, nil
	case IP:
		addr, err := netip.ParseAddr(id.Value)
		if err != nil || addr.Zone() != "" {
			return id, malformed("this is not an IP address")
		}
		return Identifier{IP, addr.Unmap().String()}, nil
	case PermanentIdentifier, HardwareModule:
		if len(id.Value) > 255 {
			return id, malformed("an identifier of a device has at most 255 characters")
		}
		if _, err := id.device(); err != nil {
			return id, malformed("%s", err)
		}
		return id, nil
	}
	return id, NewProblem("unsupportedIdentifier", "identifiers here are of type dns, ip or permanent-identifier")
}

// names is what orders for the same names have in common.
func names(list []Identifier) string {
	list = slices.SortedFunc(slices.Values(list), func(a, b Identifier) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Value, b.Value))
	})
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// since is the least UUIDv7 of an instant: ids are ordered by time.
func since(t time.Time) string {
	var id uuid.UUID
	ms := uint64(t.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id.String()
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// offering resolves the profile that an order names: the name of an offering. One whose profile is not made for ACME, such as one
// that copies what a directory vouches for from the request, is not offered whatever the configuration says.
func (e *Engine) offering(ctx context.Context, c *protocolconfig.Configuration, named string) (*protocolconfig.Offering, error) {
	if o := c.Named(named); o != nil {
		found, err := e.Enrollment.Profiles.Find(ctx, c.PartitionID, []string{o.ProfileID})
		if err != nil {
			return nil, err
		}
		if p, ok := found[o.ProfileID]; named == "" || ok && e.Configurations.Type(c.Type).Fits(p.Profile) {
			return o, nil
		}
	}
	return nil, NewProblem("invalidProfile", "there is no profile %q here: choose one of those that the directory lists", truncate(named))
}

func truncate(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Profiles that orders may name: the names of the offerings, and what people call their profiles.
func (e *Engine) Profiles(ctx context.Context, c *protocolconfig.Configuration) (map[string]string, error) {
	var ids []string
	for _, o := range c.Offerings {
		ids = append(ids, o.ProfileID)
	}
	found, err := e.Enrollment.Profiles.Find(ctx, c.PartitionID, ids)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, o := range c.Offerings {
		if p := found[o.ProfileID]; p != nil && e.Configurations.Type(c.Type).Fits(p.Profile) {
			names[o.Name] = p.Name
		}
	}
	return names, nil
}

// NewOrder: RFC 8555 7.4.
func (e *Engine) NewOrder(ctx context.Context, c *protocolconfig.Configuration, a *Account, r OrderRequest) (*Order, error) {
	set, err := SettingsOf(c)
	if err != nil {
		return nil, err
	}
	key, err := e.usable(a)
	if err != nil {
		return nil, err
	}
	list, err := normalize(r.Identifiers)
	if err != nil {
		return nil, err
	}
	now := e.Now()
	offering, err := e.offering(ctx, c, r.Profile)
	if err != nil {
		return nil, err
	}
	if r.NotBefore != nil { // what cannot be done as asked must be refused (RFC 8555 7.4)
		return nil, malformed("notBefore is not supported: a certificate is valid from the moment it is issued")
	}
	if err := e.ready(ctx, offering, r.NotAfter); err != nil {
		return nil, err
	}
	if err := e.allow(ctx, set, key, a, list, now); err != nil {
		return nil, err
	}
	o := &Order{
		ID: newID(), ConfigurationID: c.ID, AccountID: a.ID, Status: Pending, ExpiresAt: now.Add(set.OrderLife()), Identifiers: list,
		Names: names(list), Profile: offering.Name, OfferingID: offering.ID,
		NotBefore: r.NotBefore, NotAfter: r.NotAfter, CreatedAt: now}
	if err := e.Enrollment.EndEntities.Check(ctx, c.PartitionID, o.endEntities()...); err != nil {
		return nil, refusal(err)
	}
	if r.Replaces != "" {
		o.ReplacesName = r.Replaces
		if o.Replaces, err = e.replaces(ctx, c, a, r.Replaces, list); err != nil {
			return nil, err
		}
	}
	refused, err := e.orders.Do(ctx, &newOrder{rbac.ActorFrom(ctx), c, set, key, a, o})
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// newOrder is one to be recorded.
type newOrder struct {
	actor *rbac.Actor
	c     *protocolconfig.Configuration
	set   *Settings
	key   *ExternalKey
	a     *Account
	o     *Order
}

// createOrders records orders in one transaction, or each in its own where one is in the way of the others.
func (e *Engine) createOrders(ctx context.Context, list []*newOrder) ([]error, error) {
	refusals := make([]error, len(list))
	if e.Store.Tx(ctx, func(ctx context.Context) error { return e.createTogether(ctx, list) }) == nil {
		return refusals, nil
	}
	for n, one := range list {
		err := e.Store.Tx(ctx, func(ctx context.Context) error { return e.createTogether(ctx, list[n:n+1]) })
		if store.IsDuplicate(err) && one.o.Replaces != nil {
			p := NewProblem("alreadyReplaced", "another order replaces this certificate already")
			p.Status = 409
			err = p
		}
		refusals[n] = err
	}
	return refusals, nil
}

func (e *Engine) createTogether(ctx context.Context, list []*newOrder) error {
	var orders []*Order
	var authorizations []*Authorization
	var challenges []*Challenge
	var links []*orderAuthorization
	for _, n := range list {
		o := n.o
		o.Status, o.Authorizations = Pending, nil
		zs, cs, err := e.authorizations(ctx, n.c, n.set, n.key, n.a, o)
		if err != nil {
			return err
		}
		orders, authorizations, challenges = append(orders, o), append(authorizations, zs...), append(challenges, cs...)
		for i, id := range o.Authorizations {
			links = append(links, &orderAuthorization{o.ID, int64(i), id})
		}
		e.record(
			rbac.WithActor(ctx, n.actor), n.c, "acme.order.create", "acme-order", o.ID, o.Identifiers[0].Value,
			"ordered a certificate for "+o.Identifiers[0].Value,
			audit.Details{"account": n.a.ID, "identifiers": o.Identifiers, "profile": o.Profile, "replaces": o.Replaces})
	}
	if err := store.CreateAll(ctx, e.Store, orders); err != nil {
		return err
	}
	if err := store.CreateAll(ctx, e.Store, authorizations); err != nil {
		return err
	}
	if err := store.CreateAll(ctx, e.Store, challenges); err != nil {
		return err
	}
	return store.CreateAll(ctx, e.Store, links)
}

// allow checks names and rates of an order.
func (e *Engine) allow(ctx context.Context, set *Settings, key *ExternalKey, a *Account, list []Identifier, now time.Time) error {
	var bad []*Problem
	for _, id := range list {
		if !key.allows(id) {
			bad = append(
				bad,
				NewProblem("rejectedIdentifier", "the external account key %s is not for %s", key.FriendlyName, truncate(id.Value)).of(id),
			)
		}
	}
	if len(bad) == 1 {
		return bad[0]
	}
	if len(bad) > 1 {
		p := NewProblem("rejectedIdentifier", "the external account key %s is not for %d of the identifiers", key.FriendlyName, len(bad))
		p.Subproblems = bad
		return p
	}
	hour := now.Add(-time.Hour)
	var orders, failures int
	if err := e.Store.DB(ctx).Raw(`SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM acme_orders WHERE account_id = ? AND id >= ? LIMIT ?) AS o),
		(SELECT COUNT(*) FROM (SELECT 1 FROM acme_authorizations WHERE account_id = ? AND status = 'invalid' AND created_at > ? LIMIT ?) AS
			z)`,
		a.ID, since(hour), set.Orders(), a.ID, hour, set.Failures()).Row().Scan(&orders, &failures); err != nil {
		return err
	}
	if orders >= set.Orders() {
		return e.rateLimited(ctx, now, e.Store.DB(ctx).Model(&Order{}).Where("account_id = ?", a.ID), set.Orders(),
			"this account has made %d orders within an hour")
	}
	if failures >= set.Failures() {
		failed := e.Store.DB(ctx).Model(&Authorization{}).Where("account_id = ? AND status = ?", a.ID, Invalid)
		return e.rateLimited(ctx, now, failed, set.Failures(), "this account has failed %d authorizations within an hour")
	}
	return nil
}

// rateLimited says when the oldest of the newest rows, as many as the limit, is an hour old: then the next one is allowed.
func (e *Engine) rateLimited(ctx context.Context, now time.Time, rows *gorm.DB, limit int, format string) error {
	var oldest []time.Time
	if err := rows.Order("created_at DESC").Offset(limit-1).Limit(1).Pluck("created_at", &oldest).Error; err != nil {
		return err
	}
	p := NewProblem("rateLimited", format, limit)
	p.RetryAfter = time.Second
	if len(oldest) > 0 {
		p.RetryAfter = max(oldest[0].Add(time.Hour).Sub(now), time.Second)
	}
	return p
}

// authorizations finds or makes those of an order. Where nothing remains to be proved the order is ready.
func (e *Engine) authorizations(
	ctx context.Context, c *protocolconfig.Configuration, set *Settings, key *ExternalKey, a *Account, o *Order,
) (made []*Authorization, challenges []*Challenge, err error) {
	open := false
	for _, id := range o.Identifiers {
		value, wildcard := strings.CutPrefix(id.Value, "*.")
		if id.Type != DNS {
			value, wildcard = id.Value, false
		}
		preauthorized := key.Preauthorized && (id.Type == DNS || id.Type == IP)
		if id.Type == DNS || id.Type == IP {
			var found []*Authorization
			// It stays proved until the order stands: who deactivates it then sees the order.
			if err := e.Store.ForShare(e.Store.DB(ctx)).Where(
				"account_id = ? AND status = ? AND identifier = ? AND identifier_type = ? AND wildcard = ? AND expires_at > ?", a.ID,
				Valid, value, id.Type, wildcard, o.CreatedAt.Add(time.Hour),
			).
				Order("id DESC").Limit(1).Find(&found).Error; err != nil {
				return nil, nil, err
			}
			if len(found) > 0 {
				o.Authorizations = append(o.Authorizations, found[0].ID)
				continue
			}
		}
		z := &Authorization{
			ID: newID(), ConfigurationID: c.ID, AccountID: a.ID, IdentifierType: id.Type, Identifier: value, Wildcard: wildcard,
			Status:    Pending,
			ExpiresAt: o.ExpiresAt, CreatedAt: o.CreatedAt}
		if preauthorized {
			z.Status, z.ExpiresAt = Valid, o.CreatedAt.Add(set.AuthorizationLife())
		} else {
			open = true
			offered := 0
			for _, typ := range set.Offered() {
				if offers(typ, id.Type, wildcard) {
					challenges = append(challenges, &Challenge{AuthorizationID: z.ID, Type: typ, Token: newToken(), Status: Pending})
					offered++
				}
			}
			if offered == 0 {
				return nil, nil, NewProblem(
					"rejectedIdentifier", "no challenge that is offered here proves %s %s", id.Type, truncate(id.Value),
				).of(id)
			}
		}
		made = append(made, z)
		o.Authorizations = append(o.Authorizations, z.ID)
	}
	if !open {
		o.Status = Ready
	}
	return made, challenges, nil
}

// newToken makes the token of a challenge (RFC 8555 8.1) with 140 random bits: 28 characters, which are base64url of whole
// octets, since some clients (certbot) decode and encode it again, and none a minus, which may stand before an option.
func newToken() string { return rand.Text() + rand.Text()[:2] }

// offers tells which challenges prove an identifier: RFC 8555 7.1.3 and 8.4 for wildcards, RFC 8738 7 for addresses.
func offers(challenge, identifier string, wildcard bool) bool {
	switch identifier {
	case DNS:
		return challenge == DNS01 || !wildcard && (challenge == HTTP01 || challenge == TLSALPN01)
	case IP:
		return challenge == HTTP01 || challenge == TLSALPN01
	}
	return challenge == DeviceAttest01
}

// Order returns one of the account's, as it is now.
func (e *Engine) Order(ctx context.Context, a *Account, id string) (_ *Order, err error) {
	var found []*Order
	if err := e.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].ConfigurationID != a.ConfigurationID {
		return nil, malformed("there is no such order").With(404)
	}
	o := found[0]
	if o.AccountID != a.ID {
		return nil, unauthorized("this is the order of another account")
	}
	var rows []struct {
		ID        string
		ExpiresAt time.Time
	}
	if err := e.Store.DB(ctx).Table("acme_order_authorizations AS l").Joins(
		"JOIN acme_authorizations AS z ON z.id = l.authorization_id",
	).Where("l.order_id = ?", id).
		Order("l.position").Select("z.id, z.expires_at").Find(&rows).Error; err != nil {
		return nil, err
	}
	ends := o.ExpiresAt
	for _, z := range rows {
		o.Authorizations = append(o.Authorizations, z.ID)
		if z.ExpiresAt.Before(ends) {
			ends = z.ExpiresAt
		}
	}
	if o.Status == Pending || o.Status == Ready { // an order ends with the first of its authorizations (RFC 8555 7.1.6)
		o.ExpiresAt = ends
	}
	e.age(o)
	if o.Status == Processing {
		o.Waiting, err = e.waiting(ctx, "order_id = ?", o.ID)
	}
	return o, err
}

// age shows an order whose time is over as what it is.
func (e *Engine) age(o *Order) {
	if (o.Status == Pending || o.Status == Ready) && !e.Now().Before(o.ExpiresAt) {
		o.Status, o.Error = Invalid, malformed("the order has expired")
	}
}

// Authorization returns one of the account's, as it is now, with its challenges.
func (e *Engine) Authorization(ctx context.Context, a *Account, id string) (*Authorization, error) {
	var found []*Authorization
	if err := e.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].ConfigurationID != a.ConfigurationID {
		return nil, malformed("there is no such authorization").With(404)
	}
	z := found[0]
	if z.AccountID != a.ID {
		return nil, unauthorized("this is the authorization of another account")
	}
	if (z.Status == Valid || z.Status == Pending) && !e.Now().Before(z.ExpiresAt) {
		z.Status = Expired
	}
	err := e.Store.DB(ctx).Where("authorization_id = ?", id).Find(&z.Challenges).Error
	slices.SortFunc(z.Challenges, func(a, b *Challenge) int {
		return slices.Index(Challenges(), a.Type) - slices.Index(Challenges(), b.Type)
	})
	return z, err
}

// DeactivateAuthorization: RFC 8555 7.5.2. Orders that need it end.
func (e *Engine) DeactivateAuthorization(
	ctx context.Context, c *protocolconfig.Configuration, a *Account, id string,
) (*Authorization, error) {
	z, err := e.Authorization(ctx, a, id)
	if err != nil {
		return nil, err
	}
	if z.Status != Pending && z.Status != Valid {
		return nil, malformed("the authorization is %s", z.Status)
	}
	err = e.settle(ctx, z, func(ctx context.Context) error {
		z.Status = Deactivated
		changed := e.Store.DB(ctx).Model(z).Where("status IN ?", []Status{Pending, Valid}).Update("status", z.Status)
		if changed.Error == nil && changed.RowsAffected == 0 {
			return malformed("the authorization was settled meanwhile")
		}
		e.record(
			ctx, c, "acme.authorization.deactivate", "acme-authorization", z.ID, z.Identifier,
			"deactivated the authorization for "+z.Identifier, audit.Details{"account": a.ID},
		)
		return changed.Error
	})
	return z, err
}

// settle changes an authorization with fn, in the transaction of ctx, and then the orders that wait for it.
func (e *Engine) settle(ctx context.Context, z *Authorization, fn func(context.Context) error) error {
	return e.Store.Tx(ctx, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return err
		}
		return e.settleOrders(ctx, []*Authorization{z})
	})
}

// settleOrders brings, in the transaction that changed authorizations, the orders that wait for them up to date: all of whose
// authorizations are valid is ready, one of whose is not any more is invalid. Rows are locked in the order authorization, order:
// of two authorizations of an order that are proved at the same time the second one waits here for the first, and then sees
// it; and an order that is just being made of a proved authorization is seen.
func (e *Engine) settleOrders(ctx context.Context, list []*Authorization) error {
	db := e.Store.DB(ctx)
	var changed, proved []string
	for _, z := range list {
		changed = append(changed, z.ID)
		if z.Status == Valid {
			proved = append(proved, z.ID)
		}
	}
	of := func(ids []string) *gorm.DB {
		return db.Session(&gormSession).Model(&orderAuthorization{}).Select("order_id").Where("authorization_id IN ?", padded(ids))
	}
	var ids []string
	if err := e.Store.ForUpdate(db.Model(&Order{})).Where("id IN (?) AND status IN ?", of(changed), []Status{Pending, Ready, Processing}).
		Order("id").Pluck("id", &ids).Error; err != nil || len(ids) == 0 {
		return err
	}
	open := func() *gorm.DB {
		return db.Model(&Order{}).Where("id IN ?", padded(ids)).Select("status", "error")
	}
	for _, z := range list {
		if z.Status == Valid {
			continue
		}
		if err := open().Where("id IN (?)", of([]string{z.ID})).Updates(&Order{Status: Invalid, Error: e.orderError(z)}).Error; err != nil {
			return err
		}
	}
	if len(proved) == 0 {
		return nil
	}
	return open().Where(
		"status = ? AND NOT EXISTS (SELECT 1 FROM acme_order_authorizations AS l JOIN acme_authorizations AS z ON z.id = "+
			"l.authorization_id WHERE l.order_id = acme_orders.id AND z.status <> ?)",
		Pending, Valid,
	).
		Updates(&Order{Status: Ready}).Error
}

func (e *Engine) orderError(z *Authorization) *Problem {
	id := Identifier{z.IdentifierType, z.Identifier}
	for _, c := range z.Challenges {
		if c.Error != nil {
			p := *c.Error
			return (&p).of(id)
		}
	}
	return unauthorized("the authorization for %s is %s", z.Identifier, z.Status).of(id)
}
