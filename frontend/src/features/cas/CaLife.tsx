import {
  Alert,
  Badge,
  Button,
  Card,
  Group,
  List,
  Loader,
  Modal,
  Radio,
  Stack,
  Table,
  Text,
  TextInput,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconDownload, IconFileImport, IconRefresh } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ErrorAlert, fieldError, Loading, Moment, Scroll, Section } from "@/components/ui";
import { graphql } from "@/gql";
import { download, formatDate, formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useDeployment } from "@/lib/session";
import type { Ca } from "./CaPage";
import { CertificateInput, showRemarks } from "./CertificateInput";

const Request = graphql(`
  query CaRequest($id: ID!) {
    certificationAuthority(id: $id) {
      certificateSigningRequest
    }
  }
`);
const Import = graphql(`
  mutation ImportCaCertificate($input: ImportCaCertificateInput!) {
    importCaCertificate(input: $input) {
      certificationAuthority {
        id
        status
        remarks
      }
    }
  }
`);
const Renew = graphql(`
  mutation RenewCa($input: RenewCertificationAuthorityInput!) {
    renewCertificationAuthority(input: $input) {
      __typename
      ... on CertificationAuthorityPayload {
        certificationAuthority {
          id
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const Disable = graphql(`
  mutation DisableCa($id: ID!) {
    disableCertificationAuthority(input: { caId: $id }) {
      certificationAuthority {
        id
        status
      }
    }
  }
`);
const Enable = graphql(`
  mutation EnableCa($id: ID!) {
    enableCertificationAuthority(input: { caId: $id }) {
      certificationAuthority {
        id
        status
      }
    }
  }
`);
const Certificates = graphql(`
  query CaCertificates($id: ID!) {
    certificationAuthority(id: $id) {
      caCertificates {
        kind
        keyGeneration
        issuerGeneration
        serialNumber
        notBefore
        notAfter
        pem
      }
    }
  }
`);
const Impact = graphql(`
  query DeletionImpact($id: ID!) {
    certificationAuthority(id: $id) {
      deletionImpact(first: 5) {
        subordinateCount
        subordinates {
          id
          identifier
          friendlyName
        }
        certificateCount
        certificates {
          id
          subject
          notAfter
        }
        protocolConfigurationCount
        protocolConfigurations {
          id
          identifier
          type
        }
        endEntityCount
        endEntities {
          id
          identifier
        }
        profiles {
          id
        }
      }
    }
  }
`);

/** The request that somebody else must sign, and the way back in for what they sign; what a renewal is doing. */
export function WaitingCard({
  ca,
  downloadable,
  editable,
  onRenew,
}: {
  ca: Ca;
  downloadable: boolean;
  editable: boolean;
  onRenew: () => void;
}) {
  const [importing, setImporting] = useState(false);
  const pending = useQuery({
    queryKey: ["ca-request", ca.id, ca.status, ca.renewal?.newKey],
    queryFn: () => request(Request, { id: ca.id }),
    enabled: downloadable && (ca.status === "PENDING_CERTIFICATE" || !!ca.renewal),
    refetchInterval: 3_000,
  });
  const csr = pending.data?.certificationAuthority?.certificateSigningRequest;
  const waits = ca.status === "PENDING_CERTIFICATE" || (ca.parent?.type === "EXTERNAL_ROOT" && !!ca.renewal && !!csr);
  if (ca.renewal?.failure) {
    return (
      <Alert color="red" variant="light" icon={<IconAlertTriangle />} title="The renewal failed" mb="md">
        <Text size="sm" mb="xs">
          {ca.renewal.failure}. The authority issues as before.
        </Text>
        {editable && (
          <Button size="xs" variant="default" onClick={onRenew}>
            Renew again
          </Button>
        )}
      </Alert>
    );
  }
  if (ca.renewal && !waits) {
    return (
      <Card withBorder mb="md" role="status">
        <Group gap="sm">
          <Loader size="xs" aria-hidden="true" />
          <Text size="sm">
            Being renewed{ca.renewal.newKey && " with a new key"}. It issues as before until everything is made.
          </Text>
        </Group>
      </Card>
    );
  }
  if (!waits) return null;
  return (
    <Card
      component="section"
      aria-label="Waiting for its certificate"
      withBorder
      mb="md"
      style={{ borderColor: "var(--mantine-color-yellow-6)" }}
    >
      <Group justify="space-between">
        <Stack gap={4} style={{ flex: "1 1 320px" }}>
          <Text fw={650}>Waiting for its certificate</Text>
          <Text size="sm">
            The key is made{ca.renewal ? "; the authority issues as before" : ""}. Download the request, have{" "}
            {ca.parent?.friendlyName ?? "the external root"} sign it as a CA (basic constraints CA, key usages
            keyCertSign and cRLSign), and import the certificate that comes back.
          </Text>
        </Stack>
        <Group gap="xs">
          {downloadable && (
            <Button
              variant="default"
              leftSection={<IconDownload size={16} />}
              disabled={!csr}
              onClick={() => download(`${ca.identifier}.csr`, csr!, "application/pkcs10")}
            >
              Download Certificate Request
            </Button>
          )}
          {editable && (
            <Button leftSection={<IconFileImport size={16} />} onClick={() => setImporting(true)}>
              Import Issuing Certificate Authority
            </Button>
          )}
        </Group>
      </Group>
      <ErrorAlert error={pending.error} />
      {importing && <ImportCertificate ca={ca} onClose={() => setImporting(false)} />}
    </Card>
  );
}

/** Takes the certificate that somebody else signed: of a CA that waits for it, or a newer one of an external root. */
export function ImportCertificate({ ca, onClose }: { ca: Ca; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [text, setText] = useState("");
  const root = ca.type === "EXTERNAL_ROOT";
  const bring = useMutation({
    mutationFn: () => request(Import, { input: { caId: ca.id, certificate: text } }),
    onSuccess: async (d) => {
      await queryClient.invalidateQueries();
      notifications.show({ message: "The certificate fits and is imported." });
      showRemarks(d.importCaCertificate.certificationAuthority.remarks);
      onClose();
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={<Text fw={650}>{root ? "Import newer certificate" : "Import Issuing Certificate Authority"}</Text>}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          bring.mutate();
        }}
      >
        <Stack>
          {root && (
            <Text size="sm">
              Of the same key and subject: one that the root renewed replaces the present one in every chain from now
              on; a cross-certificate, which another root made, is kept beside it. The present one stays in{" "}
              <i>Keys and certificates</i>.
            </Text>
          )}
          <CertificateInput
            label="Certificate"
            description={
              root
                ? "PEM or a DER file; a cross-certificate as PEM together with the certificate of its issuer"
                : "PEM, with or without the certificates above it, or a DER file"
            }
            value={text}
            onChange={setText}
            error={fieldError(bring.error, "certificate")}
          />
          <ErrorAlert error={bring.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" disabled={!text.trim()} loading={bring.isPending}>
              Import
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Asks whether the key stays, and until when. */
export function RenewCa({ ca, onClose }: { ca: Ca; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [newKey, setNewKey] = useState(ca.renewal ? String(ca.renewal.newKey) : "true");
  const [expiry, setExpiry] = useState("");
  const twoPersons = useDeployment()?.twoPersonRoots && ca.type === "ROOT";
  const renew = useMutation({
    mutationFn: () =>
      request(Renew, {
        input: {
          caId: ca.id,
          newKey: newKey === "true",
          expiresAt: expiry ? new Date(`${expiry}T00:00:00`).toISOString() : null,
        },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries();
      notifications.show({ message: `${ca.friendlyName} is being renewed.` });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>Renew Certificate Authority</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          renew.mutate();
        }}
      >
        <Stack>
          <Radio.Group label="Key" value={newKey} onChange={setNewKey}>
            <Stack gap={6} mt={6}>
              <Radio
                value="true"
                label="New key"
                description={`Certificates issued so far stay valid under the old key, whose CRL and OCSP go on; new ones have addresses of their own.${ca.type === "ROOT" ? " Cross-certificates lead from the old root to the new one and back." : ""}`}
              />
              <Radio
                value="false"
                label="Same key, new dates"
                description="The certificate is replaced; addresses and everything issued stay as they are."
              />
            </Stack>
          </Radio.Group>
          <TextInput
            type="date"
            label="Expiry Date"
            description={ca.type === "ROOT" ? "Empty: 20 years" : "Empty: 10 years, never past the parent"}
            value={expiry}
            onChange={(e) => setExpiry(e.currentTarget.value)}
            error={fieldError(renew.error, "expiresAt")}
          />
          <Text size="sm">No request fails meanwhile: the authority issues as before until everything is made.</Text>
          {twoPersons && <Text size="sm">A root is renewed only after a second person approved it.</Text>}
          <ErrorAlert error={renew.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose} data-autofocus>
              Cancel
            </Button>
            <Button type="submit" leftSection={<IconRefresh size={16} />} loading={renew.isPending}>
              {twoPersons ? "Ask for approval" : "Renew"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Says what stops and what goes on before an authority is disabled; enables it again. */
export function TurnCa({ ca, onClose }: { ca: Ca; onClose: () => void }) {
  const queryClient = useQueryClient();
  const off = ca.status === "DISABLED";
  const turn = useMutation({
    mutationFn: (): Promise<unknown> => (off ? request(Enable, { id: ca.id }) : request(Disable, { id: ca.id })),
    onSuccess: async () => {
      await queryClient.invalidateQueries();
      onClose();
    },
  });
  const verb = off ? "Enable" : "Disable";
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{verb} Certificate Authority</Text>}>
      <Stack>
        <Text size="sm">
          {off
            ? "It issues certificates again."
            : "It issues nothing until it is enabled again. What it issued stays valid, CRL and OCSP go on, and authorities below it issue on."}
        </Text>
        <ErrorAlert error={turn.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Cancel
          </Button>
          <Button color={off ? undefined : "red"} loading={turn.isPending} onClick={() => turn.mutate()}>
            {verb}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

const kinds: Record<string, string> = {
  OWN: "Certificate",
  REPLACED: "Replaced",
  NEW_WITH_OLD: "New with old",
  OLD_WITH_NEW: "Old with new",
  CROSS: "Cross-certificate",
};

/** Every key and certificate that the authority has had. */
export function KeysAndCertificates({ ca }: { ca: Ca }) {
  const list = useQuery({
    queryKey: ["ca-certificates", ca.id, ca.certificate?.serialNumber, ca.keyGeneration],
    queryFn: () => request(Certificates, { id: ca.id }),
  });
  const all = list.data?.certificationAuthority?.caCertificates ?? [];
  if (list.error) return <ErrorAlert error={list.error} />;
  if (all.length < 2) return null; // only what the page shows anyway
  return (
    <Section title="Keys and certificates">
      <Scroll label="Keys and certificates">
        <Table miw={460}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Key</Table.Th>
              <Table.Th>Kind</Table.Th>
              <Table.Th>Valid until</Table.Th>
              <Table.Th aria-label="Actions" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {all.map((c) => (
              <Table.Tr key={c.kind + c.serialNumber}>
                <Table.Td>
                  {c.keyGeneration}
                  {c.kind === "OWN" && c.keyGeneration === ca.keyGeneration && (
                    <Badge
                      ml={6}
                      size="sm"
                      variant="light"
                      tt="none"
                      styles={{ root: { color: "var(--mantine-color-text)" } }}
                    >
                      issues
                    </Badge>
                  )}
                </Table.Td>
                <Table.Td>{kinds[c.kind]}</Table.Td>
                <Table.Td>{formatDate(c.notAfter)}</Table.Td>
                <Table.Td>
                  <Button
                    size="compact-xs"
                    variant="subtle"
                    aria-label={`Download ${kinds[c.kind]} ${c.serialNumber}`}
                    onClick={() => download(`${ca.identifier}-${c.serialNumber}.pem`, c.pem, "application/x-pem-file")}
                  >
                    Download
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Scroll>
      {all.some((c) => c.kind === "NEW_WITH_OLD") && (
        <Text size="xs" c="dimmed" mt="xs">
          “New with old” is for those who trust only the old root, “Old with new” for those who trust only the new one.
        </Text>
      )}
      {all.some((c) => c.kind === "CROSS") && (
        <Text size="xs" c="dimmed" mt="xs">
          A cross-certificate is for those who trust the root that made it: they need it beside the chain.
        </Text>
      )}
    </Section>
  );
}

/** What breaks when the authority is deleted. */
export function DeletionPicture({ ca }: { ca: Ca }) {
  const impact = useQuery({
    queryKey: ["deletion-impact", ca.id],
    queryFn: () => request(Impact, { id: ca.id }),
    staleTime: 0,
  });
  const i = impact.data?.certificationAuthority?.deletionImpact;
  if (impact.error) return <ErrorAlert error={impact.error} retry={() => void impact.refetch()} />;
  if (!i) return <Loading lines={3} />;
  const more = (all: number, shown: number) =>
    all > shown && (
      <Text size="xs" c="dimmed">
        and {formatNumber(all - shown)} more
      </Text>
    );
  return (
    <>
      <Text size="sm">This makes unusable, here and below:</Text>
      <List size="sm" spacing={4}>
        <List.Item>
          {formatNumber(i.certificateCount)} active certificates
          {i.certificates.map((c) => (
            <Text key={c.id} component="div" size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {c.subject || "no subject"}, until <Moment at={c.notAfter} />
            </Text>
          ))}
          {more(i.certificateCount, i.certificates.length)}
        </List.Item>
        <List.Item>
          {formatNumber(i.subordinateCount)} authorities below it
          {i.subordinates.map((c) => (
            <Text key={c.id} size="xs" c="dimmed">
              {c.friendlyName} ({c.identifier})
            </Text>
          ))}
          {more(i.subordinateCount, i.subordinates.length)}
        </List.Item>
        <List.Item>
          {formatNumber(i.endEntityCount)} end entities
          {i.endEntities.length > 0 && `: ${i.endEntities.map((e) => e.identifier).join(", ")}`}
          {more(i.endEntityCount, i.endEntities.length)}
        </List.Item>
        <List.Item>
          {formatNumber(i.protocolConfigurationCount)} enrollment protocol configurations
          {i.protocolConfigurations.length > 0 && `: ${i.protocolConfigurations.map((c) => c.identifier).join(", ")}`}
          {more(i.protocolConfigurationCount, i.protocolConfigurations.length)}
        </List.Item>
        <List.Item>{formatNumber(i.profiles.length)} selected profiles</List.Item>
      </List>
    </>
  );
}
