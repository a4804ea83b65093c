import { queryOptions, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { graphql } from "@/gql";
import type { Role } from "@/gql/graphql";
import { request } from "@/lib/graphql";

const ViewerQuery = graphql(`
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
`);

export const viewerQuery = queryOptions({
  queryKey: ["viewer"],
  queryFn: () => request(ViewerQuery),
  staleTime: 30_000,
});

/** Who is signed in; null when nobody. */
export function useViewer() {
  return useSuspenseQuery(viewerQuery).data.viewer;
}

const DeploymentQuery = graphql(`
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
`);

export function useDeployment() {
  return useQuery({ queryKey: ["deployment"], queryFn: () => request(DeploymentQuery), staleTime: Infinity }).data
    ?.deployment;
}

/** The partition of the address, and what the caller may do in it; undefined when it is none of the caller's. */
export function usePartition(partitionId: string) {
  return useViewer()?.partitions.find((p) => p.id === partitionId);
}

/** Tells whether the caller holds a permission such as `certificate:issue` in the partition. */
export function useCan(partitionId: string) {
  const permissions = usePartition(partitionId)?.permissions;
  return (permission: string) => permissions?.includes(permission) ?? false;
}

export const roleNames: Record<Role, string> = {
  OWNERS: "Owners",
  CA_ADMINISTRATORS: "CA Administrators",
  CERTIFICATE_ADMINISTRATORS: "Certificate Administrators",
  CA_AUDITORS: "CA Auditors",
  PROTOCOL_OPERATORS: "Protocol Operators",
  PROTOCOL_AUDITORS: "Protocol Auditors",
};

const Waiting = graphql(`
  query ApprovalsWaiting($partition: ID!) {
    partition(id: $partition) {
      approvalsWaiting
    }
  }
`);

/** How many requests of the partition wait for the caller's decision. */
export const waitingQuery = (partition: string) =>
  queryOptions({
    queryKey: ["approvals", partition, "waiting-for-me"],
    queryFn: () => request(Waiting, { partition }),
    refetchInterval: 30_000,
  });
