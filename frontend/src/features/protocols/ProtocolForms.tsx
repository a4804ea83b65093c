import { Button, Fieldset, Group, Modal, Radio, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ErrorAlert, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import type { CreateProtocolConfigurationInput, ProtocolType } from "@/gql/graphql";
import { identifierRule } from "@/lib/format";
import { request } from "@/lib/graphql";
import type { Configuration } from "./configuration";
import { OfferingFields, emptyOffering, offeringInput, useChoices, type OfferingDraft } from "./Offerings";
import { protocols, protocolTypes } from "./types";

const Taken = graphql(`
  query ProtocolTaken($partition: ID!, $identifier: String!) {
    partition(id: $partition) {
      protocolConfiguration(identifier: $identifier) {
        id
      }
    }
  }
`);
const Create = graphql(`
  mutation CreateProtocolConfiguration($input: CreateProtocolConfigurationInput!) {
    createProtocolConfiguration(input: $input) {
      protocolConfiguration {
        id
        identifier
      }
    }
  }
`);
const Update = graphql(`
  mutation UpdateProtocolConfiguration($input: UpdateProtocolConfigurationInput!) {
    updateProtocolConfiguration(input: $input) {
      protocolConfiguration {
        id
      }
    }
  }
`);

const named = ["identifier", "description", "type"];

export function CreateProtocol({ partitionId, onClose }: { partitionId: string; onClose: () => void }) {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [type, setType] = useState<ProtocolType>(protocolTypes[0]![0]);
  const [identifier, setIdentifier] = useState("");
  const [description, setDescription] = useState("");
  const [offerings, setOfferings] = useState<OfferingDraft[]>([emptyOffering]);
  const [own, setOwn] = useState<Partial<CreateProtocolConfigurationInput>>({});
  const { authorities } = useChoices(partitionId, type);
  const taken = useQuery({
    queryKey: ["protocol-taken", partitionId, identifier],
    queryFn: () => request(Taken, { partition: partitionId, identifier }),
    enabled: identifierRule.test(identifier),
    staleTime: 0,
  });
  const identifierError =
    identifier && !identifierRule.test(identifier)
      ? "2 to 18 characters out of a-z, 0-9, hyphen and underscore"
      : identifier && taken.data?.partition?.protocolConfiguration
        ? "This identifier is taken"
        : undefined;
  const create = useMutation({
    mutationFn: () =>
      request(Create, {
        input: {
          ...own,
          partitionId,
          type,
          identifier,
          description: description.trim(),
          offerings: offerings.map(offeringInput),
        },
      }),
    onSuccess: async () => {
      void queryClient.invalidateQueries({ queryKey: ["protocols"] });
      await navigate({ to: "/p/$partitionId/protocols/$identifier", params: { partitionId, identifier } });
    },
  });
  const complete = offerings.every((o) => o.caId && o.profileId);
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
          <Radio.Group
            label="Type"
            required
            value={type}
            onChange={(t) => {
              setType(t as ProtocolType);
              setOfferings([emptyOffering]);
              setOwn({});
            }}
          >
            <Stack gap="xs" mt={6}>
              {protocolTypes.map(([id, p]) => (
                <Radio.Card key={id} value={id} p="sm" radius="md">
                  <Group wrap="nowrap" align="flex-start" gap="sm">
                    <Radio.Indicator mt={2} />
                    <div>
                      <Text size="sm" fw={600}>
                        {p.label}
                      </Text>
                      <Text size="xs" c="dimmed">
                        {p.description}
                      </Text>
                    </div>
                  </Group>
                </Radio.Card>
              ))}
            </Stack>
          </Radio.Group>
          <TextInput
            label="Protocol Configuration Identifier"
            description="2 to 18 of a-z, 0-9, hyphen and underscore; part of the address, so it stays as it is"
            required
            data-autofocus
            autoComplete="off"
            value={identifier}
            onChange={(e) => setIdentifier(e.currentTarget.value)}
            error={identifierError ?? fieldError(create.error, "identifier")}
          />
          <Textarea
            label="Description"
            description="Optional: whom it is for"
            maxLength={200}
            autosize
            minRows={1}
            maxRows={3}
            value={description}
            onChange={(e) => setDescription(e.currentTarget.value.replaceAll("\n", " "))}
            error={fieldError(create.error, "description")}
          />
          {offerings.map((value, n) => {
            const fields = (
              <OfferingFields
                partitionId={partitionId}
                type={type}
                value={value}
                onChange={(v) => setOfferings(offerings.map((old, k) => (k === n ? v : old)))}
                error={create.error}
                at={`offerings[${n}].`}
              />
            );
            return offerings.length === 1 ? (
              <Stack key={n}>{fields}</Stack>
            ) : (
              <Fieldset key={n} legend={n === 0 ? "Default offering" : `Offering ${n + 1}`}>
                <Stack>
                  {fields}
                  {n > 0 && (
                    <Group justify="flex-end">
                      <Button
                        size="xs"
                        variant="default"
                        onClick={() => setOfferings(offerings.filter((_, k) => k !== n))}
                      >
                        Leave out
                      </Button>
                    </Group>
                  )}
                </Stack>
              </Fieldset>
            );
          })}
          {complete && (
            <Group>
              <Button
                size="xs"
                variant="default"
                leftSection={<IconPlus size={14} />}
                onClick={() => setOfferings([...offerings, emptyOffering])}
              >
                Add another offering
              </Button>
            </Group>
          )}
          {Fields && <Fields value={own} onChange={setOwn} error={create.error} />}
          <ErrorAlert
            error={create.error}
            fields={[
              ...named,
              ...offerings.flatMap((_, n) =>
                ["name", "caId", "profileId", "maxValidityHours"].map((f) => `offerings[${n}].${f}`),
              ),
            ]}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button
              type="submit"
              loading={create.isPending}
              disabled={!identifierRule.test(identifier) || !!identifierError || !complete || authorities.length === 0}
            >
              Create
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

export function EditProtocol({ configuration: c, onClose }: { configuration: Configuration; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [description, setDescription] = useState(c.description);
  const update = useMutation({
    mutationFn: () => request(Update, { input: { id: c.id, description: description.trim() } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["protocol"] });
      void queryClient.invalidateQueries({ queryKey: ["protocols"] });
      onClose();
    },
  });
  const changed = description.trim() !== c.description;
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>Edit {c.identifier}</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          update.mutate();
        }}
      >
        <Stack>
          <Textarea
            label="Description"
            description="Optional: whom it is for"
            data-autofocus
            maxLength={200}
            autosize
            minRows={1}
            maxRows={3}
            value={description}
            onChange={(e) => setDescription(e.currentTarget.value.replaceAll("\n", " "))}
            error={fieldError(update.error, "description")}
          />
          <Text size="sm" c="dimmed">
            Authorities and profiles are under Offerings on the Overview.
          </Text>
          <ErrorAlert error={update.error} fields={named} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={update.isPending} disabled={!changed}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
