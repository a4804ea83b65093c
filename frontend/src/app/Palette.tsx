import { Kbd, Modal, NavLink, Stack, Text, TextInput } from "@mantine/core";
import { IconBuildingBank, IconCertificate, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";

const PaletteQuery = graphql(`
  query Palette($partition: ID!, $search: String!) {
    partition(id: $partition) {
      certificationAuthorities(search: $search) { id identifier friendlyName }
      certificates(first: 8, filter: { search: $search }) { nodes { id subject serialNumber } }
    }
  }
`);

/** Ctrl+K: screens, CAs and certificates by name or serial number. */
export function Palette({ partitionId, onClose }: { partitionId: string | undefined; onClose: () => void }) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [search] = useDebouncedValue(typed.trim(), 150);
  const [selected, setSelected] = useState(0);
  const { data } = useQuery({ queryKey: ["palette", partitionId, search], queryFn: () => request(PaletteQuery, { partition: partitionId!, search }), enabled: !!partitionId && search.length > 1 });
  const base = `/p/${partitionId}`;
  const screens = [
    ...(partitionId
      ? [
          ["Home", base], ["Certificate Authorities", `${base}/cas`], ["Create a certificate authority", `${base}/cas?create=true`], ["Certificates", `${base}/certificates`],
          ["Issue a certificate", `${base}/certificates?issue=true`], ["Certificate Profiles", `${base}/profiles`], ["End Entities", `${base}/end-entities`], ["User Management", `${base}/users`], ["Events", `${base}/events`],
        ]
      : []),
    ["Subscriptions", "/supervisor/subscriptions"], ["Partitions", "/supervisor/partitions"], ["Profile and security", "/profile"],
  ] as [string, string][];
  const found = [
    ...(data?.partition?.certificationAuthorities ?? []).map((c) => ({ label: c.friendlyName, description: c.identifier, to: `${base}/cas/${c.identifier}`, icon: <IconBuildingBank size={18} /> })),
    ...(data?.partition?.certificates.nodes ?? []).map((c) => ({ label: c.subject, description: c.serialNumber, to: `${base}/certificates/${c.id}`, icon: <IconCertificate size={18} /> })),
    ...screens.filter(([l]) => l.toLowerCase().includes(typed.trim().toLowerCase())).map(([label, to]) => ({ label, description: undefined, to, icon: <IconSearch size={18} /> })),
  ];
  const go = (to: string) => {
    onClose();
    void navigate({ href: to });
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} size="lg" yOffset="12vh" centered={false} padding="sm" aria-label="Search">
      <TextInput
        placeholder="Screen, certificate authority, common name or serial number"
        aria-label="Search"
        leftSection={<IconSearch size={18} />}
        size="md"
        data-autofocus
        value={typed}
        onChange={(e) => {
          setTyped(e.currentTarget.value);
          setSelected(0);
        }}
        onKeyDown={(e) => {
          if (e.key === "ArrowDown") setSelected((n) => Math.min(n + 1, found.length - 1));
          else if (e.key === "ArrowUp") setSelected((n) => Math.max(n - 1, 0));
          else if (e.key === "Enter" && found[selected]) go(found[selected].to);
          else return;
          e.preventDefault();
        }}
      />
      <Stack gap={2} mt="sm" mah={400} style={{ overflowY: "auto" }}>
        {found.map((f, n) => (
          <NavLink key={f.to + f.label} component="button" type="button" label={f.label} description={f.description} leftSection={f.icon} active={n === selected} onClick={() => go(f.to)} style={{ borderRadius: 8 }} />
        ))}
        {found.length === 0 && (
          <Text c="dimmed" p="sm">
            Nothing found.
          </Text>
        )}
      </Stack>
      <Text size="xs" c="dimmed" mt="sm">
        <Kbd size="xs">↑</Kbd> <Kbd size="xs">↓</Kbd> choose, <Kbd size="xs">Enter</Kbd> open, <Kbd size="xs">Esc</Kbd> close. <Kbd size="xs">Ctrl K</Kbd> or <Kbd size="xs">/</Kbd> opens this anywhere.
      </Text>
    </Modal>
  );
}
