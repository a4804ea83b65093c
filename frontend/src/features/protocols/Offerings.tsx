import {
  Anchor,
  Badge,
  Button,
  Group,
  Menu,
  Modal,
  NumberInput,
  Select,
  Stack,
  Table,
  Text,
  TextInput,
  ActionIcon,
} from "@mantine/core";
import { IconBuildingBank, IconDots, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { EmptyState, ErrorAlert, Loading, Scroll, Section, capital, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import type { ProtocolType } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { noWidening, type Configuration, type Offering } from "./configuration";
import { protocols } from "./types";

const Choices = graphql(`
  query EnrollmentProtocols($partition: ID!) {
    partition(id: $partition) {
      enrollmentProtocols {
        type
        label
        profileGroups
        authorities {
          ca {
            id
            identifier
            friendlyName
          }
          profiles {
            id
            name
          }
        }
      }
      profileGroups {
        id
        title
      }
    }
  }
`);
const Add = graphql(`
  mutation AddProtocolOffering($input: AddProtocolOfferingInput!) {
    addProtocolOffering(input: $input) {
      protocolConfiguration {
        id
      }
    }
  }
`);
const Update = graphql(`
  mutation UpdateProtocolOffering($input: UpdateProtocolOfferingInput!) {
    updateProtocolOffering(input: $input) {
      protocolConfiguration {
        id
      }
    }
  }
`);
const Remove = graphql(`
  mutation RemoveProtocolOffering($input: RemoveProtocolOfferingInput!) {
    removeProtocolOffering(input: $input) {
      protocolConfiguration {
        id
      }
    }
  }
`);

export type Chosen = { caId: string | null; profileId: string | null };

/** Authority and profile: only those that can issue through the protocol. */
export function useChoices(partitionId: string, type: ProtocolType) {
  const query = useQuery({
    queryKey: ["enrollment-protocols", partitionId],
    queryFn: () => request(Choices, { partition: partitionId }),
    staleTime: 0,
  });
  const offer = query.data?.partition?.enrollmentProtocols.find((p) => p.type === type);
  const groups = offer?.profileGroups
    .map((id) => query.data?.partition?.profileGroups.find((g) => g.id === id)?.title ?? id)
    .join(" or ");
  return { query, authorities: offer?.authorities ?? [], groups };
}

export function IssuedBy({
  partitionId,
  type,
  chosen,
  onChange,
  error,
  at = "",
}: {
  partitionId: string;
  type: ProtocolType;
  chosen: Chosen;
  onChange: (c: Chosen) => void;
  error: unknown;
  /** Where in the input its fields are. */ at?: string;
}) {
  const can = useCan(partitionId);
  const { query, authorities, groups } = useChoices(partitionId, type);
  if (query.isPending) return <Loading lines={2} />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  if (authorities.length === 0) {
    return (
      <EmptyState
        icon={<IconBuildingBank />}
        title={`No authority can issue for ${protocols[type].label} yet`}
        action={
          <Button
            variant="default"
            renderRoot={(p) => <Link to="/p/$partitionId/cas" params={{ partitionId }} {...p} />}
          >
            Go to Certificate Authorities
          </Button>
        }
      >
        It needs an active issuing authority that has a profile of the group {groups} selected.{" "}
        {can("ca:select-profiles")
          ? "Open an authority, and select one in its tab Certificate Profiles."
          : "Ask an Owner or a CA Administrator to select one."}
      </EmptyState>
    );
  }
  const profiles = authorities.find((a) => a.ca.id === chosen.caId)?.profiles ?? [];
  return (
    <>
      <Select
        label="Authority Identifier"
        description={`The issuing authorities that have a profile of the group ${groups}`}
        required
        searchable
        allowDeselect={false}
        placeholder="Choose"
        data={authorities.map((a) => ({ value: a.ca.id, label: `${a.ca.identifier} (${a.ca.friendlyName})` }))}
        value={chosen.caId}
        onChange={(caId) => {
          const offered = authorities.find((a) => a.ca.id === caId)?.profiles ?? [];
          onChange({
            ...chosen,
            caId,
            profileId: offered.some((p) => p.id === chosen.profileId)
              ? chosen.profileId
              : offered.length === 1
                ? offered[0]!.id
                : null,
          });
        }}
        error={fieldError(error, at + "caId")}
      />
      <Select
        label="Certificate Profile"
        description={chosen.caId ? "What its certificates may be and hold" : "Choose the authority first"}
        required
        searchable
        allowDeselect={false}
        placeholder="Choose"
        disabled={!chosen.caId}
        data={profiles.map((p) => ({ value: p.id, label: `${p.name} (${p.id})` }))}
        value={chosen.profileId}
        onChange={(profileId) => onChange({ ...chosen, profileId })}
        error={fieldError(error, at + "profileId")}
      />
    </>
  );
}

/** What the form of an offering holds. */
export type OfferingDraft = Chosen & { name: string; maxValidityHours: number };

export const emptyOffering: OfferingDraft = { name: "", caId: null, profileId: null, maxValidityHours: 0 };

/** As GraphQL takes it, once authority and profile are chosen. */
export const offeringInput = (d: OfferingDraft) => ({
  name: d.name.trim() || null,
  caId: d.caId!,
  profileId: d.profileId!,
  maxValidityHours: d.maxValidityHours,
});

/** Authority, profile, name and longest validity of an offering. */
export function OfferingFields({
  partitionId,
  type,
  value,
  onChange,
  error,
  at = "",
}: {
  partitionId: string;
  type: ProtocolType;
  value: OfferingDraft;
  onChange: (v: OfferingDraft) => void;
  error: unknown;
  at?: string;
}) {
  return (
    <>
      <IssuedBy
        partitionId={partitionId}
        type={type}
        chosen={value}
        onChange={(c) => onChange({ ...value, ...c })}
        error={error}
        at={at}
      />
      {value.profileId && (
        <Group grow align="flex-start" preventGrowOverflow={false}>
          <TextInput
            label="Name"
            description="What clients ask for"
            placeholder={value.profileId}
            maxLength={64}
            autoComplete="off"
            value={value.name}
            onChange={(e) => onChange({ ...value, name: e.currentTarget.value })}
            error={fieldError(error, at + "name")}
            miw={200}
          />
          <NumberInput
            label="Valid for at most, hours"
            description="0: as long as the profile says"
            min={0}
            allowDecimal={false}
            value={value.maxValidityHours}
            onChange={(n) => onChange({ ...value, maxValidityHours: Number(n) || 0 })}
            error={fieldError(error, at + "maxValidityHours")}
            miw={200}
          />
        </Group>
      )}
    </>
  );
}

/** What the clients of a configuration can ask for, and what is done about it. */
export function Offerings({ partitionId, configuration: c }: { partitionId: string; configuration: Configuration }) {
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const [open, setOpen] = useState<"add" | Offering>();
  const [ending, setEnding] = useState<Offering>();
  const editable = can("protocol:manage") && c.mayWiden;
  const done = async () => {
    await queryClient.invalidateQueries({ queryKey: ["protocol"] });
    void queryClient.invalidateQueries({ queryKey: ["protocols"] });
    setOpen(undefined);
    setEnding(undefined);
  };
  const first = useMutation({
    mutationFn: (id: string) => request(Update, { input: { id, makeDefault: true } }),
    onSuccess: done,
  });
  const remove = useMutation({ mutationFn: (id: string) => request(Remove, { input: { id } }), onSuccess: done });
  return (
    <Section
      title="Offerings"
      actions={
        editable && (
          <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={() => setOpen("add")}>
            Add Offering
          </Button>
        )
      }
    >
      <Stack gap="xs">
        <Text size="sm" c="dimmed">
          What clients can ask for. A request that names none gets the default.
        </Text>
        <ErrorAlert error={first.error} />
        <Scroll label="Offerings">
          <Table miw={560}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Authority</Table.Th>
                <Table.Th>Profile</Table.Th>
                <Table.Th>Valid for at most</Table.Th>
                {editable && <Table.Th aria-label="Actions" />}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {c.offerings.map((o, n) => (
                <Table.Tr key={o.id}>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>
                    <Group gap="xs">
                      <Text size="sm" ff="monospace">
                        {o.name}
                      </Text>
                      {n === 0 && c.offerings.length > 1 && (
                        <Badge variant="light" color="gray">
                          Default
                        </Badge>
                      )}
                    </Group>
                    {o.problem && (
                      <Text size="sm" c="var(--mantine-color-error)">
                        {capital(o.problem)}
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <Anchor
                      size="sm"
                      renderRoot={(p) => (
                        <Link
                          to="/p/$partitionId/cas/$identifier"
                          params={{ partitionId, identifier: o.ca.identifier }}
                          {...p}
                        />
                      )}
                    >
                      {o.ca.friendlyName} ({o.ca.identifier})
                    </Anchor>
                  </Table.Td>
                  <Table.Td>
                    <Anchor
                      size="sm"
                      renderRoot={(p) => (
                        <Link
                          to="/p/$partitionId/profiles"
                          params={{ partitionId }}
                          search={{ id: o.profileId }}
                          {...p}
                        />
                      )}
                    >
                      {o.profile ? `${o.profile.name} (${o.profileId})` : o.profileId}
                    </Anchor>
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm">
                      {o.maxValidityHours === 0 ? "As the profile says" : `${o.maxValidityHours} hours`}
                    </Text>
                  </Table.Td>
                  {editable && (
                    <Table.Td>
                      <Menu position="bottom-end">
                        <Menu.Target>
                          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${o.name}`}>
                            <IconDots size={16} />
                          </ActionIcon>
                        </Menu.Target>
                        <Menu.Dropdown>
                          <Menu.Item onClick={() => setOpen(o)}>Edit</Menu.Item>
                          {n > 0 && <Menu.Item onClick={() => first.mutate(o.id)}>Make default</Menu.Item>}
                          {c.offerings.length > 1 && (
                            <Menu.Item c="var(--mantine-color-error)" onClick={() => setEnding(o)}>
                              Remove
                            </Menu.Item>
                          )}
                        </Menu.Dropdown>
                      </Menu>
                    </Table.Td>
                  )}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Scroll>
        {can("protocol:manage") && !c.mayWiden && (
          <Text size="sm" c="dimmed">
            {noWidening}
          </Text>
        )}
      </Stack>
      {open && (
        <EditOffering
          partitionId={partitionId}
          configuration={c}
          offering={open === "add" ? undefined : open}
          onDone={() => void done()}
          onClose={() => setOpen(undefined)}
        />
      )}
      <Modal opened={!!ending} onClose={() => setEnding(undefined)} title={<Text fw={650}>Remove {ending?.name}</Text>}>
        <Stack>
          <Text size="sm">
            Nothing is issued by it any more, open orders included. Certificates that were issued by it stay valid.
          </Text>
          <ErrorAlert error={remove.error} />
          <Group justify="flex-end">
            <Button variant="default" data-autofocus onClick={() => setEnding(undefined)}>
              Cancel
            </Button>
            <Button color="red" loading={remove.isPending} onClick={() => remove.mutate(ending!.id)}>
              Remove
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Section>
  );
}

function EditOffering({
  partitionId,
  configuration: c,
  offering: o,
  onDone,
  onClose,
}: {
  partitionId: string;
  configuration: Configuration;
  offering: Offering | undefined;
  onDone: () => void;
  onClose: () => void;
}) {
  const [draft, setDraft] = useState<OfferingDraft>(
    o ? { name: o.name, caId: o.ca.id, profileId: o.profileId, maxValidityHours: o.maxValidityHours } : emptyOffering,
  );
  const save = useMutation({
    mutationFn: async () =>
      void (o
        ? await request(Update, { input: { id: o.id, ...offeringInput(draft) } })
        : await request(Add, { input: { configurationId: c.id, offering: offeringInput(draft) } })),
    onSuccess: onDone,
  });
  const changed =
    !o ||
    (draft.name.trim() || o.name) !== o.name ||
    draft.caId !== o.ca.id ||
    draft.profileId !== o.profileId ||
    draft.maxValidityHours !== o.maxValidityHours;
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>{o ? `Edit ${o.name}` : "Add Offering"}</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <Stack>
          <OfferingFields
            partitionId={partitionId}
            type={c.type}
            value={draft}
            onChange={setDraft}
            error={save.error}
          />
          {o && (
            <Text size="sm" c="dimmed">
              {draft.caId === o.ca.id
                ? "Later certificates are issued like this. Certificates that were issued before stay as they are."
                : "Later certificates are issued by the other authority. Whoever verifies them must trust its root. Certificates that were issued before stay as they are."}
            </Text>
          )}
          <ErrorAlert error={save.error} fields={["name", "caId", "profileId", "maxValidityHours"]} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={save.isPending} disabled={!changed || !draft.caId || !draft.profileId}>
              {o ? "Save" : "Add"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
