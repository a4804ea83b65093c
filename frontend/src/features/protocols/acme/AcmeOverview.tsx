import { Anchor, Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { CopyText, Section } from "@/components/ui";
import { download } from "@/lib/format";
import { defaultOffering } from "../configuration";
import type { PanelProps } from "../types";
import { Commands } from "./Commands";
import { useAcme } from "./useAcme";

export default function AcmeOverview({ configuration: c, partitionId, editable }: PanelProps) {
  const { acme, root, waiting } = useAcme(c.id);
  const [domain, setDomain] = useState("www.example.com");
  const [email, setEmail] = useState("admin@example.com");
  const [chosen, setChosen] = useState<string | null>(null);
  if (!acme) return waiting;
  const { nodes, totalCount } = acme.externalKeys;
  const active = nodes.filter((k) => k.state === "ACTIVE");
  const more = totalCount > nodes.length; // the newest keys are enough for a command, but do not show that there is none
  const keys = active.filter((k) => !k.withoutBinding);
  const kid = keys.find((k) => k.id === chosen)?.id ?? keys[0]?.id;
  return (
    <>
      <Section title="ACME Directory URL">
        <Stack gap="xs">
          <CopyText value={acme.directoryUrl} />
          <Text size="sm" c="dimmed">
            Clients are given this as their server. Each needs an EAB key to make its account:{" "}
            {keys.length > 0 || more
              ? "one is given out in the tab EAB Keys."
              : active.length > 0
                ? "there is none but the one for devices without binding."
                : editable
                  ? "there is none yet, so nobody can enrol."
                  : "there is none yet; an Owner, a CA Administrator or a Protocol Operator makes one."}
          </Text>
          {active.length === 0 && !more && editable && (
            <Group>
              <Button
                renderRoot={(p) => (
                  <Link
                    to="/p/$partitionId/protocols/$identifier"
                    params={{ partitionId, identifier: c.identifier }}
                    search={{ tab: "eab-keys" }}
                    {...p}
                  />
                )}
              >
                Go to EAB Keys
              </Button>
            </Group>
          )}
        </Stack>
      </Section>
      <Section
        title="Enrol a client"
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
          <SimpleGrid cols={{ base: 1, sm: keys.length > 0 ? 3 : 2 }}>
            <TextInput label="Domain" value={domain} onChange={(e) => setDomain(e.currentTarget.value.trim())} />
            <TextInput
              label="Email"
              description="No mail is sent to it"
              inputWrapperOrder={["label", "input", "description"]}
              value={email}
              onChange={(e) => setEmail(e.currentTarget.value.trim())}
            />
            {keys.length > 0 && (
              <Select
                label="EAB key"
                data={keys.map((k) => ({ value: k.id, label: k.friendlyName }))}
                value={kid ?? null}
                onChange={setChosen}
                allowDeselect={false}
              />
            )}
          </SimpleGrid>
          <Text size="sm">
            {root
              ? "This server's own certificate is private: put root_ca.crt onto the host first, as /tmp/root_ca.crt. "
              : ""}
            The HMAC key was shown when the EAB key was made: put it in place of EAB_HMAC_KEY.
          </Text>
          <Commands
            enrolment={{
              directoryUrl: acme.directoryUrl,
              identifier: c.identifier,
              kid: kid ?? "EAB_KID",
              hmacKey: "EAB_HMAC_KEY",
              domain: domain || "www.example.com",
              email: email || "admin@example.com",
              root,
            }}
          />
          <Text size="sm" c="dimmed">
            Whoever verifies the certificates trusts the root of{" "}
            <Anchor
              size="sm"
              renderRoot={(p) => (
                <Link
                  to="/p/$partitionId/cas/$identifier"
                  params={{ partitionId, identifier: defaultOffering(c).ca.identifier }}
                  {...p}
                />
              )}
            >
              {defaultOffering(c).ca.friendlyName}
            </Anchor>
            : download it there, with Actions, Download chain.
          </Text>
        </Stack>
      </Section>
    </>
  );
}
