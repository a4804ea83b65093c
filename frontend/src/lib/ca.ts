import type { CaStatus, CaType } from "@/gql/graphql";

/** Types of authorities in the product's words, and as profiles and the CA Gateway write them. */
export const caTypes: Record<CaType, { label: string; id: string }> = {
  ROOT: { label: "Root Authority", id: "root" },
  EXTERNAL_ROOT: { label: "External Root Authority", id: "externalKey" },
  INTERMEDIATE: { label: "Intermediate Subordinate Authority", id: "intermediate" },
  ISSUING: { label: "Subordinate Authority", id: "subord" },
};

type Standing = { status: CaStatus; brokenBy?: { id: string } | null };

const gone: CaStatus[] = ["DELETED", "REVOKED", "EXPIRED", "FAILED"];

/** What a badge says: the status, or that something above it does not stand any more. */
export const caStanding = (ca: Standing) =>
  ca.brokenBy && !gone.includes(ca.status) ? "CANNOT_BE_RELIED_ON" : ca.status;
