import {
  Badge,
  Box,
  Button,
  Card,
  Drawer,
  Group,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
  UnstyledButton,
  VisuallyHidden,
} from "@mantine/core";
import { IconListDetails } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Command, CopyText, EmptyState, ErrorAlert, Facts, Lines, Loading, PageHeader } from "@/components/ui";
import { graphql } from "@/gql";
import { words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { EndDialog, ProfileHistory } from "./ProfileActions";
import { ProfileEditor } from "./ProfileEditor";

const Profiles = graphql(`
  query Profiles($partition: ID!) {
    partition(id: $partition) {
      profileGroups {
        id
        title
        kind
        profiles {
          id
          name
          description
          validityPeriod
          allowedCaTypes
          keyUsages {
            oid
            name
          }
          extendedKeyUsages {
            oid
            name
          }
          allowedExtensions {
            oid
            name
          }
          ignoreUnknownExtensions
          serverSideKeys
          copiesCommonNameToSan
          requiredSanTypes
          keyAlgorithms
          maxValidityPeriod
          json
          system
          version
          retiredAt
        }
      }
      retiredProfiles(first: 200) {
        nodes {
          id
          name
          description
          validityPeriod
          allowedCaTypes
          keyUsages {
            oid
            name
          }
          extendedKeyUsages {
            oid
            name
          }
          allowedExtensions {
            oid
            name
          }
          group {
            title
          }
          ignoreUnknownExtensions
          serverSideKeys
          copiesCommonNameToSan
          requiredSanTypes
          keyAlgorithms
          maxValidityPeriod
          json
          system
          version
          retiredAt
        }
      }
    }
  }
`);

export function ProfilesPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/profiles" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/profiles" });
  const navigate = useNavigate({ from: "/p/$partitionId/profiles" });
  const [form, setForm] = useState("fields");
  const [dialog, setDialog] = useState<"clone" | "edit" | "retire" | "delete">();
  const can = useCan(partitionId);
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const list = useQuery({
    queryKey: ["profiles", partitionId],
    queryFn: () => request(Profiles, { partition: partitionId }),
    staleTime: Infinity,
  });
  const groups = list.data?.partition?.profileGroups ?? [];
  const wanted = (search.search ?? "").toLowerCase();
  const found = groups
    .filter((g) => !search.group || g.id === search.group)
    .map((g) => ({
      ...g,
      profiles: g.profiles.filter((p) => `${p.id} ${p.name} ${p.description}`.toLowerCase().includes(wanted)),
    }))
    .filter((g) => g.profiles.length > 0);
  const retired = (list.data?.partition?.retiredProfiles.nodes ?? []).map((p) => ({
    ...p,
    group: p.group.title,
    kind: "SUBSCRIBER",
  }));
  const known = groups.flatMap((g) => g.profiles.flatMap((p) => p.extendedKeyUsages));
  const viewed =
    retired.find((p) => p.id === search.id) ??
    groups
      .flatMap((g) => g.profiles.map((p) => ({ ...p, group: g.title, kind: g.kind })))
      .find((p) => p.id === search.id);
  return (
    <>
      <PageHeader
        title="Certificate Profiles"
        description="What a certificate may be and hold. Subscriber profiles are selected for a CA, and can be cloned and changed. Authority profiles are fixed: the service uses them itself, and those of CAs can be selected for a root or an intermediate."
      />
      <Group mb="lg" align="flex-end">
        <TextInput
          label="Search"
          placeholder="Identifier, name or purpose"
          defaultValue={search.search}
          onChange={(e) => set({ search: e.currentTarget.value || undefined })}
          style={{ flex: "1 1 240px", maxWidth: 380 }}
        />
        <Select
          label="Group"
          clearable
          placeholder="All"
          data={groups.map((g) => ({ value: g.id, label: g.title }))}
          value={search.group ?? null}
          onChange={(v) => set({ group: v ?? undefined })}
        />
      </Group>
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading lines={8} />}
      {list.data && found.length === 0 && (
        <EmptyState icon={<IconListDetails />} title="No profile matches">
          Search for something else, or choose another group.
        </EmptyState>
      )}
      <Stack gap="xl">
        {found.map((g) => (
          <Box key={g.id} component="section" aria-label={g.title}>
            <Group gap="xs" mb="sm">
              <Text component="h2" fw={650} fz="lg" m={0}>
                {g.title}
              </Text>
              <Badge
                variant="light"
                color={g.kind === "AUTHORITY" ? "yellow" : "brand"}
                tt="none"
                styles={{ root: { color: "var(--mantine-color-text)" } }}
              >
                {words(g.kind)}
              </Badge>
            </Group>
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
              {g.profiles.map((p) => (
                <UnstyledButton key={p.id} onClick={() => set({ id: p.id })} style={{ height: "100%" }}>
                  <Card withBorder h="100%" padding="md">
                    <VisuallyHidden>View Certificate Profile</VisuallyHidden>
                    <Group gap="xs" justify="space-between" wrap="nowrap" align="flex-start">
                      <Text fw={600}>{p.name}</Text>
                      {!p.system && (
                        <Badge
                          variant="light"
                          tt="none"
                          styles={{ root: { color: "var(--mantine-color-text)", flex: "none" } }}
                        >
                          Custom
                        </Badge>
                      )}
                    </Group>
                    <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
                      {p.id}
                    </Text>
                    <Text size="sm" mt={6} lineClamp={3}>
                      {p.description}
                    </Text>
                    <Text size="xs" c="dimmed" mt="auto" pt={8}>
                      Validity {p.validityPeriod}
                      {p.serverSideKeys ? " · server-side keys" : ""}
                    </Text>
                  </Card>
                </UnstyledButton>
              ))}
            </SimpleGrid>
          </Box>
        ))}
        {retired.length > 0 && (
          <Box component="section" aria-label="Retired">
            <Text component="h2" fw={650} fz="lg" m={0} mb="sm">
              Retired
            </Text>
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
              {retired.map((p) => (
                <UnstyledButton key={p.id} onClick={() => set({ id: p.id })}>
                  <Card withBorder padding="md">
                    <VisuallyHidden>View Certificate Profile</VisuallyHidden>
                    <Text fw={600}>{p.name}</Text>
                    <Text size="xs" c="dimmed" ff="monospace">
                      {p.id}
                    </Text>
                  </Card>
                </UnstyledButton>
              ))}
            </SimpleGrid>
          </Box>
        )}
      </Stack>
      <Drawer
        opened={!!viewed && dialog !== "edit" && dialog !== "clone"}
        onClose={() => set({ id: undefined })}
        title={<Text fw={650}>{viewed?.name}</Text>}
      >
        {viewed && (
          <Stack>
            <Text size="sm">{viewed.description}</Text>
            {can("profile:manage") && viewed.kind === "SUBSCRIBER" && (
              <Group gap="xs">
                {!viewed.system && !viewed.retiredAt && (
                  <Button size="xs" onClick={() => setDialog("edit")}>
                    Edit
                  </Button>
                )}
                <Button size="xs" variant="default" onClick={() => setDialog("clone")}>
                  Clone
                </Button>
                {!viewed.system && !viewed.retiredAt && (
                  <Button size="xs" variant="default" onClick={() => setDialog("retire")}>
                    Retire
                  </Button>
                )}
                {!viewed.system && (
                  <Button size="xs" variant="default" onClick={() => setDialog("delete")}>
                    Delete
                  </Button>
                )}
              </Group>
            )}
            <SegmentedControl
              value={viewed.system && form === "versions" ? "fields" : form}
              onChange={setForm}
              data={[
                { value: "fields", label: "Fields" },
                { value: "json", label: "JSON" },
                ...(viewed.system ? [] : [{ value: "versions", label: "Versions" }]),
              ]}
              aria-label="View as"
            />
            {form === "versions" && !viewed.system ? (
              <ProfileHistory partitionId={partitionId} id={viewed.id} />
            ) : form === "json" ? (
              <Command>{viewed.json}</Command>
            ) : (
              <Facts
                rows={[
                  ["Profile ID", <CopyText key="i" value={viewed.id} />],
                  ["Profile Group", viewed.group],
                  [
                    "Kind",
                    `${viewed.system ? "System" : `Custom, version ${viewed.version}`}, ${words(viewed.kind).toLowerCase()}${viewed.retiredAt ? ", retired" : ""}`,
                  ],
                  ["Default CA Types", viewed.allowedCaTypes.map(words).join(", ")],
                  ["Validity period", viewed.validityPeriod],
                  ["Longest validity period", viewed.maxValidityPeriod || "up to the CA's end"],
                  [
                    "Key types",
                    viewed.keyAlgorithms.length > 0 ? viewed.keyAlgorithms.join(", ") : "any strong enough",
                  ],
                  ["Key Usages", <Lines key="k" items={viewed.keyUsages.map((u) => u.name)} />],
                  [
                    "Extended Key Usages",
                    <Lines key="e" items={viewed.extendedKeyUsages.map((u) => u.name || u.oid)} />,
                  ],
                  [
                    "Allowed extensions",
                    <Lines
                      key="a"
                      items={viewed.allowedExtensions.map((u) =>
                        u.name && u.name !== u.oid ? `${u.name} (${u.oid})` : u.oid,
                      )}
                    />,
                  ],
                  ["Other extensions", viewed.ignoreUnknownExtensions ? "Left out" : "Refused"],
                  ["Server-side keys", viewed.serverSideKeys ? "Yes (PKCS #12)" : "No"],
                  ["Common name to SAN", viewed.copiesCommonNameToSan ? "Copied" : "No"],
                  ["Required SAN types", viewed.requiredSanTypes.map(words).join(" or ")],
                ]}
              />
            )}
          </Stack>
        )}
      </Drawer>
      {viewed && (dialog === "clone" || dialog === "edit") && (
        <ProfileEditor
          key={dialog}
          partitionId={partitionId}
          profile={viewed}
          clone={dialog === "clone"}
          known={known}
          onClose={() => setDialog(undefined)}
          onDone={(id) => {
            setDialog(undefined);
            set({ id });
          }}
        />
      )}
      {viewed && (dialog === "retire" || dialog === "delete") && (
        <EndDialog
          partitionId={partitionId}
          profile={viewed}
          how={dialog}
          onClose={() => setDialog(undefined)}
          onDone={() => {
            setDialog(undefined);
            if (dialog === "delete") set({ id: undefined });
          }}
        />
      )}
    </>
  );
}
