/** The JSON of a profile as far as the form knows it; whatever else is there stays as it is. */
export type ProfileDocument = {
  id?: string;
  name?: string;
  group?: string;
  description?: string;
  allowedCATypes?: string[];
  validity_period?: string;
  max_validity_period?: string;
  usages?: string[];
  allowed_extensions?: (string | { oid: string; critical?: string })[];
  ignore_unknown_extensions?: boolean;
  identity_claims_from?: string[];
  server_side_keys?: boolean;
  client_side_keys?: boolean;
  key_algorithms?: string[];
  fill_san_dns_with_cn?: boolean;
  subject_rules?: SubjectRule[];
  other_subject_attributes?: string;
  san_rules?: SanRule[];
  [member: string]: unknown;
};
export type SubjectRule = { attribute: string; presence?: string; pattern?: string };
export type SanRule = { type: string; suffixes?: string[]; patterns?: string[]; networks?: string[] };

/** Undefined where the text is not a JSON object. */
export function parseDocument(text: string): ProfileDocument | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? (value as ProfileDocument) : undefined;
  } catch {
    return undefined;
  }
}

/** What stands in the form beside the JSON, as in the guide. */
export type Head = { id: string; name: string; group: string };

/** The JSON without what stands beside it. */
export function withoutHead(text: string): { head: Head; body: string } {
  const { id = "", name = "", group = "", ...rest } = parseDocument(text) ?? {};
  return { head: { id, name, group }, body: JSON.stringify(rest, null, 2) };
}

const caTypes: Record<string, string> = {
  root: "ROOT",
  externalKey: "EXTERNAL_ROOT",
  intermediate: "INTERMEDIATE",
  subord: "ISSUING",
};

/** A type of CA by its name here or in the guide. */
export const caType = (name: string) => caTypes[name] ?? name;

/** The text with one member set; undefined removes it. */
export function setMember(document: ProfileDocument, change: ProfileDocument): string {
  const next = { ...document, ...change };
  for (const [member, value] of Object.entries(next)) if (value === undefined) delete next[member];
  return JSON.stringify(next, null, 2);
}
