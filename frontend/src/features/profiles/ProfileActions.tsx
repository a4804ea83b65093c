import { Accordion, Card, Code, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ConfirmTyping, ErrorAlert, Loading, Moment } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";

const Retire = graphql(`
  mutation RetireProfile($input: RetireProfileInput!) {
    retireProfile(input: $input) {
      profile {
        id
        retiredAt
      }
    }
  }
`);
const Delete = graphql(`
  mutation DeleteProfile($input: DeleteProfileInput!) {
    deleteProfile(input: $input) {
      id
    }
  }
`);
const History = graphql(`
  query ProfileHistory($partition: ID!, $id: ID!) {
    partition(id: $partition) {
      certificateProfile(id: $id) {
        basedOn
        issued
        selectedFor
        versions(first: 200) {
          nodes {
            version
            createdAt
            createdBy
            comment
            json
          }
        }
      }
    }
  }
`);
const Users = graphql(`
  query ProfileProtocols($partition: ID!, $id: ID!) {
    partition(id: $partition) {
      certificateProfile(id: $id) {
        protocolConfigurations {
          id
          identifier
        }
      }
    }
  }
`);
const Changes = graphql(`
  query ProfileChanges($partition: ID!, $id: ID!, $from: Int64!, $to: Int64!) {
    partition(id: $partition) {
      certificateProfile(id: $id) {
        changes(from: $from, to: $to) {
          path
          before
          after
        }
      }
    }
  }
`);

type Named = { id: string; name: string; version: number };

/** Everything that lists profiles reads them again. */
export function useReload() {
  const queryClient = useQueryClient();
  return () =>
    ["profiles", "profile-groups", "profile-history", "issue-choices", "ca"].forEach(
      (key) => void queryClient.invalidateQueries({ queryKey: [key] }),
    );
}

export function EndDialog({
  partitionId,
  profile,
  how,
  onClose,
  onDone,
}: {
  partitionId: string;
  profile: Named;
  how: "retire" | "delete";
  onClose: () => void;
  onDone: () => void;
}) {
  const reload = useReload();
  const input = { partitionId, id: profile.id, version: profile.version };
  const used = useQuery({
    queryKey: ["profile-protocols", partitionId, profile.id],
    queryFn: () => request(Users, { partition: partitionId, id: profile.id }),
    staleTime: 0,
  });
  const protocols = used.data?.partition?.certificateProfile?.protocolConfigurations ?? [];
  const end = useMutation({
    mutationFn: async () =>
      void (how === "retire" ? await request(Retire, { input }) : await request(Delete, { input })),
    onSuccess: () => {
      reload();
      onDone();
    },
  });
  return (
    <ConfirmTyping
      opened
      onClose={onClose}
      title={how === "retire" ? "Retire Certificate Profile" : "Delete Certificate Profile"}
      word={profile.id}
      action={how === "retire" ? "Retire" : "Delete"}
      onConfirm={() => end.mutate()}
      busy={end.isPending}
      error={end.error}
    >
      <Text size="sm">
        {how === "retire"
          ? "Nothing more is issued under it, and the authorities that have it selected lose it. Its certificates stay as they are and keep their story. It cannot be taken back; clone it to go on."
          : "It goes with all its versions. This is possible only while nothing was issued under it and no authority has it selected."}
      </Text>
      {protocols.length > 0 && (
        <Text size="sm" fw={600}>
          Enrollment protocols that issue under it{" "}
          {how === "retire" ? "then refuse everybody" : "keep it from being deleted"}:{" "}
          {protocols.map((c) => c.identifier).join(", ")}.
        </Text>
      )}
    </ConfirmTyping>
  );
}

/** The versions of a custom profile, each with what it changed. */
export function ProfileHistory({ partitionId, id }: { partitionId: string; id: string }) {
  const history = useQuery({
    queryKey: ["profile-history", partitionId, id],
    queryFn: () => request(History, { partition: partitionId, id }),
  });
  const [open, setOpen] = useState<string | null>(null);
  const p = history.data?.partition?.certificateProfile;
  if (history.isPending) return <Loading lines={3} />;
  if (history.error) return <ErrorAlert error={history.error} retry={() => void history.refetch()} />;
  if (!p) return null;
  return (
    <Stack gap="sm">
      <Text size="sm">
        Cloned from {p.basedOn}.{" "}
        {p.selectedFor.length > 0
          ? `Selected for ${p.selectedFor.join(", ")}.`
          : "Selected for no authority yet: select it on the authority's page."}{" "}
        {p.issued ? "Certificates were issued under it." : "Nothing was issued under it yet."}
      </Text>
      <Accordion variant="separated" value={open} onChange={setOpen}>
        {p.versions.nodes.map((v) => (
          <Accordion.Item key={v.version} value={String(v.version)}>
            <Accordion.Control>
              <Text size="sm" fw={600}>
                Version {v.version}
                {v.comment && `: ${v.comment}`}
              </Text>
              <Text size="xs" c="dimmed" component="div">
                {v.createdBy} · <Moment at={v.createdAt} />
              </Text>
            </Accordion.Control>
            <Accordion.Panel>
              {open === String(v.version) && (
                <Difference partitionId={partitionId} id={id} from={v.version - 1} to={v.version} />
              )}
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Stack>
  );
}

function Difference({ partitionId, id, from, to }: { partitionId: string; id: string; from: number; to: number }) {
  const changes = useQuery({
    queryKey: ["profile-changes", partitionId, id, from, to],
    queryFn: () => request(Changes, { partition: partitionId, id, from, to }),
    staleTime: Infinity,
  });
  if (changes.isPending) return <Loading lines={2} />;
  if (changes.error) return <ErrorAlert error={changes.error} />;
  const list = changes.data.partition?.certificateProfile?.changes ?? [];
  return (
    <Stack gap="xs">
      {list.length === 0 && <Text size="sm">No difference.</Text>}
      {list.map((c, n) => (
        <Card key={n} withBorder padding="xs">
          <Text size="sm" fw={600}>
            {c.path}
          </Text>
          {c.before && <Code block aria-label="before">{`− ${c.before}`}</Code>}
          {c.after && <Code block aria-label="after">{`+ ${c.after}`}</Code>}
        </Card>
      ))}
    </Stack>
  );
}
