import {
  Alert,
  Badge,
  Box,
  Card,
  Combobox,
  Group,
  ScrollArea,
  Skeleton,
  Stack,
  Text,
  TextInput,
  useCombobox,
  VisuallyHidden,
} from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconShieldCheck, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ErrorAlert, Facts } from "@/components/ui";
import { graphql } from "@/gql";
import { formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";
import { byFamily, certificateBytes, duration, familyMeaning, sizes, speed, type Algorithm } from "./algorithms";

const SigningAlgorithms = graphql(`
  query SigningAlgorithms {
    deployment {
      signingAlgorithms {
        label
        family
        securityBits
        postQuantum
        publicKeyBytes
        signatureBytes
        standard
        advice
        verifiers {
          client
          since
        }
        warning
      }
    }
  }
`);
const Measurement = graphql(`
  mutation AlgorithmMeasurement($label: String!) {
    measureAlgorithm(input: { label: $label }) {
      measurement {
        signaturesPerSecond
        verificationsPerSecond
        keyGenerationMilliseconds
      }
    }
  }
`);

/** The signing algorithm of a CA: found by name, family or property, and explained below. */
export function AlgorithmChooser({
  label,
  value,
  onChange,
  error,
}: {
  label: string;
  value: string;
  onChange: (label: string) => void;
  error?: string | undefined;
}) {
  const list = useQuery({
    queryKey: ["signing-algorithms"],
    queryFn: () => request(SigningAlgorithms),
    staleTime: Infinity,
  });
  const [search, setSearch] = useState<string>();
  const combobox = useCombobox({
    onDropdownOpen: () => combobox.updateSelectedOptionIndex("active", { scrollIntoView: true }),
    onDropdownClose: () => {
      combobox.resetSelectedOption();
      setSearch(undefined);
    },
  });
  const algorithms = list.data?.deployment.signingAlgorithms ?? [];
  const chosen = algorithms.find((a) => a.label === value);
  const groups = byFamily(algorithms, search);
  return (
    <Stack gap="xs">
      <Combobox
        store={combobox}
        onOptionSubmit={(v) => {
          onChange(v);
          combobox.closeDropdown();
        }}
      >
        <Combobox.Target withExpandedAttribute>
          <TextInput
            label={label}
            required
            autoComplete="off"
            value={search ?? value}
            error={error}
            rightSection={<Combobox.Chevron />}
            rightSectionPointerEvents="none"
            onChange={(e) => {
              setSearch(e.currentTarget.value);
              combobox.openDropdown();
              combobox.resetSelectedOption();
            }}
            onClick={(e) => {
              if (search === undefined) e.currentTarget.select();
              combobox.openDropdown();
            }}
            onBlur={() => combobox.closeDropdown()}
          />
        </Combobox.Target>
        <Combobox.Dropdown>
          <Combobox.Header>
            <Text size="xs" c="dimmed">
              Type a name, a family, a strength such as 192, or post-quantum.
            </Text>
          </Combobox.Header>
          <Combobox.Options aria-label={label}>
            <ScrollArea.Autosize mah={360} type="auto">
              {groups.map(({ family, members }) => (
                <Combobox.Group
                  key={family}
                  classNames={{ groupLabel: "family" }}
                  label={
                    <Box py={4}>
                      <Text size="sm" fw={650} c="var(--mantine-color-text)">
                        {family}
                      </Text>
                      <Text size="xs" c="dimmed">
                        {familyMeaning(family)}
                      </Text>
                    </Box>
                  }
                >
                  {members.map((a) => (
                    <Combobox.Option key={a.label} className="rich-option" value={a.label} active={a.label === value}>
                      <Group justify="space-between" gap="xs">
                        <Group gap={6} wrap="nowrap">
                          <IconCheck
                            size={14}
                            style={{ flex: "none", visibility: a.label === value ? "visible" : "hidden" }}
                            aria-hidden="true"
                          />
                          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                            {a.label}
                          </Text>
                        </Group>
                        <Group gap={6} wrap="nowrap" ml="auto">
                          {a.warning && (
                            <IconAlertTriangle size={14} color="var(--mantine-color-yellow-7)" aria-hidden="true" />
                          )}
                          <Text size="xs">{a.securityBits} bit</Text>
                          {a.postQuantum && <PostQuantum small />}
                        </Group>
                      </Group>
                    </Combobox.Option>
                  ))}
                </Combobox.Group>
              ))}
              {groups.length === 0 && (
                <Combobox.Empty>{list.isPending ? "Loading" : "No algorithm matches"}</Combobox.Empty>
              )}
            </ScrollArea.Autosize>
          </Combobox.Options>
        </Combobox.Dropdown>
      </Combobox>
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {chosen && <Explained algorithms={algorithms} chosen={chosen} />}
    </Stack>
  );
}

function PostQuantum({ small = false }: { small?: boolean }) {
  return (
    <Badge
      size={small ? "sm" : "md"}
      variant="light"
      color="grape"
      tt="none"
      leftSection={<IconShieldCheck size={small ? 10 : 12} />}
      styles={{ root: { flex: "none", color: "var(--mantine-color-text)" } }}
    >
      post-quantum
    </Badge>
  );
}

function Explained({ algorithms, chosen }: { algorithms: readonly Algorithm[]; chosen: Algorithm }) {
  return (
    <Card component="section" aria-label={`About ${chosen.label}`} withBorder padding="md">
      <Stack gap="md">
        <div>
          <Group justify="space-between" gap="xs">
            <Text fw={650}>{chosen.family}</Text>
            <Group gap={6}>
              <Badge variant="light" color="gray" tt="none" styles={{ root: { color: "var(--mantine-color-text)" } }}>
                {chosen.securityBits} bit security
              </Badge>
              {chosen.postQuantum && <PostQuantum />}
            </Group>
          </Group>
          <Text size="sm" mt={4}>
            {chosen.advice}
          </Text>
        </div>
        {chosen.warning && (
          <Alert
            color="yellow"
            variant="light"
            icon={<IconAlertTriangle />}
            title="Not every client can verify it"
            styles={{ message: { color: "var(--mantine-color-text)" }, title: { color: "var(--mantine-color-text)" } }}
          >
            {chosen.warning}
          </Alert>
        )}
        <Verifiers verifiers={chosen.verifiers} />
        <Sizes algorithms={algorithms} chosen={chosen} />
        <Facts
          rows={[
            ["Public key", `${formatNumber(chosen.publicKeyBytes)} bytes`],
            ["Signature", `${formatNumber(chosen.signatureBytes)} bytes`],
            ["Standard", chosen.standard],
            ["Speed here", <Speed key={chosen.label} label={chosen.label} />],
          ]}
        />
      </Stack>
    </Card>
  );
}

function Verifiers({ verifiers }: { verifiers: Algorithm["verifiers"] }) {
  return (
    <div>
      <Text size="sm" fw={500} mb={6}>
        Who can verify it today
      </Text>
      <Group component="ul" gap={6} p={0} m={0} style={{ listStyle: "none" }}>
        {[...verifiers.filter((v) => v.since), ...verifiers.filter((v) => !v.since)].map((v) => (
          <Badge
            key={v.client}
            component="li"
            variant="default"
            radius="sm"
            size="lg"
            fw={500}
            tt="none"
            leftSection={
              v.since ? (
                <IconCheck size={14} color="var(--mantine-color-teal-6)" aria-hidden="true" />
              ) : (
                <IconX size={14} aria-hidden="true" />
              )
            }
            styles={{
              root: {
                color: v.since ? "var(--mantine-color-text)" : "var(--mantine-color-dimmed)",
                maxWidth: "100%",
                height: "auto",
                minHeight: 26,
                padding: "2px 9px",
              },
              label: { whiteSpace: "normal", textAlign: "left" },
            }}
          >
            {v.client}
            {v.since?.startsWith("every") ? (
              <VisuallyHidden>, {v.since}</VisuallyHidden>
            ) : v.since ? (
              ` since ${v.since}`
            ) : (
              ", not reliably"
            )}
          </Badge>
        ))}
      </Group>
    </div>
  );
}

const parts = [
  { name: "signature", color: "var(--mantine-color-brand-6)" },
  { name: "key", color: "var(--mantine-color-yellow-5)" },
  { name: "rest", color: "var(--mantine-color-gray-5)" },
] as const;

/** How large a certificate with such a key and such a signature is, beside two that everybody knows. */
function Sizes({ algorithms, chosen }: { algorithms: readonly Algorithm[]; chosen: Algorithm }) {
  return (
    <div>
      <Group justify="space-between" gap="xs" mb={6}>
        <Text size="sm" fw={500}>
          A certificate with it: about {formatNumber(Number(certificateBytes(chosen).toPrecision(2)))} bytes
        </Text>
        <Group gap="sm" aria-hidden="true">
          {parts.map((p) => (
            <Group key={p.name} gap={5}>
              <span style={{ width: 9, height: 9, borderRadius: 3, background: p.color }} />
              <Text size="xs" c="dimmed">
                {p.name}
              </Text>
            </Group>
          ))}
        </Group>
      </Group>
      <Stack gap={6}>
        {sizes(algorithms, chosen).map((row, n) => (
          <div key={row.name}>
            <Group justify="space-between" gap="xs">
              <Text size="xs" fw={n === 0 ? 600 : 400}>
                {row.name}
              </Text>
              <Text size="xs" c="dimmed">
                {formatNumber(row.total)}
              </Text>
            </Group>
            <Group
              gap={1}
              wrap="nowrap"
              h={8}
              style={{ borderRadius: 4, overflow: "hidden", background: "var(--mantine-color-default-hover)" }}
              aria-hidden="true"
            >
              {parts.map((p) => (
                <span
                  key={p.name}
                  style={{
                    width: `${row[p.name]}%`,
                    minWidth: 2,
                    height: "100%",
                    background: p.color,
                    transition: "width 200ms",
                  }}
                />
              ))}
            </Group>
          </div>
        ))}
      </Stack>
    </div>
  );
}

function Speed({ label }: { label: string }) {
  const measured = useQuery({
    queryKey: ["algorithm-measurement", label],
    queryFn: () => request(Measurement, { label }),
    staleTime: Infinity,
    retry: false,
  });
  const m = measured.data?.measureAlgorithm.measurement;
  return (
    <span aria-live="polite" aria-busy={measured.isPending}>
      {measured.isPending ? (
        <>
          <Skeleton component="span" display="block" height={14} mt={3} width="80%" />
          <Text span size="xs" c="dimmed">
            Measuring on this server
          </Text>
        </>
      ) : m ? (
        <>
          {speed(m.signaturesPerSecond, "signature")}
          <Text span display="block" size="xs" c="dimmed">
            {speed(m.verificationsPerSecond, "verification")}; a new key takes {duration(m.keyGenerationMilliseconds)}.
            In software, one core.
          </Text>
        </>
      ) : (
        "could not be measured"
      )}
    </span>
  );
}
