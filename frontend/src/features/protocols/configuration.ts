import { graphql } from "@/gql";
import type { ProtocolConfigurationQuery } from "@/gql/graphql";

export const ConfigurationQuery = graphql(`
  query ProtocolConfiguration($partition: ID!, $identifier: String!) {
    partition(id: $partition) {
      protocolConfiguration(identifier: $identifier) {
        id identifier type description status problem mayWiden createdAt createdBy profileId
        ca { id identifier friendlyName status expiresAt }
        profile { id name validityPeriod retiredAt }
        all: certificates(first: 1) { totalCount }
        active: certificates(first: 1, filter: { status: [ISSUED, SUSPENDED], expired: false }) { totalCount }
        entities: endEntities(first: 1) { totalCount }
        refused: events(first: 1, filter: { result: REFUSED }) { totalCount nodes { time summary } }
      }
    }
  }
`);

/** Why `mayWiden` is false. */
export const noWidening = "Some of its clients need no challenge, so only people who may issue certificates can enable it or change what those clients get.";

export type Configuration = NonNullable<NonNullable<ProtocolConfigurationQuery["partition"]>["protocolConfiguration"]>;
