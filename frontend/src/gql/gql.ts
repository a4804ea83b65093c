/* eslint-disable */
import * as types from './graphql';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "mutation ConfirmIdentity($input: ConfirmIdentityInput!) { confirmIdentity(input: $input) { confirmedUntil } }": typeof types.ConfirmIdentityDocument,
    "\n  query Palette($partition: ID!, $search: String!) {\n    partition(id: $partition) {\n      certificationAuthorities(search: $search, first: 20) { nodes { id identifier friendlyName } }\n      protocolConfigurations(first: 5, filter: { search: $search }) { nodes { id identifier description } }\n      certificates(first: 8, filter: { search: $search }) { nodes { id subject serialNumber } }\n    }\n  }\n": typeof types.PaletteDocument,
    "mutation SignOut { signOut { sessionsEnded } }": typeof types.SignOutDocument,
    "\n  query EndEntities($partition: ID!, $after: String, $search: String, $status: EndEntityStatus, $configuration: ID) {\n    partition(id: $partition) {\n      endEntities(first: 50, after: $after, search: $search, status: $status, protocolConfigurationId: $configuration) { totalCount pageInfo { hasNextPage endCursor } nodes { id identifier status createdAt expiresAt } }\n    }\n  }\n": typeof types.EndEntitiesDocument,
    "\n  query EndEntity($id: ID!) {\n    endEntity(id: $id) { id identifier status createdAt expiresAt certificates(first: 20) { totalCount nodes { id commonName subject status expired notAfter } } }\n  }\n": typeof types.EndEntityDocument,
    "mutation Activate($id: ID!) { activateEndEntity(input: {id: $id}) { endEntity { id } } }": typeof types.ActivateDocument,
    "mutation Deactivate($id: ID!) { deactivateEndEntity(input: {id: $id}) { endEntity { id } } }": typeof types.DeactivateDocument,
    "mutation Decommission($id: ID!) { decommissionEndEntity(input: {id: $id}) { endEntity { id } } }": typeof types.DecommissionDocument,
    "\n  query Events($partition: ID!, $first: Int!, $after: String, $filter: AuditFilter) {\n    partition(id: $partition) {\n      auditEvents(first: $first, after: $after, filter: $filter) {\n        totalCount\n        pageInfo { hasNextPage endCursor }\n        nodes { sequence time action result actorKind actorName ipAddress requestId objectKind objectId objectName summary details hash }\n      }\n    }\n  }\n": typeof types.EventsDocument,
    "subscription LiveEvents($partition: ID!) { auditEvents(partitionId: $partition) { sequence } }": typeof types.LiveEventsDocument,
    "\n  query IssueChoices($partition: ID!) {\n    partition(id: $partition) {\n      certificationAuthorities(first: 200) { nodes { id identifier friendlyName type status brokenBy { id } profiles { id name description serverSideKeys requiredSanTypes copiesCommonNameToSan group { title } } } }\n    }\n  }\n": typeof types.IssueChoicesDocument,
    "\n  mutation Issue($input: IssueCertificateInput!) {\n    issueCertificate(input: $input) { __typename ... on IssueCertificatePayload { certificate { id commonName serialNumber } decisions { rule outcome detail } } ... on ApprovalPending { approvalId message } }\n  }\n": typeof types.IssueDocument,
    "\n  mutation IssueP12($input: IssuePkcs12Input!) {\n    issuePkcs12(input: $input) { certificate { id commonName serialNumber } pkcs12 warnings decisions { rule outcome detail } }\n  }\n": typeof types.IssueP12Document,
    "mutation SignIn($input: SignInInput!) { signIn(input: $input) { factors enrolmentRequired codeRequired } }": typeof types.SignInDocument,
    "mutation Verify($input: VerifySecondFactorInput!) { verifySecondFactor(input: $input) { viewer { operator } } }": typeof types.VerifyDocument,
    "mutation VerifyAddressCode($code: String!) { verifyAddressCode(input: {code: $code}) { enrolmentRequired } }": typeof types.VerifyAddressCodeDocument,
    "mutation BeginPasskeySignIn { beginPasskeySignIn { options } }": typeof types.BeginPasskeySignInDocument,
    "mutation BeginRegistration { beginPasskeyRegistration { options } }": typeof types.BeginRegistrationDocument,
    "mutation FinishRegistration($name: String!, $credential: String!) { finishPasskeyRegistration(input: {name: $name, credential: $credential}) { recoveryCodes } }": typeof types.FinishRegistrationDocument,
    "mutation BeginTotp { beginTotpEnrolment { secret uri } }": typeof types.BeginTotpDocument,
    "mutation ConfirmTotp($totp: String!) { confirmTotpEnrolment(input: {totp: $totp}) { recoveryCodes } }": typeof types.ConfirmTotpDocument,
    "\n  query WhatIf($input: WhatIfInput!) {\n    whatIf(input: $input) {\n      issued profileVersion\n      refusal { code message field rule action }\n      certificate { subject notBefore notAfter publicKeyType signatureAlgorithm subjectAlternativeNames { type value } isCa keyUsages extendedKeyUsages { oid name } certificatePolicies }\n      decisions { rule outcome detail }\n      lint { lint severity detail }\n    }\n  }\n": typeof types.WhatIfDocument,
    "\n  query CertificateList($partition: ID!, $first: Int!, $after: String, $filter: CertificateFilter, $sort: CertificateSort!, $count: Boolean!) {\n    partition(id: $partition) {\n      certificates(first: $first, after: $after, filter: $filter, sort: $sort) {\n        totalCount @include(if: $count)\n        totalIsMinimum @include(if: $count)\n        pageInfo { hasNextPage endCursor }\n        nodes { id subject commonName serialNumber status expired profileId notBefore notAfter requestedBy issuer { identifier friendlyName } }\n      }\n    }\n  }\n": typeof types.CertificateListDocument,
    "mutation Revoke($input: RevokeCertificateInput!) { revokeCertificate(input: $input) { certificate { id status } } }": typeof types.RevokeDocument,
    "mutation Suspend($input: SuspendCertificateInput!) { suspendCertificate(input: $input) { certificate { id status } } }": typeof types.SuspendDocument,
    "mutation Unsuspend($id: ID!) { unsuspendCertificate(input: {certificateId: $id}) { certificate { id status } } }": typeof types.UnsuspendDocument,
    "query CertificatePem($id: ID!) { certificate(id: $id) { pem chainPem der commonName serialNumber } }": typeof types.CertificatePemDocument,
    "\n  query Account {\n    viewer {\n      user { email firstName lastName createdAt lastSignInAt }\n      invitations { id name roles invitedBy expiresAt }\n      security { totpEnrolled recoveryCodesLeft passkeys { id name createdAt lastUsedAt } sessions(first: 200) { nodes { id createdAt lastSeenAt ipAddress userAgent current } } }\n    }\n  }\n": typeof types.AccountDocument,
    "mutation ChangePassword($input: ChangePasswordInput!) { changePassword(input: $input) { sessionsEnded } }": typeof types.ChangePasswordDocument,
    "mutation Regenerate { regenerateRecoveryCodes { recoveryCodes } }": typeof types.RegenerateDocument,
    "mutation EndSession($id: ID!) { endSession(input: {id: $id}) { sessionsEnded } }": typeof types.EndSessionDocument,
    "mutation SignOutEverywhere { signOutEverywhere { sessionsEnded } }": typeof types.SignOutEverywhereDocument,
    "mutation BeginPasskey { beginPasskeyRegistration { options } }": typeof types.BeginPasskeyDocument,
    "mutation FinishPasskey($name: String!, $credential: String!) { finishPasskeyRegistration(input: {name: $name, credential: $credential}) { recoveryCodes } }": typeof types.FinishPasskeyDocument,
    "mutation RemovePasskey($id: ID!) { removePasskey(input: {id: $id}) { viewer { operator } } }": typeof types.RemovePasskeyDocument,
    "mutation AcceptRoles($id: ID!) { acceptRoles(input: {invitationId: $id}) { viewer { operator } } }": typeof types.AcceptRolesDocument,
    "mutation DeclineInvitation($id: ID!) { declineInvitation(input: {invitationId: $id}) { viewer { operator } } }": typeof types.DeclineInvitationDocument,
    "\n  query ApprovalDetail($id: ID!) {\n    approval(id: $id) {\n      id operation state summary facts { name value } payload requestedBy requestedAt expiresAt decidedAt needed reason objectKind objectId mayDecide mayWithdraw\n      votes { name approves comment votedAt }\n      certificate { id commonName serialNumber } certificationAuthority { identifier friendlyName }\n    }\n  }\n": typeof types.ApprovalDetailDocument,
    "mutation Approve($input: ApproveInput!) { approve(input: $input) { approval { id state } } }": typeof types.ApproveDocument,
    "mutation Reject($input: RejectInput!) { reject(input: $input) { approval { id state } } }": typeof types.RejectDocument,
    "mutation Withdraw($id: ID!) { withdrawApproval(input: {id: $id}) { approval { id state } } }": typeof types.WithdrawDocument,
    "\n  query ApprovalRules($partition: ID!) {\n    partition(id: $partition) { approvalRules { operation profileIds needed hours } certificateProfiles(first: 500) { nodes { id name kind } } }\n  }\n": typeof types.ApprovalRulesDocument,
    "mutation SetApprovalRules($input: SetApprovalRulesInput!) { setApprovalRules(input: $input) { __typename ... on ApprovalRulesPayload { rules { operation } } ... on ApprovalPending { approvalId message } } }": typeof types.SetApprovalRulesDocument,
    "\n  query Approvals($partition: ID!, $state: [ApprovalState!], $after: String) {\n    partition(id: $partition) {\n      approvals(state: $state, first: 30, after: $after) {\n        nodes { id state summary requestedBy requestedAt expiresAt needed mayDecide votes { name approves } }\n        pageInfo { hasNextPage endCursor }\n        totalCount\n      }\n    }\n  }\n": typeof types.ApprovalsDocument,
    "query Invitation($token: String!) { invitation(token: $token) { email firstName lastName name roles invitedBy hasAccount } }": typeof types.InvitationDocument,
    "mutation AcceptInvitation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { factors enrolmentRequired } }": typeof types.AcceptInvitationDocument,
    "mutation RequestPasswordReset($email: String!) { requestPasswordReset(input: {email: $email}) { accepted } }": typeof types.RequestPasswordResetDocument,
    "mutation ResetPassword($input: ResetPasswordInput!) { resetPassword(input: $input) { email } }": typeof types.ResetPasswordDocument,
    "query BulkOperations($partition: ID!) { partition(id: $partition) { bulkOperations(first: 50) { nodes { id name kind input state total pending done failed skipped createdBy createdAt } } } }": typeof types.BulkOperationsDocument,
    "\n  query BulkOperation($id: ID!) {\n    bulkOperation(id: $id) {\n      id name kind input state failure reason profileId total pending done failed skipped createdBy createdAt startedBy startedAt finishedAt resultPath\n      issuer { identifier friendlyName }\n      findings { result count examples { position what note certificateId certificate { commonName subject notAfter expired issuer { friendlyName } } } }\n    }\n  }\n": typeof types.BulkOperationDocument,
    "\n  query BulkChoices($partition: ID!) {\n    partition(id: $partition) { certificationAuthorities(first: 200) { nodes { id friendlyName status type profiles { id name description group { title } } } } }\n  }\n": typeof types.BulkChoicesDocument,
    "mutation PrepareBulkRevocation($input: PrepareBulkRevocationInput!) { prepareBulkRevocation(input: $input) { operation { id } } }": typeof types.PrepareBulkRevocationDocument,
    "mutation PrepareBulkIssuance($input: PrepareBulkIssuanceInput!) { prepareBulkIssuance(input: $input) { operation { id } } }": typeof types.PrepareBulkIssuanceDocument,
    "mutation StartBulk($id: ID!) { startBulk(input: {id: $id}) { __typename ... on BulkOperationPayload { operation { id state } } ... on ApprovalPending { approvalId message } } }": typeof types.StartBulkDocument,
    "mutation CancelBulk($id: ID!) { cancelBulk(input: {id: $id}) { operation { id state } } }": typeof types.CancelBulkDocument,
    "\n  query RenewalCampaign($id: ID!) {\n    renewalCampaign(id: $id) {\n      id name state total renewedBefore beginsAt endsAt revokeAt revocationReason explanationUrl createdAt createdBy\n      selection { configuration { identifier } ca { identifier friendlyName } profileId keyType signatureAlgorithm issuedFrom issuedUntil expiresFrom expiresUntil }\n      progress { replaced ended times planned actual }\n      stragglers(first: 50) { totalCount nodes { beginsAt endsAt certificate { id subject serialNumber notAfter } } }\n    }\n  }\n": typeof types.RenewalCampaignDocument,
    "mutation CancelRenewalCampaign($input: CancelRenewalCampaignInput!) { cancelRenewalCampaign(input: $input) { campaign { id state } } }": typeof types.CancelRenewalCampaignDocument,
    "\n  query RenewalCampaigns($partition: ID!, $after: String) {\n    partition(id: $partition) {\n      renewalCampaigns(first: 50, after: $after) {\n        pageInfo { hasNextPage endCursor }\n        nodes { id name state total beginsAt endsAt revokeAt createdBy progress { replaced } }\n      }\n    }\n  }\n": typeof types.RenewalCampaignsDocument,
    "\n  query RenewalChoices($partition: ID!) {\n    partition(id: $partition) {\n      protocolConfigurations(first: 200, filter: { type: ACME }) { nodes { id identifier offerings { id profileId ca { id identifier friendlyName } } } }\n      reports { cryptography { uses { keyType signatureAlgorithm certificates } } }\n    }\n  }\n": typeof types.RenewalChoicesDocument,
    "query CountRenewal($partition: ID!, $selection: RenewalSelectionInput!) { partition(id: $partition) { countRenewalSelection(selection: $selection) } }": typeof types.CountRenewalDocument,
    "mutation CreateRenewalCampaign($input: CreateRenewalCampaignInput!) { createRenewalCampaign(input: $input) { campaign { id } } }": typeof types.CreateRenewalCampaignDocument,
    "\n  query SigningAlgorithms {\n    deployment { signingAlgorithms { label family securityBits postQuantum publicKeyBytes signatureBytes standard advice verifiers { client since } warning } }\n  }\n": typeof types.SigningAlgorithmsDocument,
    "\n  mutation AlgorithmMeasurement($label: String!) {\n    measureAlgorithm(input: {label: $label}) { measurement { signaturesPerSecond verificationsPerSecond keyGenerationMilliseconds } }\n  }\n": typeof types.AlgorithmMeasurementDocument,
    "mutation MoveCaKey($input: MoveCertificationAuthorityKeyInput!) { moveCertificationAuthorityKey(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id } } ... on ApprovalPending { approvalId message } } }": typeof types.MoveCaKeyDocument,
    "query CeremonyMinutes($id: ID!) { certificationAuthority(id: $id) { ceremonyMinutes { fileName html signature } } }": typeof types.CeremonyMinutesDocument,
    "query CaRequest($id: ID!) { certificationAuthority(id: $id) { certificateSigningRequest } }": typeof types.CaRequestDocument,
    "mutation ImportCaCertificate($input: ImportCaCertificateInput!) { importCaCertificate(input: $input) { certificationAuthority { id status remarks } } }": typeof types.ImportCaCertificateDocument,
    "mutation RenewCa($input: RenewCertificationAuthorityInput!) { renewCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id } } ... on ApprovalPending { approvalId message } } }": typeof types.RenewCaDocument,
    "mutation DisableCa($id: ID!) { disableCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }": typeof types.DisableCaDocument,
    "mutation EnableCa($id: ID!) { enableCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }": typeof types.EnableCaDocument,
    "\n  query CaCertificates($id: ID!) {\n    certificationAuthority(id: $id) { caCertificates { kind keyGeneration issuerGeneration serialNumber notBefore notAfter pem } }\n  }\n": typeof types.CaCertificatesDocument,
    "\n  query DeletionImpact($id: ID!) {\n    certificationAuthority(id: $id) {\n      deletionImpact(first: 5) {\n        subordinateCount subordinates { id identifier friendlyName }\n        certificateCount certificates { id subject notAfter }\n        protocolConfigurationCount protocolConfigurations { id identifier type }\n        endEntityCount endEntities { id identifier }\n        profiles { id }\n      }\n    }\n  }\n": typeof types.DeletionImpactDocument,
    "\n  query CaDetail($partition: ID!, $identifier: String!) {\n    partition(id: $partition) {\n      certificationAuthority(identifier: $identifier) {\n        id identifier friendlyName type status signingAlgorithm subject expiresAt createdAt deletedAt purgeAt activeCertificates\n        crlEnabled ocspEnabled crlUrl ocspUrl certificateUrl caGatewayUrl\n        keyStore { name description available problem } keyCustody keyMovingTo\n        parent { identifier friendlyName type }\n        brokenBy { id identifier friendlyName status purgeAt }\n        keyGeneration renewal { newKey expiresAt failure } nameConstraints { permitted { type value } excluded { type value } }\n        children(first: 200) { nodes { id identifier friendlyName type status activeCertificates brokenBy { id } } }\n        creation { failure steps { step state at } }\n        crl { number entries bytes thisUpdate nextUpdate limitBytes warning alarm { kind reason since acceptable } }\n        crlSettings { mode delta shards automaticShards complete }\n        crlLists { shard number baseNumber entries bytes thisUpdate nextUpdate url open }\n        profiles { id name description validityPeriod group { title } }\n        certificate {\n          serialNumber fingerprint issuer notBefore notAfter publicKeyType signatureAlgorithm isCa pathLength keyUsages authorityInfoAccessOcsp authorityInfoAccessCaIssuers\n          authorityKeyIdentifier subjectKeyIdentifier crlDistributionPoints\n        }\n      }\n    }\n  }\n": typeof types.CaDetailDocument,
    "query CaDownload($id: ID!) { certificationAuthority(id: $id) { certificatePem chainPem } }": typeof types.CaDownloadDocument,
    "mutation DeleteCa($input: DeleteCertificationAuthorityInput!) { deleteCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id status } } ... on ApprovalPending { approvalId message } } }": typeof types.DeleteCaDocument,
    "mutation RestoreCa($id: ID!) { restoreCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }": typeof types.RestoreCaDocument,
    "mutation SelectProfiles($input: SelectProfilesInput!) { selectProfiles(input: $input) { certificationAuthority { id } } }": typeof types.SelectProfilesDocument,
    "mutation UnselectProfiles($input: UnselectProfilesInput!) { unselectProfiles(input: $input) { certificationAuthority { id } } }": typeof types.UnselectProfilesDocument,
    "\n  query Cas($partition: ID!, $deleted: Boolean!, $after: String) {\n    partition(id: $partition) {\n      certificationAuthorities(includeDeleted: $deleted, first: 500, after: $after) { nodes {\n        id identifier friendlyName type status signingAlgorithm subject expiresAt activeCertificates\n        parent { id }\n        brokenBy { id friendlyName status }\n        certificate { serialNumber } } pageInfo { hasNextPage endCursor } }\n    }\n  }\n": typeof types.CasDocument,
    "\n  mutation CreateCa($input: CreateCertificationAuthorityInput!) {\n    createCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id identifier status } } ... on ApprovalPending { approvalId message } }\n  }\n": typeof types.CreateCaDocument,
    "\n  mutation ImportExternalRoot($input: ImportExternalRootInput!) {\n    importExternalRoot(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id identifier status remarks } } ... on ApprovalPending { approvalId message } }\n  }\n": typeof types.ImportExternalRootDocument,
    "query CaTaken($partition: ID!, $identifier: String!) { partition(id: $partition) { certificationAuthority(identifier: $identifier) { id } } }": typeof types.CaTakenDocument,
    "\n  query KeyStores($partition: ID!, $algorithm: String!) {\n    partition(id: $partition) { keyStores { name description isDefault available problem custody(signingAlgorithm: $algorithm) } }\n  }\n": typeof types.KeyStoresDocument,
    "\n  query ProfileGroups($partition: ID!) {\n    partition(id: $partition) { profileGroups { id title kind profiles { id name description allowedCaTypes selectable } } }\n  }\n": typeof types.ProfileGroupsDocument,
    "mutation PublishCrl($id: ID!) { publishCrl(input: {caId: $id}) { certificationAuthority { id } } }": typeof types.PublishCrlDocument,
    "mutation UpdateCrlSettings($input: UpdateCrlSettingsInput!) { updateCrlSettings(input: $input) { certificationAuthority { id } } }": typeof types.UpdateCrlSettingsDocument,
    "mutation AcceptHeldCrl($input: AcceptHeldCrlInput!) { acceptHeldCrl(input: $input) { certificationAuthority { id } } }": typeof types.AcceptHeldCrlDocument,
    "\n  query CertificateDetail($id: ID!) {\n    certificate(id: $id) {\n      id subject commonName serialNumber status expired profileId notBefore notAfter createdAt requestedBy revokedAt revocationReason invalidityDate statusComment suspendedUntil pem\n      endEntity { id identifier }\n      protocolConfiguration { id identifier type deletedAt }\n      issuer { identifier friendlyName type status ocspUrl crlUrl brokenBy { friendlyName status } parent { identifier friendlyName type parent { identifier friendlyName type } } }\n      details {\n        fingerprint issuer publicKeyType signatureAlgorithm subjectAlternativeNames { type value } isCa pathLength keyUsages extendedKeyUsages { oid name }\n        authorityInfoAccessOcsp authorityInfoAccessCaIssuers authorityKeyIdentifier subjectKeyIdentifier crlDistributionPoints certificatePolicies\n      }\n    }\n  }\n": typeof types.CertificateDetailDocument,
    "query CaNames($partition: ID!) { partition(id: $partition) { certificationAuthorities(first: 500) { nodes { id identifier friendlyName } } } }": typeof types.CaNamesDocument,
    "\n  query CertificateStory($id: ID!) {\n    certificate(id: $id) {\n      createdAt profileId profileVersion profile { name version retiredAt }\n      endEntity { identifier }\n      story {\n        approval { id requestedBy votes { name approves comment votedAt } }\n        recorded protocol actorKind actorName ipAddress requestId\n        asked { subject subjectAlternativeNames { type value } extensions { oid name } notAfter serverSideKey }\n        decisions { rule outcome detail }\n        changes { what asked issued }\n        events { sequence time action result actorName ipAddress summary }\n        crlUrls ocspUrls caIssuersUrls\n      }\n    }\n  }\n": typeof types.CertificateStoryDocument,
    "mutation VerifyAudit($partition: ID!) { verifyAuditLog(input: {partitionId: $partition}) { verification { intact events brokenAt alarm headHash } } }": typeof types.VerifyAuditDocument,
    "\n  query Home($partition: ID!, $people: Boolean!) {\n    partition(id: $partition) {\n      counts { purchasedCas activeCas purchasedCertificates issuedCertificates suspendedCertificates revokedCertificates expiringCertificates }\n      activity(days: 30) { day issued revoked }\n      certificates(first: 6, sort: EXPIRES_FIRST, filter: { expiresWithinDays: 90, includeOcspSigners: false }) { nodes { id commonName subject notAfter } }\n      ever: certificates(first: 1, filter: { includeOcspSigners: false }) { nodes { id } }\n      protocolConfigurations(first: 1) { totalCount }\n      members(first: 2) @include(if: $people) { nodes { user { id } } }\n    }\n  }\n": typeof types.HomeDocument,
    "\n  query HomeStart($partition: ID!) {\n    partition(id: $partition) {\n      certificationAuthorities(first: 200) { nodes { id identifier friendlyName type status brokenBy { id } profiles { id } } }\n    }\n  }\n": typeof types.HomeStartDocument,
    "\n  query Notifications($partition: ID!) {\n    partition(id: $partition) {\n      notificationSettings { days recipients alarms webhooks { id name url createdBy createdAt lastSuccessAt lastError deliveries(first: 5) { nodes { id event state attempts error createdAt } } } }\n    }\n  }\n": typeof types.NotificationsDocument,
    "mutation UpdateNotifications($input: UpdateNotificationSettingsInput!) { updateNotificationSettings(input: $input) { settings { days } } }": typeof types.UpdateNotificationsDocument,
    "mutation CreateWebhook($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id } } }": typeof types.CreateWebhookDocument,
    "mutation TestWebhook($id: ID!) { testWebhook(input: {id: $id}) { webhook { id } } }": typeof types.TestWebhookDocument,
    "mutation DeleteWebhook($id: ID!, $name: String!) { deleteWebhook(input: {id: $id, confirmName: $name}) { webhook { id } } }": typeof types.DeleteWebhookDocument,
    "mutation RetireProfile($input: RetireProfileInput!) { retireProfile(input: $input) { profile { id retiredAt } } }": typeof types.RetireProfileDocument,
    "mutation DeleteProfile($input: DeleteProfileInput!) { deleteProfile(input: $input) { id } }": typeof types.DeleteProfileDocument,
    "\n  query ProfileHistory($partition: ID!, $id: ID!) {\n    partition(id: $partition) { certificateProfile(id: $id) { basedOn issued selectedFor versions(first: 200) { nodes { version createdAt createdBy comment json } } } }\n  }\n": typeof types.ProfileHistoryDocument,
    "query ProfileProtocols($partition: ID!, $id: ID!) { partition(id: $partition) { certificateProfile(id: $id) { protocolConfigurations { id identifier } } } }": typeof types.ProfileProtocolsDocument,
    "\n  query ProfileChanges($partition: ID!, $id: ID!, $from: Int64!, $to: Int64!) {\n    partition(id: $partition) { certificateProfile(id: $id) { changes(from: $from, to: $to) { path before after } } }\n  }\n": typeof types.ProfileChangesDocument,
    "query ValidateProfile($partition: ID!, $json: String!, $id: ID, $name: String, $group: ID) { validateProfile(partitionId: $partition, json: $json, id: $id, name: $name, group: $group) { path message line } }": typeof types.ValidateProfileDocument,
    "mutation CloneProfile($input: CloneProfileInput!) { cloneProfile(input: $input) { profile { id } } }": typeof types.CloneProfileDocument,
    "mutation UpdateProfile($input: UpdateProfileInput!) { updateProfile(input: $input) { profile { id version } } }": typeof types.UpdateProfileDocument,
    "\n  mutation ReplayProfile($partition: ID!, $json: String!, $days: Int!, $profile: ID) {\n    replayProfile(input: {partitionId: $partition, json: $json, days: $days, profileId: $profile}) {\n      replay {\n        requests more same changed refused rules { rule count }\n        examples { certificate { id subject profileId } refusal { message rule } changes }\n      }\n    }\n  }\n": typeof types.ReplayProfileDocument,
    "\n  query Profiles($partition: ID!) {\n    partition(id: $partition) {\n      profileGroups {\n        id title kind\n        profiles {\n          id name description validityPeriod allowedCaTypes keyUsages { oid name } extendedKeyUsages { oid name } allowedExtensions { oid name }\n          ignoreUnknownExtensions serverSideKeys copiesCommonNameToSan requiredSanTypes keyAlgorithms maxValidityPeriod json system version retiredAt\n        }\n      }\n      retiredProfiles(first: 200) { nodes {\n        id name description validityPeriod allowedCaTypes keyUsages { oid name } extendedKeyUsages { oid name } allowedExtensions { oid name } group { title }\n        ignoreUnknownExtensions serverSideKeys copiesCommonNameToSan requiredSanTypes keyAlgorithms maxValidityPeriod json system version retiredAt } }\n    }\n  }\n": typeof types.ProfilesDocument,
    "\n  query EnrollmentProtocols($partition: ID!) {\n    partition(id: $partition) {\n      enrollmentProtocols { type label profileGroups authorities { ca { id identifier friendlyName } profiles { id name } } }\n      profileGroups { id title }\n    }\n  }\n": typeof types.EnrollmentProtocolsDocument,
    "mutation AddProtocolOffering($input: AddProtocolOfferingInput!) { addProtocolOffering(input: $input) { protocolConfiguration { id } } }": typeof types.AddProtocolOfferingDocument,
    "mutation UpdateProtocolOffering($input: UpdateProtocolOfferingInput!) { updateProtocolOffering(input: $input) { protocolConfiguration { id } } }": typeof types.UpdateProtocolOfferingDocument,
    "mutation RemoveProtocolOffering($input: RemoveProtocolOfferingInput!) { removeProtocolOffering(input: $input) { protocolConfiguration { id } } }": typeof types.RemoveProtocolOfferingDocument,
    "query ProtocolTaken($partition: ID!, $identifier: String!) { partition(id: $partition) { protocolConfiguration(identifier: $identifier) { id } } }": typeof types.ProtocolTakenDocument,
    "mutation CreateProtocolConfiguration($input: CreateProtocolConfigurationInput!) { createProtocolConfiguration(input: $input) { protocolConfiguration { id identifier } } }": typeof types.CreateProtocolConfigurationDocument,
    "mutation UpdateProtocolConfiguration($input: UpdateProtocolConfigurationInput!) { updateProtocolConfiguration(input: $input) { protocolConfiguration { id } } }": typeof types.UpdateProtocolConfigurationDocument,
    "mutation EnableProtocol($input: EnableProtocolConfigurationInput!) { enableProtocolConfiguration(input: $input) { protocolConfiguration { id status } } }": typeof types.EnableProtocolDocument,
    "mutation DisableProtocol($input: DisableProtocolConfigurationInput!) { disableProtocolConfiguration(input: $input) { protocolConfiguration { id status } } }": typeof types.DisableProtocolDocument,
    "mutation DeleteProtocol($input: DeleteProtocolConfigurationInput!) { deleteProtocolConfiguration(input: $input) { protocolConfiguration { id } } }": typeof types.DeleteProtocolDocument,
    "\n  query ProtocolConfigurations($partition: ID!, $after: String, $filter: ProtocolConfigurationFilter) {\n    partition(id: $partition) {\n      protocolConfigurations(first: 50, after: $after, filter: $filter) {\n        totalCount\n        pageInfo { hasNextPage endCursor }\n        nodes { id identifier type description status problem createdAt offerings { id name ca { id identifier friendlyName } } }\n      }\n    }\n  }\n": typeof types.ProtocolConfigurationsDocument,
    "\n  query Acme($id: ID!) {\n    deployment { tlsRootCertificate }\n    protocolConfiguration(id: $id) {\n      id\n      acme {\n        directoryUrl\n        settings { challenges ordersPerHour failuresPerHour orderHours authorizationHours renewalPollMinutes attestation { format roots } }\n        externalKeys(first: 100) { totalCount nodes { id friendlyName state withoutBinding } }\n      }\n    }\n  }\n": typeof types.AcmeDocument,
    "\n  query AcmeActivity($id: ID!, $after: String, $keys: Boolean!, $accounts: Boolean!, $orders: Boolean!) {\n    protocolConfiguration(id: $id) {\n      acme {\n        externalKeys(first: 50, after: $after) @include(if: $keys) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes { id friendlyName state allowedIdentifiers needsNoChallenge withoutBinding maxAccounts accountCount createdAt createdBy expiresAt revokedAt lastUsedAt }\n        }\n        accounts(first: 50, after: $after) @include(if: $accounts) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes { id status contact thumbprint createdAt key { id friendlyName state } }\n        }\n        orders(first: 50, after: $after) @include(if: $orders) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes {\n            id status createdAt identifiers { type value }\n            error { type detail identifier { value } subproblems { type detail identifier { value } } }\n            account { id key { friendlyName } }\n            certificate { id serialNumber status }\n            approval { id }\n          }\n        }\n      }\n    }\n  }\n": typeof types.AcmeActivityDocument,
    "mutation CreateAcmeKey($input: CreateAcmeKeyInput!) { createAcmeKey(input: $input) { key { id friendlyName } hmacKey } }": typeof types.CreateAcmeKeyDocument,
    "mutation RevokeAcmeKey($input: RevokeAcmeKeyInput!) { revokeAcmeKey(input: $input) { key { id } } }": typeof types.RevokeAcmeKeyDocument,
    "mutation UpdateAcmeSettings($input: UpdateAcmeSettingsInput!) { updateAcmeSettings(input: $input) { protocolConfiguration { id } } }": typeof types.UpdateAcmeSettingsDocument,
    "\n  query ProtocolConfiguration($partition: ID!, $identifier: String!) {\n    partition(id: $partition) {\n      protocolConfiguration(identifier: $identifier) {\n        id identifier type description status problem mayWiden createdAt createdBy\n        offerings { id name profileId maxValidityHours problem ca { id identifier friendlyName } profile { id name } }\n        all: certificates(first: 1) { totalCount }\n        active: certificates(first: 1, filter: { status: [ISSUED, SUSPENDED], expired: false }) { totalCount }\n        entities: endEntities(first: 1) { totalCount }\n        refused: events(first: 1, filter: { result: REFUSED }) { totalCount nodes { time summary } }\n      }\n    }\n  }\n": typeof types.ProtocolConfigurationDocument,
    "\n  query Reports($partition: ID!, $from: Time!, $interval: ReportInterval!, $by: ReportDimension!) {\n    partition(id: $partition) {\n      reports {\n        activity(from: $from, interval: $interval) { start issued revoked }\n        breakdown(by: $by, from: $from) { key label issued revoked active }\n        cryptography {\n          uses { keyType signatureAlgorithm certificates authorities latestExpiry postQuantum }\n          concerns { id severity title advice certificates authorities }\n        }\n        expiries(days: 366) { start certificates authorities }\n      }\n    }\n  }\n": typeof types.ReportsDocument,
    "\n  query Accounts($search: String, $after: String) {\n    accounts(first: 50, after: $after, search: $search) { nodes { id email firstName lastName status createdAt lastSignInAt } pageInfo { hasNextPage endCursor } totalCount }\n  }\n": typeof types.AccountsDocument,
    "query AccountDetails($id: ID!) { account(id: $id) { user { id email firstName lastName status createdAt lastSignInAt } operator factors secondFactorResetAt passwordResetAt soleOwnerOf } }": typeof types.AccountDetailsDocument,
    "mutation DisableAccount($input: DisableAccountInput!) { disableAccount(input: $input) { user { id } } }": typeof types.DisableAccountDocument,
    "mutation EnableAccount($id: ID!) { enableAccount(input: {id: $id}) { user { id } } }": typeof types.EnableAccountDocument,
    "mutation ResetSecondFactor($id: ID!) { resetSecondFactor(input: {id: $id}) { user { id } } }": typeof types.ResetSecondFactorDocument,
    "mutation DeleteAccount($input: DeleteAccountInput!) { deleteAccount(input: $input) { user { id } } }": typeof types.DeleteAccountDocument,
    "query Jobs { jobs(first: 200) { nodes { kind key lane runAt runningUntil attempts lastError } } }": typeof types.JobsDocument,
    "\n  query Subscriptions($search: String, $after: String) {\n    subscriptions(search: $search, first: 200, after: $after) { nodes {\n      id name status region tier url createdAt canAssign\n      partition { id name }\n      inventory { id label used purchased } } pageInfo { hasNextPage endCursor } }\n  }\n": typeof types.SubscriptionsDocument,
    "mutation AssignSubscription($input: AssignSubscriptionInput!) { assignSubscription(input: $input) { partition { id name } } }": typeof types.AssignSubscriptionDocument,
    "mutation CreateSubscription($input: CreateSubscriptionInput!) { createSubscription(input: $input) { subscription { id name } } }": typeof types.CreateSubscriptionDocument,
    "mutation InviteSubscriptionOwner($id: ID!, $email: String!) { inviteSubscriptionOwner(input: {subscriptionId: $id, email: $email}) { subscription { id } } }": typeof types.InviteSubscriptionOwnerDocument,
    "query PlatformOutbox { platformOutbox(first: 20) { nodes { id to subject body createdAt } } }": typeof types.PlatformOutboxDocument,
    "query Members($partition: ID!, $after: String) { partition(id: $partition) { members(first: 200, after: $after) { nodes { user { id email firstName lastName status lastSignInAt } roles invitedBy invitationExpiresAt } pageInfo { hasNextPage endCursor } } } }": typeof types.MembersDocument,
    "mutation InviteUser($input: InviteUserInput!) { inviteUser(input: $input) { __typename ... on MemberPayload { member { user { id email } } } ... on ApprovalPending { approvalId message } } }": typeof types.InviteUserDocument,
    "mutation Resend($partition: ID!, $user: ID!) { resendInvitation(input: {partitionId: $partition, userId: $user}) { member { user { id } } } }": typeof types.ResendDocument,
    "mutation GrantRole($input: GrantRoleInput!) { grantRole(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }": typeof types.GrantRoleDocument,
    "mutation RevokeRole($input: RevokeRoleInput!) { revokeRole(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }": typeof types.RevokeRoleDocument,
    "query Tokens($partition: ID!, $after: String) { partition(id: $partition) { apiTokens(first: 200, after: $after) { nodes { id name role service stopped mayRevoke prefix createdAt createdBy expiresAt lastUsedAt revokedAt } pageInfo { hasNextPage endCursor } } } }": typeof types.TokensDocument,
    "mutation CreateToken($input: CreateApiTokenInput!) { createApiToken(input: $input) { token apiToken { id name } } }": typeof types.CreateTokenDocument,
    "mutation RevokeToken($id: ID!) { revokeApiToken(input: {id: $id}) { apiToken { id } } }": typeof types.RevokeTokenDocument,
    "mutation RemoveMember($input: RemoveMemberInput!) { removeMember(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }": typeof types.RemoveMemberDocument,
    "\n  query CagwCredentials($partition: ID!, $after: String) {\n    deployment { tlsRootCertificate }\n    partition(id: $partition) {\n      cagwUrl\n      cagwCredentials(first: 200, after: $after) { nodes {\n        id identifier friendlyName status serialNumber createdAt createdBy renewedAt expiresAt previousEndsAt lastUsedAt lastUsedFrom mayChange\n        roles { role ca { id identifier friendlyName deletedAt } } } pageInfo { hasNextPage endCursor } }\n    }\n  }\n": typeof types.CagwCredentialsDocument,
    "query CagwAuthorities($partition: ID!) { partition(id: $partition) { certificationAuthorities(first: 500) { nodes { id identifier friendlyName type } } } }": typeof types.CagwAuthoritiesDocument,
    "query CagwProfiles($ca: ID!) { certificationAuthority(id: $ca) { profiles { id } } }": typeof types.CagwProfilesDocument,
    "\n  mutation CreateCagwCredential($input: CreateCagwCredentialInput!) {\n    createCagwCredential(input: $input) { pkcs12 password fileName credential { id identifier previousEndsAt expiresAt roles { role ca { id identifier friendlyName deletedAt } } } }\n  }\n": typeof types.CreateCagwCredentialDocument,
    "\n  mutation RenewCagwCredential($id: ID!, $endPreviousNow: Boolean!) {\n    renewCagwCredential(input: {id: $id, endPreviousNow: $endPreviousNow}) { pkcs12 password fileName credential { id identifier previousEndsAt expiresAt roles { role ca { id identifier friendlyName deletedAt } } } }\n  }\n": typeof types.RenewCagwCredentialDocument,
    "mutation SetCagwCredentialRoles($id: ID!, $roles: [CagwCredentialRoleInput!]!) { setCagwCredentialRoles(input: {id: $id, roles: $roles}) { credential { id } } }": typeof types.SetCagwCredentialRolesDocument,
    "mutation DeleteCagwCredential($id: ID!) { deleteCagwCredential(input: {id: $id}) { credential { id } } }": typeof types.DeleteCagwCredentialDocument,
    "\n  query Viewer {\n    viewer {\n      operator\n      user { id email firstName lastName }\n      partitions { id name region roles permissions }\n      invitations { id }\n    }\n  }\n": typeof types.ViewerDocument,
    "\n  query Deployment {\n    deployment {\n      version regions keepsOutbox demo publicUrl terms passwordMinLength twoPersonRoots\n      subjectAttributes { name aliases oid maxLength }\n    }\n  }\n": typeof types.DeploymentDocument,
    "query ApprovalsWaiting($partition: ID!) { partition(id: $partition) { approvalsWaiting } }": typeof types.ApprovalsWaitingDocument,
};
const documents: Documents = {
    "mutation ConfirmIdentity($input: ConfirmIdentityInput!) { confirmIdentity(input: $input) { confirmedUntil } }": types.ConfirmIdentityDocument,
    "\n  query Palette($partition: ID!, $search: String!) {\n    partition(id: $partition) {\n      certificationAuthorities(search: $search, first: 20) { nodes { id identifier friendlyName } }\n      protocolConfigurations(first: 5, filter: { search: $search }) { nodes { id identifier description } }\n      certificates(first: 8, filter: { search: $search }) { nodes { id subject serialNumber } }\n    }\n  }\n": types.PaletteDocument,
    "mutation SignOut { signOut { sessionsEnded } }": types.SignOutDocument,
    "\n  query EndEntities($partition: ID!, $after: String, $search: String, $status: EndEntityStatus, $configuration: ID) {\n    partition(id: $partition) {\n      endEntities(first: 50, after: $after, search: $search, status: $status, protocolConfigurationId: $configuration) { totalCount pageInfo { hasNextPage endCursor } nodes { id identifier status createdAt expiresAt } }\n    }\n  }\n": types.EndEntitiesDocument,
    "\n  query EndEntity($id: ID!) {\n    endEntity(id: $id) { id identifier status createdAt expiresAt certificates(first: 20) { totalCount nodes { id commonName subject status expired notAfter } } }\n  }\n": types.EndEntityDocument,
    "mutation Activate($id: ID!) { activateEndEntity(input: {id: $id}) { endEntity { id } } }": types.ActivateDocument,
    "mutation Deactivate($id: ID!) { deactivateEndEntity(input: {id: $id}) { endEntity { id } } }": types.DeactivateDocument,
    "mutation Decommission($id: ID!) { decommissionEndEntity(input: {id: $id}) { endEntity { id } } }": types.DecommissionDocument,
    "\n  query Events($partition: ID!, $first: Int!, $after: String, $filter: AuditFilter) {\n    partition(id: $partition) {\n      auditEvents(first: $first, after: $after, filter: $filter) {\n        totalCount\n        pageInfo { hasNextPage endCursor }\n        nodes { sequence time action result actorKind actorName ipAddress requestId objectKind objectId objectName summary details hash }\n      }\n    }\n  }\n": types.EventsDocument,
    "subscription LiveEvents($partition: ID!) { auditEvents(partitionId: $partition) { sequence } }": types.LiveEventsDocument,
    "\n  query IssueChoices($partition: ID!) {\n    partition(id: $partition) {\n      certificationAuthorities(first: 200) { nodes { id identifier friendlyName type status brokenBy { id } profiles { id name description serverSideKeys requiredSanTypes copiesCommonNameToSan group { title } } } }\n    }\n  }\n": types.IssueChoicesDocument,
    "\n  mutation Issue($input: IssueCertificateInput!) {\n    issueCertificate(input: $input) { __typename ... on IssueCertificatePayload { certificate { id commonName serialNumber } decisions { rule outcome detail } } ... on ApprovalPending { approvalId message } }\n  }\n": types.IssueDocument,
    "\n  mutation IssueP12($input: IssuePkcs12Input!) {\n    issuePkcs12(input: $input) { certificate { id commonName serialNumber } pkcs12 warnings decisions { rule outcome detail } }\n  }\n": types.IssueP12Document,
    "mutation SignIn($input: SignInInput!) { signIn(input: $input) { factors enrolmentRequired codeRequired } }": types.SignInDocument,
    "mutation Verify($input: VerifySecondFactorInput!) { verifySecondFactor(input: $input) { viewer { operator } } }": types.VerifyDocument,
    "mutation VerifyAddressCode($code: String!) { verifyAddressCode(input: {code: $code}) { enrolmentRequired } }": types.VerifyAddressCodeDocument,
    "mutation BeginPasskeySignIn { beginPasskeySignIn { options } }": types.BeginPasskeySignInDocument,
    "mutation BeginRegistration { beginPasskeyRegistration { options } }": types.BeginRegistrationDocument,
    "mutation FinishRegistration($name: String!, $credential: String!) { finishPasskeyRegistration(input: {name: $name, credential: $credential}) { recoveryCodes } }": types.FinishRegistrationDocument,
    "mutation BeginTotp { beginTotpEnrolment { secret uri } }": types.BeginTotpDocument,
    "mutation ConfirmTotp($totp: String!) { confirmTotpEnrolment(input: {totp: $totp}) { recoveryCodes } }": types.ConfirmTotpDocument,
    "\n  query WhatIf($input: WhatIfInput!) {\n    whatIf(input: $input) {\n      issued profileVersion\n      refusal { code message field rule action }\n      certificate { subject notBefore notAfter publicKeyType signatureAlgorithm subjectAlternativeNames { type value } isCa keyUsages extendedKeyUsages { oid name } certificatePolicies }\n      decisions { rule outcome detail }\n      lint { lint severity detail }\n    }\n  }\n": types.WhatIfDocument,
    "\n  query CertificateList($partition: ID!, $first: Int!, $after: String, $filter: CertificateFilter, $sort: CertificateSort!, $count: Boolean!) {\n    partition(id: $partition) {\n      certificates(first: $first, after: $after, filter: $filter, sort: $sort) {\n        totalCount @include(if: $count)\n        totalIsMinimum @include(if: $count)\n        pageInfo { hasNextPage endCursor }\n        nodes { id subject commonName serialNumber status expired profileId notBefore notAfter requestedBy issuer { identifier friendlyName } }\n      }\n    }\n  }\n": types.CertificateListDocument,
    "mutation Revoke($input: RevokeCertificateInput!) { revokeCertificate(input: $input) { certificate { id status } } }": types.RevokeDocument,
    "mutation Suspend($input: SuspendCertificateInput!) { suspendCertificate(input: $input) { certificate { id status } } }": types.SuspendDocument,
    "mutation Unsuspend($id: ID!) { unsuspendCertificate(input: {certificateId: $id}) { certificate { id status } } }": types.UnsuspendDocument,
    "query CertificatePem($id: ID!) { certificate(id: $id) { pem chainPem der commonName serialNumber } }": types.CertificatePemDocument,
    "\n  query Account {\n    viewer {\n      user { email firstName lastName createdAt lastSignInAt }\n      invitations { id name roles invitedBy expiresAt }\n      security { totpEnrolled recoveryCodesLeft passkeys { id name createdAt lastUsedAt } sessions(first: 200) { nodes { id createdAt lastSeenAt ipAddress userAgent current } } }\n    }\n  }\n": types.AccountDocument,
    "mutation ChangePassword($input: ChangePasswordInput!) { changePassword(input: $input) { sessionsEnded } }": types.ChangePasswordDocument,
    "mutation Regenerate { regenerateRecoveryCodes { recoveryCodes } }": types.RegenerateDocument,
    "mutation EndSession($id: ID!) { endSession(input: {id: $id}) { sessionsEnded } }": types.EndSessionDocument,
    "mutation SignOutEverywhere { signOutEverywhere { sessionsEnded } }": types.SignOutEverywhereDocument,
    "mutation BeginPasskey { beginPasskeyRegistration { options } }": types.BeginPasskeyDocument,
    "mutation FinishPasskey($name: String!, $credential: String!) { finishPasskeyRegistration(input: {name: $name, credential: $credential}) { recoveryCodes } }": types.FinishPasskeyDocument,
    "mutation RemovePasskey($id: ID!) { removePasskey(input: {id: $id}) { viewer { operator } } }": types.RemovePasskeyDocument,
    "mutation AcceptRoles($id: ID!) { acceptRoles(input: {invitationId: $id}) { viewer { operator } } }": types.AcceptRolesDocument,
    "mutation DeclineInvitation($id: ID!) { declineInvitation(input: {invitationId: $id}) { viewer { operator } } }": types.DeclineInvitationDocument,
    "\n  query ApprovalDetail($id: ID!) {\n    approval(id: $id) {\n      id operation state summary facts { name value } payload requestedBy requestedAt expiresAt decidedAt needed reason objectKind objectId mayDecide mayWithdraw\n      votes { name approves comment votedAt }\n      certificate { id commonName serialNumber } certificationAuthority { identifier friendlyName }\n    }\n  }\n": types.ApprovalDetailDocument,
    "mutation Approve($input: ApproveInput!) { approve(input: $input) { approval { id state } } }": types.ApproveDocument,
    "mutation Reject($input: RejectInput!) { reject(input: $input) { approval { id state } } }": types.RejectDocument,
    "mutation Withdraw($id: ID!) { withdrawApproval(input: {id: $id}) { approval { id state } } }": types.WithdrawDocument,
    "\n  query ApprovalRules($partition: ID!) {\n    partition(id: $partition) { approvalRules { operation profileIds needed hours } certificateProfiles(first: 500) { nodes { id name kind } } }\n  }\n": types.ApprovalRulesDocument,
    "mutation SetApprovalRules($input: SetApprovalRulesInput!) { setApprovalRules(input: $input) { __typename ... on ApprovalRulesPayload { rules { operation } } ... on ApprovalPending { approvalId message } } }": types.SetApprovalRulesDocument,
    "\n  query Approvals($partition: ID!, $state: [ApprovalState!], $after: String) {\n    partition(id: $partition) {\n      approvals(state: $state, first: 30, after: $after) {\n        nodes { id state summary requestedBy requestedAt expiresAt needed mayDecide votes { name approves } }\n        pageInfo { hasNextPage endCursor }\n        totalCount\n      }\n    }\n  }\n": types.ApprovalsDocument,
    "query Invitation($token: String!) { invitation(token: $token) { email firstName lastName name roles invitedBy hasAccount } }": types.InvitationDocument,
    "mutation AcceptInvitation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { factors enrolmentRequired } }": types.AcceptInvitationDocument,
    "mutation RequestPasswordReset($email: String!) { requestPasswordReset(input: {email: $email}) { accepted } }": types.RequestPasswordResetDocument,
    "mutation ResetPassword($input: ResetPasswordInput!) { resetPassword(input: $input) { email } }": types.ResetPasswordDocument,
    "query BulkOperations($partition: ID!) { partition(id: $partition) { bulkOperations(first: 50) { nodes { id name kind input state total pending done failed skipped createdBy createdAt } } } }": types.BulkOperationsDocument,
    "\n  query BulkOperation($id: ID!) {\n    bulkOperation(id: $id) {\n      id name kind input state failure reason profileId total pending done failed skipped createdBy createdAt startedBy startedAt finishedAt resultPath\n      issuer { identifier friendlyName }\n      findings { result count examples { position what note certificateId certificate { commonName subject notAfter expired issuer { friendlyName } } } }\n    }\n  }\n": types.BulkOperationDocument,
    "\n  query BulkChoices($partition: ID!) {\n    partition(id: $partition) { certificationAuthorities(first: 200) { nodes { id friendlyName status type profiles { id name description group { title } } } } }\n  }\n": types.BulkChoicesDocument,
    "mutation PrepareBulkRevocation($input: PrepareBulkRevocationInput!) { prepareBulkRevocation(input: $input) { operation { id } } }": types.PrepareBulkRevocationDocument,
    "mutation PrepareBulkIssuance($input: PrepareBulkIssuanceInput!) { prepareBulkIssuance(input: $input) { operation { id } } }": types.PrepareBulkIssuanceDocument,
    "mutation StartBulk($id: ID!) { startBulk(input: {id: $id}) { __typename ... on BulkOperationPayload { operation { id state } } ... on ApprovalPending { approvalId message } } }": types.StartBulkDocument,
    "mutation CancelBulk($id: ID!) { cancelBulk(input: {id: $id}) { operation { id state } } }": types.CancelBulkDocument,
    "\n  query RenewalCampaign($id: ID!) {\n    renewalCampaign(id: $id) {\n      id name state total renewedBefore beginsAt endsAt revokeAt revocationReason explanationUrl createdAt createdBy\n      selection { configuration { identifier } ca { identifier friendlyName } profileId keyType signatureAlgorithm issuedFrom issuedUntil expiresFrom expiresUntil }\n      progress { replaced ended times planned actual }\n      stragglers(first: 50) { totalCount nodes { beginsAt endsAt certificate { id subject serialNumber notAfter } } }\n    }\n  }\n": types.RenewalCampaignDocument,
    "mutation CancelRenewalCampaign($input: CancelRenewalCampaignInput!) { cancelRenewalCampaign(input: $input) { campaign { id state } } }": types.CancelRenewalCampaignDocument,
    "\n  query RenewalCampaigns($partition: ID!, $after: String) {\n    partition(id: $partition) {\n      renewalCampaigns(first: 50, after: $after) {\n        pageInfo { hasNextPage endCursor }\n        nodes { id name state total beginsAt endsAt revokeAt createdBy progress { replaced } }\n      }\n    }\n  }\n": types.RenewalCampaignsDocument,
    "\n  query RenewalChoices($partition: ID!) {\n    partition(id: $partition) {\n      protocolConfigurations(first: 200, filter: { type: ACME }) { nodes { id identifier offerings { id profileId ca { id identifier friendlyName } } } }\n      reports { cryptography { uses { keyType signatureAlgorithm certificates } } }\n    }\n  }\n": types.RenewalChoicesDocument,
    "query CountRenewal($partition: ID!, $selection: RenewalSelectionInput!) { partition(id: $partition) { countRenewalSelection(selection: $selection) } }": types.CountRenewalDocument,
    "mutation CreateRenewalCampaign($input: CreateRenewalCampaignInput!) { createRenewalCampaign(input: $input) { campaign { id } } }": types.CreateRenewalCampaignDocument,
    "\n  query SigningAlgorithms {\n    deployment { signingAlgorithms { label family securityBits postQuantum publicKeyBytes signatureBytes standard advice verifiers { client since } warning } }\n  }\n": types.SigningAlgorithmsDocument,
    "\n  mutation AlgorithmMeasurement($label: String!) {\n    measureAlgorithm(input: {label: $label}) { measurement { signaturesPerSecond verificationsPerSecond keyGenerationMilliseconds } }\n  }\n": types.AlgorithmMeasurementDocument,
    "mutation MoveCaKey($input: MoveCertificationAuthorityKeyInput!) { moveCertificationAuthorityKey(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id } } ... on ApprovalPending { approvalId message } } }": types.MoveCaKeyDocument,
    "query CeremonyMinutes($id: ID!) { certificationAuthority(id: $id) { ceremonyMinutes { fileName html signature } } }": types.CeremonyMinutesDocument,
    "query CaRequest($id: ID!) { certificationAuthority(id: $id) { certificateSigningRequest } }": types.CaRequestDocument,
    "mutation ImportCaCertificate($input: ImportCaCertificateInput!) { importCaCertificate(input: $input) { certificationAuthority { id status remarks } } }": types.ImportCaCertificateDocument,
    "mutation RenewCa($input: RenewCertificationAuthorityInput!) { renewCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id } } ... on ApprovalPending { approvalId message } } }": types.RenewCaDocument,
    "mutation DisableCa($id: ID!) { disableCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }": types.DisableCaDocument,
    "mutation EnableCa($id: ID!) { enableCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }": types.EnableCaDocument,
    "\n  query CaCertificates($id: ID!) {\n    certificationAuthority(id: $id) { caCertificates { kind keyGeneration issuerGeneration serialNumber notBefore notAfter pem } }\n  }\n": types.CaCertificatesDocument,
    "\n  query DeletionImpact($id: ID!) {\n    certificationAuthority(id: $id) {\n      deletionImpact(first: 5) {\n        subordinateCount subordinates { id identifier friendlyName }\n        certificateCount certificates { id subject notAfter }\n        protocolConfigurationCount protocolConfigurations { id identifier type }\n        endEntityCount endEntities { id identifier }\n        profiles { id }\n      }\n    }\n  }\n": types.DeletionImpactDocument,
    "\n  query CaDetail($partition: ID!, $identifier: String!) {\n    partition(id: $partition) {\n      certificationAuthority(identifier: $identifier) {\n        id identifier friendlyName type status signingAlgorithm subject expiresAt createdAt deletedAt purgeAt activeCertificates\n        crlEnabled ocspEnabled crlUrl ocspUrl certificateUrl caGatewayUrl\n        keyStore { name description available problem } keyCustody keyMovingTo\n        parent { identifier friendlyName type }\n        brokenBy { id identifier friendlyName status purgeAt }\n        keyGeneration renewal { newKey expiresAt failure } nameConstraints { permitted { type value } excluded { type value } }\n        children(first: 200) { nodes { id identifier friendlyName type status activeCertificates brokenBy { id } } }\n        creation { failure steps { step state at } }\n        crl { number entries bytes thisUpdate nextUpdate limitBytes warning alarm { kind reason since acceptable } }\n        crlSettings { mode delta shards automaticShards complete }\n        crlLists { shard number baseNumber entries bytes thisUpdate nextUpdate url open }\n        profiles { id name description validityPeriod group { title } }\n        certificate {\n          serialNumber fingerprint issuer notBefore notAfter publicKeyType signatureAlgorithm isCa pathLength keyUsages authorityInfoAccessOcsp authorityInfoAccessCaIssuers\n          authorityKeyIdentifier subjectKeyIdentifier crlDistributionPoints\n        }\n      }\n    }\n  }\n": types.CaDetailDocument,
    "query CaDownload($id: ID!) { certificationAuthority(id: $id) { certificatePem chainPem } }": types.CaDownloadDocument,
    "mutation DeleteCa($input: DeleteCertificationAuthorityInput!) { deleteCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id status } } ... on ApprovalPending { approvalId message } } }": types.DeleteCaDocument,
    "mutation RestoreCa($id: ID!) { restoreCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }": types.RestoreCaDocument,
    "mutation SelectProfiles($input: SelectProfilesInput!) { selectProfiles(input: $input) { certificationAuthority { id } } }": types.SelectProfilesDocument,
    "mutation UnselectProfiles($input: UnselectProfilesInput!) { unselectProfiles(input: $input) { certificationAuthority { id } } }": types.UnselectProfilesDocument,
    "\n  query Cas($partition: ID!, $deleted: Boolean!, $after: String) {\n    partition(id: $partition) {\n      certificationAuthorities(includeDeleted: $deleted, first: 500, after: $after) { nodes {\n        id identifier friendlyName type status signingAlgorithm subject expiresAt activeCertificates\n        parent { id }\n        brokenBy { id friendlyName status }\n        certificate { serialNumber } } pageInfo { hasNextPage endCursor } }\n    }\n  }\n": types.CasDocument,
    "\n  mutation CreateCa($input: CreateCertificationAuthorityInput!) {\n    createCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id identifier status } } ... on ApprovalPending { approvalId message } }\n  }\n": types.CreateCaDocument,
    "\n  mutation ImportExternalRoot($input: ImportExternalRootInput!) {\n    importExternalRoot(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id identifier status remarks } } ... on ApprovalPending { approvalId message } }\n  }\n": types.ImportExternalRootDocument,
    "query CaTaken($partition: ID!, $identifier: String!) { partition(id: $partition) { certificationAuthority(identifier: $identifier) { id } } }": types.CaTakenDocument,
    "\n  query KeyStores($partition: ID!, $algorithm: String!) {\n    partition(id: $partition) { keyStores { name description isDefault available problem custody(signingAlgorithm: $algorithm) } }\n  }\n": types.KeyStoresDocument,
    "\n  query ProfileGroups($partition: ID!) {\n    partition(id: $partition) { profileGroups { id title kind profiles { id name description allowedCaTypes selectable } } }\n  }\n": types.ProfileGroupsDocument,
    "mutation PublishCrl($id: ID!) { publishCrl(input: {caId: $id}) { certificationAuthority { id } } }": types.PublishCrlDocument,
    "mutation UpdateCrlSettings($input: UpdateCrlSettingsInput!) { updateCrlSettings(input: $input) { certificationAuthority { id } } }": types.UpdateCrlSettingsDocument,
    "mutation AcceptHeldCrl($input: AcceptHeldCrlInput!) { acceptHeldCrl(input: $input) { certificationAuthority { id } } }": types.AcceptHeldCrlDocument,
    "\n  query CertificateDetail($id: ID!) {\n    certificate(id: $id) {\n      id subject commonName serialNumber status expired profileId notBefore notAfter createdAt requestedBy revokedAt revocationReason invalidityDate statusComment suspendedUntil pem\n      endEntity { id identifier }\n      protocolConfiguration { id identifier type deletedAt }\n      issuer { identifier friendlyName type status ocspUrl crlUrl brokenBy { friendlyName status } parent { identifier friendlyName type parent { identifier friendlyName type } } }\n      details {\n        fingerprint issuer publicKeyType signatureAlgorithm subjectAlternativeNames { type value } isCa pathLength keyUsages extendedKeyUsages { oid name }\n        authorityInfoAccessOcsp authorityInfoAccessCaIssuers authorityKeyIdentifier subjectKeyIdentifier crlDistributionPoints certificatePolicies\n      }\n    }\n  }\n": types.CertificateDetailDocument,
    "query CaNames($partition: ID!) { partition(id: $partition) { certificationAuthorities(first: 500) { nodes { id identifier friendlyName } } } }": types.CaNamesDocument,
    "\n  query CertificateStory($id: ID!) {\n    certificate(id: $id) {\n      createdAt profileId profileVersion profile { name version retiredAt }\n      endEntity { identifier }\n      story {\n        approval { id requestedBy votes { name approves comment votedAt } }\n        recorded protocol actorKind actorName ipAddress requestId\n        asked { subject subjectAlternativeNames { type value } extensions { oid name } notAfter serverSideKey }\n        decisions { rule outcome detail }\n        changes { what asked issued }\n        events { sequence time action result actorName ipAddress summary }\n        crlUrls ocspUrls caIssuersUrls\n      }\n    }\n  }\n": types.CertificateStoryDocument,
    "mutation VerifyAudit($partition: ID!) { verifyAuditLog(input: {partitionId: $partition}) { verification { intact events brokenAt alarm headHash } } }": types.VerifyAuditDocument,
    "\n  query Home($partition: ID!, $people: Boolean!) {\n    partition(id: $partition) {\n      counts { purchasedCas activeCas purchasedCertificates issuedCertificates suspendedCertificates revokedCertificates expiringCertificates }\n      activity(days: 30) { day issued revoked }\n      certificates(first: 6, sort: EXPIRES_FIRST, filter: { expiresWithinDays: 90, includeOcspSigners: false }) { nodes { id commonName subject notAfter } }\n      ever: certificates(first: 1, filter: { includeOcspSigners: false }) { nodes { id } }\n      protocolConfigurations(first: 1) { totalCount }\n      members(first: 2) @include(if: $people) { nodes { user { id } } }\n    }\n  }\n": types.HomeDocument,
    "\n  query HomeStart($partition: ID!) {\n    partition(id: $partition) {\n      certificationAuthorities(first: 200) { nodes { id identifier friendlyName type status brokenBy { id } profiles { id } } }\n    }\n  }\n": types.HomeStartDocument,
    "\n  query Notifications($partition: ID!) {\n    partition(id: $partition) {\n      notificationSettings { days recipients alarms webhooks { id name url createdBy createdAt lastSuccessAt lastError deliveries(first: 5) { nodes { id event state attempts error createdAt } } } }\n    }\n  }\n": types.NotificationsDocument,
    "mutation UpdateNotifications($input: UpdateNotificationSettingsInput!) { updateNotificationSettings(input: $input) { settings { days } } }": types.UpdateNotificationsDocument,
    "mutation CreateWebhook($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id } } }": types.CreateWebhookDocument,
    "mutation TestWebhook($id: ID!) { testWebhook(input: {id: $id}) { webhook { id } } }": types.TestWebhookDocument,
    "mutation DeleteWebhook($id: ID!, $name: String!) { deleteWebhook(input: {id: $id, confirmName: $name}) { webhook { id } } }": types.DeleteWebhookDocument,
    "mutation RetireProfile($input: RetireProfileInput!) { retireProfile(input: $input) { profile { id retiredAt } } }": types.RetireProfileDocument,
    "mutation DeleteProfile($input: DeleteProfileInput!) { deleteProfile(input: $input) { id } }": types.DeleteProfileDocument,
    "\n  query ProfileHistory($partition: ID!, $id: ID!) {\n    partition(id: $partition) { certificateProfile(id: $id) { basedOn issued selectedFor versions(first: 200) { nodes { version createdAt createdBy comment json } } } }\n  }\n": types.ProfileHistoryDocument,
    "query ProfileProtocols($partition: ID!, $id: ID!) { partition(id: $partition) { certificateProfile(id: $id) { protocolConfigurations { id identifier } } } }": types.ProfileProtocolsDocument,
    "\n  query ProfileChanges($partition: ID!, $id: ID!, $from: Int64!, $to: Int64!) {\n    partition(id: $partition) { certificateProfile(id: $id) { changes(from: $from, to: $to) { path before after } } }\n  }\n": types.ProfileChangesDocument,
    "query ValidateProfile($partition: ID!, $json: String!, $id: ID, $name: String, $group: ID) { validateProfile(partitionId: $partition, json: $json, id: $id, name: $name, group: $group) { path message line } }": types.ValidateProfileDocument,
    "mutation CloneProfile($input: CloneProfileInput!) { cloneProfile(input: $input) { profile { id } } }": types.CloneProfileDocument,
    "mutation UpdateProfile($input: UpdateProfileInput!) { updateProfile(input: $input) { profile { id version } } }": types.UpdateProfileDocument,
    "\n  mutation ReplayProfile($partition: ID!, $json: String!, $days: Int!, $profile: ID) {\n    replayProfile(input: {partitionId: $partition, json: $json, days: $days, profileId: $profile}) {\n      replay {\n        requests more same changed refused rules { rule count }\n        examples { certificate { id subject profileId } refusal { message rule } changes }\n      }\n    }\n  }\n": types.ReplayProfileDocument,
    "\n  query Profiles($partition: ID!) {\n    partition(id: $partition) {\n      profileGroups {\n        id title kind\n        profiles {\n          id name description validityPeriod allowedCaTypes keyUsages { oid name } extendedKeyUsages { oid name } allowedExtensions { oid name }\n          ignoreUnknownExtensions serverSideKeys copiesCommonNameToSan requiredSanTypes keyAlgorithms maxValidityPeriod json system version retiredAt\n        }\n      }\n      retiredProfiles(first: 200) { nodes {\n        id name description validityPeriod allowedCaTypes keyUsages { oid name } extendedKeyUsages { oid name } allowedExtensions { oid name } group { title }\n        ignoreUnknownExtensions serverSideKeys copiesCommonNameToSan requiredSanTypes keyAlgorithms maxValidityPeriod json system version retiredAt } }\n    }\n  }\n": types.ProfilesDocument,
    "\n  query EnrollmentProtocols($partition: ID!) {\n    partition(id: $partition) {\n      enrollmentProtocols { type label profileGroups authorities { ca { id identifier friendlyName } profiles { id name } } }\n      profileGroups { id title }\n    }\n  }\n": types.EnrollmentProtocolsDocument,
    "mutation AddProtocolOffering($input: AddProtocolOfferingInput!) { addProtocolOffering(input: $input) { protocolConfiguration { id } } }": types.AddProtocolOfferingDocument,
    "mutation UpdateProtocolOffering($input: UpdateProtocolOfferingInput!) { updateProtocolOffering(input: $input) { protocolConfiguration { id } } }": types.UpdateProtocolOfferingDocument,
    "mutation RemoveProtocolOffering($input: RemoveProtocolOfferingInput!) { removeProtocolOffering(input: $input) { protocolConfiguration { id } } }": types.RemoveProtocolOfferingDocument,
    "query ProtocolTaken($partition: ID!, $identifier: String!) { partition(id: $partition) { protocolConfiguration(identifier: $identifier) { id } } }": types.ProtocolTakenDocument,
    "mutation CreateProtocolConfiguration($input: CreateProtocolConfigurationInput!) { createProtocolConfiguration(input: $input) { protocolConfiguration { id identifier } } }": types.CreateProtocolConfigurationDocument,
    "mutation UpdateProtocolConfiguration($input: UpdateProtocolConfigurationInput!) { updateProtocolConfiguration(input: $input) { protocolConfiguration { id } } }": types.UpdateProtocolConfigurationDocument,
    "mutation EnableProtocol($input: EnableProtocolConfigurationInput!) { enableProtocolConfiguration(input: $input) { protocolConfiguration { id status } } }": types.EnableProtocolDocument,
    "mutation DisableProtocol($input: DisableProtocolConfigurationInput!) { disableProtocolConfiguration(input: $input) { protocolConfiguration { id status } } }": types.DisableProtocolDocument,
    "mutation DeleteProtocol($input: DeleteProtocolConfigurationInput!) { deleteProtocolConfiguration(input: $input) { protocolConfiguration { id } } }": types.DeleteProtocolDocument,
    "\n  query ProtocolConfigurations($partition: ID!, $after: String, $filter: ProtocolConfigurationFilter) {\n    partition(id: $partition) {\n      protocolConfigurations(first: 50, after: $after, filter: $filter) {\n        totalCount\n        pageInfo { hasNextPage endCursor }\n        nodes { id identifier type description status problem createdAt offerings { id name ca { id identifier friendlyName } } }\n      }\n    }\n  }\n": types.ProtocolConfigurationsDocument,
    "\n  query Acme($id: ID!) {\n    deployment { tlsRootCertificate }\n    protocolConfiguration(id: $id) {\n      id\n      acme {\n        directoryUrl\n        settings { challenges ordersPerHour failuresPerHour orderHours authorizationHours renewalPollMinutes attestation { format roots } }\n        externalKeys(first: 100) { totalCount nodes { id friendlyName state withoutBinding } }\n      }\n    }\n  }\n": types.AcmeDocument,
    "\n  query AcmeActivity($id: ID!, $after: String, $keys: Boolean!, $accounts: Boolean!, $orders: Boolean!) {\n    protocolConfiguration(id: $id) {\n      acme {\n        externalKeys(first: 50, after: $after) @include(if: $keys) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes { id friendlyName state allowedIdentifiers needsNoChallenge withoutBinding maxAccounts accountCount createdAt createdBy expiresAt revokedAt lastUsedAt }\n        }\n        accounts(first: 50, after: $after) @include(if: $accounts) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes { id status contact thumbprint createdAt key { id friendlyName state } }\n        }\n        orders(first: 50, after: $after) @include(if: $orders) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes {\n            id status createdAt identifiers { type value }\n            error { type detail identifier { value } subproblems { type detail identifier { value } } }\n            account { id key { friendlyName } }\n            certificate { id serialNumber status }\n            approval { id }\n          }\n        }\n      }\n    }\n  }\n": types.AcmeActivityDocument,
    "mutation CreateAcmeKey($input: CreateAcmeKeyInput!) { createAcmeKey(input: $input) { key { id friendlyName } hmacKey } }": types.CreateAcmeKeyDocument,
    "mutation RevokeAcmeKey($input: RevokeAcmeKeyInput!) { revokeAcmeKey(input: $input) { key { id } } }": types.RevokeAcmeKeyDocument,
    "mutation UpdateAcmeSettings($input: UpdateAcmeSettingsInput!) { updateAcmeSettings(input: $input) { protocolConfiguration { id } } }": types.UpdateAcmeSettingsDocument,
    "\n  query ProtocolConfiguration($partition: ID!, $identifier: String!) {\n    partition(id: $partition) {\n      protocolConfiguration(identifier: $identifier) {\n        id identifier type description status problem mayWiden createdAt createdBy\n        offerings { id name profileId maxValidityHours problem ca { id identifier friendlyName } profile { id name } }\n        all: certificates(first: 1) { totalCount }\n        active: certificates(first: 1, filter: { status: [ISSUED, SUSPENDED], expired: false }) { totalCount }\n        entities: endEntities(first: 1) { totalCount }\n        refused: events(first: 1, filter: { result: REFUSED }) { totalCount nodes { time summary } }\n      }\n    }\n  }\n": types.ProtocolConfigurationDocument,
    "\n  query Reports($partition: ID!, $from: Time!, $interval: ReportInterval!, $by: ReportDimension!) {\n    partition(id: $partition) {\n      reports {\n        activity(from: $from, interval: $interval) { start issued revoked }\n        breakdown(by: $by, from: $from) { key label issued revoked active }\n        cryptography {\n          uses { keyType signatureAlgorithm certificates authorities latestExpiry postQuantum }\n          concerns { id severity title advice certificates authorities }\n        }\n        expiries(days: 366) { start certificates authorities }\n      }\n    }\n  }\n": types.ReportsDocument,
    "\n  query Accounts($search: String, $after: String) {\n    accounts(first: 50, after: $after, search: $search) { nodes { id email firstName lastName status createdAt lastSignInAt } pageInfo { hasNextPage endCursor } totalCount }\n  }\n": types.AccountsDocument,
    "query AccountDetails($id: ID!) { account(id: $id) { user { id email firstName lastName status createdAt lastSignInAt } operator factors secondFactorResetAt passwordResetAt soleOwnerOf } }": types.AccountDetailsDocument,
    "mutation DisableAccount($input: DisableAccountInput!) { disableAccount(input: $input) { user { id } } }": types.DisableAccountDocument,
    "mutation EnableAccount($id: ID!) { enableAccount(input: {id: $id}) { user { id } } }": types.EnableAccountDocument,
    "mutation ResetSecondFactor($id: ID!) { resetSecondFactor(input: {id: $id}) { user { id } } }": types.ResetSecondFactorDocument,
    "mutation DeleteAccount($input: DeleteAccountInput!) { deleteAccount(input: $input) { user { id } } }": types.DeleteAccountDocument,
    "query Jobs { jobs(first: 200) { nodes { kind key lane runAt runningUntil attempts lastError } } }": types.JobsDocument,
    "\n  query Subscriptions($search: String, $after: String) {\n    subscriptions(search: $search, first: 200, after: $after) { nodes {\n      id name status region tier url createdAt canAssign\n      partition { id name }\n      inventory { id label used purchased } } pageInfo { hasNextPage endCursor } }\n  }\n": types.SubscriptionsDocument,
    "mutation AssignSubscription($input: AssignSubscriptionInput!) { assignSubscription(input: $input) { partition { id name } } }": types.AssignSubscriptionDocument,
    "mutation CreateSubscription($input: CreateSubscriptionInput!) { createSubscription(input: $input) { subscription { id name } } }": types.CreateSubscriptionDocument,
    "mutation InviteSubscriptionOwner($id: ID!, $email: String!) { inviteSubscriptionOwner(input: {subscriptionId: $id, email: $email}) { subscription { id } } }": types.InviteSubscriptionOwnerDocument,
    "query PlatformOutbox { platformOutbox(first: 20) { nodes { id to subject body createdAt } } }": types.PlatformOutboxDocument,
    "query Members($partition: ID!, $after: String) { partition(id: $partition) { members(first: 200, after: $after) { nodes { user { id email firstName lastName status lastSignInAt } roles invitedBy invitationExpiresAt } pageInfo { hasNextPage endCursor } } } }": types.MembersDocument,
    "mutation InviteUser($input: InviteUserInput!) { inviteUser(input: $input) { __typename ... on MemberPayload { member { user { id email } } } ... on ApprovalPending { approvalId message } } }": types.InviteUserDocument,
    "mutation Resend($partition: ID!, $user: ID!) { resendInvitation(input: {partitionId: $partition, userId: $user}) { member { user { id } } } }": types.ResendDocument,
    "mutation GrantRole($input: GrantRoleInput!) { grantRole(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }": types.GrantRoleDocument,
    "mutation RevokeRole($input: RevokeRoleInput!) { revokeRole(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }": types.RevokeRoleDocument,
    "query Tokens($partition: ID!, $after: String) { partition(id: $partition) { apiTokens(first: 200, after: $after) { nodes { id name role service stopped mayRevoke prefix createdAt createdBy expiresAt lastUsedAt revokedAt } pageInfo { hasNextPage endCursor } } } }": types.TokensDocument,
    "mutation CreateToken($input: CreateApiTokenInput!) { createApiToken(input: $input) { token apiToken { id name } } }": types.CreateTokenDocument,
    "mutation RevokeToken($id: ID!) { revokeApiToken(input: {id: $id}) { apiToken { id } } }": types.RevokeTokenDocument,
    "mutation RemoveMember($input: RemoveMemberInput!) { removeMember(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }": types.RemoveMemberDocument,
    "\n  query CagwCredentials($partition: ID!, $after: String) {\n    deployment { tlsRootCertificate }\n    partition(id: $partition) {\n      cagwUrl\n      cagwCredentials(first: 200, after: $after) { nodes {\n        id identifier friendlyName status serialNumber createdAt createdBy renewedAt expiresAt previousEndsAt lastUsedAt lastUsedFrom mayChange\n        roles { role ca { id identifier friendlyName deletedAt } } } pageInfo { hasNextPage endCursor } }\n    }\n  }\n": types.CagwCredentialsDocument,
    "query CagwAuthorities($partition: ID!) { partition(id: $partition) { certificationAuthorities(first: 500) { nodes { id identifier friendlyName type } } } }": types.CagwAuthoritiesDocument,
    "query CagwProfiles($ca: ID!) { certificationAuthority(id: $ca) { profiles { id } } }": types.CagwProfilesDocument,
    "\n  mutation CreateCagwCredential($input: CreateCagwCredentialInput!) {\n    createCagwCredential(input: $input) { pkcs12 password fileName credential { id identifier previousEndsAt expiresAt roles { role ca { id identifier friendlyName deletedAt } } } }\n  }\n": types.CreateCagwCredentialDocument,
    "\n  mutation RenewCagwCredential($id: ID!, $endPreviousNow: Boolean!) {\n    renewCagwCredential(input: {id: $id, endPreviousNow: $endPreviousNow}) { pkcs12 password fileName credential { id identifier previousEndsAt expiresAt roles { role ca { id identifier friendlyName deletedAt } } } }\n  }\n": types.RenewCagwCredentialDocument,
    "mutation SetCagwCredentialRoles($id: ID!, $roles: [CagwCredentialRoleInput!]!) { setCagwCredentialRoles(input: {id: $id, roles: $roles}) { credential { id } } }": types.SetCagwCredentialRolesDocument,
    "mutation DeleteCagwCredential($id: ID!) { deleteCagwCredential(input: {id: $id}) { credential { id } } }": types.DeleteCagwCredentialDocument,
    "\n  query Viewer {\n    viewer {\n      operator\n      user { id email firstName lastName }\n      partitions { id name region roles permissions }\n      invitations { id }\n    }\n  }\n": types.ViewerDocument,
    "\n  query Deployment {\n    deployment {\n      version regions keepsOutbox demo publicUrl terms passwordMinLength twoPersonRoots\n      subjectAttributes { name aliases oid maxLength }\n    }\n  }\n": types.DeploymentDocument,
    "query ApprovalsWaiting($partition: ID!) { partition(id: $partition) { approvalsWaiting } }": types.ApprovalsWaitingDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ConfirmIdentity($input: ConfirmIdentityInput!) { confirmIdentity(input: $input) { confirmedUntil } }"): typeof import('./graphql').ConfirmIdentityDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Palette($partition: ID!, $search: String!) {\n    partition(id: $partition) {\n      certificationAuthorities(search: $search, first: 20) { nodes { id identifier friendlyName } }\n      protocolConfigurations(first: 5, filter: { search: $search }) { nodes { id identifier description } }\n      certificates(first: 8, filter: { search: $search }) { nodes { id subject serialNumber } }\n    }\n  }\n"): typeof import('./graphql').PaletteDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SignOut { signOut { sessionsEnded } }"): typeof import('./graphql').SignOutDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query EndEntities($partition: ID!, $after: String, $search: String, $status: EndEntityStatus, $configuration: ID) {\n    partition(id: $partition) {\n      endEntities(first: 50, after: $after, search: $search, status: $status, protocolConfigurationId: $configuration) { totalCount pageInfo { hasNextPage endCursor } nodes { id identifier status createdAt expiresAt } }\n    }\n  }\n"): typeof import('./graphql').EndEntitiesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query EndEntity($id: ID!) {\n    endEntity(id: $id) { id identifier status createdAt expiresAt certificates(first: 20) { totalCount nodes { id commonName subject status expired notAfter } } }\n  }\n"): typeof import('./graphql').EndEntityDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Activate($id: ID!) { activateEndEntity(input: {id: $id}) { endEntity { id } } }"): typeof import('./graphql').ActivateDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Deactivate($id: ID!) { deactivateEndEntity(input: {id: $id}) { endEntity { id } } }"): typeof import('./graphql').DeactivateDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Decommission($id: ID!) { decommissionEndEntity(input: {id: $id}) { endEntity { id } } }"): typeof import('./graphql').DecommissionDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Events($partition: ID!, $first: Int!, $after: String, $filter: AuditFilter) {\n    partition(id: $partition) {\n      auditEvents(first: $first, after: $after, filter: $filter) {\n        totalCount\n        pageInfo { hasNextPage endCursor }\n        nodes { sequence time action result actorKind actorName ipAddress requestId objectKind objectId objectName summary details hash }\n      }\n    }\n  }\n"): typeof import('./graphql').EventsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "subscription LiveEvents($partition: ID!) { auditEvents(partitionId: $partition) { sequence } }"): typeof import('./graphql').LiveEventsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query IssueChoices($partition: ID!) {\n    partition(id: $partition) {\n      certificationAuthorities(first: 200) { nodes { id identifier friendlyName type status brokenBy { id } profiles { id name description serverSideKeys requiredSanTypes copiesCommonNameToSan group { title } } } }\n    }\n  }\n"): typeof import('./graphql').IssueChoicesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Issue($input: IssueCertificateInput!) {\n    issueCertificate(input: $input) { __typename ... on IssueCertificatePayload { certificate { id commonName serialNumber } decisions { rule outcome detail } } ... on ApprovalPending { approvalId message } }\n  }\n"): typeof import('./graphql').IssueDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation IssueP12($input: IssuePkcs12Input!) {\n    issuePkcs12(input: $input) { certificate { id commonName serialNumber } pkcs12 warnings decisions { rule outcome detail } }\n  }\n"): typeof import('./graphql').IssueP12Document;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SignIn($input: SignInInput!) { signIn(input: $input) { factors enrolmentRequired codeRequired } }"): typeof import('./graphql').SignInDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Verify($input: VerifySecondFactorInput!) { verifySecondFactor(input: $input) { viewer { operator } } }"): typeof import('./graphql').VerifyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation VerifyAddressCode($code: String!) { verifyAddressCode(input: {code: $code}) { enrolmentRequired } }"): typeof import('./graphql').VerifyAddressCodeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation BeginPasskeySignIn { beginPasskeySignIn { options } }"): typeof import('./graphql').BeginPasskeySignInDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation BeginRegistration { beginPasskeyRegistration { options } }"): typeof import('./graphql').BeginRegistrationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation FinishRegistration($name: String!, $credential: String!) { finishPasskeyRegistration(input: {name: $name, credential: $credential}) { recoveryCodes } }"): typeof import('./graphql').FinishRegistrationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation BeginTotp { beginTotpEnrolment { secret uri } }"): typeof import('./graphql').BeginTotpDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ConfirmTotp($totp: String!) { confirmTotpEnrolment(input: {totp: $totp}) { recoveryCodes } }"): typeof import('./graphql').ConfirmTotpDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query WhatIf($input: WhatIfInput!) {\n    whatIf(input: $input) {\n      issued profileVersion\n      refusal { code message field rule action }\n      certificate { subject notBefore notAfter publicKeyType signatureAlgorithm subjectAlternativeNames { type value } isCa keyUsages extendedKeyUsages { oid name } certificatePolicies }\n      decisions { rule outcome detail }\n      lint { lint severity detail }\n    }\n  }\n"): typeof import('./graphql').WhatIfDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CertificateList($partition: ID!, $first: Int!, $after: String, $filter: CertificateFilter, $sort: CertificateSort!, $count: Boolean!) {\n    partition(id: $partition) {\n      certificates(first: $first, after: $after, filter: $filter, sort: $sort) {\n        totalCount @include(if: $count)\n        totalIsMinimum @include(if: $count)\n        pageInfo { hasNextPage endCursor }\n        nodes { id subject commonName serialNumber status expired profileId notBefore notAfter requestedBy issuer { identifier friendlyName } }\n      }\n    }\n  }\n"): typeof import('./graphql').CertificateListDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Revoke($input: RevokeCertificateInput!) { revokeCertificate(input: $input) { certificate { id status } } }"): typeof import('./graphql').RevokeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Suspend($input: SuspendCertificateInput!) { suspendCertificate(input: $input) { certificate { id status } } }"): typeof import('./graphql').SuspendDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Unsuspend($id: ID!) { unsuspendCertificate(input: {certificateId: $id}) { certificate { id status } } }"): typeof import('./graphql').UnsuspendDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CertificatePem($id: ID!) { certificate(id: $id) { pem chainPem der commonName serialNumber } }"): typeof import('./graphql').CertificatePemDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Account {\n    viewer {\n      user { email firstName lastName createdAt lastSignInAt }\n      invitations { id name roles invitedBy expiresAt }\n      security { totpEnrolled recoveryCodesLeft passkeys { id name createdAt lastUsedAt } sessions(first: 200) { nodes { id createdAt lastSeenAt ipAddress userAgent current } } }\n    }\n  }\n"): typeof import('./graphql').AccountDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ChangePassword($input: ChangePasswordInput!) { changePassword(input: $input) { sessionsEnded } }"): typeof import('./graphql').ChangePasswordDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Regenerate { regenerateRecoveryCodes { recoveryCodes } }"): typeof import('./graphql').RegenerateDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation EndSession($id: ID!) { endSession(input: {id: $id}) { sessionsEnded } }"): typeof import('./graphql').EndSessionDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SignOutEverywhere { signOutEverywhere { sessionsEnded } }"): typeof import('./graphql').SignOutEverywhereDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation BeginPasskey { beginPasskeyRegistration { options } }"): typeof import('./graphql').BeginPasskeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation FinishPasskey($name: String!, $credential: String!) { finishPasskeyRegistration(input: {name: $name, credential: $credential}) { recoveryCodes } }"): typeof import('./graphql').FinishPasskeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RemovePasskey($id: ID!) { removePasskey(input: {id: $id}) { viewer { operator } } }"): typeof import('./graphql').RemovePasskeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation AcceptRoles($id: ID!) { acceptRoles(input: {invitationId: $id}) { viewer { operator } } }"): typeof import('./graphql').AcceptRolesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeclineInvitation($id: ID!) { declineInvitation(input: {invitationId: $id}) { viewer { operator } } }"): typeof import('./graphql').DeclineInvitationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ApprovalDetail($id: ID!) {\n    approval(id: $id) {\n      id operation state summary facts { name value } payload requestedBy requestedAt expiresAt decidedAt needed reason objectKind objectId mayDecide mayWithdraw\n      votes { name approves comment votedAt }\n      certificate { id commonName serialNumber } certificationAuthority { identifier friendlyName }\n    }\n  }\n"): typeof import('./graphql').ApprovalDetailDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Approve($input: ApproveInput!) { approve(input: $input) { approval { id state } } }"): typeof import('./graphql').ApproveDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Reject($input: RejectInput!) { reject(input: $input) { approval { id state } } }"): typeof import('./graphql').RejectDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Withdraw($id: ID!) { withdrawApproval(input: {id: $id}) { approval { id state } } }"): typeof import('./graphql').WithdrawDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ApprovalRules($partition: ID!) {\n    partition(id: $partition) { approvalRules { operation profileIds needed hours } certificateProfiles(first: 500) { nodes { id name kind } } }\n  }\n"): typeof import('./graphql').ApprovalRulesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SetApprovalRules($input: SetApprovalRulesInput!) { setApprovalRules(input: $input) { __typename ... on ApprovalRulesPayload { rules { operation } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').SetApprovalRulesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Approvals($partition: ID!, $state: [ApprovalState!], $after: String) {\n    partition(id: $partition) {\n      approvals(state: $state, first: 30, after: $after) {\n        nodes { id state summary requestedBy requestedAt expiresAt needed mayDecide votes { name approves } }\n        pageInfo { hasNextPage endCursor }\n        totalCount\n      }\n    }\n  }\n"): typeof import('./graphql').ApprovalsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Invitation($token: String!) { invitation(token: $token) { email firstName lastName name roles invitedBy hasAccount } }"): typeof import('./graphql').InvitationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation AcceptInvitation($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { factors enrolmentRequired } }"): typeof import('./graphql').AcceptInvitationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RequestPasswordReset($email: String!) { requestPasswordReset(input: {email: $email}) { accepted } }"): typeof import('./graphql').RequestPasswordResetDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ResetPassword($input: ResetPasswordInput!) { resetPassword(input: $input) { email } }"): typeof import('./graphql').ResetPasswordDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query BulkOperations($partition: ID!) { partition(id: $partition) { bulkOperations(first: 50) { nodes { id name kind input state total pending done failed skipped createdBy createdAt } } } }"): typeof import('./graphql').BulkOperationsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query BulkOperation($id: ID!) {\n    bulkOperation(id: $id) {\n      id name kind input state failure reason profileId total pending done failed skipped createdBy createdAt startedBy startedAt finishedAt resultPath\n      issuer { identifier friendlyName }\n      findings { result count examples { position what note certificateId certificate { commonName subject notAfter expired issuer { friendlyName } } } }\n    }\n  }\n"): typeof import('./graphql').BulkOperationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query BulkChoices($partition: ID!) {\n    partition(id: $partition) { certificationAuthorities(first: 200) { nodes { id friendlyName status type profiles { id name description group { title } } } } }\n  }\n"): typeof import('./graphql').BulkChoicesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation PrepareBulkRevocation($input: PrepareBulkRevocationInput!) { prepareBulkRevocation(input: $input) { operation { id } } }"): typeof import('./graphql').PrepareBulkRevocationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation PrepareBulkIssuance($input: PrepareBulkIssuanceInput!) { prepareBulkIssuance(input: $input) { operation { id } } }"): typeof import('./graphql').PrepareBulkIssuanceDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation StartBulk($id: ID!) { startBulk(input: {id: $id}) { __typename ... on BulkOperationPayload { operation { id state } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').StartBulkDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CancelBulk($id: ID!) { cancelBulk(input: {id: $id}) { operation { id state } } }"): typeof import('./graphql').CancelBulkDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query RenewalCampaign($id: ID!) {\n    renewalCampaign(id: $id) {\n      id name state total renewedBefore beginsAt endsAt revokeAt revocationReason explanationUrl createdAt createdBy\n      selection { configuration { identifier } ca { identifier friendlyName } profileId keyType signatureAlgorithm issuedFrom issuedUntil expiresFrom expiresUntil }\n      progress { replaced ended times planned actual }\n      stragglers(first: 50) { totalCount nodes { beginsAt endsAt certificate { id subject serialNumber notAfter } } }\n    }\n  }\n"): typeof import('./graphql').RenewalCampaignDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CancelRenewalCampaign($input: CancelRenewalCampaignInput!) { cancelRenewalCampaign(input: $input) { campaign { id state } } }"): typeof import('./graphql').CancelRenewalCampaignDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query RenewalCampaigns($partition: ID!, $after: String) {\n    partition(id: $partition) {\n      renewalCampaigns(first: 50, after: $after) {\n        pageInfo { hasNextPage endCursor }\n        nodes { id name state total beginsAt endsAt revokeAt createdBy progress { replaced } }\n      }\n    }\n  }\n"): typeof import('./graphql').RenewalCampaignsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query RenewalChoices($partition: ID!) {\n    partition(id: $partition) {\n      protocolConfigurations(first: 200, filter: { type: ACME }) { nodes { id identifier offerings { id profileId ca { id identifier friendlyName } } } }\n      reports { cryptography { uses { keyType signatureAlgorithm certificates } } }\n    }\n  }\n"): typeof import('./graphql').RenewalChoicesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CountRenewal($partition: ID!, $selection: RenewalSelectionInput!) { partition(id: $partition) { countRenewalSelection(selection: $selection) } }"): typeof import('./graphql').CountRenewalDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateRenewalCampaign($input: CreateRenewalCampaignInput!) { createRenewalCampaign(input: $input) { campaign { id } } }"): typeof import('./graphql').CreateRenewalCampaignDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query SigningAlgorithms {\n    deployment { signingAlgorithms { label family securityBits postQuantum publicKeyBytes signatureBytes standard advice verifiers { client since } warning } }\n  }\n"): typeof import('./graphql').SigningAlgorithmsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation AlgorithmMeasurement($label: String!) {\n    measureAlgorithm(input: {label: $label}) { measurement { signaturesPerSecond verificationsPerSecond keyGenerationMilliseconds } }\n  }\n"): typeof import('./graphql').AlgorithmMeasurementDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation MoveCaKey($input: MoveCertificationAuthorityKeyInput!) { moveCertificationAuthorityKey(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').MoveCaKeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CeremonyMinutes($id: ID!) { certificationAuthority(id: $id) { ceremonyMinutes { fileName html signature } } }"): typeof import('./graphql').CeremonyMinutesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CaRequest($id: ID!) { certificationAuthority(id: $id) { certificateSigningRequest } }"): typeof import('./graphql').CaRequestDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ImportCaCertificate($input: ImportCaCertificateInput!) { importCaCertificate(input: $input) { certificationAuthority { id status remarks } } }"): typeof import('./graphql').ImportCaCertificateDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RenewCa($input: RenewCertificationAuthorityInput!) { renewCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').RenewCaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DisableCa($id: ID!) { disableCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }"): typeof import('./graphql').DisableCaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation EnableCa($id: ID!) { enableCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }"): typeof import('./graphql').EnableCaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CaCertificates($id: ID!) {\n    certificationAuthority(id: $id) { caCertificates { kind keyGeneration issuerGeneration serialNumber notBefore notAfter pem } }\n  }\n"): typeof import('./graphql').CaCertificatesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query DeletionImpact($id: ID!) {\n    certificationAuthority(id: $id) {\n      deletionImpact(first: 5) {\n        subordinateCount subordinates { id identifier friendlyName }\n        certificateCount certificates { id subject notAfter }\n        protocolConfigurationCount protocolConfigurations { id identifier type }\n        endEntityCount endEntities { id identifier }\n        profiles { id }\n      }\n    }\n  }\n"): typeof import('./graphql').DeletionImpactDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CaDetail($partition: ID!, $identifier: String!) {\n    partition(id: $partition) {\n      certificationAuthority(identifier: $identifier) {\n        id identifier friendlyName type status signingAlgorithm subject expiresAt createdAt deletedAt purgeAt activeCertificates\n        crlEnabled ocspEnabled crlUrl ocspUrl certificateUrl caGatewayUrl\n        keyStore { name description available problem } keyCustody keyMovingTo\n        parent { identifier friendlyName type }\n        brokenBy { id identifier friendlyName status purgeAt }\n        keyGeneration renewal { newKey expiresAt failure } nameConstraints { permitted { type value } excluded { type value } }\n        children(first: 200) { nodes { id identifier friendlyName type status activeCertificates brokenBy { id } } }\n        creation { failure steps { step state at } }\n        crl { number entries bytes thisUpdate nextUpdate limitBytes warning alarm { kind reason since acceptable } }\n        crlSettings { mode delta shards automaticShards complete }\n        crlLists { shard number baseNumber entries bytes thisUpdate nextUpdate url open }\n        profiles { id name description validityPeriod group { title } }\n        certificate {\n          serialNumber fingerprint issuer notBefore notAfter publicKeyType signatureAlgorithm isCa pathLength keyUsages authorityInfoAccessOcsp authorityInfoAccessCaIssuers\n          authorityKeyIdentifier subjectKeyIdentifier crlDistributionPoints\n        }\n      }\n    }\n  }\n"): typeof import('./graphql').CaDetailDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CaDownload($id: ID!) { certificationAuthority(id: $id) { certificatePem chainPem } }"): typeof import('./graphql').CaDownloadDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteCa($input: DeleteCertificationAuthorityInput!) { deleteCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id status } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').DeleteCaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RestoreCa($id: ID!) { restoreCertificationAuthority(input: {caId: $id}) { certificationAuthority { id status } } }"): typeof import('./graphql').RestoreCaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SelectProfiles($input: SelectProfilesInput!) { selectProfiles(input: $input) { certificationAuthority { id } } }"): typeof import('./graphql').SelectProfilesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UnselectProfiles($input: UnselectProfilesInput!) { unselectProfiles(input: $input) { certificationAuthority { id } } }"): typeof import('./graphql').UnselectProfilesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Cas($partition: ID!, $deleted: Boolean!, $after: String) {\n    partition(id: $partition) {\n      certificationAuthorities(includeDeleted: $deleted, first: 500, after: $after) { nodes {\n        id identifier friendlyName type status signingAlgorithm subject expiresAt activeCertificates\n        parent { id }\n        brokenBy { id friendlyName status }\n        certificate { serialNumber } } pageInfo { hasNextPage endCursor } }\n    }\n  }\n"): typeof import('./graphql').CasDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation CreateCa($input: CreateCertificationAuthorityInput!) {\n    createCertificationAuthority(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id identifier status } } ... on ApprovalPending { approvalId message } }\n  }\n"): typeof import('./graphql').CreateCaDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ImportExternalRoot($input: ImportExternalRootInput!) {\n    importExternalRoot(input: $input) { __typename ... on CertificationAuthorityPayload { certificationAuthority { id identifier status remarks } } ... on ApprovalPending { approvalId message } }\n  }\n"): typeof import('./graphql').ImportExternalRootDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CaTaken($partition: ID!, $identifier: String!) { partition(id: $partition) { certificationAuthority(identifier: $identifier) { id } } }"): typeof import('./graphql').CaTakenDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query KeyStores($partition: ID!, $algorithm: String!) {\n    partition(id: $partition) { keyStores { name description isDefault available problem custody(signingAlgorithm: $algorithm) } }\n  }\n"): typeof import('./graphql').KeyStoresDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ProfileGroups($partition: ID!) {\n    partition(id: $partition) { profileGroups { id title kind profiles { id name description allowedCaTypes selectable } } }\n  }\n"): typeof import('./graphql').ProfileGroupsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation PublishCrl($id: ID!) { publishCrl(input: {caId: $id}) { certificationAuthority { id } } }"): typeof import('./graphql').PublishCrlDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdateCrlSettings($input: UpdateCrlSettingsInput!) { updateCrlSettings(input: $input) { certificationAuthority { id } } }"): typeof import('./graphql').UpdateCrlSettingsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation AcceptHeldCrl($input: AcceptHeldCrlInput!) { acceptHeldCrl(input: $input) { certificationAuthority { id } } }"): typeof import('./graphql').AcceptHeldCrlDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CertificateDetail($id: ID!) {\n    certificate(id: $id) {\n      id subject commonName serialNumber status expired profileId notBefore notAfter createdAt requestedBy revokedAt revocationReason invalidityDate statusComment suspendedUntil pem\n      endEntity { id identifier }\n      protocolConfiguration { id identifier type deletedAt }\n      issuer { identifier friendlyName type status ocspUrl crlUrl brokenBy { friendlyName status } parent { identifier friendlyName type parent { identifier friendlyName type } } }\n      details {\n        fingerprint issuer publicKeyType signatureAlgorithm subjectAlternativeNames { type value } isCa pathLength keyUsages extendedKeyUsages { oid name }\n        authorityInfoAccessOcsp authorityInfoAccessCaIssuers authorityKeyIdentifier subjectKeyIdentifier crlDistributionPoints certificatePolicies\n      }\n    }\n  }\n"): typeof import('./graphql').CertificateDetailDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CaNames($partition: ID!) { partition(id: $partition) { certificationAuthorities(first: 500) { nodes { id identifier friendlyName } } } }"): typeof import('./graphql').CaNamesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CertificateStory($id: ID!) {\n    certificate(id: $id) {\n      createdAt profileId profileVersion profile { name version retiredAt }\n      endEntity { identifier }\n      story {\n        approval { id requestedBy votes { name approves comment votedAt } }\n        recorded protocol actorKind actorName ipAddress requestId\n        asked { subject subjectAlternativeNames { type value } extensions { oid name } notAfter serverSideKey }\n        decisions { rule outcome detail }\n        changes { what asked issued }\n        events { sequence time action result actorName ipAddress summary }\n        crlUrls ocspUrls caIssuersUrls\n      }\n    }\n  }\n"): typeof import('./graphql').CertificateStoryDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation VerifyAudit($partition: ID!) { verifyAuditLog(input: {partitionId: $partition}) { verification { intact events brokenAt alarm headHash } } }"): typeof import('./graphql').VerifyAuditDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Home($partition: ID!, $people: Boolean!) {\n    partition(id: $partition) {\n      counts { purchasedCas activeCas purchasedCertificates issuedCertificates suspendedCertificates revokedCertificates expiringCertificates }\n      activity(days: 30) { day issued revoked }\n      certificates(first: 6, sort: EXPIRES_FIRST, filter: { expiresWithinDays: 90, includeOcspSigners: false }) { nodes { id commonName subject notAfter } }\n      ever: certificates(first: 1, filter: { includeOcspSigners: false }) { nodes { id } }\n      protocolConfigurations(first: 1) { totalCount }\n      members(first: 2) @include(if: $people) { nodes { user { id } } }\n    }\n  }\n"): typeof import('./graphql').HomeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query HomeStart($partition: ID!) {\n    partition(id: $partition) {\n      certificationAuthorities(first: 200) { nodes { id identifier friendlyName type status brokenBy { id } profiles { id } } }\n    }\n  }\n"): typeof import('./graphql').HomeStartDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Notifications($partition: ID!) {\n    partition(id: $partition) {\n      notificationSettings { days recipients alarms webhooks { id name url createdBy createdAt lastSuccessAt lastError deliveries(first: 5) { nodes { id event state attempts error createdAt } } } }\n    }\n  }\n"): typeof import('./graphql').NotificationsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdateNotifications($input: UpdateNotificationSettingsInput!) { updateNotificationSettings(input: $input) { settings { days } } }"): typeof import('./graphql').UpdateNotificationsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateWebhook($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id } } }"): typeof import('./graphql').CreateWebhookDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation TestWebhook($id: ID!) { testWebhook(input: {id: $id}) { webhook { id } } }"): typeof import('./graphql').TestWebhookDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteWebhook($id: ID!, $name: String!) { deleteWebhook(input: {id: $id, confirmName: $name}) { webhook { id } } }"): typeof import('./graphql').DeleteWebhookDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RetireProfile($input: RetireProfileInput!) { retireProfile(input: $input) { profile { id retiredAt } } }"): typeof import('./graphql').RetireProfileDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteProfile($input: DeleteProfileInput!) { deleteProfile(input: $input) { id } }"): typeof import('./graphql').DeleteProfileDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ProfileHistory($partition: ID!, $id: ID!) {\n    partition(id: $partition) { certificateProfile(id: $id) { basedOn issued selectedFor versions(first: 200) { nodes { version createdAt createdBy comment json } } } }\n  }\n"): typeof import('./graphql').ProfileHistoryDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ProfileProtocols($partition: ID!, $id: ID!) { partition(id: $partition) { certificateProfile(id: $id) { protocolConfigurations { id identifier } } } }"): typeof import('./graphql').ProfileProtocolsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ProfileChanges($partition: ID!, $id: ID!, $from: Int64!, $to: Int64!) {\n    partition(id: $partition) { certificateProfile(id: $id) { changes(from: $from, to: $to) { path before after } } }\n  }\n"): typeof import('./graphql').ProfileChangesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ValidateProfile($partition: ID!, $json: String!, $id: ID, $name: String, $group: ID) { validateProfile(partitionId: $partition, json: $json, id: $id, name: $name, group: $group) { path message line } }"): typeof import('./graphql').ValidateProfileDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CloneProfile($input: CloneProfileInput!) { cloneProfile(input: $input) { profile { id } } }"): typeof import('./graphql').CloneProfileDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdateProfile($input: UpdateProfileInput!) { updateProfile(input: $input) { profile { id version } } }"): typeof import('./graphql').UpdateProfileDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation ReplayProfile($partition: ID!, $json: String!, $days: Int!, $profile: ID) {\n    replayProfile(input: {partitionId: $partition, json: $json, days: $days, profileId: $profile}) {\n      replay {\n        requests more same changed refused rules { rule count }\n        examples { certificate { id subject profileId } refusal { message rule } changes }\n      }\n    }\n  }\n"): typeof import('./graphql').ReplayProfileDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Profiles($partition: ID!) {\n    partition(id: $partition) {\n      profileGroups {\n        id title kind\n        profiles {\n          id name description validityPeriod allowedCaTypes keyUsages { oid name } extendedKeyUsages { oid name } allowedExtensions { oid name }\n          ignoreUnknownExtensions serverSideKeys copiesCommonNameToSan requiredSanTypes keyAlgorithms maxValidityPeriod json system version retiredAt\n        }\n      }\n      retiredProfiles(first: 200) { nodes {\n        id name description validityPeriod allowedCaTypes keyUsages { oid name } extendedKeyUsages { oid name } allowedExtensions { oid name } group { title }\n        ignoreUnknownExtensions serverSideKeys copiesCommonNameToSan requiredSanTypes keyAlgorithms maxValidityPeriod json system version retiredAt } }\n    }\n  }\n"): typeof import('./graphql').ProfilesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query EnrollmentProtocols($partition: ID!) {\n    partition(id: $partition) {\n      enrollmentProtocols { type label profileGroups authorities { ca { id identifier friendlyName } profiles { id name } } }\n      profileGroups { id title }\n    }\n  }\n"): typeof import('./graphql').EnrollmentProtocolsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation AddProtocolOffering($input: AddProtocolOfferingInput!) { addProtocolOffering(input: $input) { protocolConfiguration { id } } }"): typeof import('./graphql').AddProtocolOfferingDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdateProtocolOffering($input: UpdateProtocolOfferingInput!) { updateProtocolOffering(input: $input) { protocolConfiguration { id } } }"): typeof import('./graphql').UpdateProtocolOfferingDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RemoveProtocolOffering($input: RemoveProtocolOfferingInput!) { removeProtocolOffering(input: $input) { protocolConfiguration { id } } }"): typeof import('./graphql').RemoveProtocolOfferingDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ProtocolTaken($partition: ID!, $identifier: String!) { partition(id: $partition) { protocolConfiguration(identifier: $identifier) { id } } }"): typeof import('./graphql').ProtocolTakenDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateProtocolConfiguration($input: CreateProtocolConfigurationInput!) { createProtocolConfiguration(input: $input) { protocolConfiguration { id identifier } } }"): typeof import('./graphql').CreateProtocolConfigurationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdateProtocolConfiguration($input: UpdateProtocolConfigurationInput!) { updateProtocolConfiguration(input: $input) { protocolConfiguration { id } } }"): typeof import('./graphql').UpdateProtocolConfigurationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation EnableProtocol($input: EnableProtocolConfigurationInput!) { enableProtocolConfiguration(input: $input) { protocolConfiguration { id status } } }"): typeof import('./graphql').EnableProtocolDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DisableProtocol($input: DisableProtocolConfigurationInput!) { disableProtocolConfiguration(input: $input) { protocolConfiguration { id status } } }"): typeof import('./graphql').DisableProtocolDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteProtocol($input: DeleteProtocolConfigurationInput!) { deleteProtocolConfiguration(input: $input) { protocolConfiguration { id } } }"): typeof import('./graphql').DeleteProtocolDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ProtocolConfigurations($partition: ID!, $after: String, $filter: ProtocolConfigurationFilter) {\n    partition(id: $partition) {\n      protocolConfigurations(first: 50, after: $after, filter: $filter) {\n        totalCount\n        pageInfo { hasNextPage endCursor }\n        nodes { id identifier type description status problem createdAt offerings { id name ca { id identifier friendlyName } } }\n      }\n    }\n  }\n"): typeof import('./graphql').ProtocolConfigurationsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Acme($id: ID!) {\n    deployment { tlsRootCertificate }\n    protocolConfiguration(id: $id) {\n      id\n      acme {\n        directoryUrl\n        settings { challenges ordersPerHour failuresPerHour orderHours authorizationHours renewalPollMinutes attestation { format roots } }\n        externalKeys(first: 100) { totalCount nodes { id friendlyName state withoutBinding } }\n      }\n    }\n  }\n"): typeof import('./graphql').AcmeDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query AcmeActivity($id: ID!, $after: String, $keys: Boolean!, $accounts: Boolean!, $orders: Boolean!) {\n    protocolConfiguration(id: $id) {\n      acme {\n        externalKeys(first: 50, after: $after) @include(if: $keys) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes { id friendlyName state allowedIdentifiers needsNoChallenge withoutBinding maxAccounts accountCount createdAt createdBy expiresAt revokedAt lastUsedAt }\n        }\n        accounts(first: 50, after: $after) @include(if: $accounts) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes { id status contact thumbprint createdAt key { id friendlyName state } }\n        }\n        orders(first: 50, after: $after) @include(if: $orders) {\n          totalCount\n          pageInfo { hasNextPage endCursor }\n          nodes {\n            id status createdAt identifiers { type value }\n            error { type detail identifier { value } subproblems { type detail identifier { value } } }\n            account { id key { friendlyName } }\n            certificate { id serialNumber status }\n            approval { id }\n          }\n        }\n      }\n    }\n  }\n"): typeof import('./graphql').AcmeActivityDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateAcmeKey($input: CreateAcmeKeyInput!) { createAcmeKey(input: $input) { key { id friendlyName } hmacKey } }"): typeof import('./graphql').CreateAcmeKeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RevokeAcmeKey($input: RevokeAcmeKeyInput!) { revokeAcmeKey(input: $input) { key { id } } }"): typeof import('./graphql').RevokeAcmeKeyDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation UpdateAcmeSettings($input: UpdateAcmeSettingsInput!) { updateAcmeSettings(input: $input) { protocolConfiguration { id } } }"): typeof import('./graphql').UpdateAcmeSettingsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query ProtocolConfiguration($partition: ID!, $identifier: String!) {\n    partition(id: $partition) {\n      protocolConfiguration(identifier: $identifier) {\n        id identifier type description status problem mayWiden createdAt createdBy\n        offerings { id name profileId maxValidityHours problem ca { id identifier friendlyName } profile { id name } }\n        all: certificates(first: 1) { totalCount }\n        active: certificates(first: 1, filter: { status: [ISSUED, SUSPENDED], expired: false }) { totalCount }\n        entities: endEntities(first: 1) { totalCount }\n        refused: events(first: 1, filter: { result: REFUSED }) { totalCount nodes { time summary } }\n      }\n    }\n  }\n"): typeof import('./graphql').ProtocolConfigurationDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Reports($partition: ID!, $from: Time!, $interval: ReportInterval!, $by: ReportDimension!) {\n    partition(id: $partition) {\n      reports {\n        activity(from: $from, interval: $interval) { start issued revoked }\n        breakdown(by: $by, from: $from) { key label issued revoked active }\n        cryptography {\n          uses { keyType signatureAlgorithm certificates authorities latestExpiry postQuantum }\n          concerns { id severity title advice certificates authorities }\n        }\n        expiries(days: 366) { start certificates authorities }\n      }\n    }\n  }\n"): typeof import('./graphql').ReportsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Accounts($search: String, $after: String) {\n    accounts(first: 50, after: $after, search: $search) { nodes { id email firstName lastName status createdAt lastSignInAt } pageInfo { hasNextPage endCursor } totalCount }\n  }\n"): typeof import('./graphql').AccountsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query AccountDetails($id: ID!) { account(id: $id) { user { id email firstName lastName status createdAt lastSignInAt } operator factors secondFactorResetAt passwordResetAt soleOwnerOf } }"): typeof import('./graphql').AccountDetailsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DisableAccount($input: DisableAccountInput!) { disableAccount(input: $input) { user { id } } }"): typeof import('./graphql').DisableAccountDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation EnableAccount($id: ID!) { enableAccount(input: {id: $id}) { user { id } } }"): typeof import('./graphql').EnableAccountDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation ResetSecondFactor($id: ID!) { resetSecondFactor(input: {id: $id}) { user { id } } }"): typeof import('./graphql').ResetSecondFactorDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteAccount($input: DeleteAccountInput!) { deleteAccount(input: $input) { user { id } } }"): typeof import('./graphql').DeleteAccountDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Jobs { jobs(first: 200) { nodes { kind key lane runAt runningUntil attempts lastError } } }"): typeof import('./graphql').JobsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Subscriptions($search: String, $after: String) {\n    subscriptions(search: $search, first: 200, after: $after) { nodes {\n      id name status region tier url createdAt canAssign\n      partition { id name }\n      inventory { id label used purchased } } pageInfo { hasNextPage endCursor } }\n  }\n"): typeof import('./graphql').SubscriptionsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation AssignSubscription($input: AssignSubscriptionInput!) { assignSubscription(input: $input) { partition { id name } } }"): typeof import('./graphql').AssignSubscriptionDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateSubscription($input: CreateSubscriptionInput!) { createSubscription(input: $input) { subscription { id name } } }"): typeof import('./graphql').CreateSubscriptionDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation InviteSubscriptionOwner($id: ID!, $email: String!) { inviteSubscriptionOwner(input: {subscriptionId: $id, email: $email}) { subscription { id } } }"): typeof import('./graphql').InviteSubscriptionOwnerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query PlatformOutbox { platformOutbox(first: 20) { nodes { id to subject body createdAt } } }"): typeof import('./graphql').PlatformOutboxDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Members($partition: ID!, $after: String) { partition(id: $partition) { members(first: 200, after: $after) { nodes { user { id email firstName lastName status lastSignInAt } roles invitedBy invitationExpiresAt } pageInfo { hasNextPage endCursor } } } }"): typeof import('./graphql').MembersDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation InviteUser($input: InviteUserInput!) { inviteUser(input: $input) { __typename ... on MemberPayload { member { user { id email } } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').InviteUserDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Resend($partition: ID!, $user: ID!) { resendInvitation(input: {partitionId: $partition, userId: $user}) { member { user { id } } } }"): typeof import('./graphql').ResendDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation GrantRole($input: GrantRoleInput!) { grantRole(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').GrantRoleDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RevokeRole($input: RevokeRoleInput!) { revokeRole(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').RevokeRoleDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Tokens($partition: ID!, $after: String) { partition(id: $partition) { apiTokens(first: 200, after: $after) { nodes { id name role service stopped mayRevoke prefix createdAt createdBy expiresAt lastUsedAt revokedAt } pageInfo { hasNextPage endCursor } } } }"): typeof import('./graphql').TokensDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateToken($input: CreateApiTokenInput!) { createApiToken(input: $input) { token apiToken { id name } } }"): typeof import('./graphql').CreateTokenDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RevokeToken($id: ID!) { revokeApiToken(input: {id: $id}) { apiToken { id } } }"): typeof import('./graphql').RevokeTokenDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RemoveMember($input: RemoveMemberInput!) { removeMember(input: $input) { __typename ... on MemberPayload { member { user { id } } } ... on ApprovalPending { approvalId message } } }"): typeof import('./graphql').RemoveMemberDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query CagwCredentials($partition: ID!, $after: String) {\n    deployment { tlsRootCertificate }\n    partition(id: $partition) {\n      cagwUrl\n      cagwCredentials(first: 200, after: $after) { nodes {\n        id identifier friendlyName status serialNumber createdAt createdBy renewedAt expiresAt previousEndsAt lastUsedAt lastUsedFrom mayChange\n        roles { role ca { id identifier friendlyName deletedAt } } } pageInfo { hasNextPage endCursor } }\n    }\n  }\n"): typeof import('./graphql').CagwCredentialsDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CagwAuthorities($partition: ID!) { partition(id: $partition) { certificationAuthorities(first: 500) { nodes { id identifier friendlyName type } } } }"): typeof import('./graphql').CagwAuthoritiesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query CagwProfiles($ca: ID!) { certificationAuthority(id: $ca) { profiles { id } } }"): typeof import('./graphql').CagwProfilesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation CreateCagwCredential($input: CreateCagwCredentialInput!) {\n    createCagwCredential(input: $input) { pkcs12 password fileName credential { id identifier previousEndsAt expiresAt roles { role ca { id identifier friendlyName deletedAt } } } }\n  }\n"): typeof import('./graphql').CreateCagwCredentialDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RenewCagwCredential($id: ID!, $endPreviousNow: Boolean!) {\n    renewCagwCredential(input: {id: $id, endPreviousNow: $endPreviousNow}) { pkcs12 password fileName credential { id identifier previousEndsAt expiresAt roles { role ca { id identifier friendlyName deletedAt } } } }\n  }\n"): typeof import('./graphql').RenewCagwCredentialDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SetCagwCredentialRoles($id: ID!, $roles: [CagwCredentialRoleInput!]!) { setCagwCredentialRoles(input: {id: $id, roles: $roles}) { credential { id } } }"): typeof import('./graphql').SetCagwCredentialRolesDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation DeleteCagwCredential($id: ID!) { deleteCagwCredential(input: {id: $id}) { credential { id } } }"): typeof import('./graphql').DeleteCagwCredentialDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Viewer {\n    viewer {\n      operator\n      user { id email firstName lastName }\n      partitions { id name region roles permissions }\n      invitations { id }\n    }\n  }\n"): typeof import('./graphql').ViewerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Deployment {\n    deployment {\n      version regions keepsOutbox demo publicUrl terms passwordMinLength twoPersonRoots\n      subjectAttributes { name aliases oid maxLength }\n    }\n  }\n"): typeof import('./graphql').DeploymentDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query ApprovalsWaiting($partition: ID!) { partition(id: $partition) { approvalsWaiting } }"): typeof import('./graphql').ApprovalsWaitingDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
