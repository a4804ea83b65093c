package server

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/rbac"
)

const everyone = "OW CA CE AU PO PA"

// matrix is every operation that touches a partition, and who may do it, by the guide's table. The operations ask for
// something that is not there or not acceptable where that is possible, so that being allowed changes nothing: what
// counts is whether the answer is FORBIDDEN or, in a foreign partition, that nothing is to be found.
var matrix = []struct{ operation, query, who string }{
	{
		"Mutation.assignSubscription",
		`mutation { assignSubscription(input: {subscriptionId: "$SUBSCRIPTION", region: US, acceptTerms: false}) { partition { id } } }`,
		"OW",
	},
	{
		"Mutation.inviteUser",
		`mutation { inviteUser(input: {partitionId: "$P", email: "nonsense", firstName: "a", lastName: "b"}) { ... on MemberPayload { member
			{ user { id } } } } }`,
		"OW",
	},
	{
		"Mutation.resendInvitation",
		`mutation { resendInvitation(input: {partitionId: "$P", userId: "$MEMBER"}) { member { user { id } } } }`, "OW",
	},
	{
		"Mutation.grantRole",
		`mutation { grantRole(input: {partitionId: "$P", userId: "$MEMBER", role: OWNERS}) { ... on MemberPayload { member { roles } } } }`,
		"OW",
	},
	{
		"Mutation.revokeRole",
		`mutation { revokeRole(input: {partitionId: "$P", userId: "$MEMBER", role: CA_AUDITORS}) { ... on MemberPayload { member { roles } }
			} }`,
		"OW",
	},
	{
		"Mutation.removeMember",
		`mutation { removeMember(input: {partitionId: "$P", userId: "$MEMBER"}) { ... on MemberPayload { member { roles } } } }`, "OW",
	},
	{
		"Mutation.createApiToken",
		`mutation { createApiToken(input: {partitionId: "$P", name: "x", role: OWNERS, expiresAt: "2020-01-01T00:00:00Z"}) { token } }`,
		"OW CA",
	},
	{"Mutation.revokeApiToken", `mutation { revokeApiToken(input: {id: "$TOKEN"}) { apiToken { id } } }`, "OW CA"},
	{
		"Mutation.createCagwCredential",
		`mutation { createCagwCredential(input: {partitionId: "$P", identifier: "!", friendlyName: "x", roles: []}) { password } }`,
		"OW CA",
	},
	{"Mutation.renewCagwCredential", `mutation { renewCagwCredential(input: {id: "$ENDED"}) { password } }`, "OW CA"},
	{
		"Mutation.setCagwCredentialRoles", `mutation { setCagwCredentialRoles(input: {id: "$ENDED", roles: []}) { credential { id } } }`,
		"OW CA",
	},
	{"Mutation.deleteCagwCredential", `mutation { deleteCagwCredential(input: {id: "$ENDED"}) { credential { id } } }`, "OW CA"},
	{"Partition.cagwCredentials", `{ partition(id: "$P") { cagwCredentials { nodes { id roles { ca { id } role } } } } }`, "OW CA"},
	{
		"Mutation.createCertificationAuthority",
		`mutation { createCertificationAuthority(input: {partitionId: "$P", type: ROOT, identifier: "!", friendlyName: "x",
			signingAlgorithm: "x", subject: "x"}) { ... on CertificationAuthorityPayload { certificationAuthority { id } } } }`,
		"OW CA",
	},
	{
		"Mutation.deleteCertificationAuthority",
		`mutation { deleteCertificationAuthority(input: {caId: "$CA", confirmIdentifier: "wrong"}) { ... on CertificationAuthorityPayload {
			certificationAuthority { id } } } }`,
		"OW CA",
	},
	{
		"Mutation.moveCertificationAuthorityKey",
		`mutation { moveCertificationAuthorityKey(input: {caId: "$CA", keyStore: "no-such"}) { ... on CertificationAuthorityPayload {
			certificationAuthority { id } } } }`,
		"OW CA",
	},
	{
		"Mutation.restoreCertificationAuthority",
		`mutation { restoreCertificationAuthority(input: {caId: "$CA"}) { certificationAuthority { id } } }`, "OW CA",
	},
	{
		"Mutation.importExternalRoot",
		`mutation { importExternalRoot(input: {partitionId: "$P", identifier: "x1", friendlyName: "x", certificate: "junk"}) { ... on
			CertificationAuthorityPayload { certificationAuthority { id } } } }`,
		"OW CA",
	},
	{
		"Mutation.importCaCertificate",
		`mutation { importCaCertificate(input: {caId: "$CA", certificate: "junk"}) { certificationAuthority { id } } }`, "OW CA",
	},
	{
		"Mutation.renewCertificationAuthority",
		`mutation { renewCertificationAuthority(input: {caId: "$CA", newKey: false, expiresAt: "2020-01-01T00:00:00Z"}) { ... on
			CertificationAuthorityPayload { certificationAuthority { id } } } }`,
		"OW CA",
	},
	{
		"Mutation.disableCertificationAuthority",
		`mutation { disableCertificationAuthority(input: {caId: "$DISABLED"}) { certificationAuthority { id } } }`, "OW CA",
	},
	{
		"Mutation.enableCertificationAuthority",
		`mutation { enableCertificationAuthority(input: {caId: "$CA"}) { certificationAuthority { id } } }`, "OW CA",
	},
	{
		"Mutation.selectProfiles",
		`mutation { selectProfiles(input: {caId: "$CA", profileIds: ["no-such"]}) { certificationAuthority { id } } }`, "OW CA",
	},
	{
		"Mutation.unselectProfiles",
		`mutation { unselectProfiles(input: {caId: "$CA", profileIds: ["no-such"]}) { certificationAuthority { id } } }`, "OW CA",
	},
	{"Mutation.publishCrl", `mutation { publishCrl(input: {caId: "$CA"}) { certificationAuthority { id } } }`, "OW CA"},
	{
		"Mutation.updateCrlSettings",
		`mutation { updateCrlSettings(input: {caId: "$CA", delta: false, shards: 1}) { certificationAuthority { id } } }`, "OW CA",
	},
	{"Mutation.acceptHeldCrl", `mutation { acceptHeldCrl(input: {caId: "$CA", reason: ""}) { certificationAuthority { id } } }`, "OW CA"},
	{
		"Mutation.issueCertificate",
		`mutation { issueCertificate(input: {caId: "$CA", profileId: "x", csr: "junk"}) { ... on IssueCertificatePayload { certificate { id
			} } } }`,
		"OW CE",
	},
	{
		"Mutation.issuePkcs12",
		`mutation { issuePkcs12(input: {caId: "$CA", profileId: "x", password: "short", subject: "CN=x"}) { certificate { id } } }`,
		"OW CE",
	},
	{"Mutation.revokeCertificate", `mutation { revokeCertificate(input: {certificateId: "$REVOKED"}) { certificate { id } } }`, "OW CE"},
	{"Mutation.suspendCertificate", `mutation { suspendCertificate(input: {certificateId: "$REVOKED"}) { certificate { id } } }`, "OW CE"},
	{
		"Mutation.unsuspendCertificate", `mutation { unsuspendCertificate(input: {certificateId: "$REVOKED"}) { certificate { id } } }`,
		"OW CE",
	},
	{"Mutation.activateEndEntity", `mutation { activateEndEntity(input: {id: "$ENTITY"}) { endEntity { id } } }`, "OW CA"},
	{"Mutation.deactivateEndEntity", `mutation { deactivateEndEntity(input: {id: "$DECOMMISSIONED"}) { endEntity { id } } }`, "OW CA"},
	{"Mutation.decommissionEndEntity", `mutation { decommissionEndEntity(input: {id: "$DECOMMISSIONED"}) { endEntity { id } } }`, "OW CA"},

	{
		"Mutation.cloneProfile",
		`mutation { cloneProfile(input: {partitionId: "$P", sourceId: "privatessl-tls-server", id: "X", name: "x"}) { profile { id } } }`,
		"OW CA",
	},
	{
		"Mutation.updateProfile",
		`mutation { updateProfile(input: {partitionId: "$P", id: "privatessl-tls-server", version: 0, json: "{}"}) { profile { id } } }`,
		"OW CA",
	},
	{
		"Mutation.retireProfile",
		`mutation { retireProfile(input: {partitionId: "$P", id: "privatessl-tls-server", version: 0}) { profile { id } } }`, "OW CA",
	},
	{
		"Mutation.deleteProfile", `mutation { deleteProfile(input: {partitionId: "$P", id: "privatessl-tls-server", version: 0}) { id } }`,
		"OW CA",
	},
	{"Query.validateProfile", `{ validateProfile(partitionId: "$P", json: "{}") { path message line } }`, everyone},
	{"Query.whatIf", `{ whatIf(input: {caId: "$CA", profileId: "x", csr: "junk"}) { issued refusal { code } } }`, "OW CE"},
	{
		"Mutation.replayProfile",
		`mutation { replayProfile(input: {partitionId: "$P", days: 1, json:
			"{\"id\": \"web\", \"name\": \"Web\", \"group\": \"privatessl\", \"kind\": \"SUBSCRIBER\", \"allowedCATypes\": [\"ISSUING\"], \"validity_period\": \"P1Y\", \"usages\": [\"2.5.29.15.0\"]}"}) { replay { requests } } }`,
		"OW CA",
	},
	{"Partition.retiredProfiles", `{ partition(id: "$P") { retiredProfiles { nodes { id } } } }`, everyone},
	{
		"Certificate.story",
		`{ certificate(id: "$REVOKED") { profile { id versions { nodes { version } } } story { protocol decisions { rule } events { sequence
			} } } }`,
		everyone,
	},
	{
		"Mutation.updateNotificationSettings",
		`mutation { updateNotificationSettings(input: {partitionId: "$P", days: [0], recipients: []}) { settings { days } } }`, "OW CA",
	},
	{"Mutation.createWebhook", `mutation { createWebhook(input: {partitionId: "$P", name: "test", url: "ftp://x"}) { secret } }`, "OW CA"},
	{"Mutation.testWebhook", `mutation { testWebhook(input: {id: "$HOOK"}) { webhook { id } } }`, "OW CA"},
	{"Mutation.deleteWebhook", `mutation { deleteWebhook(input: {id: "$HOOK", confirmName: "wrong"}) { webhook { id } } }`, "OW CA"},
	{
		"Partition.notificationSettings",
		`{ partition(id: "$P") { notificationSettings { days recipients webhooks { id deliveries { nodes { id } } } } } }`, "OW CA CE AU",
	},
	{
		"Partition.reports",
		`{ partition(id: "$P") { reports { activity { issued } months: activity(interval: MONTH) { issued } breakdown(by: CA) { label }
			cryptography { uses { keyType } concerns { id } } expiries { start } } } }`,
		everyone,
	},
	{
		"Mutation.prepareBulkRevocation",
		`mutation { prepareBulkRevocation(input: {partitionId: "$P", selection: {uploadId: "none"}}) { operation { id } } }`, "OW CE",
	},
	{
		"Mutation.prepareBulkIssuance",
		`mutation { prepareBulkIssuance(input: {partitionId: "$P", caId: "$CA", uploadId: "none"}) { operation { id } } }`, "OW CE",
	},
	{"Mutation.startBulk", `mutation { startBulk(input: {id: "$BULK"}) { ... on BulkOperationPayload { operation { id } } } }`, "OW CE"},
	{"Mutation.cancelBulk", `mutation { cancelBulk(input: {id: "$BULK"}) { operation { id } } }`, "OW CE"},
	{"Query.bulkOperation", `{ bulkOperation(id: "$BULK") { id findings { count } } }`, everyone},
	{"Partition.bulkOperations", `{ partition(id: "$P") { bulkOperations(first: 1) { nodes { id } } } }`, everyone},
	{
		"Mutation.setApprovalRules",
		`mutation { setApprovalRules(input: {partitionId: "$P", rules: [{operation: CA_DELETE, needed: 0}]}) { ... on ApprovalRulesPayload {
			rules { needed } } } }`,
		"OW",
	},
	{"Mutation.approve", `mutation { approve(input: {id: "$APPROVAL", comment: " "}) { approval { id } } }`, "OW CE"},
	{"Mutation.reject", `mutation { reject(input: {id: "$APPROVAL"}) { approval { id } } }`, "OW CE"},
	{"Mutation.withdrawApproval", `mutation { withdrawApproval(input: {id: "$APPROVAL"}) { approval { id } } }`, "OW CA CE AU"},
	{"Query.approval", `{ approval(id: "$APPROVAL") { id payload votes { name } mayDecide mayWithdraw } }`, "OW CA CE AU"},
	{"Partition.approvals", `{ partition(id: "$P") { approvals(first: 1, state: [PENDING]) { nodes { id state } } } }`, "OW CA CE AU"},
	{"Partition.approvalsWaiting", `{ partition(id: "$P") { approvalsWaiting } }`, "OW CA CE AU"},
	{"Partition.approvalRules", `{ partition(id: "$P") { approvalRules { operation profileIds } } }`, "OW CA CE AU"},

	{
		"Mutation.createProtocolConfiguration",
		`mutation { createProtocolConfiguration(input: {partitionId: "$P", identifier: "!", type: ACME, offerings: [{caId: "$CA", profileId:
			"x"}]}) { protocolConfiguration { id } } }`,
		"OW CA PO",
	},
	{
		"Mutation.updateProtocolConfiguration",
		`mutation { updateProtocolConfiguration(input: {id: "$CONFIGURATION"}) { protocolConfiguration { id } } }`, "OW CA PO",
	},
	{
		"Mutation.addProtocolOffering",
		`mutation { addProtocolOffering(input: {configurationId: "$CONFIGURATION", offering: {caId: "$CA", profileId: "x"}}) {
			protocolConfiguration { id } } }`,
		"OW CA PO",
	},
	{
		"Mutation.updateProtocolOffering",
		`mutation { updateProtocolOffering(input: {id: "$OFFERING", maxValidityHours: -1}) { protocolConfiguration { id } } }`, "OW CA PO",
	},
	{
		"Mutation.removeProtocolOffering",
		`mutation { removeProtocolOffering(input: {id: "$OFFERING"}) { protocolConfiguration { id } } }`, "OW CA PO",
	},
	{
		"Mutation.enableProtocolConfiguration",
		`mutation { enableProtocolConfiguration(input: {id: "$CONFIGURATION"}) { protocolConfiguration { id } } }`, "OW CA PO",
	},
	{
		"Mutation.disableProtocolConfiguration",
		`mutation { disableProtocolConfiguration(input: {id: "$OFF"}) { protocolConfiguration { id } } }`, "OW CA PO",
	},
	{
		"Mutation.deleteProtocolConfiguration",
		`mutation { deleteProtocolConfiguration(input: {id: "$CONFIGURATION", confirmIdentifier: "wrong"}) { protocolConfiguration { id } }
			}`,
		"OW CA PO",
	},
	{
		"Query.protocolConfiguration",
		`{ protocolConfiguration(id: "$CONFIGURATION") { id problem offerings { name maxValidityHours problem ca { id } profile { id } }
			endEntities { nodes { id } } events { nodes { sequence } } certificates { nodes { id protocolConfiguration { id } } } } }`,
		everyone,
	},
	{
		"Query.protocolConfiguration (ACME)",
		`{ protocolConfiguration(id: "$CONFIGURATION") { acme { directoryUrl settings { challenges } externalKeys { nodes { id } } accounts
			{ nodes { id key { id } } } orders { nodes { id account { id } certificate { id } } } } } }`,
		everyone,
	},
	{
		"Mutation.updateAcmeSettings",
		`mutation { updateAcmeSettings(input: {configurationId: "$CONFIGURATION", orderHours: -1}) { protocolConfiguration { id } } }`,
		"OW CA PO",
	},
	{
		"Mutation.createAcmeKey",
		`mutation { createAcmeKey(input: {configurationId: "$CONFIGURATION", friendlyName: "!"}) { key { id } hmacKey } }`, "OW CA PO",
	},
	{"Mutation.revokeAcmeKey", `mutation { revokeAcmeKey(input: {id: "$EAB"}) { key { id } } }`, "OW CA PO"},
	{
		"Mutation.createRenewalCampaign",
		`mutation { createRenewalCampaign(input: {partitionId: "$P", name: "x", selection: {}, beginsAt: "2020-01-01T00:00:00Z", endsAt:
			"2020-01-01T00:00:00Z"}) { campaign { id } } }`,
		"OW CA PO",
	},
	{"Mutation.cancelRenewalCampaign", `mutation { cancelRenewalCampaign(input: {id: "$CAMPAIGN"}) { campaign { id } } }`, "OW CA PO"},
	{
		"Query.renewalCampaign",
		`{ renewalCampaign(id: "$CAMPAIGN") { id selection { ca { id } } progress { replaced planned } stragglers { totalCount nodes {
			certificate { id } } } } }`,
		everyone,
	},
	{"Partition.renewalCampaigns", `{ partition(id: "$P") { renewalCampaigns { nodes { id } } } }`, everyone},
	{"Partition.countRenewalSelection", `{ partition(id: "$P") { countRenewalSelection(selection: {keyType: "RSA 2048"}) } }`, everyone},
	{
		"Partition.protocolConfigurations", `{ partition(id: "$P") { protocolConfigurations(filter: {search: "x"}) { nodes { id } } } }`,
		everyone,
	},
	{"Partition.protocolConfiguration", `{ partition(id: "$P") { protocolConfiguration(identifier: "on") { id } } }`, everyone},
	{
		"Partition.enrollmentProtocols",
		`{ partition(id: "$P") { enrollmentProtocols { type label profileGroups authorities { ca { id } profiles { id } } } } }`, everyone,
	},

	{"Query.partition", `{ partition(id: "$P") { id name region createdAt roles permissions } }`, everyone},
	{"Partition.counts", `{ partition(id: "$P") { counts { activeCas } } }`, everyone},
	{"Partition.activity", `{ partition(id: "$P") { activity { day } } }`, everyone},
	{"Partition.subscription", `{ partition(id: "$P") { subscription { name } } }`, everyone},
	{"Partition.certificationAuthorities", `{ partition(id: "$P") { certificationAuthorities { nodes { id } } } }`, everyone},
	{"Partition.certificationAuthority", `{ partition(id: "$P") { certificationAuthority(identifier: "issuing-1") { id } } }`, everyone},
	{
		"Query.certificationAuthority",
		`{ certificationAuthority(id: "$CA") { id children { nodes { id } } profiles { id } crl { number alarm { reason } warning }
			crlSettings { mode } crlLists { url } activeCertificates } }`,
		everyone,
	},
	{"CertificationAuthority.certificatePem", `{ certificationAuthority(id: "$CA") { certificatePem } }`, "OW CA CE"},
	{"CertificationAuthority.chainPem", `{ certificationAuthority(id: "$CA") { chainPem } }`, "OW CA CE"},
	{"CertificationAuthority.certificateSigningRequest", `{ certificationAuthority(id: "$CA") { certificateSigningRequest } }`, "OW CA CE"},
	{"CertificationAuthority.caCertificates", `{ certificationAuthority(id: "$CA") { caCertificates { pem } } }`, "OW CA CE"},
	{
		"CertificationAuthority.deletionImpact",
		`{ certificationAuthority(id: "$CA") { deletionImpact { certificateCount endEntities { id } protocolConfigurations { id } } renewal
			{ newKey } nameConstraints { permitted { value } } } }`,
		everyone,
	},
	{
		"Partition.keyStores",
		`{ partition(id: "$P") { keyStores { name description available custody(signingAlgorithm: "ML-DSA-65") } } }`, everyone,
	},
	{"CertificationAuthority.ceremonyMinutes", `{ certificationAuthority(id: "$CA") { ceremonyMinutes { html } } }`, "OW CA CE"},
	{"Partition.certificateProfiles", `{ partition(id: "$P") { certificateProfiles { nodes { id } } } }`, everyone},
	{"Partition.certificateProfile", `{ partition(id: "$P") { certificateProfile(id: "privatessl-tls-server") { id } } }`, everyone},
	{"Partition.profileGroups", `{ partition(id: "$P") { profileGroups { id } } }`, everyone},
	{"Partition.certificates", `{ partition(id: "$P") { certificates(first: 1) { nodes { id } } } }`, everyone},
	{"Query.certificate", `{ certificate(id: "$REVOKED") { pem chainPem der } }`, everyone},
	{"Partition.endEntities", `{ partition(id: "$P") { endEntities(first: 1) { nodes { id } } } }`, everyone},
	{"Query.endEntity", `{ endEntity(id: "$ENTITY") { id } }`, everyone},
	{"Partition.members", `{ partition(id: "$P") { members { nodes { user { id } } } } }`, "OW"},
	{"Partition.apiTokens", `{ partition(id: "$P") { apiTokens { nodes { id } } } }`, "OW CA"},
	{"Partition.auditEvents", `{ partition(id: "$P") { auditEvents(first: 1) { nodes { sequence } } } }`, everyone},
	{"Mutation.verifyAuditLog", `mutation { verifyAuditLog(input: {partitionId: "$P"}) { verification { intact } } }`, everyone},
}

// own are the operations that act on the caller's own account, on nothing but the deployment, or on the platform.
var own = []string{
	"Query.deployment", "Query.viewer", "Query.invitation", "Query.subscriptions", "Query.subscription", "Query.partitions",
	"Query.platformOutbox", "Query.jobs", "Query.profileSchema", "Mutation.measureAlgorithm",
	"Mutation.createSubscription", "Mutation.updateSubscription",
	"Mutation.signIn", "Mutation.confirmIdentity", "Mutation.verifySecondFactor", "Mutation.beginPasskeySignIn", "Mutation.signOut",
	"Mutation.signOutEverywhere", "Mutation.endSession",
	"Mutation.acceptInvitation", "Mutation.beginTotpEnrolment", "Mutation.confirmTotpEnrolment", "Mutation.beginPasskeyRegistration",
	"Mutation.finishPasskeyRegistration",
	"Mutation.verifyAddressCode", "Mutation.requestPasswordReset", "Mutation.resetPassword", "Mutation.acceptRoles",
	"Mutation.declineInvitation",
	"Query.accounts", "Query.account", "Mutation.disableAccount", "Mutation.enableAccount", "Mutation.resetSecondFactor",
	"Mutation.deleteAccount", "Mutation.inviteSubscriptionOwner",
	"Mutation.removePasskey", "Mutation.regenerateRecoveryCodes", "Mutation.changePassword",
	"Partition.id", "Partition.name", "Partition.region", "Partition.createdAt", "Partition.roles", "Partition.permissions",
	"Partition.cagwUrl",
}

var shortRoles = map[rbac.Role]string{
	rbac.Owners: "OW", rbac.CAAdministrators: "CA", rbac.CertificateAdministrators: "CE", rbac.CAAuditors: "AU",
	rbac.ProtocolOperators: "PO", rbac.ProtocolAuditors: "PA",
}

// TestMatrix walks every operation × role × own and foreign partition, and nobody.
func TestMatrix(t *testing.T) {
	a, m := inProcess(t)
	replace := fixtures(t, a, m)
	checked := 0
	for _, row := range matrix {
		query := replace.Replace(row.query)
		if code := a.ask(t, nil, query, nil).code(); code != "UNAUTHENTICATED" {
			t.Errorf("%s by nobody: %q", row.operation, code)
		}
		for _, role := range rbac.Roles() {
			for _, foreign := range []bool{false, true} {
				checked++
				domains := map[string][]rbac.Role{m.Partition.ID: {role}, m.Subscription.ID: {role}}
				if foreign {
					domains = map[string][]rbac.Role{"sub0000000000": {role}}
				}
				got := a.ask(t, &rbac.Actor{Kind: rbac.UserActor, ID: "matrix", Name: "matrix", Grants: domains}, query, nil)
				allowed := slices.Contains(strings.Fields(row.who), shortRoles[role])
				switch {
				case foreign && !nothing(got):
					t.Errorf("%s as %s of a foreign partition: %q %v", row.operation, role, got.code(), got.Data)
				case !foreign && allowed && (got.code() == "FORBIDDEN" || got.code() == "NOT_FOUND" || got.code() == "INTERNAL" ||
					strings.HasPrefix(row.query, "{") && got.code() != ""):
					t.Errorf("%s as %s: %v, the table allows it", row.operation, role, got.Errors)
				case !foreign && !allowed && got.code() != "FORBIDDEN":
					t.Errorf("%s as %s: %q, the table forbids it", row.operation, role, got.code())
				}
			}
		}
	}
	t.Logf("%d operations × 6 roles × own and foreign partition = %d", len(matrix), checked)
}

// nothing tells whether an answer gives nothing away: NOT_FOUND, or null where a lookup finds nothing.
func nothing(a answer) bool {
	if a.code() != "" {
		return a.code() == "NOT_FOUND"
	}
	for _, v := range a.Data {
		if v != nil {
			return false
		}
	}
	return true
}

// fixtures finds or makes what the operations are about.
func fixtures(t *testing.T, a *App, m *Manifest) *strings.Replacer {
	t.Helper()
	system := rbac.SystemActor()
	first := func(query, pattern string) string {
		t.Helper()
		got := a.ask(t, system, query, nil)
		if got.code() != "" {
			t.Fatal(got.Errors)
		}
		var id string
		walk(got.Data, func(key string, v any) {
			if s, ok := v.(string); ok && key == pattern && id == "" {
				id = s
			}
		})
		if id == "" {
			t.Fatalf("nothing found by %s", query)
		}
		return id
	}
	p := m.Partition.ID
	entity := first(`{ partition(id: "`+p+`") { endEntities(first: 1, search: "alice") { nodes { id } } } }`, "id")
	gone := first(`{ partition(id: "`+p+`") { endEntities(first: 1, search: "bob") { nodes { id } } } }`, "id")
	if got := a.ask(t, system, `mutation { decommissionEndEntity(input: {id: "`+gone+`"}) { endEntity { id } } }`, nil); got.code() != "" {
		t.Fatal(got.Errors)
	}
	token := first(
		`mutation { createApiToken(input: {partitionId:
			"`+p+`", name: "ended", role: CA_AUDITORS, expiresAt: "`+a.now().AddDate(0, 1, 0).Format("2006-01-02T15:04:05Z")+
			`"}) { apiToken { id } } }`,
		"id",
	)
	if got := a.ask(t, system, `mutation { revokeApiToken(input: {id: "`+token+`"}) { apiToken { id } } }`, nil); got.code() != "" {
		t.Fatal(got.Errors)
	}
	member := ""
	got := a.ask(t, system, `{ partition(id: "`+p+`") { members { nodes { user { id } roles } } } }`, nil)
	for _, v := range got.Data["partition"].(map[string]any)["members"].(map[string]any)["nodes"].([]any) {
		if slices.Contains(v.(map[string]any)["roles"].([]any), any("OWNERS")) {
			member = v.(map[string]any)["user"].(map[string]any)["id"].(string)
			break
		}
	}
	bulk := first(
		`mutation { prepareBulkRevocation(input: {partitionId: "`+p+`", selection: {serialNumbers: ["00ff"]}}) { operation { id } } }`,
		"id",
	)
	if got := a.ask(t, system, `mutation { cancelBulk(input: {id: "`+bulk+`"}) { operation { id } } }`, nil); got.code() != "" {
		t.Fatal(got.Errors)
	}
	disabled := first(`{ partition(id: "`+p+`") { certificationAuthority(identifier: "issuing-hybrid") { id } } }`, "id")
	if got := a.ask(
		t, system, `mutation { disableCertificationAuthority(input: {caId: "`+disabled+`"}) { certificationAuthority { id } } }`, nil,
	); got.code() != "" {
		t.Fatal(got.Errors)
	}
	issuing := first(`{ partition(id: "`+p+`") { certificationAuthority(identifier: "issuing-1") { id } } }`, "id")
	configure := func(identifier string) string {
		return first(
			`mutation { createProtocolConfiguration(input: {partitionId:
				"`+p+`", identifier: "`+identifier+`", type: ACME, offerings: [{caId: "`+issuing+
				`", profileId: "privatessl-tls-server"}]}) { protocolConfiguration { id } } }`,
			"id",
		)
	}
	off := configure("off")
	if got := a.ask(
		t, system, `mutation { disableProtocolConfiguration(input: {id: "`+off+`"}) { protocolConfiguration { id } } }`, nil,
	); got.code() != "" {
		t.Fatal(got.Errors)
	}
	on := configure("on")
	offering := first(`{ protocolConfiguration(id: "`+on+`") { offerings { id } } }`, "id")
	eab := first(`mutation { createAcmeKey(input: {configurationId: "`+on+`", friendlyName: "ended"}) { key { id } } }`, "id")
	campaign := first(
		`mutation { createRenewalCampaign(input: {partitionId:
			"`+p+`", name: "ended", selection: {}, beginsAt: "`+a.now().Format(time.RFC3339)+`", endsAt: "`+
			a.now().AddDate(0, 1, 0).Format(time.RFC3339)+`"}) { campaign { id } } }`,
		"id",
	)
	for _, end := range []string{
		`mutation { revokeAcmeKey(input: {id: "` + eab + `"}) { key { id } } }`,
		`mutation { cancelRenewalCampaign(input: {id: "` + campaign + `"}) { campaign { id } } }`,
	} {
		if got := a.ask(t, system, end, nil); got.code() != "" {
			t.Fatal(got.Errors)
		}
	}
	ended := first(
		`mutation { createCagwCredential(input: {partitionId:
			"`+p+`", identifier: "ended", friendlyName: "Ended", roles: [{caId: "`+issuing+`", role: AUDITORS}]}) { credential { id } } }`,
		"id",
	)
	if got := a.ask(t, system, `mutation { deleteCagwCredential(input: {id: "`+ended+`"}) { credential { id } } }`, nil); got.code() != "" {
		t.Fatal(got.Errors)
	}
	return strings.NewReplacer(
		"$ENDED", ended,
		"$CONFIGURATION", on, "$OFFERING", offering, "$OFF", off, "$EAB", eab, "$CAMPAIGN", campaign,
		"$DISABLED", disabled, "$BULK", bulk, "$HOOK", first(
			`mutation { createWebhook(input: {partitionId: "`+p+`", name: "hook", url: "https://webhook.invalid/"}) { webhook { id } } }`,
			"id",
		),
		"$SUBSCRIPTION", m.Subscription.ID, "$CA", issuing,
		"$REVOKED", first(`{ partition(id: "`+p+`") { certificates(first: 1, filter: {status: [REVOKED]}) { nodes { id } } } }`, "id"),
		"$APPROVAL", waiting(t, a, m), "$DECOMMISSIONED", gone, "$ENTITY", entity, "$TOKEN", token, "$MEMBER", member, "$P", p)
}

// waiting is a request for a certificate that waits, under a rule that is gone when it was made.
func waiting(t *testing.T, a *App, m *Manifest) string {
	t.Helper()
	owner, system := colleague(t, a, m, "requester", rbac.Owners), rbac.WithActor(t.Context(), rbac.SystemActor())
	issuing, err := a.cas.ByIdentifier(system, m.Partition.ID, "issuing-1")
	if err != nil {
		t.Fatal(err)
	}
	csr, _ := request(t, "waits.example.com")
	for _, rules := range [][]*approval.Rule{{rule(approval.Issue, 1)}, nil} {
		if _, err := a.approvals.SetRules(system, approval.Change{PartitionID: m.Partition.ID, Rules: rules}); err != nil {
			t.Fatal(err)
		}
		if rules != nil {
			_, err = a.enrollment.Issue(owner, intake.Text{CAID: issuing.ID, ProfileID: guarded, CSR: csr}.Request())
		}
	}
	if !fault.Is(err, fault.ApprovalNeeded) {
		t.Fatal(err)
	}
	return fault.Of(err).ApprovalID
}

func walk(v any, visit func(key string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			visit(k, x)
			walk(x, visit)
		}
	case []any:
		for _, x := range v {
			walk(x, visit)
		}
	}
}

// TestMatrixIsComplete fails for an operation that nobody decided on.
func TestMatrixIsComplete(t *testing.T) {
	var sources []*ast.Source
	files, err := filepath.Glob("../graph/schema/*.graphqls")
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no schema")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: f, Input: string(text)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	decided := slices.Clone(own)
	for _, row := range matrix {
		decided = append(decided, row.operation)
	}
	internal := regexp.MustCompile(`^__`)
	for _, typ := range []string{"Query", "Mutation", "Partition"} {
		for _, f := range schema.Types[typ].Fields {
			if !internal.MatchString(f.Name) && !slices.Contains(decided, typ+"."+f.Name) {
				t.Errorf("%s.%s is neither in the matrix nor among the caller's own operations", typ, f.Name)
			}
		}
	}
}
