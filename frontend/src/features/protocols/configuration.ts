import { graphql } from "@/gql";
import type { ProtocolConfigurationQuery } from "@/gql/graphql";

export const ConfigurationQuery = graphql(`
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
        active: certificates(first: 1, filter: { status: [ISSUED, SUSPENDED], expired: false }) {
          totalCount
        }
        entities: endEntities(first: 1) {
          totalCount
        }
        refused: events(first: 1, filter: { result: REFUSED }) {
          totalCount
          nodes {
            time
            summary
          }
        }
      }
    }
  }
`);

/** Why `mayWiden` is false. */
export const noWidening =
  "Some of its clients need no challenge, so only people who may issue certificates can enable it or change what those clients get.";

/** The first offering is for requests that name none. There always is one. */
export const defaultOffering = (c: Configuration) => c.offerings[0]!;

export type Configuration = NonNullable<NonNullable<ProtocolConfigurationQuery["partition"]>["protocolConfiguration"]>;
export type Offering = Configuration["offerings"][number];
