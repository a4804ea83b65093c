import { Kbd, Modal, NavLink, Stack, Text, TextInput } from "@mantine/core";
import { IconBuildingBank, IconCertificate, IconPlugConnected, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";
import { useCan, useViewer } from "@/lib/session";

const PaletteQuery = graphql(`
  query Palette($partition: ID!, $search: String!) {
    partition(id: $partition) {
      certificationAuthorities(search: $search, first: 20) {
        nodes {
          id
          identifier
          friendlyName
        }
      }
      protocolConfigurations(first: 5, filter: { search: $search }) {
        nodes {
          id
          identifier
          description
        }
      }
      certificates(first: 8, filter: { search: $search }) {
        nodes {
          id
          subject
          serialNumber
        }
      }
    }
  }
`);

/** Ctrl+K: screens, CAs, protocol configurations and certificates by name or serial number. */
export function Palette({ partitionId, onClose }: { partitionId: string | undefined; onClose: () => void }) {
  const navigate = useNavigate();
  const can = useCan(partitionId ?? "");
  const viewer = useViewer();
  const [typed, setTyped] = useState("");
  const [search] = useDebouncedValue(typed.trim(), 150);
  const [selected, setSelected] = useState(0);
  const { data } = useQuery({
    queryKey: ["palette", partitionId, search],
    queryFn: () => request(PaletteQuery, { partition: partitionId!, search }),
    enabled: !!partitionId && search.length > 1,
  });
  const base = `/p/${partitionId}`;
  const screens = [
    ...(partitionId
      ? [
          ["Home", base],
          ["Certificate Authorities", `${base}/cas`],
          ...(can("ca:create") ? [["Create a certificate authority", `${base}/cas?create=true`]] : []),
          ["Enrollment Protocols", `${base}/protocols`],
          ...(can("protocol:manage") ? [["Create a protocol configuration", `${base}/protocols?create=true`]] : []),
          ...(can("protocol:browse") ? [["Renewal Campaigns", `${base}/campaigns`]] : []),
          ...(can("protocol:manage") ? [["Create a renewal campaign", `${base}/campaigns?create=true`]] : []),
          ["Certificates", `${base}/certificates`],
          ...(can("certificate:issue") ? [["Issue a certificate", `${base}/certificates?issue=true`]] : []),
          ["Bulk Operations", `${base}/bulk`],
          ...(can("certificate:change-status") ? [["Revoke many certificates", `${base}/bulk?make=revoke`]] : []),
          ...(can("approval:browse")
            ? [
                ["Approvals", `${base}/approvals`],
                ["What needs approval", `${base}/approvals?view=rules`],
              ]
            : []),
          ["Reports", `${base}/reports`],
          ...(can("notification:browse") ? [["Notifications", `${base}/notifications`]] : []),
          ["Certificate Profiles", `${base}/profiles`],
          ["End Entities", `${base}/end-entities`],
          ...(can("user:browse") || can("token:browse") ? [["User Management", `${base}/users`]] : []),
          ...(can("token:browse") ? [["CAGW Credentials", `${base}/users?tab=cagw`]] : []),
          ...(can("token:manage") ? [["Create a CAGW credential", `${base}/users?tab=cagw&create=true`]] : []),
          ["Events", `${base}/events`],
        ]
      : []),
    ["Subscriptions", "/supervisor/subscriptions"],
    ["Partitions", "/supervisor/partitions"],
    ...(viewer?.operator ? [["Jobs", "/supervisor/jobs"]] : []),
    ["Profile and security", "/profile"],
  ] as [string, string][];
  const found = [
    ...(data?.partition?.certificationAuthorities.nodes ?? []).map((c) => ({
      label: c.friendlyName,
      description: c.identifier,
      to: `${base}/cas/${c.identifier}`,
      icon: <IconBuildingBank size={18} />,
    })),
    ...(data?.partition?.protocolConfigurations.nodes ?? []).map((c) => ({
      label: c.identifier,
      description: c.description || "Enrollment protocol",
      to: `${base}/protocols/${c.identifier}`,
      icon: <IconPlugConnected size={18} />,
    })),
    ...(data?.partition?.certificates.nodes ?? []).map((c) => ({
      label: c.subject,
      description: c.serialNumber,
      to: `${base}/certificates/${c.id}`,
      icon: <IconCertificate size={18} />,
    })),
    ...screens
      .filter(([l]) => l.toLowerCase().includes(typed.trim().toLowerCase()))
      .map(([label, to]) => ({ label, description: undefined, to, icon: <IconSearch size={18} /> })),
  ];
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  const go = (to: string) => {
    onClose();
    void navigate({ href: to });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      withCloseButton={false}
      size="lg"
      yOffset="12vh"
      centered={false}
      padding="sm"
      aria-label="Search"
    >
      <TextInput
        placeholder="Screen, certificate authority, common name or serial number"
        aria-label="Search"
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={found[selected] ? `palette-${selected}` : undefined}
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
      <Stack
        ref={list}
        id="palette-list"
        role="listbox"
        aria-label="Results"
        gap={2}
        mt="sm"
        mah={400}
        style={{ overflowY: "auto" }}
      >
        {found.map((f, n) => (
          <NavLink
            key={f.to + f.label}
            id={`palette-${n}`}
            component="button"
            type="button"
            role="option"
            aria-selected={n === selected}
            tabIndex={-1}
            label={f.label}
            description={f.description}
            leftSection={f.icon}
            active={n === selected}
            onClick={() => go(f.to)}
            style={{ borderRadius: 8 }}
          />
        ))}
      </Stack>
      {found.length === 0 && (
        <Text c="dimmed" p="sm" role="status">
          Nothing found.
        </Text>
      )}
      <Text size="xs" c="dimmed" mt="sm">
        <Kbd size="xs">↑</Kbd> <Kbd size="xs">↓</Kbd> choose, <Kbd size="xs">Enter</Kbd> open, <Kbd size="xs">Esc</Kbd>{" "}
        close. <Kbd size="xs">Ctrl K</Kbd> or <Kbd size="xs">/</Kbd> opens this anywhere, <Kbd size="xs">?</Kbd> lists
        every shortcut.
      </Text>
    </Modal>
  );
}
