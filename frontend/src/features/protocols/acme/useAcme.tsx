import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorAlert, Loading } from "@/components/ui";
import { request } from "@/lib/graphql";
import { Acme, AcmeActivity, type Activity } from "./queries";

/** What the tabs of a configuration share, and what to show while it is not there. */
export function useAcme(id: string) {
  const query = useQuery({
    queryKey: ["protocol", "acme", id],
    queryFn: () => request(Acme, { id }),
    refetchInterval: 10_000,
  });
  const acme = query.data?.protocolConfiguration?.acme;
  const waiting: ReactNode = query.error ? (
    <ErrorAlert error={query.error} retry={() => void query.refetch()} />
  ) : acme ? null : (
    <Loading lines={3} />
  );
  return { acme, root: query.data?.deployment.tlsRootCertificate ?? null, waiting };
}

type Connection = { totalCount: number; pageInfo: { hasNextPage: boolean; endCursor: string | null } };

/** The list of a tab, page by page. */
export function usePages<C extends Connection>(
  id: string,
  what: "keys" | "accounts" | "orders",
  pick: (a: Activity) => C | undefined,
) {
  const query = useInfiniteQuery({
    queryKey: ["protocol", "acme", id, what],
    queryFn: async ({ pageParam }) => {
      const found = await request(AcmeActivity, {
        id,
        keys: what === "keys",
        accounts: what === "accounts",
        orders: what === "orders",
        after: pageParam,
      });
      return pick(found.protocolConfiguration!.acme!)!;
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.pageInfo.hasNextPage ? last.pageInfo.endCursor : null),
    refetchInterval: 10_000,
  });
  return { query, pages: query.data?.pages ?? [], total: query.data?.pages[0]?.totalCount ?? 0 };
}
