import { Alert, Anchor, Button, Card, Group, Menu, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconArrowUp, IconCertificate, IconChevronDown } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { downloadCertificate, RevokeDialog, SuspendDialog, useUnsuspend } from "@/components/certificates";
import {
  Command,
  CopyText,
  EmptyState,
  ErrorAlert,
  Facts,
  Lines,
  Loading,
  Moment,
  PageHeader,
  Section,
  StatusBadge,
} from "@/components/ui";
import { graphql } from "@/gql";
import { caTypes } from "@/lib/ca";
import { colons, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { Story } from "./Story";

const CertificateDetail = graphql(`
  query CertificateDetail($id: ID!) {
    certificate(id: $id) {
      id
      subject
      commonName
      serialNumber
      status
      expired
      profileId
      notBefore
      notAfter
      createdAt
      requestedBy
      revokedAt
      revocationReason
      invalidityDate
      statusComment
      suspendedUntil
      pem
      endEntity {
        id
        identifier
      }
      protocolConfiguration {
        id
        identifier
        type
        deletedAt
      }
      issuer {
        identifier
        friendlyName
        type
        status
        ocspUrl
        crlUrl
        brokenBy {
          friendlyName
          status
        }
        parent {
          identifier
          friendlyName
          type
          parent {
            identifier
            friendlyName
            type
          }
        }
      }
      details {
        fingerprint
        issuer
        publicKeyType
        signatureAlgorithm
        subjectAlternativeNames {
          type
          value
        }
        isCa
        pathLength
        keyUsages
        extendedKeyUsages {
          oid
          name
        }
        authorityInfoAccessOcsp
        authorityInfoAccessCaIssuers
        authorityKeyIdentifier
        subjectKeyIdentifier
        crlDistributionPoints
        certificatePolicies
      }
    }
  }
`);

export function CertificatePage() {
  const { partitionId, id } = useParams({ from: "/signed-in/p/$partitionId/certificates/$id" });
  const can = useCan(partitionId);
  const [dialog, setDialog] = useState<"revoke" | "suspend">();
  const detail = useQuery({ queryKey: ["certificate", id], queryFn: () => request(CertificateDetail, { id }) });
  const unsuspend = useUnsuspend(id);
  const trail = [{ label: "Certificates", to: `/p/${partitionId}/certificates` }];
  if (detail.isPending) return <Loading lines={8} />;
  if (detail.error) return <ErrorAlert error={detail.error} retry={() => void detail.refetch()} />;
  const c = detail.data.certificate;
  if (!c) {
    return (
      <>
        <PageHeader title="Certificate" trail={trail} />
        <EmptyState icon={<IconCertificate />} title="No such certificate" />
      </>
    );
  }
  const d = c.details;
  const name = c.commonName || c.subject;
  const chain = [c.issuer, c.issuer.parent, c.issuer.parent?.parent].filter((x) => !!x);
  const root = chain[chain.length - 1]!;
  const lost = ["DELETED", "REVOKED"].includes(c.issuer.status) ? c.issuer : c.issuer.brokenBy;
  return (
    <>
      <PageHeader
        title={name}
        trail={trail}
        description={
          <Group gap="xs" mt={4}>
            <StatusBadge status={c.expired && c.status === "ISSUED" ? "EXPIRED" : c.status} />
            <CopyText value={c.serialNumber} />
          </Group>
        }
        actions={
          <>
            <Menu position="bottom-end">
              <Menu.Target>
                <Button rightSection={<IconChevronDown size={14} />}>Download Certificate</Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => void downloadCertificate(id, "pem")}>PEM</Menu.Item>
                <Menu.Item onClick={() => void downloadCertificate(id, "der")}>DER</Menu.Item>
                <Menu.Item onClick={() => void downloadCertificate(id, "chain")}>PEM with chain</Menu.Item>
              </Menu.Dropdown>
            </Menu>
            {can("certificate:change-status") && c.status !== "REVOKED" && (
              <>
                {c.status === "SUSPENDED" ? (
                  <Button variant="default" loading={unsuspend.isPending} onClick={() => unsuspend.mutate()}>
                    Unsuspend Certificate
                  </Button>
                ) : (
                  !c.expired && (
                    <Button variant="default" onClick={() => setDialog("suspend")}>
                      Suspend Certificate
                    </Button>
                  )
                )}
                <Button
                  color="red"
                  variant="outline"
                  c="var(--mantine-color-error)"
                  onClick={() => setDialog("revoke")}
                >
                  Revoke Certificate
                </Button>
              </>
            )}
          </>
        }
      />
      {lost && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle />} title="It cannot be relied on" mb="md">
          {lost.friendlyName}, which {lost === c.issuer ? "issued it" : "stands above its issuer"}, is{" "}
          {lost.status.toLowerCase()}.
        </Alert>
      )}
      {c.status !== "ISSUED" && (
        <Card withBorder mb="md">
          <Facts
            rows={[
              [c.status === "REVOKED" ? "Revoked" : "Suspended", c.revokedAt && <Moment at={c.revokedAt} />],
              ...(c.revocationReason ? [["Reason", words(c.revocationReason)] as [string, string]] : []),
              ...(c.invalidityDate
                ? [["Invalid since", <Moment key="i" at={c.invalidityDate} />] as [string, React.ReactNode]]
                : []),
              ...(c.statusComment ? [["Comment", c.statusComment] as [string, string]] : []),
              ...(c.suspendedUntil
                ? [["Ends", <Moment key="u" at={c.suspendedUntil} />] as [string, React.ReactNode]]
                : []),
            ]}
          />
        </Card>
      )}
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Section title="Certificate">
          <Facts
            rows={[
              ["Subject", <CopyText key="s" value={c.subject} mono={false} />],
              [
                "Subject Alternative Names",
                <Lines key="n" items={d.subjectAlternativeNames.map((s) => `${words(s.type)}: ${s.value}`)} />,
              ],
              [
                "Profile ID",
                <Anchor
                  key="p"
                  size="sm"
                  renderRoot={(p) => (
                    <Link to="/p/$partitionId/profiles" params={{ partitionId }} search={{ id: c.profileId }} {...p} />
                  )}
                >
                  {c.profileId}
                </Anchor>,
              ],
              ["Serial Number", <CopyText key="sn" value={c.serialNumber} />],
              ["SHA-256 Fingerprint", <CopyText key="f" value={colons(d.fingerprint)} />],
              ["Issuer", d.issuer],
              ["Valid From", <Moment key="v" at={c.notBefore} />],
              ["Expiry Date", <Moment key="e" at={c.notAfter} />],
              ["Public Key Type", d.publicKeyType],
              ["Signature Algorithm", d.signatureAlgorithm],
              [
                "Basic Constraints",
                d.isCa
                  ? `CA${d.pathLength !== null && d.pathLength !== undefined ? `, path length ${d.pathLength}` : ""}`
                  : "End entity",
              ],
              ["Key Usages", d.keyUsages.join(", ")],
              ["Extended Key Usages", <Lines key="x" items={d.extendedKeyUsages.map((e) => e.name || e.oid)} />],
            ]}
          />
        </Section>
        <Stack>
          <Section title="Chain">
            <Stack gap={4} align="stretch">
              {[...chain].reverse().map((x, n) => (
                <Stack key={x.identifier} gap={4}>
                  <Card
                    withBorder
                    padding="xs"
                    style={{ borderLeft: `4px solid var(--mantine-color-${n === 0 ? "yellow-5" : "brand-7"})` }}
                  >
                    <Anchor
                      size="sm"
                      fw={600}
                      renderRoot={(p) => (
                        <Link
                          to="/p/$partitionId/cas/$identifier"
                          params={{ partitionId, identifier: x.identifier }}
                          {...p}
                        />
                      )}
                    >
                      {x.friendlyName}
                    </Anchor>
                    <Text size="xs" c="dimmed">
                      {caTypes[x.type].label}
                    </Text>
                  </Card>
                  <IconArrowUp size={16} style={{ alignSelf: "center", opacity: 0.6 }} aria-hidden />
                </Stack>
              ))}
              <Card withBorder padding="xs">
                <Text size="sm" fw={600}>
                  {name}
                </Text>
                <Text size="xs" c="dimmed">
                  this certificate
                </Text>
              </Card>
            </Stack>
          </Section>
          <Section title="Issuance">
            <Facts
              rows={[
                ["Requested by", c.requestedBy],
                ["Issued", <Moment key="c" at={c.createdAt} />],
                ["End entity", c.endEntity?.identifier],
                [
                  "Enrollment protocol",
                  c.protocolConfiguration &&
                    (c.protocolConfiguration.deletedAt ? (
                      `${c.protocolConfiguration.identifier}, deleted by now`
                    ) : (
                      <Anchor
                        key="p"
                        size="sm"
                        renderRoot={(p) => (
                          <Link
                            to="/p/$partitionId/protocols/$identifier"
                            params={{ partitionId, identifier: c.protocolConfiguration!.identifier }}
                            {...p}
                          />
                        )}
                      >
                        {c.protocolConfiguration.identifier}
                      </Anchor>
                    )),
                ],
              ]}
            />
          </Section>
          <Section title="Services">
            <Facts
              rows={[
                ["Authority Info Access OCSP", <Lines key="o" items={d.authorityInfoAccessOcsp} copy />],
                ["Authority Info Access CA Issuers", <Lines key="a" items={d.authorityInfoAccessCaIssuers} copy />],
                ["CRL Distribution Points", <Lines key="c" items={d.crlDistributionPoints} copy />],
                ["Authority Key Identifier", d.authorityKeyIdentifier && <CopyText value={d.authorityKeyIdentifier} />],
                ["Subject Key Identifier", d.subjectKeyIdentifier && <CopyText value={d.subjectKeyIdentifier} />],
                ["Certificate Policies", <Lines key="cp" items={d.certificatePolicies} />],
              ]}
            />
          </Section>
        </Stack>
      </SimpleGrid>
      <Stack mt="md">
        <Story partitionId={partitionId} id={id} />
        <Section title="Check it yourself">
          <Stack gap="sm">
            <Command>{`openssl verify -CAfile ${root.identifier}.pem -untrusted ${c.issuer.identifier}.pem certificate.pem`}</Command>
            {c.issuer.ocspUrl && (
              <Command>{`openssl ocsp -issuer ${c.issuer.identifier}.pem -cert certificate.pem -url ${c.issuer.ocspUrl} -CAfile ${root.identifier}.pem`}</Command>
            )}
            <Command>{c.pem.trim()}</Command>
          </Stack>
        </Section>
      </Stack>
      {dialog === "revoke" && <RevokeDialog id={id} name={name} onClose={() => setDialog(undefined)} />}
      {dialog === "suspend" && <SuspendDialog id={id} name={name} onClose={() => setDialog(undefined)} />}
    </>
  );
}
