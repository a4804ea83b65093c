import { graphql } from "@/gql";
import type { AcmeActivityQuery, AcmeQuery } from "@/gql/graphql";

export const Acme = graphql(`
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
`);
export const AcmeActivity = graphql(`
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
`);
export const CreateKey = graphql(`
  mutation CreateAcmeKey($input: CreateAcmeKeyInput!) {
    createAcmeKey(input: $input) {
      key {
        id
        friendlyName
      }
      hmacKey
    }
  }
`);
export const RevokeKey = graphql(`
  mutation RevokeAcmeKey($input: RevokeAcmeKeyInput!) {
    revokeAcmeKey(input: $input) {
      key {
        id
      }
    }
  }
`);
export const UpdateSettings = graphql(`
  mutation UpdateAcmeSettings($input: UpdateAcmeSettingsInput!) {
    updateAcmeSettings(input: $input) {
      protocolConfiguration {
        id
      }
    }
  }
`);

export type Details = NonNullable<NonNullable<AcmeQuery["protocolConfiguration"]>["acme"]>;
export type Settings = Details["settings"];
export type Activity = NonNullable<NonNullable<AcmeActivityQuery["protocolConfiguration"]>["acme"]>;
export type Key = NonNullable<Activity["externalKeys"]>["nodes"][number];
