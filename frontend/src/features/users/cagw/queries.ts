import { graphql } from "@/gql";
import type { CagwCredentialsQuery, CagwRole } from "@/gql/graphql";

export const Credentials = graphql(`
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
`);
export const Authorities = graphql(`
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
`);
export const Profiles = graphql(`
  query CagwProfiles($ca: ID!) {
    certificationAuthority(id: $ca) {
      profiles {
        id
      }
    }
  }
`);

export const Create = graphql(`
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
`);
export const Renew = graphql(`
  mutation RenewCagwCredential($id: ID!, $endPreviousNow: Boolean!) {
    renewCagwCredential(input: { id: $id, endPreviousNow: $endPreviousNow }) {
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
`);
export const SetRoles = graphql(`
  mutation SetCagwCredentialRoles($id: ID!, $roles: [CagwCredentialRoleInput!]!) {
    setCagwCredentialRoles(input: { id: $id, roles: $roles }) {
      credential {
        id
      }
    }
  }
`);
export const Delete = graphql(`
  mutation DeleteCagwCredential($id: ID!) {
    deleteCagwCredential(input: { id: $id }) {
      credential {
        id
      }
    }
  }
`);

export type Credential = NonNullable<CagwCredentialsQuery["partition"]>["cagwCredentials"]["nodes"][number];
/** What is shown once. */
export type Issued = {
  pkcs12: string;
  password: string;
  fileName: string;
  credential: Pick<Credential, "id" | "identifier" | "roles" | "previousEndsAt" | "expiresAt">;
};

/** As the guide and the API write them. */
export const roleLabel: Record<CagwRole, string> = { AUDITORS: "auditors", CERT_ADMINS: "cert-admins" };
