import { Badge, Group, Radio, Skeleton, Stack, Text } from "@mantine/core";
import { IconFileLock, IconLock, IconShieldLock } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { capital, ErrorAlert } from "@/components/ui";
import { graphql } from "@/gql";
import type { KeyCustody, KeyStoresQuery } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { custodyWords } from "./algorithms";

const KeyStores = graphql(`
  query KeyStores($partition: ID!, $algorithm: String!) {
    partition(id: $partition) {
      keyStores {
        name
        description
        isDefault
        available
        problem
        custody(signingAlgorithm: $algorithm)
      }
    }
  }
`);

export type Store = NonNullable<KeyStoresQuery["partition"]>["keyStores"][number];

/** Where a key of the algorithm can live, and how each store would keep it. */
export function useKeyStores(partitionId: string, algorithm: string, enabled = true) {
  return useQuery({
    queryKey: ["key-stores", partitionId, algorithm],
    queryFn: () => request(KeyStores, { partition: partitionId, algorithm }),
    select: (d) => d.partition?.keyStores ?? [],
    placeholderData: keepPreviousData,
    enabled,
  });
}

const icons = {
  IN_TOKEN: IconShieldLock,
  IMPORTED: IconShieldLock,
  WRAPPED_BY_TOKEN: IconLock,
  IN_SOFTWARE: IconFileLock,
};

export function Custody({ custody }: { custody: KeyCustody }) {
  const Icon = icons[custody];
  return (
    <Group gap={8} wrap="nowrap" align="flex-start">
      <Icon size={18} style={{ flex: "none", marginTop: 1 }} aria-hidden="true" />
      <Text span size="sm">
        <b style={{ fontWeight: 600 }}>{custodyWords[custody].title}.</b> {custodyWords[custody].text}
      </Text>
    </Group>
  );
}

/** Cards to choose a key store from; a sentence when there is but one. */
export function KeyStoreChoice({
  query,
  without,
  value,
  onChange,
  error,
  onlyCards = false,
}: {
  query: ReturnType<typeof useKeyStores>;
  without?: string;
  value: string | undefined;
  onChange: (name: string) => void;
  error?: string | undefined;
  onlyCards?: boolean;
}) {
  // One that cannot keep keys of the algorithm is shown like one that is away.
  const stores = (query.data ?? [])
    .filter((s) => s.name !== without)
    .map((s) =>
      s.custody || !s.available ? s : { ...s, available: false, problem: "it cannot keep keys of this algorithm" },
    );
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  if (query.isPending) return <Skeleton height={60} />;
  const [only] = stores;
  if (only?.custody && stores.length === 1 && only.available && !onlyCards) {
    return (
      <div>
        <Text size="sm" fw={500}>
          Key Store
        </Text>
        <Text size="sm" c="dimmed">
          {only.name}: {only.description}. {custodyWords[only.custody].text}
        </Text>
      </div>
    );
  }
  return (
    <Radio.Group
      label="Key Store"
      description="Where the private key will live"
      required
      value={value ?? null}
      onChange={onChange}
      error={error}
    >
      <Stack gap="xs" mt={6}>
        {stores.map((s) => (
          <Radio.Card
            key={s.name}
            value={s.name}
            withBorder
            p="sm"
            disabled={!s.available}
            style={
              s.available ? undefined : { cursor: "not-allowed", background: "var(--mantine-color-default-hover)" }
            }
          >
            <Group wrap="nowrap" align="flex-start" gap="sm">
              <Radio.Indicator disabled={!s.available} mt={2} />
              <Stack gap={4} style={{ minWidth: 0, flex: 1 }}>
                <Group gap={6}>
                  <Text size="sm" fw={600}>
                    {s.name}
                  </Text>
                  {s.isDefault && (
                    <Badge
                      size="sm"
                      variant="light"
                      color="gray"
                      tt="none"
                      styles={{ root: { color: "var(--mantine-color-text)" } }}
                    >
                      default
                    </Badge>
                  )}
                  {!s.available && (
                    <Badge
                      size="sm"
                      variant="light"
                      color="red"
                      tt="none"
                      styles={{ root: { color: "var(--mantine-color-text)" } }}
                    >
                      not available
                    </Badge>
                  )}
                </Group>
                <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                  {s.description}
                </Text>
                {s.available && s.custody ? (
                  <Custody custody={s.custody} />
                ) : (
                  <Text size="sm" c="var(--mantine-color-error)">
                    {s.problem && capital(s.problem)}
                  </Text>
                )}
              </Stack>
            </Group>
          </Radio.Card>
        ))}
      </Stack>
    </Radio.Group>
  );
}
