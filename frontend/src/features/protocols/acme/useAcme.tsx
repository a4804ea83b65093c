import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorAlert, Loading } from "@/components/ui";
import { request } from "@/lib/graphql";
import { Acme } from "./queries";

/** What the tabs of a configuration share, and what to show while it is not there. */
export function useAcme(id: string) {
  const query = useQuery({ queryKey: ["protocol", "acme", id], queryFn: () => request(Acme, { id }), refetchInterval: 10_000 });
  const acme = query.data?.protocolConfiguration?.acme;
  const waiting: ReactNode = query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : acme ? null : <Loading lines={3} />;
  return { acme, root: query.data?.deployment.tlsRootCertificate ?? null, waiting };
}
