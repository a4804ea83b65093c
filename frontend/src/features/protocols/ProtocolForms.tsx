import { Button, Group, Modal, Radio, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { IconBuildingBank } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { EmptyState, ErrorAlert, Loading, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import type { CreateProtocolConfigurationInput, ProtocolType } from "@/gql/graphql";
import { identifierRule } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { noWidening, type Configuration } from "./configuration";
import { protocols, protocolTypes } from "./types";

const Choices = graphql(`
  query EnrollmentProtocols($partition: ID!) {
    partition(id: $partition) {
      enrollmentProtocols { type label profileGroups authorities { ca { id identifier friendlyName } profiles { id name } } }
      profileGroups { id title }
    }
  }
`);
const Taken = graphql(`query ProtocolTaken($partition: ID!, $identifier: String!) { partition(id: $partition) { protocolConfiguration(identifier: $identifier) { id } } }`);
const Create = graphql(`mutation CreateProtocolConfiguration($input: CreateProtocolConfigurationInput!) { createProtocolConfiguration(input: $input) { protocolConfiguration { id identifier } } }`);
const Update = graphql(`mutation UpdateProtocolConfiguration($input: UpdateProtocolConfigurationInput!) { updateProtocolConfiguration(input: $input) { protocolConfiguration { id } } }`);

type Chosen = { caId: string | null; profileId: string | null };

/** Authority and profile: only those that can issue through the protocol. */
function useChoices(partitionId: string, type: ProtocolType) {
  const query = useQuery({ queryKey: ["enrollment-protocols", partitionId], queryFn: () => request(Choices, { partition: partitionId }), staleTime: 0 });
  const offer = query.data?.partition?.enrollmentProtocols.find((p) => p.type === type);
  const groups = offer?.profileGroups.map((id) => query.data?.partition?.profileGroups.find((g) => g.id === id)?.title ?? id).join(" or ");
  return { query, authorities: offer?.authorities ?? [], groups };
}

function IssuedBy({ partitionId, type, chosen, onChange, error }: { partitionId: string; type: ProtocolType; chosen: Chosen; onChange: (c: Chosen) => void; error: unknown }) {
  const can = useCan(partitionId);
  const { query, authorities, groups } = useChoices(partitionId, type);
  if (query.isPending) return <Loading lines={2} />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  if (authorities.length === 0) {
    return (
      <EmptyState icon={<IconBuildingBank />} title={`No authority can issue for ${protocols[type].label} yet`} action={<Button variant="default" renderRoot={(p) => <Link to="/p/$partitionId/cas" params={{ partitionId }} {...p} />}>Go to Certificate Authorities</Button>}>
        It needs an active issuing authority that has a profile of the group {groups} selected. {can("ca:select-profiles") ? "Open an authority, and select one in its tab Certificate Profiles." : "Ask an Owner or a CA Administrator to select one."}
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
          onChange({ caId, profileId: offered.some((p) => p.id === chosen.profileId) ? chosen.profileId : offered.length === 1 ? offered[0]!.id : null });
        }}
        error={fieldError(error, "caId")}
      />
      <Select label="Certificate Profile" description={chosen.caId ? "What its certificates may be and hold" : "Choose the authority first"} required searchable allowDeselect={false} placeholder="Choose" disabled={!chosen.caId} data={profiles.map((p) => ({ value: p.id, label: `${p.name} (${p.id})` }))} value={chosen.profileId} onChange={(profileId) => onChange({ ...chosen, profileId })} error={fieldError(error, "profileId")} />
    </>
  );
}

const named = ["identifier", "description", "caId", "profileId", "type"];

export function CreateProtocol({ partitionId, onClose }: { partitionId: string; onClose: () => void }) {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [type, setType] = useState<ProtocolType>(protocolTypes[0]![0]);
  const [identifier, setIdentifier] = useState("");
  const [description, setDescription] = useState("");
  const [chosen, setChosen] = useState<Chosen>({ caId: null, profileId: null });
  const [own, setOwn] = useState<Partial<CreateProtocolConfigurationInput>>({});
  const { authorities } = useChoices(partitionId, type);
  const taken = useQuery({ queryKey: ["protocol-taken", partitionId, identifier], queryFn: () => request(Taken, { partition: partitionId, identifier }), enabled: identifierRule.test(identifier), staleTime: 0 });
  const identifierError = identifier && !identifierRule.test(identifier) ? "2 to 18 characters out of a-z, 0-9, hyphen and underscore" : identifier && taken.data?.partition?.protocolConfiguration ? "This identifier is taken" : undefined;
  const create = useMutation({
    mutationFn: () => request(Create, { input: { ...own, partitionId, type, identifier, description: description.trim(), caId: chosen.caId!, profileId: chosen.profileId! } }),
    onSuccess: async () => {
      void queryClient.invalidateQueries({ queryKey: ["protocols"] });
      await navigate({ to: "/p/$partitionId/protocols/$identifier", params: { partitionId, identifier } });
    },
  });
  const { Fields } = protocols[type];
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>Create Protocol Config</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          create.mutate();
        }}
      >
        <Stack>
          <Radio.Group label="Type" required value={type} onChange={(t) => { setType(t as ProtocolType); setChosen({ caId: null, profileId: null }); setOwn({}); }}>
            <Stack gap="xs" mt={6}>
              {protocolTypes.map(([id, p]) => (
                <Radio.Card key={id} value={id} p="sm" radius="md">
                  <Group wrap="nowrap" align="flex-start" gap="sm">
                    <Radio.Indicator mt={2} />
                    <div>
                      <Text size="sm" fw={600}>{p.label}</Text>
                      <Text size="xs" c="dimmed">{p.description}</Text>
                    </div>
                  </Group>
                </Radio.Card>
              ))}
            </Stack>
          </Radio.Group>
          <TextInput label="Protocol Configuration Identifier" description="2 to 18 of a-z, 0-9, hyphen and underscore; part of the address, so it stays as it is" required data-autofocus autoComplete="off" value={identifier} onChange={(e) => setIdentifier(e.currentTarget.value)} error={identifierError ?? fieldError(create.error, "identifier")} />
          <Textarea label="Description" description="Optional: whom it is for" maxLength={200} autosize minRows={1} maxRows={3} value={description} onChange={(e) => setDescription(e.currentTarget.value.replaceAll("\n", " "))} error={fieldError(create.error, "description")} />
          <IssuedBy partitionId={partitionId} type={type} chosen={chosen} onChange={setChosen} error={create.error} />
          {Fields && <Fields value={own} onChange={setOwn} error={create.error} />}
          <ErrorAlert error={create.error} fields={named} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending} disabled={!identifierRule.test(identifier) || !!identifierError || !chosen.caId || !chosen.profileId || authorities.length === 0}>
              Create
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

export function EditProtocol({ partitionId, configuration: c, onClose }: { partitionId: string; configuration: Configuration; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [description, setDescription] = useState(c.description);
  const [chosen, setChosen] = useState<Chosen>({ caId: c.ca.id, profileId: c.profileId });
  const update = useMutation({
    mutationFn: () => request(Update, { input: { id: c.id, description: description.trim(), caId: chosen.caId, profileId: chosen.profileId } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["protocol"] });
      void queryClient.invalidateQueries({ queryKey: ["protocols"] });
      onClose();
    },
  });
  const changed = description.trim() !== c.description || chosen.caId !== c.ca.id || chosen.profileId !== c.profileId;
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>Edit {c.identifier}</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          update.mutate();
        }}
      >
        <Stack>
          <Textarea label="Description" description="Optional: whom it is for" data-autofocus maxLength={200} autosize minRows={1} maxRows={3} value={description} onChange={(e) => setDescription(e.currentTarget.value.replaceAll("\n", " "))} error={fieldError(update.error, "description")} />
          {c.mayWiden && <IssuedBy partitionId={partitionId} type={c.type} chosen={chosen} onChange={setChosen} error={update.error} />}
          <Text size="sm" c="dimmed">
            {!c.mayWiden ? noWidening : chosen.caId === c.ca.id ? "Certificates are issued so from then on; those that are there stay as they are." : "From then on the other authority issues; what is there stays as it is. Whoever verifies the new certificates must trust the root of that authority."}
          </Text>
          <ErrorAlert error={update.error} fields={named} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={update.isPending} disabled={!changed || !chosen.caId || !chosen.profileId}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
