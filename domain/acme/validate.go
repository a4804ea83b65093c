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
func (e *Engine) Respond(ctx context.Context, c *protocolconfig.Configuration, a *Account, id, typ string, statement []byte) (*Authorization, *Challenge, error) {
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
	if _, err := e.usable(ctx, a); err != nil {
		return nil, nil, err
	}
	if typ == DeviceAttest01 {
		return e.attest(ctx, c, a, z, challenge, statement)
	}
	key, at := z.ID+"/"+typ, e.Now()
	here := e.slot()
	if here {
		at = at.Add(safety) // this server tries at once; the job is for the case that it dies
	}
	begun := false
	err = e.Store.Tx(ctx, func(ctx context.Context) error {
		begun = false
		changed := e.Store.DB(ctx).Model(challenge).Where("status = ?", Pending).Update("status", Processing)
		if changed.Error != nil || changed.RowsAffected == 0 {
			return changed.Error
		}
		begun = true
		return e.Jobs.Enqueue(ctx, ValidateJob, key, at, nil)
	})
	if here && (err != nil || !begun) {
		<-e.slots
	}
	if err != nil {
		return nil, nil, err
	}
	challenge.Status = Processing
	if here && begun {
		e.running.Go(func() {
			defer func() { <-e.slots }()
			ctx, cancel := context.WithTimeout(rbac.WithActor(context.Background(), rbac.SystemActor()), safety-5*time.Second)
			defer cancel()
			_ = e.try(ctx, key, nil) // the job tries again
		})
	}
	return z, challenge, nil
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
	return e.try(ctx, claim.Key, claim)
}

// try makes one attempt at a challenge, for the job or beside it.
func (e *Engine) try(ctx context.Context, key string, claim *job.Claim) error {
	id, typ, _ := strings.Cut(key, "/")
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
	tried, problem := e.Validator.Validate(ctx, Validation{Type: typ, Identifier: Identifier{z.IdentifierType, z.Identifier}, Wildcard: z.Wildcard, Token: challenge.Token,
		KeyAuthorization: challenge.Token + "." + a.Thumbprint, AccountURL: e.url(c, "account/"+a.ID)})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if problem != nil && int(challenge.Attempts) < len(e.Attempts) && repeatable(problem) {
		again := e.Now().Add(e.Attempts[challenge.Attempts])
		if claim != nil {
			claim.Again(again)
		}
		return e.Store.Tx(ctx, func(ctx context.Context) error {
			challenge.Attempts++
			challenge.Error = problem
			changed := e.Store.DB(ctx).Model(challenge).Where("status = ?", Processing).Select("attempts", "error").Updates(challenge)
			if changed.Error != nil || changed.RowsAffected == 0 || claim != nil {
				return changed.Error
			}
			return e.Jobs.Enqueue(ctx, ValidateJob, key, again, nil)
		})
	}
	err = e.finish(rbac.WithActor(ctx, c.Actor("", "")), c, &a, z, challenge, problem, tried, claim)
	if errors.Is(err, errOvertaken) {
		err = nil
	}
	return err
}

// repeatable: what may be mended within seconds.
func repeatable(p *Problem) bool {
	return p.Type == "connection" || p.Type == "dns" || p.Type == "tls" || p.Type == "unauthorized" || p.Type == "incorrectResponse"
}

// finish records how a challenge ended, and what follows for the authorization and its orders.
func (e *Engine) finish(ctx context.Context, c *protocolconfig.Configuration, a *Account, z *Authorization, challenge *Challenge, problem *Problem, tried string, claim *job.Claim) error {
	set, err := c.ACME()
	if err != nil {
		return err
	}
	z.Challenges = []*Challenge{challenge}
	return e.settle(ctx, z, func(ctx context.Context) error {
		now := e.Now()
		before := challenge.Status
		challenge.Status, challenge.Error, challenge.ValidatedAt = Valid, nil, &now
		z.Status, z.ExpiresAt = Valid, now.Add(set.AuthorizationLife())
		event := audit.Event{PartitionID: c.PartitionID, Action: "acme.authorization.prove", ObjectKind: "acme-authorization", ObjectID: z.ID, ObjectName: z.Identifier,
			Summary: "proved " + z.Identifier + " by " + challenge.Type, Details: audit.Details{"configuration": c.Identifier, "account": a.ID, "challenge": challenge.Type, "tried": tried}}
		if problem != nil {
			challenge.Status, challenge.Error, challenge.ValidatedAt = Invalid, problem, nil
			z.Status = Invalid
			event.Result, event.Summary = audit.Refused, "could not prove "+z.Identifier+" by "+challenge.Type+": "+problem.Detail
			event.Details["problem"] = problem.Type
		}
		changed := e.Store.DB(ctx).Model(challenge).Where("status = ?", before).Select("status", "error", "validated_at").Updates(challenge)
		if changed.Error != nil {
			return changed.Error
		}
		open := e.Store.DB(ctx).Model(z).Where("status = ?", Pending).Select("status", "expires_at", "attested_key").Updates(z)
		if open.Error != nil {
			return open.Error
		}
		if changed.RowsAffected == 0 || open.RowsAffected == 0 {
			return errOvertaken
		}
		e.Audit.Record(ctx, event)
		if claim != nil {
			return claim.Done(ctx)
		}
		return e.Jobs.Cancel(ctx, ValidateJob, z.ID+"/"+challenge.Type)
	})
}

// errOvertaken: another server, or the client, settled the authorization meanwhile.
var errOvertaken = errors.New("the authorization was settled meanwhile")

// attest: draft-ietf-acme-device-attest section 5.
func (e *Engine) attest(ctx context.Context, c *protocolconfig.Configuration, a *Account, z *Authorization, challenge *Challenge, statement []byte) (*Authorization, *Challenge, error) {
	set, err := c.ACME()
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
	if err := e.finish(ctx, c, a, z, challenge, problem, summary, nil); err != nil && !errors.Is(err, errOvertaken) {
		return nil, nil, err
	}
	return z, challenge, nil
}

// Statement decodes the payload of device-attest-01.
func Statement(attObj string) ([]byte, error) {
	object, err := base64.RawURLEncoding.Strict().DecodeString(attObj)
	if err != nil || len(object) == 0 {
		return nil, NewProblem("badAttestationStatement", "attObj is not base64url without padding")
	}
	return object, nil
}
