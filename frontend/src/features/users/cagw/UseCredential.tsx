import { Anchor, Button, SimpleGrid, Select, Stack, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { CommandTabs } from "@/components/CommandTabs";
import { CopyText, ErrorAlert, Facts, Section } from "@/components/ui";
import { download } from "@/lib/format";
import { request } from "@/lib/graphql";
import { clientCommands } from "./commands";
import { Profiles, type Credential } from "./queries";

/** What to paste into clients, for one of the credentials. */
export function UseCredential({
  partitionId,
  url,
  root,
  credentials,
  file,
  password,
}: {
  partitionId: string;
  url: string;
  root: string | null;
  credentials: Pick<Credential, "id" | "identifier" | "roles">[];
  file?: string;
  password?: string;
}) {
  const [chosen, setChosen] = useState<{ credential?: string; ca?: string; profile?: string }>({});
  const credential = credentials.find((c) => c.id === chosen.credential) ?? credentials[0]!;
  const authorities = [
    ...new Map(credential.roles.filter((r) => !r.ca.deletedAt).map((r) => [r.ca.id, r.ca])).values(),
  ];
  const ca = authorities.find((a) => a.id === chosen.ca) ?? authorities[0];
  const selected = useQuery({
    queryKey: ["cagw-profiles", ca?.id],
    queryFn: () => request(Profiles, { ca: ca!.id }),
    enabled: !!ca,
  });
  const profiles = selected.data?.certificationAuthority?.profiles.map((p) => p.id) ?? [];
  const profile =
    profiles.find((p) => p === chosen.profile) ??
    profiles.find((p) => p === "privatessl-tls-server") ??
    profiles[0] ??
    "PROFILE";
  return (
    <Section
      title="Use it"
      actions={
        root && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} />}
            onClick={() => download("root_ca.crt", root, "application/x-pem-file")}
          >
            Download root_ca.crt
          </Button>
        )
      }
    >
      <Stack>
        <SimpleGrid cols={{ base: 1, sm: credentials.length > 1 ? 3 : 2 }}>
          {credentials.length > 1 && (
            <Select
              label="Credential"
              data={credentials.map((c) => ({ value: c.id, label: c.identifier }))}
              value={credential.id}
              onChange={(v) => setChosen(v ? { credential: v } : {})}
              allowDeselect={false}
            />
          )}
          <Select
            label="Authority"
            data={authorities.map((a) => ({ value: a.id, label: `${a.friendlyName} (${a.identifier})` }))}
            value={ca?.id ?? null}
            onChange={(v) => setChosen({ credential: credential.id, ...(v && { ca: v }) })}
            allowDeselect={false}
            placeholder="None any more"
          />
          <Select
            label="Profile"
            searchable
            data={profiles}
            value={profiles.includes(profile) ? profile : null}
            onChange={(v) => setChosen({ ...chosen, ...(v && { profile: v }) })}
            allowDeselect={false}
            placeholder={selected.isFetching ? "" : "None is selected for the authority"}
          />
        </SimpleGrid>
        <ErrorAlert error={selected.error} />
        {ca && (
          <>
            <Facts
              rows={[
                ["API", <CopyText key="u" value={url} />],
                ["CA id", <CopyText key="c" value={`${partitionId}~${ca.identifier}`} />],
              ]}
            />
            <Text size="sm">
              {root ? "This server's own certificate is private: put root_ca.crt beside the file. " : ""}
              {password ? "" : "The password was shown when the file was made: put it in place of PASSWORD."}
            </Text>
            <CommandTabs
              commands={clientCommands({
                url,
                partitionId,
                ca: ca.identifier,
                profile,
                file: file ?? `pkcs12-${credential.identifier}.p12`,
                password: password ?? "PASSWORD",
                root,
              })}
            />
          </>
        )}
        <Text size="sm" c="dimmed">
          Every operation can be read and tried in the{" "}
          <Anchor size="sm" href={`${url.replace(/\/v1$/, "")}/swagger-ui`} target="_blank" rel="noopener noreferrer">
            reference (Swagger UI)
          </Anchor>
          : import the file into the browser first, which asks for it there.
        </Text>
      </Stack>
    </Section>
  );
}
