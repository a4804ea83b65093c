package graph

import (
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/report"
	"github.com/pkiaas/pkiaas/graph/generated"
	"github.com/pkiaas/pkiaas/graph/model"
)

// complexities says what a field costs where it is not one plus what is below it: lists cost as many times as they
// have items, and what recomputes a lot costs a lot.
func complexities(c *generated.ComplexityRoot) {
	const unbounded = 20 // items reckoned in a list without pages
	c.Partition.Certificates = func(below, first int, _ *string, _ *model.CertificateFilter, _ certificate.Sort) int {
		return pageCost(below, first)
	}
	c.CertificationAuthority.Certificates = c.Partition.Certificates
	c.EndEntity.Certificates = func(below, first int, _ *string) int { return pageCost(below, first) }
	c.Partition.EndEntities = func(below, first int, _ *string, _ *string, _ *endentity.Status, _ *string) int {
		return pageCost(below, first)
	}
	c.Partition.AuditEvents = func(below, first int, _ *string, _ *model.AuditFilter) int { return pageCost(below, first) }
	c.Partition.CertificationAuthorities = func(below, first int, _ *string, _ bool, _ *string) int { return pageCost(below, first) }
	plain := func(below, first int, _ *string) int { return pageCost(below, first) }
	c.CertificationAuthority.Children = plain
	c.Partition.Members, c.Partition.APITokens, c.Partition.CagwCredentials, c.Partition.RetiredProfiles = plain, plain, plain, plain
	c.Query.PlatformOutbox, c.Query.Jobs, c.Security.Sessions = plain, plain, plain
	c.Query.Subscriptions = func(below, first int, _ *string, _ *string) int { return pageCost(below, first) }
	c.Query.Partitions = c.Query.Subscriptions
	c.Partition.CertificateProfiles = func(below, first int, _ *string, _ *string, _ *model.ProfileKind, _ *string) int {
		return pageCost(below, first)
	}
	c.CertificationAuthority.Profiles = func(below int) int { return costOf(unbounded, below) }
	c.CertificateProfile.Versions = plain
	c.CertificateProfile.SelectedFor = func(below int) int { return 5 + below }
	c.CertificateProfile.Issued = func(below int) int { return 5 + below }
	c.Certificate.Story = func(below int) int { return unbounded + below }
	c.Query.WhatIf = func(below int, _ model.WhatIfInput) int { return 50 + below }
	c.Mutation.ReplayProfile = func(below int, _ model.ReplayProfileInput) int { return 2_000 + costOf(unbounded, below) }
	c.CertificationAuthority.DeletionImpact = func(below, first int) int { return 100 + pageCost(below, first) }
	c.Partition.BulkOperations = func(below, first int, _ *string) int { return pageCost(below, first) }
	c.Partition.Approvals = func(below int, _ []approval.State, first int, _ *string) int { return pageCost(below, first) }
	c.Webhook.Deliveries = plain
	c.Reports.Activity = func(below int, _, _ *time.Time, _ report.Interval) int { return 500 + below }
	c.Reports.Breakdown = func(below int, _ report.Dimension, _, _ *time.Time) int { return 500 + below }
	c.Reports.Cryptography = func(below int) int { return 500 + below }
	c.Reports.Expiries = func(below, _ int) int { return 500 + below }
	c.BulkOperation.Findings = func(below int) int { return 200 + below }
	c.Partition.ProtocolConfigurations = func(below, first int, _ *string, _ *model.ProtocolConfigurationFilter) int {
		return pageCost(below, first)
	}
	c.Partition.EnrollmentProtocols = func(below int) int { return costOf(5, below) }
	c.EnrollmentProtocol.Authorities = func(below int) int { return costOf(unbounded, below) }
	c.EnrollmentAuthority.Profiles = func(below int) int { return costOf(10, below) }
	c.ProtocolConfiguration.Problem = func(below int) int { return 3 + below }
	c.ProtocolConfiguration.Offerings = func(below int) int { return costOf(5, below) } // most have one or two
	c.ProtocolOffering.Problem = func(below int) int { return 3 + below }
	c.ProtocolConfiguration.EndEntities = func(below, first int, _ *string, _ *string, _ *endentity.Status) int {
		return pageCost(below, first)
	}
	c.ProtocolConfiguration.Events = c.Partition.AuditEvents
	c.ProtocolConfiguration.Certificates = c.Partition.Certificates
	c.AcmeConfiguration.ExternalKeys, c.AcmeConfiguration.Accounts, c.AcmeConfiguration.Orders = plain, plain, plain
	c.Partition.RenewalCampaigns, c.RenewalCampaign.Stragglers = plain, plain
	c.Partition.CountRenewalSelection = func(below int, _ model.RenewalSelectionInput) int { return 50 + below }
	c.RenewalCampaign.Progress = func(below int) int { return 50 + below }
	c.CertificateProfile.ProtocolConfigurations = func(below int) int { return costOf(unbounded, below) }
	c.Mutation.VerifyAuditLog = func(below int, _ model.VerifyAuditLogInput) int { return 5_000 + below }
	c.Mutation.MeasureAlgorithm = func(below int, _ model.MeasureAlgorithmInput) int { return 5_000 + below }
}

// pageCost is half of what a full page would cost, for few are full, but never less than a page of one: pages within pages would halve
// what is below them each time.
func pageCost(below, first int) int { return max(costOf(max(first, 1), below)/2, add(below, 1)) }

// costOf is the cost of that many items.
func costOf(items, below int) int { return times(items, add(below, 1)) }
