package acme

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/attestation"
	"github.com/pkiaas/pkiaas/rbac"
)

var gormSession = gorm.Session{NewDB: true}

// safety is when another server takes a validation over from one that died.
const safety = 40 * time.Second

// Respond begins a validation (RFC 8555 7.5.1): it goes on after the answer, and survives this process. statement is the
// attestation object of device-attest-01, which is verified at once.
func (e *Engine) Respond(
	ctx context.Context, c *protocolconfig.Configuration, a *Account, id, typ string, statement []byte,
) (*Authorization, *Challenge, error) {
	z, err := e.Authorization(ctx, a, id)
	if err != nil {
		return nil, nil, err
	}
	n := slices.IndexFunc(z.Challenges, func(c *Challenge) bool { return c.Type == typ })
	if n < 0 {
		return nil, nil, malformed("there is no such challenge").With(404)
	}
	challenge := z.Challenges[n]
	if challenge.Status != Pending || z.Status == Valid {
		return z, challenge, nil // asked twice: as it is
	}
	if z.Status != Pending {
		return nil, nil, malformed("the authorization is %s", z.Status)
	}
	if _, err := e.usable(a); err != nil {
		return nil, nil, err
	}
	if typ == DeviceAttest01 {
		return e.attest(ctx, c, a, z, challenge, statement)
	}
	if !e.slot() {
		return e.settled(ctx, a, z, challenge, e.later(ctx, challenge, e.Now()))
	}
	err = e.look(ctx, c, a, z, challenge)
	return e.settled(ctx, a, z, challenge, err)
}

// settled is what a request answers: where another one was quicker, what that one found.
func (e *Engine) settled(
	ctx context.Context, a *Account, z *Authorization, challenge *Challenge, err error,
) (*Authorization, *Challenge, error) {
	if !errors.Is(err, errOvertaken) {
		return z, challenge, err
	}
	if z, err = e.Authorization(ctx, a, z.ID); err != nil {
		return nil, nil, err
	}
	n := slices.IndexFunc(z.Challenges, func(c *Challenge) bool { return c.Type == challenge.Type })
	return z, z.Challenges[n], nil
}

// patience is how long the answer to a challenge waits for its validation, so that most clients need not ask again, and nothing
// needs to be kept of what is over by then.
const patience = time.Second

// later leaves a challenge to the job, at the given time.
func (e *Engine) later(ctx context.Context, challenge *Challenge, at time.Time) error {
	err := e.Store.Tx(ctx, func(ctx context.Context) error {
		changed := e.Store.DB(ctx).Model(challenge).Where("status = ?", Pending).Update("status", Processing)
		if changed.Error != nil {
			return changed.Error
		}
		if changed.RowsAffected == 0 {
			return errOvertaken
		}
		return e.Jobs.Enqueue(ctx, ValidateJob, jobKey(challenge), at, nil)
	})
	if err == nil {
		challenge.Status = Processing
	}
	return err
}

func jobKey(c *Challenge) string { return c.AuthorizationID + "/" + c.Type }

// look tries a challenge, and holds a slot. What takes longer than patience goes on after the answer, and a job is there for the
// case that this server dies.
func (e *Engine) look(ctx context.Context, c *protocolconfig.Configuration, a *Account, z *Authorization, challenge *Challenge) error {
	type result struct {
		tried   string
		problem *Problem
	}
	found := make(chan result, 1)
	work, cancel := context.WithTimeout(rbac.WithActor(e.ended, rbac.ActorFrom(ctx)), safety-5*time.Second)
	v := e.validation(c, a, z, challenge)
	e.running.Go(func() {
		defer func() { <-e.slots }()
		var r result
		r.tried, r.problem = e.Validator.Validate(work, v)
		found <- r
	})
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case r := <-found:
		defer cancel()
		if work.Err() != nil {
			return e.later(ctx, challenge, e.Now())
		}
		// The client may go, what was found out stays.
		return e.conclude(context.WithoutCancel(ctx), c, a, z, challenge, r.tried, r.problem, nil)
	case <-wait.C:
	case <-ctx.Done():
	}
	if err := e.later(context.WithoutCancel(ctx), challenge, e.Now().Add(safety)); err != nil {
		cancel()
		return err
	}
	zCopy, challengeCopy := *z, *challenge
	e.running.Go(func() {
		defer cancel()
		r := <-found
		after := context.WithoutCancel(work)
		if work.Err() != nil { // this server stops: the job is due now
			_ = e.Store.Tx(after, func(ctx context.Context) error {
				return e.Jobs.Enqueue(ctx, ValidateJob, jobKey(&challengeCopy), e.Now(), nil)
			}) // else it is in a while
			return
		}
		_ = e.conclude(after, c, a, &zCopy, &challengeCopy, r.tried, r.problem, nil) // else the job tries again
	})
	return nil
}

// slot takes one of the places for validations of this server.
func (e *Engine) slot() bool {
	select {
	case e.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// Validate is ValidateJob.
func (e *Engine) Validate(ctx context.Context, claim *job.Claim) error {
	id, typ, _ := strings.Cut(claim.Key, "/")
	var zs []*Authorization
	var cs []*Challenge
	db := e.Store.DB(ctx)
	if err := db.Find(&zs, "id = ?", id).Error; err != nil {
		return err
	}
	if err := db.Find(&cs, "authorization_id = ? AND type = ?", id, typ).Error; err != nil {
		return err
	}
	if len(zs) == 0 || len(cs) == 0 || cs[0].Status != Processing || zs[0].Status != Pending {
		return nil
	}
	z, challenge := zs[0], cs[0]
	var a Account
	if err := db.Take(&a, "id = ?", z.AccountID).Error; err != nil {
		return err
	}
	c, err := e.Configurations.ByID(ctx, z.ConfigurationID)
	if err != nil {
		return err
	}
	tried, problem := e.Validator.Validate(ctx, e.validation(c, &a, z, challenge))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = e.conclude(rbac.WithActor(ctx, e.Configurations.Actor(c, "", "")), c, &a, z, challenge, tried, problem, claim)
	if errors.Is(err, errOvertaken) {
		claim.Again(time.Time{})
		err = nil
	}
	return err
}

func (e *Engine) validation(c *protocolconfig.Configuration, a *Account, z *Authorization, challenge *Challenge) Validation {
	return Validation{
		Type: challenge.Type, Identifier: Identifier{z.IdentifierType, z.Identifier}, Wildcard: z.Wildcard, Token: challenge.Token,
		KeyAuthorization: challenge.Token + "." + a.Thumbprint, AccountURL: e.url(c, "account/"+a.ID)}
}

// conclude records an attempt: it settles the challenge, or another one is made later. claim is that of the job, nil beside it.
func (e *Engine) conclude(
	ctx context.Context, c *protocolconfig.Configuration, a *Account, z *Authorization, challenge *Challenge, tried string,
	problem *Problem, claim *job.Claim,
) error {
	if problem != nil && int(challenge.Attempts) < len(e.Attempts) && repeatable(problem) {
		again := e.Now().Add(e.Attempts[challenge.Attempts])
		if claim != nil {
			claim.Again(again)
		}
		return e.Store.Tx(ctx, func(ctx context.Context) error {
			challenge.Attempts++
			challenge.Error = problem
			before := challenge.Status
			challenge.Status = Processing
			changed := e.Store.DB(ctx).Model(challenge).Where("status = ?", before).Select("status", "attempts", "error").Updates(challenge)
			switch {
			case changed.Error != nil:
				return changed.Error
			case changed.RowsAffected == 0:
				return errOvertaken
			case claim != nil:
				return nil
			}
			return e.Jobs.Enqueue(ctx, ValidateJob, jobKey(challenge), again, nil)
		})
	}
	return e.finish(ctx, c, a, z, challenge, problem, tried, claim)
}

// repeatable: what may be mended within seconds.
func repeatable(p *Problem) bool {
	return p.Type == "connection" || p.Type == "dns" || p.Type == "tls" || p.Type == "unauthorized" || p.Type == "incorrectResponse"
}

// settlement is how a challenge ended.
type settlement struct {
	actor     *rbac.Actor
	c         *protocolconfig.Configuration
	a         *Account
	z         *Authorization
	challenge *Challenge
	problem   *Problem
	tried     string
	claim     *job.Claim // nil beside a job
	life      time.Duration
}

// finish records how a challenge ended, and what follows for the authorization and its orders; errOvertaken when another one was
// quicker.
func (e *Engine) finish(
	ctx context.Context, c *protocolconfig.Configuration, a *Account, z *Authorization, challenge *Challenge, problem *Problem,
	tried string, claim *job.Claim,
) error {
	set, err := SettingsOf(c)
	if err != nil {
		return err
	}
	one := &settlement{rbac.ActorFrom(ctx), c, a, z, challenge, problem, tried, claim, set.AuthorizationLife()}
	if claim != nil { // what is lost with its lease must not take others with it
		return e.Store.Tx(ctx, func(ctx context.Context) error { return e.settleTogether(ctx, []*settlement{one}, make([]error, 1)) })
	}
	overtaken, err := e.settling.Do(ctx, one)
	if err == nil {
		err = overtaken
	}
	return err
}

// settleMany records in one transaction what ends at the same moment.
func (e *Engine) settleMany(ctx context.Context, list []*settlement) ([]error, error) {
	order := make([]int, len(list))
	for n := range order {
		order[n] = n
	}
	// Always in the same order, so that two servers cannot wait for each other.
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(list[a].z.ID, list[b].z.ID) })
	sorted := make([]*settlement, len(list))
	for to, from := range order {
		sorted[to] = list[from]
	}
	var found []error
	err := e.Store.Tx(ctx, func(ctx context.Context) error {
		found = make([]error, len(list))
		return e.settleTogether(ctx, sorted, found)
	})
	refusals := make([]error, len(list))
	for to, from := range order {
		refusals[from] = found[to]
	}
	return refusals, err
}

func (e *Engine) settleTogether(ctx context.Context, list []*settlement, refusals []error) error {
	db, now := e.Store.DB(ctx), e.Now()
	var changed []*Authorization
	for n, s := range list {
		z, challenge := *s.z, *s.challenge
		challenge.Status, challenge.Error, challenge.ValidatedAt = Valid, nil, &now
		z.Status, z.ExpiresAt = Valid, now.Add(s.life)
		event := audit.Event{
			PartitionID: s.c.PartitionID, Action: "acme.authorization.prove", ObjectKind: "acme-authorization", ObjectID: z.ID,
			ObjectName: z.Identifier,
			Summary:    "proved " + z.Identifier + " by " + challenge.Type, Details: audit.Details{
				"configuration": s.c.Identifier, "account": s.a.ID, "challenge": challenge.Type, "tried": s.tried,
			}}
		if s.problem != nil {
			challenge.Status, challenge.Error, challenge.ValidatedAt = Invalid, s.problem, nil
			z.Status, z.ExpiresAt = Invalid, s.z.ExpiresAt
			event.Result, event.Summary = audit.Refused, "could not prove "+z.Identifier+" by "+challenge.Type+": "+s.problem.Detail
			event.Details["problem"] = s.problem.Type
		}
		// Who takes the authorization from pending decides; its challenge may be pending or processing.
		open := db.Model(&z).Where("status = ?", Pending).Select("status", "expires_at", "attested_key").Updates(&z)
		if open.Error != nil {
			return open.Error
		}
		if open.RowsAffected == 0 {
			refusals[n] = errOvertaken
			if s.claim != nil {
				return errOvertaken
			}
			continue
		}
		if err := db.Model(&challenge).Select("status", "error", "validated_at").Updates(&challenge).Error; err != nil {
			return err
		}
		e.Audit.RecordAs(ctx, s.actor, event)
		z.Challenges = []*Challenge{&challenge}
		changed = append(changed, &z)
		if s.claim != nil {
			if err := s.claim.Done(ctx); err != nil {
				return err
			}
		} else if s.challenge.Status == Processing {
			if err := e.Jobs.Cancel(ctx, ValidateJob, jobKey(&challenge)); err != nil {
				return err
			}
		}
		e.Store.AfterCommit(ctx, func() { *s.challenge, s.z.Status, s.z.ExpiresAt = challenge, z.Status, z.ExpiresAt })
	}
	if len(changed) == 0 {
		return nil
	}
	return e.settleOrders(ctx, changed)
}

// errOvertaken: another server, or the client, settled the authorization meanwhile.
var errOvertaken = errors.New("the authorization was settled meanwhile")

// attest: draft-ietf-acme-device-attest section 5.
func (e *Engine) attest(
	ctx context.Context, c *protocolconfig.Configuration, a *Account, z *Authorization, challenge *Challenge, statement []byte,
) (*Authorization, *Challenge, error) {
	set, err := SettingsOf(c)
	if err != nil {
		return nil, nil, err
	}
	anchors, err := set.Anchors()
	if err != nil {
		return nil, nil, err
	}
	var problem *Problem
	summary := ""
	proved, err := attestation.Verify(statement, challenge.Token+"."+a.Thumbprint, anchors, e.Now())
	switch {
	case err != nil:
		problem = NewProblem("badAttestationStatement", "%s", err)
	case !proved.Proves(z.IdentifierType, z.Identifier):
		problem = NewProblem("badAttestationStatement", "the statement is about another device than %s", truncate(z.Identifier))
	default:
		z.AttestedKey = sha256Hex(proved.PublicKey)
		summary = fmt.Sprintf("%s %s %s %s", proved.Format, proved.SecurityLevel, proved.Model, proved.OSVersion)
	}
	err = e.finish(ctx, c, a, z, challenge, problem, summary, nil)
	return e.settled(ctx, a, z, challenge, err)
}

// Statement decodes the payload of device-attest-01.
func Statement(attObj string) ([]byte, error) {
	object, err := base64.RawURLEncoding.Strict().DecodeString(attObj)
	if err != nil || len(object) == 0 {
		return nil, NewProblem("badAttestationStatement", "attObj is not base64url without padding")
	}
	return object, nil
}
