package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// Rule says how many other people must approve an operation.
type Rule struct {
	PartitionID string    `gorm:"primaryKey" json:"-"`
	Operation   Operation `gorm:"primaryKey" json:"operation"`
	ProfileIDs  []string  `gorm:"serializer:json" json:"profileIds"` // of ISSUE; empty: all
	Needed      int       `json:"needed"`
	Hours       int       `json:"hours"` // until a request expires
}

func (Rule) TableName() string { return "approval_rules" }

// These are the limits of a rule.
const (
	maxNeeded   = 5
	maxHours    = 30 * 24
	maxProfiles = 100
)

// Covers tells whether the rule covers the profile; "" if the operation has no profile. A nil rule covers nothing.
func (r *Rule) Covers(profileID string) bool {
	return r != nil && (r.Operation != Issue || len(r.ProfileIDs) == 0 || slices.Contains(r.ProfileIDs, profileID))
}

// Rule returns the rule of an operation, or nil.
func (s *Service) Rule(ctx context.Context, partitionID string, o Operation) (*Rule, error) {
	var found []*Rule
	if err := s.Store.DB(ctx).Find(&found, "partition_id = ? AND operation = ?", partitionID, o).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// RulesOf lists the rules of a partition.
func (s *Service) RulesOf(ctx context.Context, partitionID string) ([]*Rule, error) {
	if err := s.Guard.Require(ctx, rbac.ApprovalBrowse, partitionID); err != nil {
		return nil, err
	}
	return s.rules(ctx, partitionID)
}

func (s *Service) rules(ctx context.Context, partitionID string) ([]*Rule, error) {
	rules := []*Rule{}
	err := s.Store.DB(ctx).Order("operation").Find(&rules, "partition_id = ?", partitionID).Error
	return rules, err
}

// Change replaces all rules of a partition.
type Change struct {
	PartitionID string  `json:"partitionId"`
	Rules       []*Rule `json:"rules"`
	// Before is the rules at the time the change was requested.
	Before []*Rule `json:"before"`
}

// SetVerb is SetRules, carried out after approval.
const SetVerb = "approval.rules"

// SetRules replaces the rules of a partition. If that weakens a rule, the people who decide under that rule must
// approve, as many as the strictest weakened rule requires.
func (s *Service) SetRules(ctx context.Context, c Change) (rules []*Rule, err error) {
	if err := s.Guard.Require(ctx, rbac.ApprovalManage, c.PartitionID); err != nil {
		return nil, err
	}
	defer s.Audit.Refusal(
		ctx, &err, &audit.Event{PartitionID: c.PartitionID, Action: "approval.rules", ObjectKind: "partition", ObjectID: c.PartitionID},
	)
	defer s.Submit(ctx, &err)
	if err := s.check(ctx, c); err != nil {
		return nil, err
	}
	for _, r := range c.Rules {
		r.PartitionID = c.PartitionID
		slices.Sort(r.ProfileIDs)
		r.ProfileIDs = append([]string{}, slices.Compact(r.ProfileIDs)...)
	}
	slices.SortFunc(c.Rules, func(a, b *Rule) int { return strings.Compare(string(a.Operation), string(b.Operation)) })
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		// One change at a time.
		var id []string
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Table("partitions").Where("id = ?", c.PartitionID).Pluck("id", &id).Error; err != nil {
			return err
		}
		before, err := s.rules(ctx, c.PartitionID)
		if err != nil {
			return err
		}
		if Of(ctx) != nil && !same(before, c.Before) {
			return fault.New(fault.Conflict, "The rules have changed since this request was made.").Do("Request the change again.")
		}
		c.Before = before
		if lowered := lowers(before, c.Rules); len(lowered) > 0 {
			if err := s.askLess(ctx, c, lowered); err != nil {
				return err
			}
		}
		if err := s.Store.DB(ctx).Delete(&Rule{}, "partition_id = ?", c.PartitionID).Error; err != nil {
			return err
		}
		if len(c.Rules) > 0 {
			if err := s.Store.DB(ctx).Create(&c.Rules).Error; err != nil {
				return err
			}
		}
		if err := s.Changed(ctx, c.PartitionID); err != nil {
			return err
		}
		s.Audit.Record(
			ctx,
			audit.Event{
				PartitionID: c.PartitionID, Action: "approval.rules", ObjectKind: "partition", ObjectID: c.PartitionID,
				Summary: "changed the approval rules",
				Details: audit.Details{"before": describe(before), "after": describe(c.Rules)}})
		return s.Settle(ctx, c.PartitionID)
	})
	return c.Rules, err
}

func (s *Service) check(ctx context.Context, c Change) error {
	seen := map[Operation]bool{}
	for n, r := range c.Rules {
		field := fmt.Sprintf("rules[%d].", n)
		permission, known := permissions[r.Operation]
		switch {
		case !known:
			return fault.New(fault.Invalid, "No rule can cover this operation.").At(field + "operation")
		case seen[r.Operation]:
			return fault.New(fault.Invalid, "There are two rules for the same operation.").At(field + "operation")
		case r.Needed < 1 || r.Needed > maxNeeded:
			return fault.New(fault.Invalid, "The number of approvals must be 1 to %d.", maxNeeded).At(field + "needed")
		case r.Hours < 1 || r.Hours > maxHours:
			return fault.New(fault.Invalid, "The deadline must be 1 to %d hours.", maxHours).At(field + "hours")
		case r.Operation != Issue && len(r.ProfileIDs) > 0:
			return fault.New(fault.Invalid, "Only rules for issuing can name profiles.").At(field + "profileIds")
		case len(r.ProfileIDs) > maxProfiles:
			return fault.New(fault.Invalid, "A rule can name at most %d profiles.", maxProfiles).At(field + "profileIds").Do(
				"Leave the list empty to cover all profiles.",
			)
		}
		seen[r.Operation] = true
		if err := s.Profiles(ctx, c.PartitionID, r.ProfileIDs); err != nil {
			return fault.Of(err).At(field + "profileIds")
		}
		holders, err := s.People.Holders(ctx, c.PartitionID, []rbac.Permission{permission})
		if err != nil {
			return err
		}
		// The requester is one of the holders.
		if len(holders) <= r.Needed {
			return fault.New(
				fault.PolicyRefused, "Only %d people of this partition have this permission, so nobody could get the approval of %s.",
				len(holders), others(r.Needed),
			).At(field + "needed").
				Do("Give the role to more people first.")
		}
	}
	return nil
}

// lowers lists the rules that were weakened or removed.
func lowers(before, after []*Rule) []*Rule {
	var lowered []*Rule
	for _, b := range before {
		kept := slices.ContainsFunc(after, func(a *Rule) bool {
			return a.Operation == b.Operation && a.Needed >= b.Needed &&
				(len(a.ProfileIDs) == 0 || len(b.ProfileIDs) > 0 && !slices.ContainsFunc(
					b.ProfileIDs, func(id string) bool { return !slices.Contains(a.ProfileIDs, id) },
				))
		})
		if !kept {
			lowered = append(lowered, b)
		}
	}
	return lowered
}

func (s *Service) askLess(ctx context.Context, c Change, lowered []*Rule) error {
	actor := rbac.ActorFrom(ctx)
	if actor.Kind == rbac.System {
		return nil
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if r := Of(ctx); r != nil {
		if r.Verb == SetVerb && r.Payload == string(payload) {
			return nil
		}
		return fault.New(fault.Internal, "The operation differs from what was approved.")
	}
	strictest := &Rule{}
	var needed []rbac.Permission
	for _, l := range lowered {
		strictest.Needed, strictest.Hours = max(strictest.Needed, l.Needed), max(strictest.Hours, l.Hours)
		if p := permissions[l.Operation]; !slices.Contains(needed, p) {
			needed = append(needed, p)
		}
	}
	return s.ask(
		ctx,
		Ask{
			PartitionID: c.PartitionID, Operation: Rules, Verb: SetVerb, Payload: c, ObjectKind: "partition", ObjectID: c.PartitionID,
			Summary: "require fewer approvals",
			Facts: []Fact{
				{"Now", strings.Join(describe(c.Before), "; ")}, {"Then", orNone(describe(c.Rules))},
			}}, string(payload), strictest, needed)
}

func same(a, b []*Rule) bool {
	return slices.EqualFunc(a, b, func(x, y *Rule) bool {
		return x.Operation == y.Operation && x.Needed == y.Needed && x.Hours == y.Hours && (len(x.ProfileIDs) == 0 &&
			len(y.ProfileIDs) == 0 || reflect.DeepEqual(x.ProfileIDs, y.ProfileIDs))
	})
}

var names = map[Operation]string{
	CACreate: "creating a CA", CADelete: "deleting a CA", CAMoveKey: "moving the key of a CA", CARenew: "renewing a CA", Issue: "issuing",
	BulkRevoke: "bulk revocation", RoleChange: "changing roles",
}

// describe returns rules in words.
func describe(rules []*Rule) []string {
	said := []string{}
	for _, r := range rules {
		what := names[r.Operation]
		if len(r.ProfileIDs) > 0 {
			what += " under " + strings.Join(r.ProfileIDs, ", ")
		}
		said = append(said, fmt.Sprintf("%s: %s within %d hours", what, others(r.Needed), r.Hours))
	}
	return said
}

func orNone(said []string) string {
	if len(said) == 0 {
		return "nothing needs approval"
	}
	return strings.Join(said, "; ")
}

func others(n int) string {
	if n == 1 {
		return "1 other person"
	}
	return fmt.Sprintf("%d other people", n)
}

func join(names []string) string { return strings.Join(names, " and ") }
