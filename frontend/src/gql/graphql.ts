/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type AcceptHeldCrlInput = {
  caId: string | number;
  /** 1 to 500 characters, for the audit log: why entries may be missing. */
  reason: string;
};

export type AcceptInvitationInput = {
  firstName: string;
  lastName: string;
  password: string;
  token: string;
};

export type AcmeAttestationInput = {
  format: string;
  /** PEM; empty for those built in. Changing them requires `certificate:issue`: whoever is trusted here can attest anything. */
  roots?: string;
};

export type AcmeKeyState =
  | 'ACTIVE'
  | 'EXPIRED'
  /** Its accounts can order nothing more. */
  | 'REVOKED';

/** RFC 8555 7.1.6. */
export type AcmeStatus =
  | 'DEACTIVATED'
  | 'EXPIRED'
  | 'INVALID'
  | 'PENDING'
  | 'PROCESSING'
  | 'READY'
  | 'REVOKED'
  | 'VALID';

export type AddProtocolOfferingInput = {
  configurationId: string | number;
  offering: ProtocolOfferingInput;
};

/** What rules can cover. */
export type ApprovalOperation =
  | 'BULK_REVOKE'
  /** And the import of an external root. */
  | 'CA_CREATE'
  | 'CA_DELETE'
  | 'CA_MOVE_KEY'
  | 'CA_RENEW'
  /** Under the profiles of the rule. Server-side keys and bulk issuance are refused under these, since they cannot wait. */
  | 'ISSUE'
  /** And invitations that give a role. */
  | 'ROLE_CHANGE'
  /** A change of the rules that asks for less than before. No rule of its own: the rules that are lowered cover it. */
  | 'RULES';

export type ApprovalRuleInput = {
  /** 1 to 720. */
  hours?: number;
  /** 1 to 5. So many others must there be who may do it themselves. */
  needed?: number;
  operation: ApprovalOperation;
  profileIds?: Array<string>;
};

export type ApprovalState =
  /** Enough have approved it; it is being carried out. */
  | 'APPROVED'
  | 'DONE'
  | 'EXPIRED'
  /** Approved, and could not be carried out; see `reason`. */
  | 'FAILED'
  | 'PENDING'
  | 'REJECTED'
  | 'WITHDRAWN';

export type ApproveInput = {
  /** Up to 500 characters. */
  comment?: string;
  id: string | number;
};

export type AssignSubscriptionInput = {
  /** Must be true: the caller has read `deployment.terms`. */
  acceptTerms: boolean;
  region: Region;
  subscriptionId: string | number;
};

export type AuditFilter = {
  /** Prefix of the action: `certificate.` matches all of them. */
  action?: string | null | undefined;
  from?: string | null | undefined;
  objectId?: string | number | null | undefined;
  /** What came in through this configuration of an enrollment protocol, and what was done to it. */
  protocolConfigurationId?: string | number | null | undefined;
  result?: AuditResult | null | undefined;
  /** Part of actor, object or summary; case-insensitive. */
  search?: string | null | undefined;
  to?: string | null | undefined;
};

export type AuditResult =
  | 'FAILED'
  | 'REFUSED'
  | 'SUCCESS';

export type BulkInput =
  | 'CSV'
  | 'FILTER'
  | 'KEYS'
  | 'SERIALS'
  | 'ZIP';

export type BulkKind =
  | 'ISSUE'
  | 'REVOKE';

export type BulkResult =
  | 'ALREADY_REVOKED'
  | 'DUPLICATE'
  | 'INVALID'
  | 'ISSUED'
  /** Certificates of CAs and OCSP signers are revoked by themselves. */
  | 'NOT_SUBSCRIBER'
  | 'REFUSED'
  | 'REVOKED'
  /** No certificate of this partition. */
  | 'UNKNOWN'
  | 'WILL_ISSUE'
  | 'WILL_REVOKE';

/** Which certificates. */
export type BulkRevocationSelection =
  {   /** What the list of certificates would show. */
  filter: CertificateFilter; keys?: never; serialNumbers?: never; uploadId?: never; }
  |  { filter?: never;   /** SHA-256 hashes of a SubjectPublicKeyInfo (64 hexadecimal digits), or PEM of public keys or certificates; up to 1,000. */
  keys: Array<string>; serialNumbers?: never; uploadId?: never; }
  |  { filter?: never; keys?: never;   /** Up to 1,000. */
  serialNumbers: Array<string>; uploadId?: never; }
  |  { filter?: never; keys?: never; serialNumbers?: never;   /**
   * Of a file sent to `POST /upload?partition=…&kind=REVOKE`: CSV, up to 20 MB and 1,000,000 lines, a serial number a line,
   * hexadecimal, with or without colons. With a header line: columns `serialNumber` and `reason`.
   */
  uploadId: string | number; };

export type BulkState =
  /** For good; what is done stays done. */
  | 'CANCELLED'
  | 'DONE'
  /** Prepared and counted; forgotten after 7 days unless started. */
  | 'DRAFT'
  /** Stopped before the end; what is pending can go on. */
  | 'FAILED'
  | 'RUNNING';

export type CaCertificateKind =
  /** The key of an external root, certified by another root elsewhere: for those who trust that one. Its `issuerGeneration` is 0. */
  | 'CROSS'
  /** A root's new key, certified by the one before (RFC 4210 4.4): for those who trust the old root. */
  | 'NEW_WITH_OLD'
  /** A root's old key, certified by the new one: for those who trust only the new root. */
  | 'OLD_WITH_NEW'
  /** The newest one of its key. */
  | 'OWN'
  /** An earlier one of a key that was renewed. */
  | 'REPLACED';

export type CaCreationStepName =
  | 'ACTIVE'
  | 'GENERATING_KEY'
  | 'ISSUING_OCSP_SIGNER'
  | 'PUBLISHING_CRL'
  | 'QUEUED'
  | 'SIGNING_CERTIFICATE';

export type CaStatus =
  | 'ACTIVE'
  /** Being created; see `creation`. */
  | 'CREATING'
  /** Deleted; the tombstone stays 24 hours. */
  | 'DELETED'
  /** Issues nothing until it is enabled; CRL and OCSP go on, and CAs below it issue on. */
  | 'DISABLED'
  | 'EXPIRED'
  /** Creation failed; see `creation.failure`. It can be deleted. */
  | 'FAILED'
  /** Its key is made; an external root is to sign `certificateSigningRequest`. */
  | 'PENDING_CERTIFICATE'
  | 'REVOKED';

export type CaType =
  /** A root whose key is elsewhere: only its certificate is here. CAs below it are made here and signed there. */
  | 'EXTERNAL_ROOT'
  | 'INTERMEDIATE'
  | 'ISSUING'
  | 'ROOT';

export type CagwCredentialRoleInput = {
  caId: string | number;
  role: CagwRole;
};

export type CagwCredentialStatus =
  | 'ACTIVE'
  | 'EXPIRED';

/** What a credential may do on an authority. */
export type CagwRole =
  /** Read. */
  | 'AUDITORS'
  /** Read, enroll, and change the status of certificates. */
  | 'CERT_ADMINS';

export type CancelRenewalCampaignInput = {
  id: string | number;
};

export type CertificateFilter = {
  caId?: string | number | null | undefined;
  endEntityId?: string | number | null | undefined;
  /** True: past notAfter only. False: not yet expired only. */
  expired?: boolean | null | undefined;
  /** Active certificates that expire within this many days from now (7 and 30 in the console). */
  expiresWithinDays?: number | null | undefined;
  /** True: also the OCSP signers that the CAs issue to themselves. */
  includeOcspSigners?: boolean;
  profileId?: string | null | undefined;
  /** Issued through this configuration of an enrollment protocol. */
  protocolConfigurationId?: string | number | null | undefined;
  /** Words of the subject or of a SAN, or their beginnings, all of which are there: `smith ber`, `www.example`; or the first 8 or more digits of a serial number. Case-insensitive. */
  search?: string | null | undefined;
  status?: Array<CertificateStatus> | null | undefined;
};

export type CertificateSort =
  | 'EXPIRES_FIRST'
  | 'NEWEST';

export type CertificateStatus =
  | 'ISSUED'
  | 'REVOKED'
  | 'SUSPENDED';

export type ChangePasswordInput = {
  currentPassword: string;
  newPassword: string;
};

export type CloneProfileInput = {
  /** Absent = that of the source. */
  group?: string | number | null | undefined;
  /** 2 to 64 of `a-z 0-9 -`. */
  id: string | number;
  /**
   * The rules of the profile, see `profileSchema`; absent = those of the source. id, name and group may be in it; what it leaves out is as
   * given here. Types of CA may be named as in the guide: `root`, `externalKey`, `intermediate`, `subord`.
   */
  json?: string | null | undefined;
  name: string;
  partitionId: string | number;
  /** A subscriber profile, system or custom. */
  sourceId: string | number;
};

export type ConcernSeverity =
  /** Broken: act now. */
  | 'CRITICAL'
  /** Not every relying party accepts it. */
  | 'NOTICE'
  /** Will not last as long as the certificates. */
  | 'WARNING';

export type ConfirmIdentityInput =
  {   password: string; totp?: never; }
  |  { password?: never;   /** Six digits from the authenticator app. */
  totp: string; };

export type CreateAcmeKeyInput = {
  /**
   * `host.example.com`, `*.example.com` (everything below), `10.1.2.3`, `10.1.0.0/16`, `device:` and the start of a permanent
   * identifier; at most 100. Empty: all names, but for a key without binding.
   */
  allowedIdentifiers?: Array<string>;
  configurationId: string | number;
  expiresAt?: string | null | undefined;
  /** 2 to 18 of `a-z 0-9 - _`, unique in the configuration. */
  friendlyName: string;
  /** 0: no limit. */
  maxAccounts?: number;
  /** For closed networks: what is allowed, and something must be, is issued without a challenge. Requires `certificate:issue`. */
  needsNoChallenge?: boolean;
  /**
   * For devices whose client cannot bind its account, such as Apple's: `newAccount` without `externalAccountBinding` makes an
   * account of this key. Such an account orders nothing but identifiers of devices that `device-attest-01` proves, among
   * `allowedIdentifiers`, of which there must be some (`device:` only, at most 1,000). The settings must accept a format of
   * attestation. A configuration has one usable key of this kind; it has no HMAC key.
   */
  withoutBinding?: boolean;
};

export type CreateApiTokenInput = {
  /** At most 366 days ahead. */
  expiresAt: string;
  /** 2 to 64 characters. */
  name: string;
  partitionId: string | number;
  /** Without permissions that the caller lacks. */
  role: Role;
  /** A service token. Only a signed-in person can create one. */
  service?: boolean;
};

export type CreateCagwCredentialInput = {
  /** 1 to 64 characters. */
  friendlyName: string;
  /** 2 to 18 characters out of a-z, 0-9, hyphen and underscore; free again when the credential is deleted. */
  identifier: string;
  partitionId: string | number;
  /** On authorities of the partition; at least one. */
  roles: Array<CagwCredentialRoleInput>;
};

export type CreateCertificationAuthorityInput = {
  /** A root always has one. */
  crlEnabled?: boolean;
  /** Default: 20 years for a root, 10 years below, never past the issuer. */
  expiresAt?: string | null | undefined;
  /** 1 to 64 characters. */
  friendlyName: string;
  identifier: string;
  /** Name of one of `keyStores`; the default when left out. */
  keyStore?: string | null | undefined;
  /** Bounds the names below; not for a root. */
  nameConstraints?: NameConstraintsInput | null | undefined;
  /** Cannot be disabled later. A root or an intermediate may have it too. */
  ocspEnabled?: boolean;
  /** Required for all but a root. */
  parentId?: string | number | null | undefined;
  partitionId: string | number;
  /** How many CAs may stand below; default: as many as the parent allows. Always 0 for an issuing CA. */
  pathLength?: number | null | undefined;
  /** Profile ids to select, see `certificateProfiles`. */
  profileIds?: Array<string>;
  signingAlgorithm: string;
  /** RFC 4514; only the common name is mandatory. */
  subject: string;
  type: CaType;
};

export type CreateProtocolConfigurationInput = {
  /** At most 200 characters. */
  description?: string;
  identifier: string;
  /** 1 to 100; the first is the default. */
  offerings: Array<ProtocolOfferingInput>;
  partitionId: string | number;
  type: ProtocolType;
};

export type CreateRenewalCampaignInput = {
  beginsAt: string;
  /** A year after the beginning at most. */
  endsAt: string;
  /** https; what clients show to people. */
  explanationUrl?: string;
  /** 2 to 64 characters, unique in the partition. */
  name: string;
  partitionId: string | number;
  revocationReason?: RevocationReason;
  /** After the end. Needs the permission to revoke. */
  revokeAt?: string | null | undefined;
  selection: RenewalSelectionInput;
};

export type CreateSubscriptionInput = {
  /** 2 to 64 characters. */
  name: string;
  /** E-mail of its first owner, who is invited if not yet a user. */
  ownerEmail: string;
  ownerFirstName?: string;
  ownerLastName?: string;
  purchasedCas: number;
  purchasedCertificates: number;
  /** Absent = by the purchased number of certificates: PREMIUM from a million, else STANDARD; it then follows that number. */
  tier?: Tier | null | undefined;
};

export type CreateWebhookInput = {
  name: string;
  partitionId: string | number;
  /** https, to an address that is neither private nor of this machine unless the operator allows it (--webhook-allow). */
  url: string;
};

export type CrlAlarmKind =
  /** The clock of the server is behind the last list. Lists are published with the date of that one. Accept when the clock is right and the lists before were dated wrong. */
  | 'CLOCK_BEHIND'
  /** Nothing is published until the cause is repaired or somebody accepts. */
  | 'HELD'
  /** The lists of an earlier key wait for it; the others are published. */
  | 'KEY_AWAY';

export type CrlMode =
  | 'FULL'
  | 'SHARDED';

export type DeleteAccountInput = {
  /** The e-mail address of the account, to be typed. */
  confirmEmail: string;
  id: string | number;
  /** Accept that partitions are left without an Owner who can sign in. */
  leaveWithoutOwner?: boolean;
};

export type DeleteCertificationAuthorityInput = {
  caId: string | number;
  /** The identifier, typed again. */
  confirmIdentifier: string;
};

export type DeleteProfileInput = {
  id: string | number;
  partitionId: string | number;
  /** The newest version, as the caller knows it. */
  version: number;
};

export type DeleteProtocolConfigurationInput = {
  /** The identifier, typed again. */
  confirmIdentifier: string;
  id: string | number;
};

export type DisableAccountInput = {
  id: string | number;
  /** Accept that partitions are left without an Owner who can sign in. */
  leaveWithoutOwner?: boolean;
};

export type DisableProtocolConfigurationInput = {
  id: string | number;
};

export type EnableProtocolConfigurationInput = {
  id: string | number;
};

export type EndEntityStatus =
  | 'ACTIVE'
  /** For good. */
  | 'DECOMMISSIONED'
  /** No certificate is issued to it until it is activated again. */
  | 'INACTIVE';

export type ExtensionInput = {
  critical?: boolean;
  oid: string;
  /** Base64 of the DER value. */
  value: string;
};

export type GrantRoleInput = {
  partitionId: string | number;
  role: Role;
  userId: string | number;
};

export type ImportCaCertificateInput = {
  caId: string | number;
  /** PEM or PKCS #7, with or without the certificates above it, or base64 of the DER. */
  certificate: string;
};

export type ImportExternalRootInput = {
  /** PEM, PKCS #7, or base64 of the DER. */
  certificate: string;
  friendlyName: string;
  identifier: string;
  partitionId: string | number;
};

export type InviteUserInput = {
  email: string;
  firstName: string;
  lastName: string;
  partitionId: string | number;
  /** Roles to hold from the start; may be empty. */
  roles?: Array<Role>;
};

export type IssueCertificateInput = {
  caId: string | number;
  /** PKCS #10, PEM or base64 DER, up to 64 KiB. Its signature proves possession of the key. */
  csr: string;
  /** Identifier of the end entity that it is for; made when new. 1 to 255 characters. */
  endEntity?: string | null | undefined;
  /** Extensions beside those of the CSR. */
  extensions?: Array<ExtensionInput>;
  notAfter?: string | null | undefined;
  profileId: string;
  /** RFC 4514; absent = the subject of the CSR. */
  subject?: string | null | undefined;
  /** Absent = the SANs of the CSR; an empty list = none. */
  subjectAlternativeNames?: Array<SubjectAlternativeNameInput> | null | undefined;
};

export type IssuePkcs12Input = {
  caId: string | number;
  endEntity?: string | null | undefined;
  /** What Windows and Java call the key and its certificate, up to 128 characters; absent = the common name. */
  friendlyName?: string | null | undefined;
  /** `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384` or `ECDSA-P521`. */
  keyType?: string;
  /** Triple DES and SHA-1, for readers that know nothing newer, such as Windows before 10 1709 and Java before 8u301. Otherwise AES-256 and SHA-256. */
  legacy?: boolean;
  notAfter?: string | null | undefined;
  /** At least 8 characters; protects the file. */
  password: string;
  /** A profile with server-side keys. */
  profileId: string;
  subject: string;
  subjectAlternativeNames?: Array<SubjectAlternativeNameInput>;
};

/** Jobs of one lane never wait for those of another. */
export type JobLane =
  /** What waits for others: mail, webhooks, copies of CRLs, ACME validation. */
  | 'OUTWARD'
  /** What relying parties depend on: CRLs and OCSP signers. */
  | 'STATUS'
  /** Everything else. */
  | 'WORK';

export type KeyCustody =
  /** In the HSM, which signs with it and never gives it out; but it was made in software and moved there: old backups may hold a copy. */
  | 'IMPORTED'
  /** A file encrypted under the key-encryption key; in the server's memory while in use. */
  | 'IN_SOFTWARE'
  /** Made in the HSM, which signs with it and never gives it out. */
  | 'IN_TOKEN'
  /** The HSM does not know the algorithm: the key is encrypted under an AES key that never leaves the HSM; for each signature it is opened in the server's memory, where remains can stay a while. */
  | 'WRAPPED_BY_TOKEN';

export type LintSeverity =
  | 'ERROR'
  | 'NOTICE'
  | 'WARNING';

export type MoveCertificationAuthorityKeyInput = {
  caId: string | number;
  /** Name of one of `keyStores`. */
  keyStore: string;
};

export type NameConstraintsInput = {
  excluded?: Array<NameSubtreeInput>;
  permitted?: Array<NameSubtreeInput>;
};

export type NameSubtreeInput = {
  /** DNS_NAME, EMAIL, URI or IP_ADDRESS. DIRECTORY_NAME is refused: programs in Go refuse every certificate below a CA with such a constraint. */
  type: SanType;
  /** `example.com` (it and all below); `host.example`, `.example` or a mailbox; `host.example` or `.example`; CIDR. */
  value: string;
};

export type NotificationAlarm =
  /** Somebody asked for something that others must approve. */
  | 'APPROVAL_WAITING'
  /** A CRL is held back, or the clock is behind the last one. */
  | 'CRL_HELD'
  /** An attempt to do something with a CA or its key was refused, or failed. */
  | 'KEY_REFUSED'
  /** A key store with keys of the partition's CAs cannot be used, or can be used again. */
  | 'KEY_STORE_AWAY';

export type PrepareBulkIssuanceInput = {
  caId: string | number;
  name?: string | null | undefined;
  partitionId: string | number;
  /** Unless a line says otherwise. */
  profileId?: string;
  /**
   * Of a file sent to `POST /upload?partition=…&kind=ISSUE`, up to 20 MB and 50,000 requests: a ZIP archive of files with one
   * request each, or CSV with a header line: `csr` (PEM in quotes, or base64 DER) and, as needed, `profile`, `subject`,
   * `subjectAlternativeNames` (`DNS:a.example.com;IP:192.0.2.1`), `notAfter`, `endEntity`.
   */
  uploadId: string | number;
};

export type PrepareBulkRevocationInput = {
  invalidityDate?: string | null | undefined;
  /** Up to 100 characters; absent = made up. */
  name?: string | null | undefined;
  partitionId: string | number;
  reason?: RevocationReason;
  selection: BulkRevocationSelection;
};

export type ProfileKind =
  | 'AUTHORITY'
  | 'SUBSCRIBER';

export type ProtocolConfigurationFilter = {
  caId?: string | number | null | undefined;
  /** Part of identifier or description; case-insensitive. */
  search?: string | null | undefined;
  status?: ProtocolConfigurationStatus | null | undefined;
  type?: ProtocolType | null | undefined;
};

export type ProtocolConfigurationStatus =
  | 'ACTIVE'
  /** Whoever comes is refused until it is enabled again. */
  | 'DISABLED';

export type ProtocolOfferingInput = {
  /** See `enrollmentProtocols`. */
  caId: string | number;
  /** 0: as long as the profile says. */
  maxValidityHours?: number;
  /** What clients ask for: 1 to 64 characters without `/ ? # %`, unique in the configuration. Null: the id of the profile. */
  name?: string | null | undefined;
  profileId: string;
};

export type ProtocolType =
  /** RFC 8555. */
  | 'ACME';

export type Region =
  | 'EU'
  /** The post-quantum laboratory. */
  | 'PQLAB'
  | 'US';

export type RejectInput = {
  /** The reason, up to 500 characters; needed. */
  comment?: string;
  id: string | number;
};

export type RemoveMemberInput = {
  partitionId: string | number;
  userId: string | number;
};

export type RemoveProtocolOfferingInput = {
  id: string | number;
};

export type RenewCertificationAuthorityInput = {
  caId: string | number;
  /** Default: as for a new CA. */
  expiresAt?: string | null | undefined;
  newKey: boolean;
};

export type RenewalCampaignState =
  | 'CANCELLED'
  | 'DONE'
  /** Its certificates are being given their times. */
  | 'PLANNING'
  | 'RUNNING';

export type RenewalSelectionInput = {
  caId?: string | number | null | undefined;
  configurationId?: string | number | null | undefined;
  expiresFrom?: string | null | undefined;
  /** Not included. */
  expiresUntil?: string | null | undefined;
  issuedFrom?: string | null | undefined;
  /** Not included. */
  issuedUntil?: string | null | undefined;
  /** `RSA 2048`; see `Reports.cryptography`. */
  keyType?: string | null | undefined;
  profileId?: string | null | undefined;
  /** `ecdsa-with-SHA256`; see `Reports.cryptography`. */
  signatureAlgorithm?: string | null | undefined;
};

export type ReportDimension =
  /** Signature algorithm of the issuer. */
  | 'ALGORITHM'
  | 'CA'
  | 'KEY_TYPE'
  | 'PROFILE'
  | 'REQUESTER'
  /** `console`, `api`, `bulk`, `system` or a protocol. */
  | 'SOURCE';

export type ReportInterval =
  | 'DAY'
  | 'MONTH';

export type ResetPasswordInput = {
  password: string;
  token: string;
};

export type RetireProfileInput = {
  id: string | number;
  partitionId: string | number;
  /** The newest version, as the caller knows it. */
  version: number;
};

/** The eight reasons of the guide (RFC 5280 5.3.1). */
export type RevocationReason =
  | 'AA_COMPROMISE'
  | 'AFFILIATION_CHANGED'
  | 'CA_COMPROMISE'
  | 'CESSATION_OF_OPERATION'
  | 'KEY_COMPROMISE'
  | 'PRIVILEGE_WITHDRAWN'
  | 'SUPERSEDED'
  | 'UNSPECIFIED';

export type RevokeAcmeKeyInput = {
  id: string | number;
};

export type RevokeCertificateInput = {
  certificateId: string | number;
  /** When the key is thought to have been lost, if earlier than now. */
  invalidityDate?: string | null | undefined;
  reason?: RevocationReason;
};

export type RevokeRoleInput = {
  partitionId: string | number;
  role: Role;
  userId: string | number;
};

/** The six roles; what each may do stands in `rbac/policy.csv`. */
export type Role =
  | 'CA_ADMINISTRATORS'
  | 'CA_AUDITORS'
  | 'CERTIFICATE_ADMINISTRATORS'
  | 'OWNERS'
  | 'PROTOCOL_AUDITORS'
  | 'PROTOCOL_OPERATORS';

export type SanType =
  | 'DIRECTORY_NAME'
  | 'DNS_NAME'
  | 'EMAIL'
  | 'IP_ADDRESS'
  | 'OTHER_NAME'
  | 'REGISTERED_ID'
  | 'UPN'
  | 'URI';

export type SecondFactor =
  | 'PASSKEY'
  | 'RECOVERY_CODE'
  | 'TOTP';

export type SelectProfilesInput = {
  caId: string | number;
  profileIds: Array<string>;
};

export type SetApprovalRulesInput = {
  partitionId: string | number;
  /** All of them; what is not named needs no approval. */
  rules: Array<ApprovalRuleInput>;
};

export type SignInInput = {
  email: string;
  password: string;
};

export type StepState =
  | 'DONE'
  | 'FAILED'
  | 'RUNNING'
  | 'SKIPPED'
  | 'WAITING';

export type SubjectAlternativeNameInput = {
  type: SanType;
  value: string;
};

export type SubscriptionStatus =
  | 'ASSIGNED'
  | 'UNASSIGNED';

export type SuspendCertificateInput = {
  certificateId: string | number;
  /** When the suspension ends by itself; absent = until unsuspended. */
  until?: string | null | undefined;
};

/** Rate-limit tier: requests per 10 second window, counted apart for certificate creation, OCSP, CRL and all others. */
export type Tier =
  /** 1000 per window, for one million certificates or more. */
  | 'PREMIUM'
  /** 100 per window. */
  | 'STANDARD'
  /** Not limited: a deployment that serves only its own house. */
  | 'UNLIMITED';

export type UnselectProfilesInput = {
  caId: string | number;
  profileIds: Array<string>;
};

export type UpdateAcmeSettingsInput = {
  attestation?: Array<AcmeAttestationInput> | null | undefined;
  authorizationHours?: number | null | undefined;
  /** Null leaves a value; empty is http-01, dns-01 and tls-alpn-01. */
  challenges?: Array<string> | null | undefined;
  configurationId: string | number;
  failuresPerHour?: number | null | undefined;
  orderHours?: number | null | undefined;
  /** 0 is the default, here and below. */
  ordersPerHour?: number | null | undefined;
  renewalPollMinutes?: number | null | undefined;
};

export type UpdateCrlSettingsInput = {
  automaticShards?: boolean;
  caId: string | number;
  complete?: boolean;
  delta: boolean;
  /** 0 (FULL), or 2 to 256. */
  shards: number;
};

export type UpdateNotificationSettingsInput = {
  /** Absent = as they are; an empty list = none. */
  alarms?: Array<NotificationAlarm> | null | undefined;
  /** Up to 10, each 1 to 365. */
  days: Array<number>;
  partitionId: string | number;
  /** Up to 50. */
  recipients: Array<string>;
};

export type UpdateProfileInput = {
  /** Why; up to 200 characters. */
  comment?: string;
  /** Of a profile whose JSON leaves it out; absent = as it was. */
  group?: string | number | null | undefined;
  id: string | number;
  /** The rules of the profile, as in `CloneProfileInput`. */
  json: string;
  /** Of a profile whose JSON leaves it out; absent = as it was. */
  name?: string | null | undefined;
  partitionId: string | number;
  /** The version that the change was made of; CONFLICT when it is not the newest any more. */
  version: number;
};

export type UpdateProtocolConfigurationInput = {
  /** Null leaves a value. */
  description?: string | null | undefined;
  id: string | number;
};

export type UpdateProtocolOfferingInput = {
  caId?: string | number | null | undefined;
  id: string | number;
  /** Makes it the default of its configuration. */
  makeDefault?: boolean;
  maxValidityHours?: number | null | undefined;
  /** Null leaves a value. */
  name?: string | null | undefined;
  profileId?: string | null | undefined;
};

export type UserStatus =
  | 'ACTIVE'
  /** Barred from signing in by a platform operator. Its roles are not in effect. */
  | 'DISABLED'
  /** Invited, has not accepted. */
  | 'INVITED';

export type VerifySecondFactorInput =
  {   /** JSON of `PublicKeyCredential` (WebAuthn Level 3, AuthenticationResponseJSON) answering `beginPasskeySignIn`. */
  passkey: string; recoveryCode?: never; totp?: never; }
  |  { passkey?: never;   recoveryCode: string; totp?: never; }
  |  { passkey?: never; recoveryCode?: never;   /** Six digits from the authenticator app. */
  totp: string; };

export type WebhookDeliveryState =
  | 'DELIVERED'
  /** Given up after ten attempts over a day and a half. */
  | 'FAILED'
  | 'PENDING';

export type WhatIfInput = {
  caId: string | number;
  /** As in IssueCertificateInput; absent = the server makes the key, see keyType. */
  csr?: string | null | undefined;
  endEntity?: string | null | undefined;
  extensions?: Array<ExtensionInput>;
  /** As in IssuePkcs12Input. */
  keyType?: string | null | undefined;
  notAfter?: string | null | undefined;
  profileId: string;
  subject?: string | null | undefined;
  subjectAlternativeNames?: Array<SubjectAlternativeNameInput> | null | undefined;
};

export type ConfirmIdentityMutationVariables = Exact<{
  input: ConfirmIdentityInput;
}>;


export type ConfirmIdentityMutation = { confirmIdentity: { confirmedUntil: string } };

export type PaletteQueryVariables = Exact<{
  partition: string | number;
  search: string;
}>;


export type PaletteQuery = { partition: { certificationAuthorities: { nodes: Array<{ id: string, identifier: string, friendlyName: string }> }, protocolConfigurations: { nodes: Array<{ id: string, identifier: string, description: string }> }, certificates: { nodes: Array<{ id: string, subject: string, serialNumber: string }> } } | null };

export type SignOutMutationVariables = Exact<{ [key: string]: never; }>;


export type SignOutMutation = { signOut: { sessionsEnded: number } };

export type EndEntitiesQueryVariables = Exact<{
  partition: string | number;
  after?: string | null | undefined;
  search?: string | null | undefined;
  status?: EndEntityStatus | null | undefined;
  configuration?: string | number | null | undefined;
}>;


export type EndEntitiesQuery = { partition: { endEntities: { totalCount: number, pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ id: string, identifier: string, status: EndEntityStatus, createdAt: string, expiresAt: string | null }> } } | null };

export type EndEntityQueryVariables = Exact<{
  id: string | number;
}>;


export type EndEntityQuery = { endEntity: { id: string, identifier: string, status: EndEntityStatus, createdAt: string, expiresAt: string | null, certificates: { totalCount: number, nodes: Array<{ id: string, commonName: string, subject: string, status: CertificateStatus, expired: boolean, notAfter: string }> } } | null };

export type ActivateMutationVariables = Exact<{
  id: string | number;
}>;


export type ActivateMutation = { activateEndEntity: { endEntity: { id: string } } };

export type DeactivateMutationVariables = Exact<{
  id: string | number;
}>;


export type DeactivateMutation = { deactivateEndEntity: { endEntity: { id: string } } };

export type DecommissionMutationVariables = Exact<{
  id: string | number;
}>;


export type DecommissionMutation = { decommissionEndEntity: { endEntity: { id: string } } };

export type EventsQueryVariables = Exact<{
  partition: string | number;
  first: number;
  after?: string | null | undefined;
  filter?: AuditFilter | null | undefined;
}>;


export type EventsQuery = { partition: { auditEvents: { totalCount: number, pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ sequence: number, time: string, action: string, result: AuditResult, actorKind: string, actorName: string, ipAddress: string, requestId: string, objectKind: string, objectId: string, objectName: string, summary: string, details: Record<string, unknown>, hash: string }> } } | null };

export type LiveEventsSubscriptionVariables = Exact<{
  partition: string | number;
}>;


export type LiveEventsSubscription = { auditEvents: { sequence: number } };

export type IssueChoicesQueryVariables = Exact<{
  partition: string | number;
}>;


export type IssueChoicesQuery = { partition: { certificationAuthorities: { nodes: Array<{ id: string, identifier: string, friendlyName: string, type: CaType, status: CaStatus, brokenBy: { id: string } | null, profiles: Array<{ id: string, name: string, description: string, serverSideKeys: boolean, requiredSanTypes: Array<string>, copiesCommonNameToSan: boolean, group: { title: string } }> }> } } | null };

export type IssueMutationVariables = Exact<{
  input: IssueCertificateInput;
}>;


export type IssueMutation = { issueCertificate:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'IssueCertificatePayload', certificate: { id: string, commonName: string, serialNumber: string }, decisions: Array<{ rule: string, outcome: string, detail: string }> }
   };

export type IssueP12MutationVariables = Exact<{
  input: IssuePkcs12Input;
}>;


export type IssueP12Mutation = { issuePkcs12: { pkcs12: string, warnings: Array<string>, certificate: { id: string, commonName: string, serialNumber: string }, decisions: Array<{ rule: string, outcome: string, detail: string }> } };

export type SignInMutationVariables = Exact<{
  input: SignInInput;
}>;


export type SignInMutation = { signIn: { factors: Array<SecondFactor>, enrolmentRequired: boolean, codeRequired: boolean } };

export type VerifyMutationVariables = Exact<{
  input: VerifySecondFactorInput;
}>;


export type VerifyMutation = { verifySecondFactor: { viewer: { operator: boolean } } };

export type VerifyAddressCodeMutationVariables = Exact<{
  code: string;
}>;


export type VerifyAddressCodeMutation = { verifyAddressCode: { enrolmentRequired: boolean } };

export type BeginPasskeySignInMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginPasskeySignInMutation = { beginPasskeySignIn: { options: string } };

export type BeginRegistrationMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginRegistrationMutation = { beginPasskeyRegistration: { options: string } };

export type FinishRegistrationMutationVariables = Exact<{
  name: string;
  credential: string;
}>;


export type FinishRegistrationMutation = { finishPasskeyRegistration: { recoveryCodes: Array<string> } };

export type BeginTotpMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginTotpMutation = { beginTotpEnrolment: { secret: string, uri: string } };

export type ConfirmTotpMutationVariables = Exact<{
  totp: string;
}>;


export type ConfirmTotpMutation = { confirmTotpEnrolment: { recoveryCodes: Array<string> } };

export type WhatIfQueryVariables = Exact<{
  input: WhatIfInput;
}>;


export type WhatIfQuery = { whatIf: { issued: boolean, profileVersion: number, refusal: { code: string, message: string, field: string, rule: string, action: string } | null, certificate: { subject: string, notBefore: string, notAfter: string, publicKeyType: string, signatureAlgorithm: string, isCa: boolean, keyUsages: Array<string>, certificatePolicies: Array<string>, subjectAlternativeNames: Array<{ type: SanType, value: string }>, extendedKeyUsages: Array<{ oid: string, name: string }> } | null, decisions: Array<{ rule: string, outcome: string, detail: string }>, lint: Array<{ lint: string, severity: LintSeverity, detail: string }> } };

export type CertificateListQueryVariables = Exact<{
  partition: string | number;
  first: number;
  after?: string | null | undefined;
  filter?: CertificateFilter | null | undefined;
  sort: CertificateSort;
  count: boolean;
}>;


export type CertificateListQuery = { partition: { certificates: { totalCount?: number, totalIsMinimum?: boolean, pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ id: string, subject: string, commonName: string, serialNumber: string, status: CertificateStatus, expired: boolean, profileId: string, notBefore: string, notAfter: string, requestedBy: string, issuer: { identifier: string, friendlyName: string } }> } } | null };

export type RevokeMutationVariables = Exact<{
  input: RevokeCertificateInput;
}>;


export type RevokeMutation = { revokeCertificate: { certificate: { id: string, status: CertificateStatus } } };

export type SuspendMutationVariables = Exact<{
  input: SuspendCertificateInput;
}>;


export type SuspendMutation = { suspendCertificate: { certificate: { id: string, status: CertificateStatus } } };

export type UnsuspendMutationVariables = Exact<{
  id: string | number;
}>;


export type UnsuspendMutation = { unsuspendCertificate: { certificate: { id: string, status: CertificateStatus } } };

export type CertificatePemQueryVariables = Exact<{
  id: string | number;
}>;


export type CertificatePemQuery = { certificate: { pem: string, chainPem: string, der: string, commonName: string, serialNumber: string } | null };

export type AccountQueryVariables = Exact<{ [key: string]: never; }>;


export type AccountQuery = { viewer: { user: { email: string, firstName: string, lastName: string, createdAt: string, lastSignInAt: string | null } | null, invitations: Array<{ id: string, name: string, roles: Array<Role>, invitedBy: string, expiresAt: string }>, security: { totpEnrolled: boolean, recoveryCodesLeft: number, passkeys: Array<{ id: string, name: string, createdAt: string, lastUsedAt: string | null }>, sessions: { nodes: Array<{ id: string, createdAt: string, lastSeenAt: string, ipAddress: string, userAgent: string, current: boolean }> } } | null } | null };

export type ChangePasswordMutationVariables = Exact<{
  input: ChangePasswordInput;
}>;


export type ChangePasswordMutation = { changePassword: { sessionsEnded: number } };

export type RegenerateMutationVariables = Exact<{ [key: string]: never; }>;


export type RegenerateMutation = { regenerateRecoveryCodes: { recoveryCodes: Array<string> } };

export type EndSessionMutationVariables = Exact<{
  id: string | number;
}>;


export type EndSessionMutation = { endSession: { sessionsEnded: number } };

export type SignOutEverywhereMutationVariables = Exact<{ [key: string]: never; }>;


export type SignOutEverywhereMutation = { signOutEverywhere: { sessionsEnded: number } };

export type BeginPasskeyMutationVariables = Exact<{ [key: string]: never; }>;


export type BeginPasskeyMutation = { beginPasskeyRegistration: { options: string } };

export type FinishPasskeyMutationVariables = Exact<{
  name: string;
  credential: string;
}>;


export type FinishPasskeyMutation = { finishPasskeyRegistration: { recoveryCodes: Array<string> } };

export type RemovePasskeyMutationVariables = Exact<{
  id: string | number;
}>;


export type RemovePasskeyMutation = { removePasskey: { viewer: { operator: boolean } } };

export type AcceptRolesMutationVariables = Exact<{
  id: string | number;
}>;


export type AcceptRolesMutation = { acceptRoles: { viewer: { operator: boolean } } };

export type DeclineInvitationMutationVariables = Exact<{
  id: string | number;
}>;


export type DeclineInvitationMutation = { declineInvitation: { viewer: { operator: boolean } } };

export type ApprovalDetailQueryVariables = Exact<{
  id: string | number;
}>;


export type ApprovalDetailQuery = { approval: { id: string, operation: ApprovalOperation, state: ApprovalState, summary: string, payload: string, requestedBy: string, requestedAt: string, expiresAt: string, decidedAt: string | null, needed: number, reason: string | null, objectKind: string, objectId: string | null, mayDecide: boolean, mayWithdraw: boolean, facts: Array<{ name: string, value: string }>, votes: Array<{ name: string, approves: boolean, comment: string, votedAt: string }>, certificate: { id: string, commonName: string, serialNumber: string } | null, certificationAuthority: { identifier: string, friendlyName: string } | null } | null };

export type ApproveMutationVariables = Exact<{
  input: ApproveInput;
}>;


export type ApproveMutation = { approve: { approval: { id: string, state: ApprovalState } } };

export type RejectMutationVariables = Exact<{
  input: RejectInput;
}>;


export type RejectMutation = { reject: { approval: { id: string, state: ApprovalState } } };

export type WithdrawMutationVariables = Exact<{
  id: string | number;
}>;


export type WithdrawMutation = { withdrawApproval: { approval: { id: string, state: ApprovalState } } };

export type ApprovalRulesQueryVariables = Exact<{
  partition: string | number;
}>;


export type ApprovalRulesQuery = { partition: { approvalRules: Array<{ operation: ApprovalOperation, profileIds: Array<string>, needed: number, hours: number }>, certificateProfiles: { nodes: Array<{ id: string, name: string, kind: ProfileKind }> } } | null };

export type SetApprovalRulesMutationVariables = Exact<{
  input: SetApprovalRulesInput;
}>;


export type SetApprovalRulesMutation = { setApprovalRules:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'ApprovalRulesPayload', rules: Array<{ operation: ApprovalOperation }> }
   };

export type ApprovalsQueryVariables = Exact<{
  partition: string | number;
  state?: Array<ApprovalState> | ApprovalState | null | undefined;
  after?: string | null | undefined;
}>;


export type ApprovalsQuery = { partition: { approvals: { totalCount: number, nodes: Array<{ id: string, state: ApprovalState, summary: string, requestedBy: string, requestedAt: string, expiresAt: string, needed: number, mayDecide: boolean, votes: Array<{ name: string, approves: boolean }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type InvitationQueryVariables = Exact<{
  token: string;
}>;


export type InvitationQuery = { invitation: { email: string, firstName: string, lastName: string, name: string, roles: Array<Role>, invitedBy: string, hasAccount: boolean } };

export type AcceptInvitationMutationVariables = Exact<{
  input: AcceptInvitationInput;
}>;


export type AcceptInvitationMutation = { acceptInvitation: { factors: Array<SecondFactor>, enrolmentRequired: boolean } };

export type RequestPasswordResetMutationVariables = Exact<{
  email: string;
}>;


export type RequestPasswordResetMutation = { requestPasswordReset: { accepted: boolean } };

export type ResetPasswordMutationVariables = Exact<{
  input: ResetPasswordInput;
}>;


export type ResetPasswordMutation = { resetPassword: { email: string } };

export type BulkOperationsQueryVariables = Exact<{
  partition: string | number;
}>;


export type BulkOperationsQuery = { partition: { bulkOperations: { nodes: Array<{ id: string, name: string, kind: BulkKind, input: BulkInput, state: BulkState, total: number, pending: number, done: number, failed: number, skipped: number, createdBy: string, createdAt: string }> } } | null };

export type BulkOperationQueryVariables = Exact<{
  id: string | number;
}>;


export type BulkOperationQuery = { bulkOperation: { id: string, name: string, kind: BulkKind, input: BulkInput, state: BulkState, failure: string | null, reason: RevocationReason | null, profileId: string | null, total: number, pending: number, done: number, failed: number, skipped: number, createdBy: string, createdAt: string, startedBy: string | null, startedAt: string | null, finishedAt: string | null, resultPath: string, issuer: { identifier: string, friendlyName: string } | null, findings: Array<{ result: BulkResult, count: number, examples: Array<{ position: number, what: string, note: string, certificateId: string | null, certificate: { commonName: string, subject: string, notAfter: string, expired: boolean, issuer: { friendlyName: string } } | null }> }> } | null };

export type BulkChoicesQueryVariables = Exact<{
  partition: string | number;
}>;


export type BulkChoicesQuery = { partition: { certificationAuthorities: { nodes: Array<{ id: string, friendlyName: string, status: CaStatus, type: CaType, profiles: Array<{ id: string, name: string, description: string, group: { title: string } }> }> } } | null };

export type PrepareBulkRevocationMutationVariables = Exact<{
  input: PrepareBulkRevocationInput;
}>;


export type PrepareBulkRevocationMutation = { prepareBulkRevocation: { operation: { id: string } } };

export type PrepareBulkIssuanceMutationVariables = Exact<{
  input: PrepareBulkIssuanceInput;
}>;


export type PrepareBulkIssuanceMutation = { prepareBulkIssuance: { operation: { id: string } } };

export type StartBulkMutationVariables = Exact<{
  id: string | number;
}>;


export type StartBulkMutation = { startBulk:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'BulkOperationPayload', operation: { id: string, state: BulkState } }
   };

export type CancelBulkMutationVariables = Exact<{
  id: string | number;
}>;


export type CancelBulkMutation = { cancelBulk: { operation: { id: string, state: BulkState } } };

export type RenewalCampaignQueryVariables = Exact<{
  id: string | number;
}>;


export type RenewalCampaignQuery = { renewalCampaign: { id: string, name: string, state: RenewalCampaignState, total: number, renewedBefore: number, beginsAt: string, endsAt: string, revokeAt: string | null, revocationReason: RevocationReason | null, explanationUrl: string, createdAt: string, createdBy: string, selection: { profileId: string | null, keyType: string | null, signatureAlgorithm: string | null, issuedFrom: string | null, issuedUntil: string | null, expiresFrom: string | null, expiresUntil: string | null, configuration: { identifier: string } | null, ca: { identifier: string, friendlyName: string } | null }, progress: { replaced: number, ended: number, times: Array<string>, planned: Array<number>, actual: Array<number> }, stragglers: { totalCount: number, nodes: Array<{ beginsAt: string, endsAt: string, certificate: { id: string, subject: string, serialNumber: string, notAfter: string } | null }> } } | null };

export type CancelRenewalCampaignMutationVariables = Exact<{
  input: CancelRenewalCampaignInput;
}>;


export type CancelRenewalCampaignMutation = { cancelRenewalCampaign: { campaign: { id: string, state: RenewalCampaignState } } };

export type RenewalCampaignsQueryVariables = Exact<{
  partition: string | number;
  after?: string | null | undefined;
}>;


export type RenewalCampaignsQuery = { partition: { renewalCampaigns: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ id: string, name: string, state: RenewalCampaignState, total: number, beginsAt: string, endsAt: string, revokeAt: string | null, createdBy: string, progress: { replaced: number } }> } } | null };

export type RenewalChoicesQueryVariables = Exact<{
  partition: string | number;
}>;


export type RenewalChoicesQuery = { partition: { protocolConfigurations: { nodes: Array<{ id: string, identifier: string, offerings: Array<{ id: string, profileId: string, ca: { id: string, identifier: string, friendlyName: string } }> }> }, reports: { cryptography: { uses: Array<{ keyType: string, signatureAlgorithm: string, certificates: number }> } } } | null };

export type CountRenewalQueryVariables = Exact<{
  partition: string | number;
  selection: RenewalSelectionInput;
}>;


export type CountRenewalQuery = { partition: { countRenewalSelection: number } | null };

export type CreateRenewalCampaignMutationVariables = Exact<{
  input: CreateRenewalCampaignInput;
}>;


export type CreateRenewalCampaignMutation = { createRenewalCampaign: { campaign: { id: string } } };

export type SigningAlgorithmsQueryVariables = Exact<{ [key: string]: never; }>;


export type SigningAlgorithmsQuery = { deployment: { signingAlgorithms: Array<{ label: string, family: string, securityBits: number, postQuantum: boolean, publicKeyBytes: number, signatureBytes: number, standard: string, advice: string, warning: string | null, verifiers: Array<{ client: string, since: string | null }> }> } };

export type AlgorithmMeasurementMutationVariables = Exact<{
  label: string;
}>;


export type AlgorithmMeasurementMutation = { measureAlgorithm: { measurement: { signaturesPerSecond: number, verificationsPerSecond: number, keyGenerationMilliseconds: number } } };

export type MoveCaKeyMutationVariables = Exact<{
  input: MoveCertificationAuthorityKeyInput;
}>;


export type MoveCaKeyMutation = { moveCertificationAuthorityKey:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'CertificationAuthorityPayload', certificationAuthority: { id: string } }
   };

export type CeremonyMinutesQueryVariables = Exact<{
  id: string | number;
}>;


export type CeremonyMinutesQuery = { certificationAuthority: { ceremonyMinutes: { fileName: string, html: string, signature: string } | null } | null };

export type CaRequestQueryVariables = Exact<{
  id: string | number;
}>;


export type CaRequestQuery = { certificationAuthority: { certificateSigningRequest: string | null } | null };

export type ImportCaCertificateMutationVariables = Exact<{
  input: ImportCaCertificateInput;
}>;


export type ImportCaCertificateMutation = { importCaCertificate: { certificationAuthority: { id: string, status: CaStatus, remarks: Array<string> } } };

export type RenewCaMutationVariables = Exact<{
  input: RenewCertificationAuthorityInput;
}>;


export type RenewCaMutation = { renewCertificationAuthority:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'CertificationAuthorityPayload', certificationAuthority: { id: string } }
   };

export type DisableCaMutationVariables = Exact<{
  id: string | number;
}>;


export type DisableCaMutation = { disableCertificationAuthority: { certificationAuthority: { id: string, status: CaStatus } } };

export type EnableCaMutationVariables = Exact<{
  id: string | number;
}>;


export type EnableCaMutation = { enableCertificationAuthority: { certificationAuthority: { id: string, status: CaStatus } } };

export type CaCertificatesQueryVariables = Exact<{
  id: string | number;
}>;


export type CaCertificatesQuery = { certificationAuthority: { caCertificates: Array<{ kind: CaCertificateKind, keyGeneration: number, issuerGeneration: number, serialNumber: string, notBefore: string, notAfter: string, pem: string }> } | null };

export type DeletionImpactQueryVariables = Exact<{
  id: string | number;
}>;


export type DeletionImpactQuery = { certificationAuthority: { deletionImpact: { subordinateCount: number, certificateCount: number, protocolConfigurationCount: number, endEntityCount: number, subordinates: Array<{ id: string, identifier: string, friendlyName: string }>, certificates: Array<{ id: string, subject: string, notAfter: string }>, protocolConfigurations: Array<{ id: string, identifier: string, type: ProtocolType }>, endEntities: Array<{ id: string, identifier: string }>, profiles: Array<{ id: string }> } } | null };

export type CaDetailQueryVariables = Exact<{
  partition: string | number;
  identifier: string;
}>;


export type CaDetailQuery = { partition: { certificationAuthority: { id: string, identifier: string, friendlyName: string, type: CaType, status: CaStatus, signingAlgorithm: string, subject: string, expiresAt: string, createdAt: string, deletedAt: string | null, purgeAt: string | null, activeCertificates: number, crlEnabled: boolean, ocspEnabled: boolean, crlUrl: string | null, ocspUrl: string | null, certificateUrl: string | null, caGatewayUrl: string | null, keyCustody: KeyCustody | null, keyMovingTo: string | null, keyGeneration: number, keyStore: { name: string, description: string, available: boolean, problem: string | null } | null, parent: { identifier: string, friendlyName: string, type: CaType } | null, brokenBy: { id: string, identifier: string, friendlyName: string, status: CaStatus, purgeAt: string | null } | null, renewal: { newKey: boolean, expiresAt: string, failure: string | null } | null, nameConstraints: { permitted: Array<{ type: SanType, value: string }>, excluded: Array<{ type: SanType, value: string }> } | null, children: { nodes: Array<{ id: string, identifier: string, friendlyName: string, type: CaType, status: CaStatus, activeCertificates: number, brokenBy: { id: string } | null }> }, creation: { failure: string | null, steps: Array<{ step: CaCreationStepName, state: StepState, at: string | null }> }, crl: { number: number, entries: number, bytes: number, thisUpdate: string, nextUpdate: string, limitBytes: number, warning: string | null, alarm: { kind: CrlAlarmKind, reason: string, since: string, acceptable: boolean } | null } | null, crlSettings: { mode: CrlMode, delta: boolean, shards: number, automaticShards: boolean, complete: boolean } | null, crlLists: Array<{ shard: number, number: number, baseNumber: number | null, entries: number, bytes: number, thisUpdate: string, nextUpdate: string, url: string, open: boolean }>, profiles: Array<{ id: string, name: string, description: string, validityPeriod: string, group: { title: string } }>, certificate: { serialNumber: string, fingerprint: string, issuer: string, notBefore: string, notAfter: string, publicKeyType: string, signatureAlgorithm: string, isCa: boolean, pathLength: number | null, keyUsages: Array<string>, authorityInfoAccessOcsp: Array<string>, authorityInfoAccessCaIssuers: Array<string>, authorityKeyIdentifier: string | null, subjectKeyIdentifier: string | null, crlDistributionPoints: Array<string> } | null } | null } | null };

export type CaDownloadQueryVariables = Exact<{
  id: string | number;
}>;


export type CaDownloadQuery = { certificationAuthority: { certificatePem: string | null, chainPem: string | null } | null };

export type DeleteCaMutationVariables = Exact<{
  input: DeleteCertificationAuthorityInput;
}>;


export type DeleteCaMutation = { deleteCertificationAuthority:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'CertificationAuthorityPayload', certificationAuthority: { id: string, status: CaStatus } }
   };

export type RestoreCaMutationVariables = Exact<{
  id: string | number;
}>;


export type RestoreCaMutation = { restoreCertificationAuthority: { certificationAuthority: { id: string, status: CaStatus } } };

export type SelectProfilesMutationVariables = Exact<{
  input: SelectProfilesInput;
}>;


export type SelectProfilesMutation = { selectProfiles: { certificationAuthority: { id: string } } };

export type UnselectProfilesMutationVariables = Exact<{
  input: UnselectProfilesInput;
}>;


export type UnselectProfilesMutation = { unselectProfiles: { certificationAuthority: { id: string } } };

export type CasQueryVariables = Exact<{
  partition: string | number;
  deleted: boolean;
  after?: string | null | undefined;
}>;


export type CasQuery = { partition: { certificationAuthorities: { nodes: Array<{ id: string, identifier: string, friendlyName: string, type: CaType, status: CaStatus, signingAlgorithm: string, subject: string, expiresAt: string, activeCertificates: number, parent: { id: string } | null, brokenBy: { id: string, friendlyName: string, status: CaStatus } | null, certificate: { serialNumber: string } | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type CreateCaMutationVariables = Exact<{
  input: CreateCertificationAuthorityInput;
}>;


export type CreateCaMutation = { createCertificationAuthority:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'CertificationAuthorityPayload', certificationAuthority: { id: string, identifier: string, status: CaStatus } }
   };

export type ImportExternalRootMutationVariables = Exact<{
  input: ImportExternalRootInput;
}>;


export type ImportExternalRootMutation = { importExternalRoot:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'CertificationAuthorityPayload', certificationAuthority: { id: string, identifier: string, status: CaStatus, remarks: Array<string> } }
   };

export type CaTakenQueryVariables = Exact<{
  partition: string | number;
  identifier: string;
}>;


export type CaTakenQuery = { partition: { certificationAuthority: { id: string } | null } | null };

export type KeyStoresQueryVariables = Exact<{
  partition: string | number;
  algorithm: string;
}>;


export type KeyStoresQuery = { partition: { keyStores: Array<{ name: string, description: string, isDefault: boolean, available: boolean, problem: string | null, custody: KeyCustody | null }> } | null };

export type ProfileGroupsQueryVariables = Exact<{
  partition: string | number;
}>;


export type ProfileGroupsQuery = { partition: { profileGroups: Array<{ id: string, title: string, kind: ProfileKind, profiles: Array<{ id: string, name: string, description: string, allowedCaTypes: Array<string>, selectable: boolean }> }> } | null };

export type PublishCrlMutationVariables = Exact<{
  id: string | number;
}>;


export type PublishCrlMutation = { publishCrl: { certificationAuthority: { id: string } } };

export type UpdateCrlSettingsMutationVariables = Exact<{
  input: UpdateCrlSettingsInput;
}>;


export type UpdateCrlSettingsMutation = { updateCrlSettings: { certificationAuthority: { id: string } } };

export type AcceptHeldCrlMutationVariables = Exact<{
  input: AcceptHeldCrlInput;
}>;


export type AcceptHeldCrlMutation = { acceptHeldCrl: { certificationAuthority: { id: string } } };

export type CertificateDetailQueryVariables = Exact<{
  id: string | number;
}>;


export type CertificateDetailQuery = { certificate: { id: string, subject: string, commonName: string, serialNumber: string, status: CertificateStatus, expired: boolean, profileId: string, notBefore: string, notAfter: string, createdAt: string, requestedBy: string, revokedAt: string | null, revocationReason: RevocationReason | null, invalidityDate: string | null, statusComment: string, suspendedUntil: string | null, pem: string, endEntity: { id: string, identifier: string } | null, protocolConfiguration: { id: string, identifier: string, type: ProtocolType, deletedAt: string | null } | null, issuer: { identifier: string, friendlyName: string, type: CaType, status: CaStatus, ocspUrl: string | null, crlUrl: string | null, brokenBy: { friendlyName: string, status: CaStatus } | null, parent: { identifier: string, friendlyName: string, type: CaType, parent: { identifier: string, friendlyName: string, type: CaType } | null } | null }, details: { fingerprint: string, issuer: string, publicKeyType: string, signatureAlgorithm: string, isCa: boolean, pathLength: number | null, keyUsages: Array<string>, authorityInfoAccessOcsp: Array<string>, authorityInfoAccessCaIssuers: Array<string>, authorityKeyIdentifier: string | null, subjectKeyIdentifier: string | null, crlDistributionPoints: Array<string>, certificatePolicies: Array<string>, subjectAlternativeNames: Array<{ type: SanType, value: string }>, extendedKeyUsages: Array<{ oid: string, name: string }> } } | null };

export type CaNamesQueryVariables = Exact<{
  partition: string | number;
}>;


export type CaNamesQuery = { partition: { certificationAuthorities: { nodes: Array<{ id: string, identifier: string, friendlyName: string }> } } | null };

export type CertificateStoryQueryVariables = Exact<{
  id: string | number;
}>;


export type CertificateStoryQuery = { certificate: { createdAt: string, profileId: string, profileVersion: number, profile: { name: string, version: number, retiredAt: string | null } | null, endEntity: { identifier: string } | null, story: { recorded: boolean, protocol: string, actorKind: string, actorName: string, ipAddress: string, requestId: string, crlUrls: Array<string>, ocspUrls: Array<string>, caIssuersUrls: Array<string>, approval: { id: string, requestedBy: string, votes: Array<{ name: string, approves: boolean, comment: string, votedAt: string }> } | null, asked: { subject: string, notAfter: string | null, serverSideKey: boolean, subjectAlternativeNames: Array<{ type: SanType, value: string }>, extensions: Array<{ oid: string, name: string }> } | null, decisions: Array<{ rule: string, outcome: string, detail: string }>, changes: Array<{ what: string, asked: string, issued: string }>, events: Array<{ sequence: number, time: string, action: string, result: AuditResult, actorName: string, ipAddress: string, summary: string }> } } | null };

export type VerifyAuditMutationVariables = Exact<{
  partition: string | number;
}>;


export type VerifyAuditMutation = { verifyAuditLog: { verification: { intact: boolean, events: number, brokenAt: number | null, alarm: string | null, headHash: string } } };

export type HomeQueryVariables = Exact<{
  partition: string | number;
  people: boolean;
}>;


export type HomeQuery = { partition: { counts: { purchasedCas: number, activeCas: number, purchasedCertificates: number, issuedCertificates: number, suspendedCertificates: number, revokedCertificates: number, expiringCertificates: number }, activity: Array<{ day: string, issued: number, revoked: number }>, certificates: { nodes: Array<{ id: string, commonName: string, subject: string, notAfter: string }> }, ever: { nodes: Array<{ id: string }> }, protocolConfigurations: { totalCount: number }, members?: { nodes: Array<{ user: { id: string } }> } } | null };

export type HomeStartQueryVariables = Exact<{
  partition: string | number;
}>;


export type HomeStartQuery = { partition: { certificationAuthorities: { nodes: Array<{ id: string, identifier: string, friendlyName: string, type: CaType, status: CaStatus, brokenBy: { id: string } | null, profiles: Array<{ id: string }> }> } } | null };

export type NotificationsQueryVariables = Exact<{
  partition: string | number;
}>;


export type NotificationsQuery = { partition: { notificationSettings: { days: Array<number>, recipients: Array<string>, alarms: Array<NotificationAlarm>, webhooks: Array<{ id: string, name: string, url: string, createdBy: string, createdAt: string, lastSuccessAt: string | null, lastError: string | null, deliveries: { nodes: Array<{ id: string, event: string, state: WebhookDeliveryState, attempts: number, error: string | null, createdAt: string }> } }> } } | null };

export type UpdateNotificationsMutationVariables = Exact<{
  input: UpdateNotificationSettingsInput;
}>;


export type UpdateNotificationsMutation = { updateNotificationSettings: { settings: { days: Array<number> } } };

export type CreateWebhookMutationVariables = Exact<{
  input: CreateWebhookInput;
}>;


export type CreateWebhookMutation = { createWebhook: { secret: string, webhook: { id: string } } };

export type TestWebhookMutationVariables = Exact<{
  id: string | number;
}>;


export type TestWebhookMutation = { testWebhook: { webhook: { id: string } } };

export type DeleteWebhookMutationVariables = Exact<{
  id: string | number;
  name: string;
}>;


export type DeleteWebhookMutation = { deleteWebhook: { webhook: { id: string } } };

export type RetireProfileMutationVariables = Exact<{
  input: RetireProfileInput;
}>;


export type RetireProfileMutation = { retireProfile: { profile: { id: string, retiredAt: string | null } } };

export type DeleteProfileMutationVariables = Exact<{
  input: DeleteProfileInput;
}>;


export type DeleteProfileMutation = { deleteProfile: { id: string } };

export type ProfileHistoryQueryVariables = Exact<{
  partition: string | number;
  id: string | number;
}>;


export type ProfileHistoryQuery = { partition: { certificateProfile: { basedOn: string, issued: boolean, selectedFor: Array<string>, versions: { nodes: Array<{ version: number, createdAt: string, createdBy: string, comment: string, json: string }> } } | null } | null };

export type ProfileProtocolsQueryVariables = Exact<{
  partition: string | number;
  id: string | number;
}>;


export type ProfileProtocolsQuery = { partition: { certificateProfile: { protocolConfigurations: Array<{ id: string, identifier: string }> } | null } | null };

export type ProfileChangesQueryVariables = Exact<{
  partition: string | number;
  id: string | number;
  from: number;
  to: number;
}>;


export type ProfileChangesQuery = { partition: { certificateProfile: { changes: Array<{ path: string, before: string, after: string }> } | null } | null };

export type ValidateProfileQueryVariables = Exact<{
  partition: string | number;
  json: string;
  id?: string | number | null | undefined;
  name?: string | null | undefined;
  group?: string | number | null | undefined;
}>;


export type ValidateProfileQuery = { validateProfile: Array<{ path: string, message: string, line: number }> };

export type CloneProfileMutationVariables = Exact<{
  input: CloneProfileInput;
}>;


export type CloneProfileMutation = { cloneProfile: { profile: { id: string } } };

export type UpdateProfileMutationVariables = Exact<{
  input: UpdateProfileInput;
}>;


export type UpdateProfileMutation = { updateProfile: { profile: { id: string, version: number } } };

export type ReplayProfileMutationVariables = Exact<{
  partition: string | number;
  json: string;
  days: number;
  profile?: string | number | null | undefined;
}>;


export type ReplayProfileMutation = { replayProfile: { replay: { requests: number, more: boolean, same: number, changed: number, refused: number, rules: Array<{ rule: string, count: number }>, examples: Array<{ changes: Array<string>, certificate: { id: string, subject: string, profileId: string }, refusal: { message: string, rule: string } | null }> } } };

export type ProfilesQueryVariables = Exact<{
  partition: string | number;
}>;


export type ProfilesQuery = { partition: { profileGroups: Array<{ id: string, title: string, kind: ProfileKind, profiles: Array<{ id: string, name: string, description: string, validityPeriod: string, allowedCaTypes: Array<string>, ignoreUnknownExtensions: boolean, serverSideKeys: boolean, copiesCommonNameToSan: boolean, requiredSanTypes: Array<string>, keyAlgorithms: Array<string>, maxValidityPeriod: string, json: string, system: boolean, version: number, retiredAt: string | null, keyUsages: Array<{ oid: string, name: string }>, extendedKeyUsages: Array<{ oid: string, name: string }>, allowedExtensions: Array<{ oid: string, name: string }> }> }>, retiredProfiles: { nodes: Array<{ id: string, name: string, description: string, validityPeriod: string, allowedCaTypes: Array<string>, ignoreUnknownExtensions: boolean, serverSideKeys: boolean, copiesCommonNameToSan: boolean, requiredSanTypes: Array<string>, keyAlgorithms: Array<string>, maxValidityPeriod: string, json: string, system: boolean, version: number, retiredAt: string | null, keyUsages: Array<{ oid: string, name: string }>, extendedKeyUsages: Array<{ oid: string, name: string }>, allowedExtensions: Array<{ oid: string, name: string }>, group: { title: string } }> } } | null };

export type EnrollmentProtocolsQueryVariables = Exact<{
  partition: string | number;
}>;


export type EnrollmentProtocolsQuery = { partition: { enrollmentProtocols: Array<{ type: ProtocolType, label: string, profileGroups: Array<string>, authorities: Array<{ ca: { id: string, identifier: string, friendlyName: string }, profiles: Array<{ id: string, name: string }> }> }>, profileGroups: Array<{ id: string, title: string }> } | null };

export type AddProtocolOfferingMutationVariables = Exact<{
  input: AddProtocolOfferingInput;
}>;


export type AddProtocolOfferingMutation = { addProtocolOffering: { protocolConfiguration: { id: string } } };

export type UpdateProtocolOfferingMutationVariables = Exact<{
  input: UpdateProtocolOfferingInput;
}>;


export type UpdateProtocolOfferingMutation = { updateProtocolOffering: { protocolConfiguration: { id: string } } };

export type RemoveProtocolOfferingMutationVariables = Exact<{
  input: RemoveProtocolOfferingInput;
}>;


export type RemoveProtocolOfferingMutation = { removeProtocolOffering: { protocolConfiguration: { id: string } } };

export type ProtocolTakenQueryVariables = Exact<{
  partition: string | number;
  identifier: string;
}>;


export type ProtocolTakenQuery = { partition: { protocolConfiguration: { id: string } | null } | null };

export type CreateProtocolConfigurationMutationVariables = Exact<{
  input: CreateProtocolConfigurationInput;
}>;


export type CreateProtocolConfigurationMutation = { createProtocolConfiguration: { protocolConfiguration: { id: string, identifier: string } } };

export type UpdateProtocolConfigurationMutationVariables = Exact<{
  input: UpdateProtocolConfigurationInput;
}>;


export type UpdateProtocolConfigurationMutation = { updateProtocolConfiguration: { protocolConfiguration: { id: string } } };

export type EnableProtocolMutationVariables = Exact<{
  input: EnableProtocolConfigurationInput;
}>;


export type EnableProtocolMutation = { enableProtocolConfiguration: { protocolConfiguration: { id: string, status: ProtocolConfigurationStatus } } };

export type DisableProtocolMutationVariables = Exact<{
  input: DisableProtocolConfigurationInput;
}>;


export type DisableProtocolMutation = { disableProtocolConfiguration: { protocolConfiguration: { id: string, status: ProtocolConfigurationStatus } } };

export type DeleteProtocolMutationVariables = Exact<{
  input: DeleteProtocolConfigurationInput;
}>;


export type DeleteProtocolMutation = { deleteProtocolConfiguration: { protocolConfiguration: { id: string } } };

export type ProtocolConfigurationsQueryVariables = Exact<{
  partition: string | number;
  after?: string | null | undefined;
  filter?: ProtocolConfigurationFilter | null | undefined;
}>;


export type ProtocolConfigurationsQuery = { partition: { protocolConfigurations: { totalCount: number, pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ id: string, identifier: string, type: ProtocolType, description: string, status: ProtocolConfigurationStatus, problem: string | null, createdAt: string, offerings: Array<{ id: string, name: string, ca: { id: string, identifier: string, friendlyName: string } }> }> } } | null };

export type AcmeQueryVariables = Exact<{
  id: string | number;
}>;


export type AcmeQuery = { deployment: { tlsRootCertificate: string | null }, protocolConfiguration: { id: string, acme: { directoryUrl: string, settings: { challenges: Array<string>, ordersPerHour: number, failuresPerHour: number, orderHours: number, authorizationHours: number, renewalPollMinutes: number, attestation: Array<{ format: string, roots: string }> }, externalKeys: { totalCount: number, nodes: Array<{ id: string, friendlyName: string, state: AcmeKeyState, withoutBinding: boolean }> } } | null } | null };

export type AcmeActivityQueryVariables = Exact<{
  id: string | number;
  after?: string | null | undefined;
  keys: boolean;
  accounts: boolean;
  orders: boolean;
}>;


export type AcmeActivityQuery = { protocolConfiguration: { acme: { externalKeys?: { totalCount: number, pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ id: string, friendlyName: string, state: AcmeKeyState, allowedIdentifiers: Array<string>, needsNoChallenge: boolean, withoutBinding: boolean, maxAccounts: number, accountCount: number, createdAt: string, createdBy: string, expiresAt: string | null, revokedAt: string | null, lastUsedAt: string | null }> }, accounts?: { totalCount: number, pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ id: string, status: AcmeStatus, contact: Array<string>, thumbprint: string, createdAt: string, key: { id: string, friendlyName: string, state: AcmeKeyState } }> }, orders?: { totalCount: number, pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<{ id: string, status: AcmeStatus, createdAt: string, identifiers: Array<{ type: string, value: string }>, error: { type: string, detail: string, identifier: { value: string } | null, subproblems: Array<{ type: string, detail: string, identifier: { value: string } | null }> } | null, account: { id: string, key: { friendlyName: string } }, certificate: { id: string, serialNumber: string, status: CertificateStatus } | null, approval: { id: string } | null }> } } | null } | null };

export type CreateAcmeKeyMutationVariables = Exact<{
  input: CreateAcmeKeyInput;
}>;


export type CreateAcmeKeyMutation = { createAcmeKey: { hmacKey: string | null, key: { id: string, friendlyName: string } } };

export type RevokeAcmeKeyMutationVariables = Exact<{
  input: RevokeAcmeKeyInput;
}>;


export type RevokeAcmeKeyMutation = { revokeAcmeKey: { key: { id: string } } };

export type UpdateAcmeSettingsMutationVariables = Exact<{
  input: UpdateAcmeSettingsInput;
}>;


export type UpdateAcmeSettingsMutation = { updateAcmeSettings: { protocolConfiguration: { id: string } } };

export type ProtocolConfigurationQueryVariables = Exact<{
  partition: string | number;
  identifier: string;
}>;


export type ProtocolConfigurationQuery = { partition: { protocolConfiguration: { id: string, identifier: string, type: ProtocolType, description: string, status: ProtocolConfigurationStatus, problem: string | null, mayWiden: boolean, createdAt: string, createdBy: string, offerings: Array<{ id: string, name: string, profileId: string, maxValidityHours: number, problem: string | null, ca: { id: string, identifier: string, friendlyName: string }, profile: { id: string, name: string } | null }>, all: { totalCount: number }, active: { totalCount: number }, entities: { totalCount: number }, refused: { totalCount: number, nodes: Array<{ time: string, summary: string }> } } | null } | null };

export type ReportsQueryVariables = Exact<{
  partition: string | number;
  from: string;
  interval: ReportInterval;
  by: ReportDimension;
}>;


export type ReportsQuery = { partition: { reports: { activity: Array<{ start: string, issued: number, revoked: number }>, breakdown: Array<{ key: string, label: string, issued: number, revoked: number, active: number }>, cryptography: { uses: Array<{ keyType: string, signatureAlgorithm: string, certificates: number, authorities: number, latestExpiry: string, postQuantum: boolean }>, concerns: Array<{ id: string, severity: ConcernSeverity, title: string, advice: string, certificates: number, authorities: number }> }, expiries: Array<{ start: string, certificates: number, authorities: number }> } } | null };

export type AccountsQueryVariables = Exact<{
  search?: string | null | undefined;
  after?: string | null | undefined;
}>;


export type AccountsQuery = { accounts: { totalCount: number, nodes: Array<{ id: string, email: string, firstName: string, lastName: string, status: UserStatus, createdAt: string, lastSignInAt: string | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type AccountDetailsQueryVariables = Exact<{
  id: string | number;
}>;


export type AccountDetailsQuery = { account: { operator: boolean, factors: Array<SecondFactor>, secondFactorResetAt: string | null, passwordResetAt: string | null, soleOwnerOf: Array<string>, user: { id: string, email: string, firstName: string, lastName: string, status: UserStatus, createdAt: string, lastSignInAt: string | null } } | null };

export type DisableAccountMutationVariables = Exact<{
  input: DisableAccountInput;
}>;


export type DisableAccountMutation = { disableAccount: { user: { id: string } } };

export type EnableAccountMutationVariables = Exact<{
  id: string | number;
}>;


export type EnableAccountMutation = { enableAccount: { user: { id: string } } };

export type ResetSecondFactorMutationVariables = Exact<{
  id: string | number;
}>;


export type ResetSecondFactorMutation = { resetSecondFactor: { user: { id: string } } };

export type DeleteAccountMutationVariables = Exact<{
  input: DeleteAccountInput;
}>;


export type DeleteAccountMutation = { deleteAccount: { user: { id: string } } };

export type JobsQueryVariables = Exact<{ [key: string]: never; }>;


export type JobsQuery = { jobs: { nodes: Array<{ kind: string, key: string, lane: JobLane, runAt: string, runningUntil: string | null, attempts: number, lastError: string }> } };

export type SubscriptionsQueryVariables = Exact<{
  search?: string | null | undefined;
  after?: string | null | undefined;
}>;


export type SubscriptionsQuery = { subscriptions: { nodes: Array<{ id: string, name: string, status: SubscriptionStatus, region: Region | null, tier: Tier, url: string | null, createdAt: string, canAssign: boolean, partition: { id: string, name: string } | null, inventory: Array<{ id: string, label: string, used: number, purchased: number }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type AssignSubscriptionMutationVariables = Exact<{
  input: AssignSubscriptionInput;
}>;


export type AssignSubscriptionMutation = { assignSubscription: { partition: { id: string, name: string } } };

export type CreateSubscriptionMutationVariables = Exact<{
  input: CreateSubscriptionInput;
}>;


export type CreateSubscriptionMutation = { createSubscription: { subscription: { id: string, name: string } } };

export type InviteSubscriptionOwnerMutationVariables = Exact<{
  id: string | number;
  email: string;
}>;


export type InviteSubscriptionOwnerMutation = { inviteSubscriptionOwner: { subscription: { id: string } } };

export type PlatformOutboxQueryVariables = Exact<{ [key: string]: never; }>;


export type PlatformOutboxQuery = { platformOutbox: { nodes: Array<{ id: string, to: string, subject: string, body: string, createdAt: string }> } };

export type MembersQueryVariables = Exact<{
  partition: string | number;
  after?: string | null | undefined;
}>;


export type MembersQuery = { partition: { members: { nodes: Array<{ roles: Array<Role>, invitedBy: string, invitationExpiresAt: string | null, user: { id: string, email: string, firstName: string, lastName: string, status: UserStatus, lastSignInAt: string | null } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type InviteUserMutationVariables = Exact<{
  input: InviteUserInput;
}>;


export type InviteUserMutation = { inviteUser:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'MemberPayload', member: { user: { id: string, email: string } } }
   };

export type ResendMutationVariables = Exact<{
  partition: string | number;
  user: string | number;
}>;


export type ResendMutation = { resendInvitation: { member: { user: { id: string } } } };

export type GrantRoleMutationVariables = Exact<{
  input: GrantRoleInput;
}>;


export type GrantRoleMutation = { grantRole:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'MemberPayload', member: { user: { id: string } } }
   };

export type RevokeRoleMutationVariables = Exact<{
  input: RevokeRoleInput;
}>;


export type RevokeRoleMutation = { revokeRole:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'MemberPayload', member: { user: { id: string } } }
   };

export type TokensQueryVariables = Exact<{
  partition: string | number;
  after?: string | null | undefined;
}>;


export type TokensQuery = { partition: { apiTokens: { nodes: Array<{ id: string, name: string, role: Role, service: boolean, stopped: boolean, mayRevoke: boolean, prefix: string, createdAt: string, createdBy: string, expiresAt: string, lastUsedAt: string | null, revokedAt: string | null }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type CreateTokenMutationVariables = Exact<{
  input: CreateApiTokenInput;
}>;


export type CreateTokenMutation = { createApiToken: { token: string, apiToken: { id: string, name: string } } };

export type RevokeTokenMutationVariables = Exact<{
  id: string | number;
}>;


export type RevokeTokenMutation = { revokeApiToken: { apiToken: { id: string } } };

export type RemoveMemberMutationVariables = Exact<{
  input: RemoveMemberInput;
}>;


export type RemoveMemberMutation = { removeMember:
    | { __typename: 'ApprovalPending', approvalId: string, message: string }
    | { __typename: 'MemberPayload', member: { user: { id: string } } }
   };

export type CagwCredentialsQueryVariables = Exact<{
  partition: string | number;
  after?: string | null | undefined;
}>;


export type CagwCredentialsQuery = { deployment: { tlsRootCertificate: string | null }, partition: { cagwUrl: string, cagwCredentials: { nodes: Array<{ id: string, identifier: string, friendlyName: string, status: CagwCredentialStatus, serialNumber: string, createdAt: string, createdBy: string, renewedAt: string | null, expiresAt: string, previousEndsAt: string | null, lastUsedAt: string | null, lastUsedFrom: string | null, mayChange: boolean, roles: Array<{ role: CagwRole, ca: { id: string, identifier: string, friendlyName: string, deletedAt: string | null } }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type CagwAuthoritiesQueryVariables = Exact<{
  partition: string | number;
}>;


export type CagwAuthoritiesQuery = { partition: { certificationAuthorities: { nodes: Array<{ id: string, identifier: string, friendlyName: string, type: CaType }> } } | null };

export type CagwProfilesQueryVariables = Exact<{
  ca: string | number;
}>;


export type CagwProfilesQuery = { certificationAuthority: { profiles: Array<{ id: string }> } | null };

export type CreateCagwCredentialMutationVariables = Exact<{
  input: CreateCagwCredentialInput;
}>;


export type CreateCagwCredentialMutation = { createCagwCredential: { pkcs12: string, password: string, fileName: string, credential: { id: string, identifier: string, previousEndsAt: string | null, expiresAt: string, roles: Array<{ role: CagwRole, ca: { id: string, identifier: string, friendlyName: string, deletedAt: string | null } }> } } };

export type RenewCagwCredentialMutationVariables = Exact<{
  id: string | number;
  endPreviousNow: boolean;
}>;


export type RenewCagwCredentialMutation = { renewCagwCredential: { pkcs12: string, password: string, fileName: string, credential: { id: string, identifier: string, previousEndsAt: string | null, expiresAt: string, roles: Array<{ role: CagwRole, ca: { id: string, identifier: string, friendlyName: string, deletedAt: string | null } }> } } };

export type SetCagwCredentialRolesMutationVariables = Exact<{
  id: string | number;
  roles: Array<CagwCredentialRoleInput> | CagwCredentialRoleInput;
}>;


export type SetCagwCredentialRolesMutation = { setCagwCredentialRoles: { credential: { id: string } } };

export type DeleteCagwCredentialMutationVariables = Exact<{
  id: string | number;
}>;


export type DeleteCagwCredentialMutation = { deleteCagwCredential: { credential: { id: string } } };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { operator: boolean, user: { id: string, email: string, firstName: string, lastName: string } | null, partitions: Array<{ id: string, name: string, region: Region, roles: Array<Role>, permissions: Array<string> }>, invitations: Array<{ id: string }> } | null };

export type DeploymentQueryVariables = Exact<{ [key: string]: never; }>;


export type DeploymentQuery = { deployment: { version: string, regions: Array<Region>, keepsOutbox: boolean, demo: boolean, publicUrl: string, terms: string, passwordMinLength: number, twoPersonRoots: boolean, subjectAttributes: Array<{ name: string, aliases: Array<string>, oid: string, maxLength: number }> } };

export type ApprovalsWaitingQueryVariables = Exact<{
  partition: string | number;
}>;


export type ApprovalsWaitingQuery = { partition: { approvalsWaiting: number } | null };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}

export const ConfirmIdentityDocument = new TypedDocumentString(`
    mutation ConfirmIdentity($input: ConfirmIdentityInput!) {
  confirmIdentity(input: $input) {
    confirmedUntil
  }
}
    `) as unknown as TypedDocumentString<ConfirmIdentityMutation, ConfirmIdentityMutationVariables>;
export const PaletteDocument = new TypedDocumentString(`
    query Palette($partition: ID!, $search: String!) {
  partition(id: $partition) {
    certificationAuthorities(search: $search, first: 20) {
      nodes {
        id
        identifier
        friendlyName
      }
    }
    protocolConfigurations(first: 5, filter: {search: $search}) {
      nodes {
        id
        identifier
        description
      }
    }
    certificates(first: 8, filter: {search: $search}) {
      nodes {
        id
        subject
        serialNumber
      }
    }
  }
}
    `) as unknown as TypedDocumentString<PaletteQuery, PaletteQueryVariables>;
export const SignOutDocument = new TypedDocumentString(`
    mutation SignOut {
  signOut {
    sessionsEnded
  }
}
    `) as unknown as TypedDocumentString<SignOutMutation, SignOutMutationVariables>;
export const EndEntitiesDocument = new TypedDocumentString(`
    query EndEntities($partition: ID!, $after: String, $search: String, $status: EndEntityStatus, $configuration: ID) {
  partition(id: $partition) {
    endEntities(
      first: 50
      after: $after
      search: $search
      status: $status
      protocolConfigurationId: $configuration
    ) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        identifier
        status
        createdAt
        expiresAt
      }
    }
  }
}
    `) as unknown as TypedDocumentString<EndEntitiesQuery, EndEntitiesQueryVariables>;
export const EndEntityDocument = new TypedDocumentString(`
    query EndEntity($id: ID!) {
  endEntity(id: $id) {
    id
    identifier
    status
    createdAt
    expiresAt
    certificates(first: 20) {
      totalCount
      nodes {
        id
        commonName
        subject
        status
        expired
        notAfter
      }
    }
  }
}
    `) as unknown as TypedDocumentString<EndEntityQuery, EndEntityQueryVariables>;
export const ActivateDocument = new TypedDocumentString(`
    mutation Activate($id: ID!) {
  activateEndEntity(input: {id: $id}) {
    endEntity {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<ActivateMutation, ActivateMutationVariables>;
export const DeactivateDocument = new TypedDocumentString(`
    mutation Deactivate($id: ID!) {
  deactivateEndEntity(input: {id: $id}) {
    endEntity {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<DeactivateMutation, DeactivateMutationVariables>;
export const DecommissionDocument = new TypedDocumentString(`
    mutation Decommission($id: ID!) {
  decommissionEndEntity(input: {id: $id}) {
    endEntity {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<DecommissionMutation, DecommissionMutationVariables>;
export const EventsDocument = new TypedDocumentString(`
    query Events($partition: ID!, $first: Int!, $after: String, $filter: AuditFilter) {
  partition(id: $partition) {
    auditEvents(first: $first, after: $after, filter: $filter) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        sequence
        time
        action
        result
        actorKind
        actorName
        ipAddress
        requestId
        objectKind
        objectId
        objectName
        summary
        details
        hash
      }
    }
  }
}
    `) as unknown as TypedDocumentString<EventsQuery, EventsQueryVariables>;
export const LiveEventsDocument = new TypedDocumentString(`
    subscription LiveEvents($partition: ID!) {
  auditEvents(partitionId: $partition) {
    sequence
  }
}
    `) as unknown as TypedDocumentString<LiveEventsSubscription, LiveEventsSubscriptionVariables>;
export const IssueChoicesDocument = new TypedDocumentString(`
    query IssueChoices($partition: ID!) {
  partition(id: $partition) {
    certificationAuthorities(first: 200) {
      nodes {
        id
        identifier
        friendlyName
        type
        status
        brokenBy {
          id
        }
        profiles {
          id
          name
          description
          serverSideKeys
          requiredSanTypes
          copiesCommonNameToSan
          group {
            title
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<IssueChoicesQuery, IssueChoicesQueryVariables>;
export const IssueDocument = new TypedDocumentString(`
    mutation Issue($input: IssueCertificateInput!) {
  issueCertificate(input: $input) {
    __typename
    ... on IssueCertificatePayload {
      certificate {
        id
        commonName
        serialNumber
      }
      decisions {
        rule
        outcome
        detail
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<IssueMutation, IssueMutationVariables>;
export const IssueP12Document = new TypedDocumentString(`
    mutation IssueP12($input: IssuePkcs12Input!) {
  issuePkcs12(input: $input) {
    certificate {
      id
      commonName
      serialNumber
    }
    pkcs12
    warnings
    decisions {
      rule
      outcome
      detail
    }
  }
}
    `) as unknown as TypedDocumentString<IssueP12Mutation, IssueP12MutationVariables>;
export const SignInDocument = new TypedDocumentString(`
    mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    factors
    enrolmentRequired
    codeRequired
  }
}
    `) as unknown as TypedDocumentString<SignInMutation, SignInMutationVariables>;
export const VerifyDocument = new TypedDocumentString(`
    mutation Verify($input: VerifySecondFactorInput!) {
  verifySecondFactor(input: $input) {
    viewer {
      operator
    }
  }
}
    `) as unknown as TypedDocumentString<VerifyMutation, VerifyMutationVariables>;
export const VerifyAddressCodeDocument = new TypedDocumentString(`
    mutation VerifyAddressCode($code: String!) {
  verifyAddressCode(input: {code: $code}) {
    enrolmentRequired
  }
}
    `) as unknown as TypedDocumentString<VerifyAddressCodeMutation, VerifyAddressCodeMutationVariables>;
export const BeginPasskeySignInDocument = new TypedDocumentString(`
    mutation BeginPasskeySignIn {
  beginPasskeySignIn {
    options
  }
}
    `) as unknown as TypedDocumentString<BeginPasskeySignInMutation, BeginPasskeySignInMutationVariables>;
export const BeginRegistrationDocument = new TypedDocumentString(`
    mutation BeginRegistration {
  beginPasskeyRegistration {
    options
  }
}
    `) as unknown as TypedDocumentString<BeginRegistrationMutation, BeginRegistrationMutationVariables>;
export const FinishRegistrationDocument = new TypedDocumentString(`
    mutation FinishRegistration($name: String!, $credential: String!) {
  finishPasskeyRegistration(input: {name: $name, credential: $credential}) {
    recoveryCodes
  }
}
    `) as unknown as TypedDocumentString<FinishRegistrationMutation, FinishRegistrationMutationVariables>;
export const BeginTotpDocument = new TypedDocumentString(`
    mutation BeginTotp {
  beginTotpEnrolment {
    secret
    uri
  }
}
    `) as unknown as TypedDocumentString<BeginTotpMutation, BeginTotpMutationVariables>;
export const ConfirmTotpDocument = new TypedDocumentString(`
    mutation ConfirmTotp($totp: String!) {
  confirmTotpEnrolment(input: {totp: $totp}) {
    recoveryCodes
  }
}
    `) as unknown as TypedDocumentString<ConfirmTotpMutation, ConfirmTotpMutationVariables>;
export const WhatIfDocument = new TypedDocumentString(`
    query WhatIf($input: WhatIfInput!) {
  whatIf(input: $input) {
    issued
    profileVersion
    refusal {
      code
      message
      field
      rule
      action
    }
    certificate {
      subject
      notBefore
      notAfter
      publicKeyType
      signatureAlgorithm
      subjectAlternativeNames {
        type
        value
      }
      isCa
      keyUsages
      extendedKeyUsages {
        oid
        name
      }
      certificatePolicies
    }
    decisions {
      rule
      outcome
      detail
    }
    lint {
      lint
      severity
      detail
    }
  }
}
    `) as unknown as TypedDocumentString<WhatIfQuery, WhatIfQueryVariables>;
export const CertificateListDocument = new TypedDocumentString(`
    query CertificateList($partition: ID!, $first: Int!, $after: String, $filter: CertificateFilter, $sort: CertificateSort!, $count: Boolean!) {
  partition(id: $partition) {
    certificates(first: $first, after: $after, filter: $filter, sort: $sort) {
      totalCount @include(if: $count)
      totalIsMinimum @include(if: $count)
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        subject
        commonName
        serialNumber
        status
        expired
        profileId
        notBefore
        notAfter
        requestedBy
        issuer {
          identifier
          friendlyName
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CertificateListQuery, CertificateListQueryVariables>;
export const RevokeDocument = new TypedDocumentString(`
    mutation Revoke($input: RevokeCertificateInput!) {
  revokeCertificate(input: $input) {
    certificate {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<RevokeMutation, RevokeMutationVariables>;
export const SuspendDocument = new TypedDocumentString(`
    mutation Suspend($input: SuspendCertificateInput!) {
  suspendCertificate(input: $input) {
    certificate {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<SuspendMutation, SuspendMutationVariables>;
export const UnsuspendDocument = new TypedDocumentString(`
    mutation Unsuspend($id: ID!) {
  unsuspendCertificate(input: {certificateId: $id}) {
    certificate {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<UnsuspendMutation, UnsuspendMutationVariables>;
export const CertificatePemDocument = new TypedDocumentString(`
    query CertificatePem($id: ID!) {
  certificate(id: $id) {
    pem
    chainPem
    der
    commonName
    serialNumber
  }
}
    `) as unknown as TypedDocumentString<CertificatePemQuery, CertificatePemQueryVariables>;
export const AccountDocument = new TypedDocumentString(`
    query Account {
  viewer {
    user {
      email
      firstName
      lastName
      createdAt
      lastSignInAt
    }
    invitations {
      id
      name
      roles
      invitedBy
      expiresAt
    }
    security {
      totpEnrolled
      recoveryCodesLeft
      passkeys {
        id
        name
        createdAt
        lastUsedAt
      }
      sessions(first: 200) {
        nodes {
          id
          createdAt
          lastSeenAt
          ipAddress
          userAgent
          current
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AccountQuery, AccountQueryVariables>;
export const ChangePasswordDocument = new TypedDocumentString(`
    mutation ChangePassword($input: ChangePasswordInput!) {
  changePassword(input: $input) {
    sessionsEnded
  }
}
    `) as unknown as TypedDocumentString<ChangePasswordMutation, ChangePasswordMutationVariables>;
export const RegenerateDocument = new TypedDocumentString(`
    mutation Regenerate {
  regenerateRecoveryCodes {
    recoveryCodes
  }
}
    `) as unknown as TypedDocumentString<RegenerateMutation, RegenerateMutationVariables>;
export const EndSessionDocument = new TypedDocumentString(`
    mutation EndSession($id: ID!) {
  endSession(input: {id: $id}) {
    sessionsEnded
  }
}
    `) as unknown as TypedDocumentString<EndSessionMutation, EndSessionMutationVariables>;
export const SignOutEverywhereDocument = new TypedDocumentString(`
    mutation SignOutEverywhere {
  signOutEverywhere {
    sessionsEnded
  }
}
    `) as unknown as TypedDocumentString<SignOutEverywhereMutation, SignOutEverywhereMutationVariables>;
export const BeginPasskeyDocument = new TypedDocumentString(`
    mutation BeginPasskey {
  beginPasskeyRegistration {
    options
  }
}
    `) as unknown as TypedDocumentString<BeginPasskeyMutation, BeginPasskeyMutationVariables>;
export const FinishPasskeyDocument = new TypedDocumentString(`
    mutation FinishPasskey($name: String!, $credential: String!) {
  finishPasskeyRegistration(input: {name: $name, credential: $credential}) {
    recoveryCodes
  }
}
    `) as unknown as TypedDocumentString<FinishPasskeyMutation, FinishPasskeyMutationVariables>;
export const RemovePasskeyDocument = new TypedDocumentString(`
    mutation RemovePasskey($id: ID!) {
  removePasskey(input: {id: $id}) {
    viewer {
      operator
    }
  }
}
    `) as unknown as TypedDocumentString<RemovePasskeyMutation, RemovePasskeyMutationVariables>;
export const AcceptRolesDocument = new TypedDocumentString(`
    mutation AcceptRoles($id: ID!) {
  acceptRoles(input: {invitationId: $id}) {
    viewer {
      operator
    }
  }
}
    `) as unknown as TypedDocumentString<AcceptRolesMutation, AcceptRolesMutationVariables>;
export const DeclineInvitationDocument = new TypedDocumentString(`
    mutation DeclineInvitation($id: ID!) {
  declineInvitation(input: {invitationId: $id}) {
    viewer {
      operator
    }
  }
}
    `) as unknown as TypedDocumentString<DeclineInvitationMutation, DeclineInvitationMutationVariables>;
export const ApprovalDetailDocument = new TypedDocumentString(`
    query ApprovalDetail($id: ID!) {
  approval(id: $id) {
    id
    operation
    state
    summary
    facts {
      name
      value
    }
    payload
    requestedBy
    requestedAt
    expiresAt
    decidedAt
    needed
    reason
    objectKind
    objectId
    mayDecide
    mayWithdraw
    votes {
      name
      approves
      comment
      votedAt
    }
    certificate {
      id
      commonName
      serialNumber
    }
    certificationAuthority {
      identifier
      friendlyName
    }
  }
}
    `) as unknown as TypedDocumentString<ApprovalDetailQuery, ApprovalDetailQueryVariables>;
export const ApproveDocument = new TypedDocumentString(`
    mutation Approve($input: ApproveInput!) {
  approve(input: $input) {
    approval {
      id
      state
    }
  }
}
    `) as unknown as TypedDocumentString<ApproveMutation, ApproveMutationVariables>;
export const RejectDocument = new TypedDocumentString(`
    mutation Reject($input: RejectInput!) {
  reject(input: $input) {
    approval {
      id
      state
    }
  }
}
    `) as unknown as TypedDocumentString<RejectMutation, RejectMutationVariables>;
export const WithdrawDocument = new TypedDocumentString(`
    mutation Withdraw($id: ID!) {
  withdrawApproval(input: {id: $id}) {
    approval {
      id
      state
    }
  }
}
    `) as unknown as TypedDocumentString<WithdrawMutation, WithdrawMutationVariables>;
export const ApprovalRulesDocument = new TypedDocumentString(`
    query ApprovalRules($partition: ID!) {
  partition(id: $partition) {
    approvalRules {
      operation
      profileIds
      needed
      hours
    }
    certificateProfiles(first: 500) {
      nodes {
        id
        name
        kind
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ApprovalRulesQuery, ApprovalRulesQueryVariables>;
export const SetApprovalRulesDocument = new TypedDocumentString(`
    mutation SetApprovalRules($input: SetApprovalRulesInput!) {
  setApprovalRules(input: $input) {
    __typename
    ... on ApprovalRulesPayload {
      rules {
        operation
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<SetApprovalRulesMutation, SetApprovalRulesMutationVariables>;
export const ApprovalsDocument = new TypedDocumentString(`
    query Approvals($partition: ID!, $state: [ApprovalState!], $after: String) {
  partition(id: $partition) {
    approvals(state: $state, first: 30, after: $after) {
      nodes {
        id
        state
        summary
        requestedBy
        requestedAt
        expiresAt
        needed
        mayDecide
        votes {
          name
          approves
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      totalCount
    }
  }
}
    `) as unknown as TypedDocumentString<ApprovalsQuery, ApprovalsQueryVariables>;
export const InvitationDocument = new TypedDocumentString(`
    query Invitation($token: String!) {
  invitation(token: $token) {
    email
    firstName
    lastName
    name
    roles
    invitedBy
    hasAccount
  }
}
    `) as unknown as TypedDocumentString<InvitationQuery, InvitationQueryVariables>;
export const AcceptInvitationDocument = new TypedDocumentString(`
    mutation AcceptInvitation($input: AcceptInvitationInput!) {
  acceptInvitation(input: $input) {
    factors
    enrolmentRequired
  }
}
    `) as unknown as TypedDocumentString<AcceptInvitationMutation, AcceptInvitationMutationVariables>;
export const RequestPasswordResetDocument = new TypedDocumentString(`
    mutation RequestPasswordReset($email: String!) {
  requestPasswordReset(input: {email: $email}) {
    accepted
  }
}
    `) as unknown as TypedDocumentString<RequestPasswordResetMutation, RequestPasswordResetMutationVariables>;
export const ResetPasswordDocument = new TypedDocumentString(`
    mutation ResetPassword($input: ResetPasswordInput!) {
  resetPassword(input: $input) {
    email
  }
}
    `) as unknown as TypedDocumentString<ResetPasswordMutation, ResetPasswordMutationVariables>;
export const BulkOperationsDocument = new TypedDocumentString(`
    query BulkOperations($partition: ID!) {
  partition(id: $partition) {
    bulkOperations(first: 50) {
      nodes {
        id
        name
        kind
        input
        state
        total
        pending
        done
        failed
        skipped
        createdBy
        createdAt
      }
    }
  }
}
    `) as unknown as TypedDocumentString<BulkOperationsQuery, BulkOperationsQueryVariables>;
export const BulkOperationDocument = new TypedDocumentString(`
    query BulkOperation($id: ID!) {
  bulkOperation(id: $id) {
    id
    name
    kind
    input
    state
    failure
    reason
    profileId
    total
    pending
    done
    failed
    skipped
    createdBy
    createdAt
    startedBy
    startedAt
    finishedAt
    resultPath
    issuer {
      identifier
      friendlyName
    }
    findings {
      result
      count
      examples {
        position
        what
        note
        certificateId
        certificate {
          commonName
          subject
          notAfter
          expired
          issuer {
            friendlyName
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<BulkOperationQuery, BulkOperationQueryVariables>;
export const BulkChoicesDocument = new TypedDocumentString(`
    query BulkChoices($partition: ID!) {
  partition(id: $partition) {
    certificationAuthorities(first: 200) {
      nodes {
        id
        friendlyName
        status
        type
        profiles {
          id
          name
          description
          group {
            title
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<BulkChoicesQuery, BulkChoicesQueryVariables>;
export const PrepareBulkRevocationDocument = new TypedDocumentString(`
    mutation PrepareBulkRevocation($input: PrepareBulkRevocationInput!) {
  prepareBulkRevocation(input: $input) {
    operation {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<PrepareBulkRevocationMutation, PrepareBulkRevocationMutationVariables>;
export const PrepareBulkIssuanceDocument = new TypedDocumentString(`
    mutation PrepareBulkIssuance($input: PrepareBulkIssuanceInput!) {
  prepareBulkIssuance(input: $input) {
    operation {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<PrepareBulkIssuanceMutation, PrepareBulkIssuanceMutationVariables>;
export const StartBulkDocument = new TypedDocumentString(`
    mutation StartBulk($id: ID!) {
  startBulk(input: {id: $id}) {
    __typename
    ... on BulkOperationPayload {
      operation {
        id
        state
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<StartBulkMutation, StartBulkMutationVariables>;
export const CancelBulkDocument = new TypedDocumentString(`
    mutation CancelBulk($id: ID!) {
  cancelBulk(input: {id: $id}) {
    operation {
      id
      state
    }
  }
}
    `) as unknown as TypedDocumentString<CancelBulkMutation, CancelBulkMutationVariables>;
export const RenewalCampaignDocument = new TypedDocumentString(`
    query RenewalCampaign($id: ID!) {
  renewalCampaign(id: $id) {
    id
    name
    state
    total
    renewedBefore
    beginsAt
    endsAt
    revokeAt
    revocationReason
    explanationUrl
    createdAt
    createdBy
    selection {
      configuration {
        identifier
      }
      ca {
        identifier
        friendlyName
      }
      profileId
      keyType
      signatureAlgorithm
      issuedFrom
      issuedUntil
      expiresFrom
      expiresUntil
    }
    progress {
      replaced
      ended
      times
      planned
      actual
    }
    stragglers(first: 50) {
      totalCount
      nodes {
        beginsAt
        endsAt
        certificate {
          id
          subject
          serialNumber
          notAfter
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<RenewalCampaignQuery, RenewalCampaignQueryVariables>;
export const CancelRenewalCampaignDocument = new TypedDocumentString(`
    mutation CancelRenewalCampaign($input: CancelRenewalCampaignInput!) {
  cancelRenewalCampaign(input: $input) {
    campaign {
      id
      state
    }
  }
}
    `) as unknown as TypedDocumentString<CancelRenewalCampaignMutation, CancelRenewalCampaignMutationVariables>;
export const RenewalCampaignsDocument = new TypedDocumentString(`
    query RenewalCampaigns($partition: ID!, $after: String) {
  partition(id: $partition) {
    renewalCampaigns(first: 50, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        name
        state
        total
        beginsAt
        endsAt
        revokeAt
        createdBy
        progress {
          replaced
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<RenewalCampaignsQuery, RenewalCampaignsQueryVariables>;
export const RenewalChoicesDocument = new TypedDocumentString(`
    query RenewalChoices($partition: ID!) {
  partition(id: $partition) {
    protocolConfigurations(first: 200, filter: {type: ACME}) {
      nodes {
        id
        identifier
        offerings {
          id
          profileId
          ca {
            id
            identifier
            friendlyName
          }
        }
      }
    }
    reports {
      cryptography {
        uses {
          keyType
          signatureAlgorithm
          certificates
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<RenewalChoicesQuery, RenewalChoicesQueryVariables>;
export const CountRenewalDocument = new TypedDocumentString(`
    query CountRenewal($partition: ID!, $selection: RenewalSelectionInput!) {
  partition(id: $partition) {
    countRenewalSelection(selection: $selection)
  }
}
    `) as unknown as TypedDocumentString<CountRenewalQuery, CountRenewalQueryVariables>;
export const CreateRenewalCampaignDocument = new TypedDocumentString(`
    mutation CreateRenewalCampaign($input: CreateRenewalCampaignInput!) {
  createRenewalCampaign(input: $input) {
    campaign {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<CreateRenewalCampaignMutation, CreateRenewalCampaignMutationVariables>;
export const SigningAlgorithmsDocument = new TypedDocumentString(`
    query SigningAlgorithms {
  deployment {
    signingAlgorithms {
      label
      family
      securityBits
      postQuantum
      publicKeyBytes
      signatureBytes
      standard
      advice
      verifiers {
        client
        since
      }
      warning
    }
  }
}
    `) as unknown as TypedDocumentString<SigningAlgorithmsQuery, SigningAlgorithmsQueryVariables>;
export const AlgorithmMeasurementDocument = new TypedDocumentString(`
    mutation AlgorithmMeasurement($label: String!) {
  measureAlgorithm(input: {label: $label}) {
    measurement {
      signaturesPerSecond
      verificationsPerSecond
      keyGenerationMilliseconds
    }
  }
}
    `) as unknown as TypedDocumentString<AlgorithmMeasurementMutation, AlgorithmMeasurementMutationVariables>;
export const MoveCaKeyDocument = new TypedDocumentString(`
    mutation MoveCaKey($input: MoveCertificationAuthorityKeyInput!) {
  moveCertificationAuthorityKey(input: $input) {
    __typename
    ... on CertificationAuthorityPayload {
      certificationAuthority {
        id
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<MoveCaKeyMutation, MoveCaKeyMutationVariables>;
export const CeremonyMinutesDocument = new TypedDocumentString(`
    query CeremonyMinutes($id: ID!) {
  certificationAuthority(id: $id) {
    ceremonyMinutes {
      fileName
      html
      signature
    }
  }
}
    `) as unknown as TypedDocumentString<CeremonyMinutesQuery, CeremonyMinutesQueryVariables>;
export const CaRequestDocument = new TypedDocumentString(`
    query CaRequest($id: ID!) {
  certificationAuthority(id: $id) {
    certificateSigningRequest
  }
}
    `) as unknown as TypedDocumentString<CaRequestQuery, CaRequestQueryVariables>;
export const ImportCaCertificateDocument = new TypedDocumentString(`
    mutation ImportCaCertificate($input: ImportCaCertificateInput!) {
  importCaCertificate(input: $input) {
    certificationAuthority {
      id
      status
      remarks
    }
  }
}
    `) as unknown as TypedDocumentString<ImportCaCertificateMutation, ImportCaCertificateMutationVariables>;
export const RenewCaDocument = new TypedDocumentString(`
    mutation RenewCa($input: RenewCertificationAuthorityInput!) {
  renewCertificationAuthority(input: $input) {
    __typename
    ... on CertificationAuthorityPayload {
      certificationAuthority {
        id
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<RenewCaMutation, RenewCaMutationVariables>;
export const DisableCaDocument = new TypedDocumentString(`
    mutation DisableCa($id: ID!) {
  disableCertificationAuthority(input: {caId: $id}) {
    certificationAuthority {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<DisableCaMutation, DisableCaMutationVariables>;
export const EnableCaDocument = new TypedDocumentString(`
    mutation EnableCa($id: ID!) {
  enableCertificationAuthority(input: {caId: $id}) {
    certificationAuthority {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<EnableCaMutation, EnableCaMutationVariables>;
export const CaCertificatesDocument = new TypedDocumentString(`
    query CaCertificates($id: ID!) {
  certificationAuthority(id: $id) {
    caCertificates {
      kind
      keyGeneration
      issuerGeneration
      serialNumber
      notBefore
      notAfter
      pem
    }
  }
}
    `) as unknown as TypedDocumentString<CaCertificatesQuery, CaCertificatesQueryVariables>;
export const DeletionImpactDocument = new TypedDocumentString(`
    query DeletionImpact($id: ID!) {
  certificationAuthority(id: $id) {
    deletionImpact(first: 5) {
      subordinateCount
      subordinates {
        id
        identifier
        friendlyName
      }
      certificateCount
      certificates {
        id
        subject
        notAfter
      }
      protocolConfigurationCount
      protocolConfigurations {
        id
        identifier
        type
      }
      endEntityCount
      endEntities {
        id
        identifier
      }
      profiles {
        id
      }
    }
  }
}
    `) as unknown as TypedDocumentString<DeletionImpactQuery, DeletionImpactQueryVariables>;
export const CaDetailDocument = new TypedDocumentString(`
    query CaDetail($partition: ID!, $identifier: String!) {
  partition(id: $partition) {
    certificationAuthority(identifier: $identifier) {
      id
      identifier
      friendlyName
      type
      status
      signingAlgorithm
      subject
      expiresAt
      createdAt
      deletedAt
      purgeAt
      activeCertificates
      crlEnabled
      ocspEnabled
      crlUrl
      ocspUrl
      certificateUrl
      caGatewayUrl
      keyStore {
        name
        description
        available
        problem
      }
      keyCustody
      keyMovingTo
      parent {
        identifier
        friendlyName
        type
      }
      brokenBy {
        id
        identifier
        friendlyName
        status
        purgeAt
      }
      keyGeneration
      renewal {
        newKey
        expiresAt
        failure
      }
      nameConstraints {
        permitted {
          type
          value
        }
        excluded {
          type
          value
        }
      }
      children(first: 200) {
        nodes {
          id
          identifier
          friendlyName
          type
          status
          activeCertificates
          brokenBy {
            id
          }
        }
      }
      creation {
        failure
        steps {
          step
          state
          at
        }
      }
      crl {
        number
        entries
        bytes
        thisUpdate
        nextUpdate
        limitBytes
        warning
        alarm {
          kind
          reason
          since
          acceptable
        }
      }
      crlSettings {
        mode
        delta
        shards
        automaticShards
        complete
      }
      crlLists {
        shard
        number
        baseNumber
        entries
        bytes
        thisUpdate
        nextUpdate
        url
        open
      }
      profiles {
        id
        name
        description
        validityPeriod
        group {
          title
        }
      }
      certificate {
        serialNumber
        fingerprint
        issuer
        notBefore
        notAfter
        publicKeyType
        signatureAlgorithm
        isCa
        pathLength
        keyUsages
        authorityInfoAccessOcsp
        authorityInfoAccessCaIssuers
        authorityKeyIdentifier
        subjectKeyIdentifier
        crlDistributionPoints
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CaDetailQuery, CaDetailQueryVariables>;
export const CaDownloadDocument = new TypedDocumentString(`
    query CaDownload($id: ID!) {
  certificationAuthority(id: $id) {
    certificatePem
    chainPem
  }
}
    `) as unknown as TypedDocumentString<CaDownloadQuery, CaDownloadQueryVariables>;
export const DeleteCaDocument = new TypedDocumentString(`
    mutation DeleteCa($input: DeleteCertificationAuthorityInput!) {
  deleteCertificationAuthority(input: $input) {
    __typename
    ... on CertificationAuthorityPayload {
      certificationAuthority {
        id
        status
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<DeleteCaMutation, DeleteCaMutationVariables>;
export const RestoreCaDocument = new TypedDocumentString(`
    mutation RestoreCa($id: ID!) {
  restoreCertificationAuthority(input: {caId: $id}) {
    certificationAuthority {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<RestoreCaMutation, RestoreCaMutationVariables>;
export const SelectProfilesDocument = new TypedDocumentString(`
    mutation SelectProfiles($input: SelectProfilesInput!) {
  selectProfiles(input: $input) {
    certificationAuthority {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<SelectProfilesMutation, SelectProfilesMutationVariables>;
export const UnselectProfilesDocument = new TypedDocumentString(`
    mutation UnselectProfiles($input: UnselectProfilesInput!) {
  unselectProfiles(input: $input) {
    certificationAuthority {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<UnselectProfilesMutation, UnselectProfilesMutationVariables>;
export const CasDocument = new TypedDocumentString(`
    query Cas($partition: ID!, $deleted: Boolean!, $after: String) {
  partition(id: $partition) {
    certificationAuthorities(includeDeleted: $deleted, first: 500, after: $after) {
      nodes {
        id
        identifier
        friendlyName
        type
        status
        signingAlgorithm
        subject
        expiresAt
        activeCertificates
        parent {
          id
        }
        brokenBy {
          id
          friendlyName
          status
        }
        certificate {
          serialNumber
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CasQuery, CasQueryVariables>;
export const CreateCaDocument = new TypedDocumentString(`
    mutation CreateCa($input: CreateCertificationAuthorityInput!) {
  createCertificationAuthority(input: $input) {
    __typename
    ... on CertificationAuthorityPayload {
      certificationAuthority {
        id
        identifier
        status
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<CreateCaMutation, CreateCaMutationVariables>;
export const ImportExternalRootDocument = new TypedDocumentString(`
    mutation ImportExternalRoot($input: ImportExternalRootInput!) {
  importExternalRoot(input: $input) {
    __typename
    ... on CertificationAuthorityPayload {
      certificationAuthority {
        id
        identifier
        status
        remarks
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<ImportExternalRootMutation, ImportExternalRootMutationVariables>;
export const CaTakenDocument = new TypedDocumentString(`
    query CaTaken($partition: ID!, $identifier: String!) {
  partition(id: $partition) {
    certificationAuthority(identifier: $identifier) {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<CaTakenQuery, CaTakenQueryVariables>;
export const KeyStoresDocument = new TypedDocumentString(`
    query KeyStores($partition: ID!, $algorithm: String!) {
  partition(id: $partition) {
    keyStores {
      name
      description
      isDefault
      available
      problem
      custody(signingAlgorithm: $algorithm)
    }
  }
}
    `) as unknown as TypedDocumentString<KeyStoresQuery, KeyStoresQueryVariables>;
export const ProfileGroupsDocument = new TypedDocumentString(`
    query ProfileGroups($partition: ID!) {
  partition(id: $partition) {
    profileGroups {
      id
      title
      kind
      profiles {
        id
        name
        description
        allowedCaTypes
        selectable
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ProfileGroupsQuery, ProfileGroupsQueryVariables>;
export const PublishCrlDocument = new TypedDocumentString(`
    mutation PublishCrl($id: ID!) {
  publishCrl(input: {caId: $id}) {
    certificationAuthority {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<PublishCrlMutation, PublishCrlMutationVariables>;
export const UpdateCrlSettingsDocument = new TypedDocumentString(`
    mutation UpdateCrlSettings($input: UpdateCrlSettingsInput!) {
  updateCrlSettings(input: $input) {
    certificationAuthority {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<UpdateCrlSettingsMutation, UpdateCrlSettingsMutationVariables>;
export const AcceptHeldCrlDocument = new TypedDocumentString(`
    mutation AcceptHeldCrl($input: AcceptHeldCrlInput!) {
  acceptHeldCrl(input: $input) {
    certificationAuthority {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<AcceptHeldCrlMutation, AcceptHeldCrlMutationVariables>;
export const CertificateDetailDocument = new TypedDocumentString(`
    query CertificateDetail($id: ID!) {
  certificate(id: $id) {
    id
    subject
    commonName
    serialNumber
    status
    expired
    profileId
    notBefore
    notAfter
    createdAt
    requestedBy
    revokedAt
    revocationReason
    invalidityDate
    statusComment
    suspendedUntil
    pem
    endEntity {
      id
      identifier
    }
    protocolConfiguration {
      id
      identifier
      type
      deletedAt
    }
    issuer {
      identifier
      friendlyName
      type
      status
      ocspUrl
      crlUrl
      brokenBy {
        friendlyName
        status
      }
      parent {
        identifier
        friendlyName
        type
        parent {
          identifier
          friendlyName
          type
        }
      }
    }
    details {
      fingerprint
      issuer
      publicKeyType
      signatureAlgorithm
      subjectAlternativeNames {
        type
        value
      }
      isCa
      pathLength
      keyUsages
      extendedKeyUsages {
        oid
        name
      }
      authorityInfoAccessOcsp
      authorityInfoAccessCaIssuers
      authorityKeyIdentifier
      subjectKeyIdentifier
      crlDistributionPoints
      certificatePolicies
    }
  }
}
    `) as unknown as TypedDocumentString<CertificateDetailQuery, CertificateDetailQueryVariables>;
export const CaNamesDocument = new TypedDocumentString(`
    query CaNames($partition: ID!) {
  partition(id: $partition) {
    certificationAuthorities(first: 500) {
      nodes {
        id
        identifier
        friendlyName
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CaNamesQuery, CaNamesQueryVariables>;
export const CertificateStoryDocument = new TypedDocumentString(`
    query CertificateStory($id: ID!) {
  certificate(id: $id) {
    createdAt
    profileId
    profileVersion
    profile {
      name
      version
      retiredAt
    }
    endEntity {
      identifier
    }
    story {
      approval {
        id
        requestedBy
        votes {
          name
          approves
          comment
          votedAt
        }
      }
      recorded
      protocol
      actorKind
      actorName
      ipAddress
      requestId
      asked {
        subject
        subjectAlternativeNames {
          type
          value
        }
        extensions {
          oid
          name
        }
        notAfter
        serverSideKey
      }
      decisions {
        rule
        outcome
        detail
      }
      changes {
        what
        asked
        issued
      }
      events {
        sequence
        time
        action
        result
        actorName
        ipAddress
        summary
      }
      crlUrls
      ocspUrls
      caIssuersUrls
    }
  }
}
    `) as unknown as TypedDocumentString<CertificateStoryQuery, CertificateStoryQueryVariables>;
export const VerifyAuditDocument = new TypedDocumentString(`
    mutation VerifyAudit($partition: ID!) {
  verifyAuditLog(input: {partitionId: $partition}) {
    verification {
      intact
      events
      brokenAt
      alarm
      headHash
    }
  }
}
    `) as unknown as TypedDocumentString<VerifyAuditMutation, VerifyAuditMutationVariables>;
export const HomeDocument = new TypedDocumentString(`
    query Home($partition: ID!, $people: Boolean!) {
  partition(id: $partition) {
    counts {
      purchasedCas
      activeCas
      purchasedCertificates
      issuedCertificates
      suspendedCertificates
      revokedCertificates
      expiringCertificates
    }
    activity(days: 30) {
      day
      issued
      revoked
    }
    certificates(
      first: 6
      sort: EXPIRES_FIRST
      filter: {expiresWithinDays: 90, includeOcspSigners: false}
    ) {
      nodes {
        id
        commonName
        subject
        notAfter
      }
    }
    ever: certificates(first: 1, filter: {includeOcspSigners: false}) {
      nodes {
        id
      }
    }
    protocolConfigurations(first: 1) {
      totalCount
    }
    members(first: 2) @include(if: $people) {
      nodes {
        user {
          id
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<HomeQuery, HomeQueryVariables>;
export const HomeStartDocument = new TypedDocumentString(`
    query HomeStart($partition: ID!) {
  partition(id: $partition) {
    certificationAuthorities(first: 200) {
      nodes {
        id
        identifier
        friendlyName
        type
        status
        brokenBy {
          id
        }
        profiles {
          id
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<HomeStartQuery, HomeStartQueryVariables>;
export const NotificationsDocument = new TypedDocumentString(`
    query Notifications($partition: ID!) {
  partition(id: $partition) {
    notificationSettings {
      days
      recipients
      alarms
      webhooks {
        id
        name
        url
        createdBy
        createdAt
        lastSuccessAt
        lastError
        deliveries(first: 5) {
          nodes {
            id
            event
            state
            attempts
            error
            createdAt
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<NotificationsQuery, NotificationsQueryVariables>;
export const UpdateNotificationsDocument = new TypedDocumentString(`
    mutation UpdateNotifications($input: UpdateNotificationSettingsInput!) {
  updateNotificationSettings(input: $input) {
    settings {
      days
    }
  }
}
    `) as unknown as TypedDocumentString<UpdateNotificationsMutation, UpdateNotificationsMutationVariables>;
export const CreateWebhookDocument = new TypedDocumentString(`
    mutation CreateWebhook($input: CreateWebhookInput!) {
  createWebhook(input: $input) {
    secret
    webhook {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<CreateWebhookMutation, CreateWebhookMutationVariables>;
export const TestWebhookDocument = new TypedDocumentString(`
    mutation TestWebhook($id: ID!) {
  testWebhook(input: {id: $id}) {
    webhook {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<TestWebhookMutation, TestWebhookMutationVariables>;
export const DeleteWebhookDocument = new TypedDocumentString(`
    mutation DeleteWebhook($id: ID!, $name: String!) {
  deleteWebhook(input: {id: $id, confirmName: $name}) {
    webhook {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<DeleteWebhookMutation, DeleteWebhookMutationVariables>;
export const RetireProfileDocument = new TypedDocumentString(`
    mutation RetireProfile($input: RetireProfileInput!) {
  retireProfile(input: $input) {
    profile {
      id
      retiredAt
    }
  }
}
    `) as unknown as TypedDocumentString<RetireProfileMutation, RetireProfileMutationVariables>;
export const DeleteProfileDocument = new TypedDocumentString(`
    mutation DeleteProfile($input: DeleteProfileInput!) {
  deleteProfile(input: $input) {
    id
  }
}
    `) as unknown as TypedDocumentString<DeleteProfileMutation, DeleteProfileMutationVariables>;
export const ProfileHistoryDocument = new TypedDocumentString(`
    query ProfileHistory($partition: ID!, $id: ID!) {
  partition(id: $partition) {
    certificateProfile(id: $id) {
      basedOn
      issued
      selectedFor
      versions(first: 200) {
        nodes {
          version
          createdAt
          createdBy
          comment
          json
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ProfileHistoryQuery, ProfileHistoryQueryVariables>;
export const ProfileProtocolsDocument = new TypedDocumentString(`
    query ProfileProtocols($partition: ID!, $id: ID!) {
  partition(id: $partition) {
    certificateProfile(id: $id) {
      protocolConfigurations {
        id
        identifier
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ProfileProtocolsQuery, ProfileProtocolsQueryVariables>;
export const ProfileChangesDocument = new TypedDocumentString(`
    query ProfileChanges($partition: ID!, $id: ID!, $from: Int64!, $to: Int64!) {
  partition(id: $partition) {
    certificateProfile(id: $id) {
      changes(from: $from, to: $to) {
        path
        before
        after
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ProfileChangesQuery, ProfileChangesQueryVariables>;
export const ValidateProfileDocument = new TypedDocumentString(`
    query ValidateProfile($partition: ID!, $json: String!, $id: ID, $name: String, $group: ID) {
  validateProfile(
    partitionId: $partition
    json: $json
    id: $id
    name: $name
    group: $group
  ) {
    path
    message
    line
  }
}
    `) as unknown as TypedDocumentString<ValidateProfileQuery, ValidateProfileQueryVariables>;
export const CloneProfileDocument = new TypedDocumentString(`
    mutation CloneProfile($input: CloneProfileInput!) {
  cloneProfile(input: $input) {
    profile {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<CloneProfileMutation, CloneProfileMutationVariables>;
export const UpdateProfileDocument = new TypedDocumentString(`
    mutation UpdateProfile($input: UpdateProfileInput!) {
  updateProfile(input: $input) {
    profile {
      id
      version
    }
  }
}
    `) as unknown as TypedDocumentString<UpdateProfileMutation, UpdateProfileMutationVariables>;
export const ReplayProfileDocument = new TypedDocumentString(`
    mutation ReplayProfile($partition: ID!, $json: String!, $days: Int!, $profile: ID) {
  replayProfile(
    input: {partitionId: $partition, json: $json, days: $days, profileId: $profile}
  ) {
    replay {
      requests
      more
      same
      changed
      refused
      rules {
        rule
        count
      }
      examples {
        certificate {
          id
          subject
          profileId
        }
        refusal {
          message
          rule
        }
        changes
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ReplayProfileMutation, ReplayProfileMutationVariables>;
export const ProfilesDocument = new TypedDocumentString(`
    query Profiles($partition: ID!) {
  partition(id: $partition) {
    profileGroups {
      id
      title
      kind
      profiles {
        id
        name
        description
        validityPeriod
        allowedCaTypes
        keyUsages {
          oid
          name
        }
        extendedKeyUsages {
          oid
          name
        }
        allowedExtensions {
          oid
          name
        }
        ignoreUnknownExtensions
        serverSideKeys
        copiesCommonNameToSan
        requiredSanTypes
        keyAlgorithms
        maxValidityPeriod
        json
        system
        version
        retiredAt
      }
    }
    retiredProfiles(first: 200) {
      nodes {
        id
        name
        description
        validityPeriod
        allowedCaTypes
        keyUsages {
          oid
          name
        }
        extendedKeyUsages {
          oid
          name
        }
        allowedExtensions {
          oid
          name
        }
        group {
          title
        }
        ignoreUnknownExtensions
        serverSideKeys
        copiesCommonNameToSan
        requiredSanTypes
        keyAlgorithms
        maxValidityPeriod
        json
        system
        version
        retiredAt
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ProfilesQuery, ProfilesQueryVariables>;
export const EnrollmentProtocolsDocument = new TypedDocumentString(`
    query EnrollmentProtocols($partition: ID!) {
  partition(id: $partition) {
    enrollmentProtocols {
      type
      label
      profileGroups
      authorities {
        ca {
          id
          identifier
          friendlyName
        }
        profiles {
          id
          name
        }
      }
    }
    profileGroups {
      id
      title
    }
  }
}
    `) as unknown as TypedDocumentString<EnrollmentProtocolsQuery, EnrollmentProtocolsQueryVariables>;
export const AddProtocolOfferingDocument = new TypedDocumentString(`
    mutation AddProtocolOffering($input: AddProtocolOfferingInput!) {
  addProtocolOffering(input: $input) {
    protocolConfiguration {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<AddProtocolOfferingMutation, AddProtocolOfferingMutationVariables>;
export const UpdateProtocolOfferingDocument = new TypedDocumentString(`
    mutation UpdateProtocolOffering($input: UpdateProtocolOfferingInput!) {
  updateProtocolOffering(input: $input) {
    protocolConfiguration {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<UpdateProtocolOfferingMutation, UpdateProtocolOfferingMutationVariables>;
export const RemoveProtocolOfferingDocument = new TypedDocumentString(`
    mutation RemoveProtocolOffering($input: RemoveProtocolOfferingInput!) {
  removeProtocolOffering(input: $input) {
    protocolConfiguration {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<RemoveProtocolOfferingMutation, RemoveProtocolOfferingMutationVariables>;
export const ProtocolTakenDocument = new TypedDocumentString(`
    query ProtocolTaken($partition: ID!, $identifier: String!) {
  partition(id: $partition) {
    protocolConfiguration(identifier: $identifier) {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<ProtocolTakenQuery, ProtocolTakenQueryVariables>;
export const CreateProtocolConfigurationDocument = new TypedDocumentString(`
    mutation CreateProtocolConfiguration($input: CreateProtocolConfigurationInput!) {
  createProtocolConfiguration(input: $input) {
    protocolConfiguration {
      id
      identifier
    }
  }
}
    `) as unknown as TypedDocumentString<CreateProtocolConfigurationMutation, CreateProtocolConfigurationMutationVariables>;
export const UpdateProtocolConfigurationDocument = new TypedDocumentString(`
    mutation UpdateProtocolConfiguration($input: UpdateProtocolConfigurationInput!) {
  updateProtocolConfiguration(input: $input) {
    protocolConfiguration {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<UpdateProtocolConfigurationMutation, UpdateProtocolConfigurationMutationVariables>;
export const EnableProtocolDocument = new TypedDocumentString(`
    mutation EnableProtocol($input: EnableProtocolConfigurationInput!) {
  enableProtocolConfiguration(input: $input) {
    protocolConfiguration {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<EnableProtocolMutation, EnableProtocolMutationVariables>;
export const DisableProtocolDocument = new TypedDocumentString(`
    mutation DisableProtocol($input: DisableProtocolConfigurationInput!) {
  disableProtocolConfiguration(input: $input) {
    protocolConfiguration {
      id
      status
    }
  }
}
    `) as unknown as TypedDocumentString<DisableProtocolMutation, DisableProtocolMutationVariables>;
export const DeleteProtocolDocument = new TypedDocumentString(`
    mutation DeleteProtocol($input: DeleteProtocolConfigurationInput!) {
  deleteProtocolConfiguration(input: $input) {
    protocolConfiguration {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<DeleteProtocolMutation, DeleteProtocolMutationVariables>;
export const ProtocolConfigurationsDocument = new TypedDocumentString(`
    query ProtocolConfigurations($partition: ID!, $after: String, $filter: ProtocolConfigurationFilter) {
  partition(id: $partition) {
    protocolConfigurations(first: 50, after: $after, filter: $filter) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        identifier
        type
        description
        status
        problem
        createdAt
        offerings {
          id
          name
          ca {
            id
            identifier
            friendlyName
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ProtocolConfigurationsQuery, ProtocolConfigurationsQueryVariables>;
export const AcmeDocument = new TypedDocumentString(`
    query Acme($id: ID!) {
  deployment {
    tlsRootCertificate
  }
  protocolConfiguration(id: $id) {
    id
    acme {
      directoryUrl
      settings {
        challenges
        ordersPerHour
        failuresPerHour
        orderHours
        authorizationHours
        renewalPollMinutes
        attestation {
          format
          roots
        }
      }
      externalKeys(first: 100) {
        totalCount
        nodes {
          id
          friendlyName
          state
          withoutBinding
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AcmeQuery, AcmeQueryVariables>;
export const AcmeActivityDocument = new TypedDocumentString(`
    query AcmeActivity($id: ID!, $after: String, $keys: Boolean!, $accounts: Boolean!, $orders: Boolean!) {
  protocolConfiguration(id: $id) {
    acme {
      externalKeys(first: 50, after: $after) @include(if: $keys) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          id
          friendlyName
          state
          allowedIdentifiers
          needsNoChallenge
          withoutBinding
          maxAccounts
          accountCount
          createdAt
          createdBy
          expiresAt
          revokedAt
          lastUsedAt
        }
      }
      accounts(first: 50, after: $after) @include(if: $accounts) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          id
          status
          contact
          thumbprint
          createdAt
          key {
            id
            friendlyName
            state
          }
        }
      }
      orders(first: 50, after: $after) @include(if: $orders) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          id
          status
          createdAt
          identifiers {
            type
            value
          }
          error {
            type
            detail
            identifier {
              value
            }
            subproblems {
              type
              detail
              identifier {
                value
              }
            }
          }
          account {
            id
            key {
              friendlyName
            }
          }
          certificate {
            id
            serialNumber
            status
          }
          approval {
            id
          }
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<AcmeActivityQuery, AcmeActivityQueryVariables>;
export const CreateAcmeKeyDocument = new TypedDocumentString(`
    mutation CreateAcmeKey($input: CreateAcmeKeyInput!) {
  createAcmeKey(input: $input) {
    key {
      id
      friendlyName
    }
    hmacKey
  }
}
    `) as unknown as TypedDocumentString<CreateAcmeKeyMutation, CreateAcmeKeyMutationVariables>;
export const RevokeAcmeKeyDocument = new TypedDocumentString(`
    mutation RevokeAcmeKey($input: RevokeAcmeKeyInput!) {
  revokeAcmeKey(input: $input) {
    key {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<RevokeAcmeKeyMutation, RevokeAcmeKeyMutationVariables>;
export const UpdateAcmeSettingsDocument = new TypedDocumentString(`
    mutation UpdateAcmeSettings($input: UpdateAcmeSettingsInput!) {
  updateAcmeSettings(input: $input) {
    protocolConfiguration {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<UpdateAcmeSettingsMutation, UpdateAcmeSettingsMutationVariables>;
export const ProtocolConfigurationDocument = new TypedDocumentString(`
    query ProtocolConfiguration($partition: ID!, $identifier: String!) {
  partition(id: $partition) {
    protocolConfiguration(identifier: $identifier) {
      id
      identifier
      type
      description
      status
      problem
      mayWiden
      createdAt
      createdBy
      offerings {
        id
        name
        profileId
        maxValidityHours
        problem
        ca {
          id
          identifier
          friendlyName
        }
        profile {
          id
          name
        }
      }
      all: certificates(first: 1) {
        totalCount
      }
      active: certificates(
        first: 1
        filter: {status: [ISSUED, SUSPENDED], expired: false}
      ) {
        totalCount
      }
      entities: endEntities(first: 1) {
        totalCount
      }
      refused: events(first: 1, filter: {result: REFUSED}) {
        totalCount
        nodes {
          time
          summary
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ProtocolConfigurationQuery, ProtocolConfigurationQueryVariables>;
export const ReportsDocument = new TypedDocumentString(`
    query Reports($partition: ID!, $from: Time!, $interval: ReportInterval!, $by: ReportDimension!) {
  partition(id: $partition) {
    reports {
      activity(from: $from, interval: $interval) {
        start
        issued
        revoked
      }
      breakdown(by: $by, from: $from) {
        key
        label
        issued
        revoked
        active
      }
      cryptography {
        uses {
          keyType
          signatureAlgorithm
          certificates
          authorities
          latestExpiry
          postQuantum
        }
        concerns {
          id
          severity
          title
          advice
          certificates
          authorities
        }
      }
      expiries(days: 366) {
        start
        certificates
        authorities
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ReportsQuery, ReportsQueryVariables>;
export const AccountsDocument = new TypedDocumentString(`
    query Accounts($search: String, $after: String) {
  accounts(first: 50, after: $after, search: $search) {
    nodes {
      id
      email
      firstName
      lastName
      status
      createdAt
      lastSignInAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    `) as unknown as TypedDocumentString<AccountsQuery, AccountsQueryVariables>;
export const AccountDetailsDocument = new TypedDocumentString(`
    query AccountDetails($id: ID!) {
  account(id: $id) {
    user {
      id
      email
      firstName
      lastName
      status
      createdAt
      lastSignInAt
    }
    operator
    factors
    secondFactorResetAt
    passwordResetAt
    soleOwnerOf
  }
}
    `) as unknown as TypedDocumentString<AccountDetailsQuery, AccountDetailsQueryVariables>;
export const DisableAccountDocument = new TypedDocumentString(`
    mutation DisableAccount($input: DisableAccountInput!) {
  disableAccount(input: $input) {
    user {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<DisableAccountMutation, DisableAccountMutationVariables>;
export const EnableAccountDocument = new TypedDocumentString(`
    mutation EnableAccount($id: ID!) {
  enableAccount(input: {id: $id}) {
    user {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<EnableAccountMutation, EnableAccountMutationVariables>;
export const ResetSecondFactorDocument = new TypedDocumentString(`
    mutation ResetSecondFactor($id: ID!) {
  resetSecondFactor(input: {id: $id}) {
    user {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<ResetSecondFactorMutation, ResetSecondFactorMutationVariables>;
export const DeleteAccountDocument = new TypedDocumentString(`
    mutation DeleteAccount($input: DeleteAccountInput!) {
  deleteAccount(input: $input) {
    user {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<DeleteAccountMutation, DeleteAccountMutationVariables>;
export const JobsDocument = new TypedDocumentString(`
    query Jobs {
  jobs(first: 200) {
    nodes {
      kind
      key
      lane
      runAt
      runningUntil
      attempts
      lastError
    }
  }
}
    `) as unknown as TypedDocumentString<JobsQuery, JobsQueryVariables>;
export const SubscriptionsDocument = new TypedDocumentString(`
    query Subscriptions($search: String, $after: String) {
  subscriptions(search: $search, first: 200, after: $after) {
    nodes {
      id
      name
      status
      region
      tier
      url
      createdAt
      canAssign
      partition {
        id
        name
      }
      inventory {
        id
        label
        used
        purchased
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<SubscriptionsQuery, SubscriptionsQueryVariables>;
export const AssignSubscriptionDocument = new TypedDocumentString(`
    mutation AssignSubscription($input: AssignSubscriptionInput!) {
  assignSubscription(input: $input) {
    partition {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<AssignSubscriptionMutation, AssignSubscriptionMutationVariables>;
export const CreateSubscriptionDocument = new TypedDocumentString(`
    mutation CreateSubscription($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) {
    subscription {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<CreateSubscriptionMutation, CreateSubscriptionMutationVariables>;
export const InviteSubscriptionOwnerDocument = new TypedDocumentString(`
    mutation InviteSubscriptionOwner($id: ID!, $email: String!) {
  inviteSubscriptionOwner(input: {subscriptionId: $id, email: $email}) {
    subscription {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<InviteSubscriptionOwnerMutation, InviteSubscriptionOwnerMutationVariables>;
export const PlatformOutboxDocument = new TypedDocumentString(`
    query PlatformOutbox {
  platformOutbox(first: 20) {
    nodes {
      id
      to
      subject
      body
      createdAt
    }
  }
}
    `) as unknown as TypedDocumentString<PlatformOutboxQuery, PlatformOutboxQueryVariables>;
export const MembersDocument = new TypedDocumentString(`
    query Members($partition: ID!, $after: String) {
  partition(id: $partition) {
    members(first: 200, after: $after) {
      nodes {
        user {
          id
          email
          firstName
          lastName
          status
          lastSignInAt
        }
        roles
        invitedBy
        invitationExpiresAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<MembersQuery, MembersQueryVariables>;
export const InviteUserDocument = new TypedDocumentString(`
    mutation InviteUser($input: InviteUserInput!) {
  inviteUser(input: $input) {
    __typename
    ... on MemberPayload {
      member {
        user {
          id
          email
        }
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<InviteUserMutation, InviteUserMutationVariables>;
export const ResendDocument = new TypedDocumentString(`
    mutation Resend($partition: ID!, $user: ID!) {
  resendInvitation(input: {partitionId: $partition, userId: $user}) {
    member {
      user {
        id
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ResendMutation, ResendMutationVariables>;
export const GrantRoleDocument = new TypedDocumentString(`
    mutation GrantRole($input: GrantRoleInput!) {
  grantRole(input: $input) {
    __typename
    ... on MemberPayload {
      member {
        user {
          id
        }
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<GrantRoleMutation, GrantRoleMutationVariables>;
export const RevokeRoleDocument = new TypedDocumentString(`
    mutation RevokeRole($input: RevokeRoleInput!) {
  revokeRole(input: $input) {
    __typename
    ... on MemberPayload {
      member {
        user {
          id
        }
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<RevokeRoleMutation, RevokeRoleMutationVariables>;
export const TokensDocument = new TypedDocumentString(`
    query Tokens($partition: ID!, $after: String) {
  partition(id: $partition) {
    apiTokens(first: 200, after: $after) {
      nodes {
        id
        name
        role
        service
        stopped
        mayRevoke
        prefix
        createdAt
        createdBy
        expiresAt
        lastUsedAt
        revokedAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<TokensQuery, TokensQueryVariables>;
export const CreateTokenDocument = new TypedDocumentString(`
    mutation CreateToken($input: CreateApiTokenInput!) {
  createApiToken(input: $input) {
    token
    apiToken {
      id
      name
    }
  }
}
    `) as unknown as TypedDocumentString<CreateTokenMutation, CreateTokenMutationVariables>;
export const RevokeTokenDocument = new TypedDocumentString(`
    mutation RevokeToken($id: ID!) {
  revokeApiToken(input: {id: $id}) {
    apiToken {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<RevokeTokenMutation, RevokeTokenMutationVariables>;
export const RemoveMemberDocument = new TypedDocumentString(`
    mutation RemoveMember($input: RemoveMemberInput!) {
  removeMember(input: $input) {
    __typename
    ... on MemberPayload {
      member {
        user {
          id
        }
      }
    }
    ... on ApprovalPending {
      approvalId
      message
    }
  }
}
    `) as unknown as TypedDocumentString<RemoveMemberMutation, RemoveMemberMutationVariables>;
export const CagwCredentialsDocument = new TypedDocumentString(`
    query CagwCredentials($partition: ID!, $after: String) {
  deployment {
    tlsRootCertificate
  }
  partition(id: $partition) {
    cagwUrl
    cagwCredentials(first: 200, after: $after) {
      nodes {
        id
        identifier
        friendlyName
        status
        serialNumber
        createdAt
        createdBy
        renewedAt
        expiresAt
        previousEndsAt
        lastUsedAt
        lastUsedFrom
        mayChange
        roles {
          role
          ca {
            id
            identifier
            friendlyName
            deletedAt
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CagwCredentialsQuery, CagwCredentialsQueryVariables>;
export const CagwAuthoritiesDocument = new TypedDocumentString(`
    query CagwAuthorities($partition: ID!) {
  partition(id: $partition) {
    certificationAuthorities(first: 500) {
      nodes {
        id
        identifier
        friendlyName
        type
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CagwAuthoritiesQuery, CagwAuthoritiesQueryVariables>;
export const CagwProfilesDocument = new TypedDocumentString(`
    query CagwProfiles($ca: ID!) {
  certificationAuthority(id: $ca) {
    profiles {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<CagwProfilesQuery, CagwProfilesQueryVariables>;
export const CreateCagwCredentialDocument = new TypedDocumentString(`
    mutation CreateCagwCredential($input: CreateCagwCredentialInput!) {
  createCagwCredential(input: $input) {
    pkcs12
    password
    fileName
    credential {
      id
      identifier
      previousEndsAt
      expiresAt
      roles {
        role
        ca {
          id
          identifier
          friendlyName
          deletedAt
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CreateCagwCredentialMutation, CreateCagwCredentialMutationVariables>;
export const RenewCagwCredentialDocument = new TypedDocumentString(`
    mutation RenewCagwCredential($id: ID!, $endPreviousNow: Boolean!) {
  renewCagwCredential(input: {id: $id, endPreviousNow: $endPreviousNow}) {
    pkcs12
    password
    fileName
    credential {
      id
      identifier
      previousEndsAt
      expiresAt
      roles {
        role
        ca {
          id
          identifier
          friendlyName
          deletedAt
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<RenewCagwCredentialMutation, RenewCagwCredentialMutationVariables>;
export const SetCagwCredentialRolesDocument = new TypedDocumentString(`
    mutation SetCagwCredentialRoles($id: ID!, $roles: [CagwCredentialRoleInput!]!) {
  setCagwCredentialRoles(input: {id: $id, roles: $roles}) {
    credential {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<SetCagwCredentialRolesMutation, SetCagwCredentialRolesMutationVariables>;
export const DeleteCagwCredentialDocument = new TypedDocumentString(`
    mutation DeleteCagwCredential($id: ID!) {
  deleteCagwCredential(input: {id: $id}) {
    credential {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<DeleteCagwCredentialMutation, DeleteCagwCredentialMutationVariables>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    operator
    user {
      id
      email
      firstName
      lastName
    }
    partitions {
      id
      name
      region
      roles
      permissions
    }
    invitations {
      id
    }
  }
}
    `) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const DeploymentDocument = new TypedDocumentString(`
    query Deployment {
  deployment {
    version
    regions
    keepsOutbox
    demo
    publicUrl
    terms
    passwordMinLength
    twoPersonRoots
    subjectAttributes {
      name
      aliases
      oid
      maxLength
    }
  }
}
    `) as unknown as TypedDocumentString<DeploymentQuery, DeploymentQueryVariables>;
export const ApprovalsWaitingDocument = new TypedDocumentString(`
    query ApprovalsWaiting($partition: ID!) {
  partition(id: $partition) {
    approvalsWaiting
  }
}
    `) as unknown as TypedDocumentString<ApprovalsWaitingQuery, ApprovalsWaitingQueryVariables>;