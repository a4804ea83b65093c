import {
  ActionIcon,
  Anchor,
  Box,
  Button,
  Card,
  Group,
  Menu,
  Modal,
  Radio,
  Select,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useDebouncedCallback, useMediaQuery } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconCertificate, IconDots } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { ExportButtons } from "./ExportButtons";
import { EmptyState, ErrorAlert, Loading, StatusBadge, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import type {
  CertificateFilter,
  CertificateListQuery,
  CertificateSort,
  CertificateStatus,
  RevocationReason,
} from "@/gql/graphql";
import { download, formatDate, formatNumber, formatRemaining, shorten, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";

const CertificateList = graphql(`
  query CertificateList(
    $partition: ID!
    $first: Int!
    $after: String
    $filter: CertificateFilter
    $sort: CertificateSort!
    $count: Boolean!
  ) {
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
`);
const Revoke = graphql(`
  mutation Revoke($input: RevokeCertificateInput!) {
    revokeCertificate(input: $input) {
      certificate {
        id
        status
      }
    }
  }
`);
const Suspend = graphql(`
  mutation Suspend($input: SuspendCertificateInput!) {
    suspendCertificate(input: $input) {
      certificate {
        id
        status
      }
    }
  }
`);
const Unsuspend = graphql(`
  mutation Unsuspend($id: ID!) {
    unsuspendCertificate(input: { certificateId: $id }) {
      certificate {
        id
        status
      }
    }
  }
`);
const OneCertificate = graphql(`
  query CertificatePem($id: ID!) {
    certificate(id: $id) {
      pem
      chainPem
      der
      commonName
      serialNumber
    }
  }
`);

export type Row = NonNullable<CertificateListQuery["partition"]>["certificates"]["nodes"][number];

/** What the address says of a list of certificates. */
export type ListSearch = Partial<Record<"search" | "status" | "ca" | "profile" | "expires" | "sort", string>>;

function filterOf(s: ListSearch, caId: string | undefined, configurationId: string | undefined): CertificateFilter {
  return {
    search: s.search ?? null,
    status: s.status ? [s.status as CertificateStatus] : null,
    caId: caId ?? s.ca ?? null,
    profileId: s.profile ?? null,
    expiresWithinDays: s.expires === "7" || s.expires === "30" ? Number(s.expires) : null,
    expired: s.expires === "expired" ? true : null,
    includeOcspSigners: true,
    protocolConfigurationId: configurationId ?? null,
  };
}

const ROW = 62;

/** Certificates, page by page as one scrolls; a few dozen rows are in the page whatever the number. */
export function CertificateTable({
  partitionId,
  search,
  onSearch,
  caId,
  configurationId,
  cas = [],
  empty,
}: {
  partitionId: string;
  search: ListSearch;
  onSearch: (change: ListSearch) => void;
  caId?: string;
  configurationId?: string;
  cas?: readonly { id: string; identifier: string; friendlyName: string }[];
  empty?: ReactNode;
}) {
  // What is about to expire is shown in that order, unless asked otherwise.
  const usual = search.expires === "7" || search.expires === "30" ? "EXPIRES_FIRST" : "NEWEST";
  const sort = (search.sort === "EXPIRES_FIRST" || search.sort === "NEWEST" ? search.sort : usual) as CertificateSort;
  const filter = filterOf(search, caId, configurationId);
  const narrow = useMediaQuery("(max-width: 48em)");
  const list = useInfiniteQuery({
    queryKey: ["certificates", partitionId, filter, sort],
    queryFn: ({ pageParam }) =>
      request(CertificateList, {
        partition: partitionId,
        first: 100,
        after: pageParam,
        filter,
        sort,
        count: pageParam === null,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) =>
      last.partition?.certificates.pageInfo.hasNextPage ? last.partition.certificates.pageInfo.endCursor : null,
    placeholderData: keepPreviousData,
  });
  const rows = useMemo(() => list.data?.pages.flatMap((p) => p.partition?.certificates.nodes ?? []) ?? [], [list.data]);
  const first = list.data?.pages[0]?.partition?.certificates;
  const total = first?.totalCount ?? 0;
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => (narrow ? 112 : ROW),
    overscan: 10,
  });
  const items = virtual.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  useEffect(() => {
    if (last >= rows.length - 30 && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage]);
  // The server looks for words of three bytes and more.
  const [short, setShort] = useState(false);
  const typed = useDebouncedCallback((v: string) => {
    const little =
      v.trim() !== "" &&
      !v
        .split(/[\s,=+]+/)
        .some(
          (w) =>
            new TextEncoder().encode(
              w.replace(/^[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+|[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+$/g, ""),
            ).length >= 3,
        );
    setShort(little);
    if (!little) onSearch({ search: v.trim() || undefined } as ListSearch);
  }, 250);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // The filters were cleared elsewhere; who types keeps what is typed.
    if (input.current && search.search === undefined && document.activeElement !== input.current)
      input.current.value = "";
  }, [search.search]);
  const filtered = !!(search.search || search.status || search.ca || search.profile || search.expires);
  const exported = {
    search: search.search,
    status: search.status,
    ca: caId ?? search.ca,
    configuration: configurationId,
    profile: search.profile,
    ...(search.expires === "expired" ? { expired: "true" } : { expires: search.expires }),
  };
  return (
    <>
      <Group mb="md" gap="sm" align="flex-start">
        <TextInput
          label="Search"
          placeholder="Words of a name, or a serial number"
          description={short ? "At least three letters or digits of a word" : undefined}
          inputWrapperOrder={["label", "input", "description", "error"]}
          defaultValue={search.search}
          ref={input}
          onChange={(e) => typed(e.currentTarget.value)}
          style={{ flex: "2 1 220px" }}
        />
        <Select
          label="Status"
          placeholder="Any"
          clearable
          data={["ISSUED", "SUSPENDED", "REVOKED"].map((v) => ({ value: v, label: words(v) }))}
          value={search.status ?? null}
          onChange={(v) => onSearch({ status: v ?? undefined } as ListSearch)}
          style={{ flex: "1 1 120px" }}
        />
        {!caId && !configurationId && (
          <Select
            label="Authority"
            placeholder="Any"
            clearable
            searchable
            data={cas.map((c) => ({ value: c.id, label: c.friendlyName }))}
            value={search.ca ?? null}
            onChange={(v) => onSearch({ ca: v ?? undefined } as ListSearch)}
            style={{ flex: "1 1 150px" }}
          />
        )}
        <Select
          label="Expiry"
          placeholder="Any"
          clearable
          data={[
            { value: "7", label: "Expires in 7 days" },
            { value: "30", label: "Expires in 30 days" },
            { value: "expired", label: "Expired Certificates" },
          ]}
          value={search.expires ?? null}
          onChange={(v) => onSearch({ expires: v ?? undefined } as ListSearch)}
          style={{ flex: "1 1 150px" }}
        />
        <Select
          label="Order"
          allowDeselect={false}
          data={[
            { value: "NEWEST", label: "Newest first" },
            { value: "EXPIRES_FIRST", label: "First to expire" },
          ]}
          value={sort}
          onChange={(v) => onSearch({ sort: v === usual ? undefined : v } as ListSearch)}
          style={{ flex: "1 1 140px" }}
        />
      </Group>
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading lines={8} />}
      {list.data &&
        rows.length === 0 &&
        !list.isPlaceholderData &&
        (filtered ? (
          <EmptyState
            icon={<IconCertificate />}
            title="No certificate matches"
            action={
              <Button
                variant="default"
                onClick={() =>
                  onSearch({
                    search: undefined,
                    status: undefined,
                    ca: undefined,
                    profile: undefined,
                    expires: undefined,
                  } as unknown as ListSearch)
                }
              >
                Clear the filters
              </Button>
            }
          />
        ) : (
          empty
        ))}
      {rows.length > 0 && (
        <Card
          withBorder
          p={0}
          radius="lg"
          aria-busy={list.isPlaceholderData}
          style={{ opacity: list.isPlaceholderData ? 0.6 : 1 }}
        >
          <Group justify="space-between" px="md" py="xs">
            <Text size="sm" c="dimmed" role="status">
              {list.isPlaceholderData
                ? "Updating…"
                : `${formatNumber(total)}${first?.totalIsMinimum ? "+" : ""} certificate${total === 1 ? "" : "s"}`}
            </Text>
            <ExportButtons
              path={`/export/${partitionId}/certificates`}
              query={exported}
              size="compact-sm"
              label="certificates"
            />
          </Group>
          <Box
            ref={box}
            h={Math.min(rows.length * (narrow ? 112 : ROW) + 4, 640)}
            style={{ overflowY: "auto" }}
            tabIndex={0}
            role="table"
            aria-label="Certificates"
            aria-rowcount={first?.totalIsMinimum ? -1 : total}
          >
            <Box h={virtual.getTotalSize()} pos="relative" role="rowgroup">
              {items.map((i) => {
                const r = rows[i.index];
                if (!r) return null;
                return (
                  <Box
                    key={r.id}
                    role="row"
                    aria-rowindex={i.index + 1}
                    pos="absolute"
                    w="100%"
                    h={i.size}
                    px="md"
                    style={{
                      transform: `translateY(${i.start}px)`,
                      borderTop: "1px solid var(--mantine-color-default-border)",
                      display: "flex",
                      alignItems: "center",
                    }}
                  >
                    <ListRow partitionId={partitionId} row={r} narrow={narrow ?? false} />
                  </Box>
                );
              })}
            </Box>
          </Box>
        </Card>
      )}
    </>
  );
}

/** One row; scrolling leaves those that stay as they are. */
const ListRow = memo(function ListRow({
  partitionId,
  row,
  narrow,
}: {
  partitionId: string;
  row: Row;
  narrow: boolean;
}) {
  const name = (
    <Box role="cell" style={{ flex: "3 1 0", minWidth: 0 }}>
      <Anchor
        fw={600}
        size="sm"
        truncate
        display="block"
        renderRoot={(p) => <Link to="/p/$partitionId/certificates/$id" params={{ partitionId, id: row.id }} {...p} />}
      >
        {row.commonName || row.subject}
      </Anchor>
      <Text size="xs" c="dimmed" truncate>
        {narrow ? `${row.issuer.friendlyName}` : row.subject}
      </Text>
    </Box>
  );
  const expiry = row.expired ? "Expired" : `in ${formatRemaining(row.notAfter)}`;
  if (narrow) {
    return (
      <Stack gap={4} w="100%">
        <Group wrap="nowrap" justify="space-between">
          {name}
          <Box role="cell">
            <Actions row={row} partitionId={partitionId} />
          </Box>
        </Group>
        <Group role="cell" gap="xs">
          <StatusBadge status={row.expired && row.status === "ISSUED" ? "EXPIRED" : row.status} />
          <Text size="xs">{row.expired ? "Expired" : `Expires ${expiry}`}</Text>
        </Group>
      </Stack>
    );
  }
  return (
    <Group wrap="nowrap" w="100%" gap="md">
      {name}
      <Text role="cell" size="sm" style={{ flex: "1.4 1 0", minWidth: 0 }} truncate>
        {row.issuer.friendlyName}
      </Text>
      <Text role="cell" size="xs" c="dimmed" truncate style={{ flex: "2 1 0", minWidth: 0 }}>
        {row.profileId}
      </Text>
      <Text
        role="cell"
        size="xs"
        ff="monospace"
        style={{ flex: "1.2 1 0", minWidth: 0 }}
        truncate
        title={row.serialNumber}
      >
        {shorten(row.serialNumber, 6)}
      </Text>
      <Box role="cell" style={{ flex: "0 0 104px" }}>
        <StatusBadge status={row.expired && row.status === "ISSUED" ? "EXPIRED" : row.status} />
      </Box>
      <Box role="cell" style={{ flex: "1.3 1 0", minWidth: 0 }}>
        <Text
          size="sm"
          truncate
          c={
            !row.expired && Date.parse(row.notAfter) - Date.now() < 7 * 86_400_000
              ? "var(--mantine-color-error)"
              : undefined
          }
        >
          {expiry}
        </Text>
        <Text size="xs" c="dimmed">
          {formatDate(row.notAfter)}
        </Text>
      </Box>
      <Box role="cell">
        <Actions row={row} partitionId={partitionId} />
      </Box>
    </Group>
  );
});

function Actions({ row, partitionId }: { row: Row; partitionId: string }) {
  const can = useCan(partitionId);
  const [dialog, setDialog] = useState<"revoke" | "suspend">();
  const unsuspend = useUnsuspend(row.id);
  return (
    <>
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${row.commonName || row.serialNumber}`}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            renderRoot={(p) => (
              <Link to="/p/$partitionId/certificates/$id" params={{ partitionId, id: row.id }} {...p} />
            )}
          >
            View Certificate
          </Menu.Item>
          <Menu.Item onClick={() => void downloadCertificate(row.id, "pem")}>Download Certificate</Menu.Item>
          {can("certificate:change-status") && row.status !== "REVOKED" && (
            <>
              <Menu.Divider />
              {row.status === "SUSPENDED" ? (
                <Menu.Item onClick={() => unsuspend.mutate()}>Unsuspend Certificate</Menu.Item>
              ) : (
                !row.expired && <Menu.Item onClick={() => setDialog("suspend")}>Suspend Certificate</Menu.Item>
              )}
              <Menu.Item c="var(--mantine-color-error)" onClick={() => setDialog("revoke")}>
                Revoke Certificate
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {dialog === "revoke" && (
        <RevokeDialog id={row.id} name={row.commonName || row.subject} onClose={() => setDialog(undefined)} />
      )}
      {dialog === "suspend" && (
        <SuspendDialog id={row.id} name={row.commonName || row.subject} onClose={() => setDialog(undefined)} />
      )}
    </>
  );
}

export async function downloadCertificate(id: string, form: "pem" | "der" | "chain") {
  const c = (await request(OneCertificate, { id })).certificate;
  if (!c) return;
  const name = (c.commonName || c.serialNumber).replace(/[^A-Za-z0-9._-]+/g, "_");
  if (form === "der")
    download(
      `${name}.cer`,
      Uint8Array.from(atob(c.der), (x) => x.charCodeAt(0)),
      "application/pkix-cert",
    );
  else
    download(
      form === "pem" ? `${name}.pem` : `${name}-chain.pem`,
      form === "pem" ? c.pem : c.chainPem,
      "application/x-pem-file",
    );
}

export function useUnsuspend(id: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: () => request(Unsuspend, { id }),
    onSuccess: () => {
      notifications.show({ message: "Suspension lifted." });
      void queryClient.invalidateQueries();
    },
    onError: (e) => notifications.show({ color: "red", message: e.message }),
  });
}

const reasons: [RevocationReason, string, string][] = [
  ["UNSPECIFIED", "Unspecified", "No reason is published."],
  ["KEY_COMPROMISE", "Key Compromise", "The private key may be in other hands."],
  ["CA_COMPROMISE", "CA compromise", "The key of the issuing CA may be in other hands."],
  ["AFFILIATION_CHANGED", "Affiliation Changed", "Name or organisation of the subject changed."],
  ["SUPERSEDED", "Superseded", "Another certificate replaces it."],
  ["CESSATION_OF_OPERATION", "Cessation of Operation", "It is no longer needed."],
  ["PRIVILEGE_WITHDRAWN", "Privilege Withdrawn", "The subject may not use it any more."],
  ["AA_COMPROMISE", "AA Compromise", "An attribute authority was compromised."],
];

export function RevokeDialog({ id, name, onClose }: { id: string; name: string; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState<RevocationReason>("UNSPECIFIED");
  const [since, setSince] = useState("");
  const revoke = useMutation({
    mutationFn: () =>
      request(Revoke, {
        input: { certificateId: id, reason, invalidityDate: since ? new Date(since).toISOString() : null },
      }),
    onSuccess: () => {
      onClose();
      notifications.show({ message: "The certificate is revoked. CRL and OCSP follow within seconds." });
      void queryClient.invalidateQueries();
    },
  });
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Revoke Certificate</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          revoke.mutate();
        }}
      >
        <Stack>
          <Text size="sm">
            <strong>{name}</strong> will be refused by everyone who checks. This is for good; a suspension can be
            undone.
          </Text>
          <Radio.Group label="Revocation Reason" value={reason} onChange={(v) => setReason(v as RevocationReason)}>
            <Stack gap={6} mt={6}>
              {reasons.map(([value, label, description]) => (
                <Radio key={value} value={value} label={label} description={description} />
              ))}
            </Stack>
          </Radio.Group>
          {reason === "KEY_COMPROMISE" && (
            <TextInput
              type="datetime-local"
              label="Compromised since (optional)"
              description="Published as the invalidity date"
              value={since}
              onChange={(e) => setSince(e.currentTarget.value)}
              error={fieldError(revoke.error, "invalidityDate")}
            />
          )}
          <ErrorAlert error={revoke.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose} data-autofocus>
              Cancel
            </Button>
            <Button color="red" type="submit" loading={revoke.isPending}>
              Revoke
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

export function SuspendDialog({ id, name, onClose }: { id: string; name: string; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [until, setUntil] = useState("");
  const suspend = useMutation({
    mutationFn: () =>
      request(Suspend, { input: { certificateId: id, until: until ? new Date(until).toISOString() : null } }),
    onSuccess: () => {
      onClose();
      notifications.show({ message: "The certificate is suspended." });
      void queryClient.invalidateQueries();
    },
  });
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Suspend Certificate</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          suspend.mutate();
        }}
      >
        <Stack>
          <Text size="sm">
            <strong>{name}</strong> will be refused until it is unsuspended.
          </Text>
          <TextInput
            type="datetime-local"
            label="Ends by itself (optional)"
            value={until}
            onChange={(e) => setUntil(e.currentTarget.value)}
            error={fieldError(suspend.error, "until")}
          />
          <ErrorAlert error={suspend.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color="yellow" loading={suspend.isPending}>
              Suspend
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
