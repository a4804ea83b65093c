import {
  Alert,
  Button,
  Drawer,
  Group,
  NumberInput,
  Radio,
  Select,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconUserCheck } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ErrorAlert, fieldError } from "@/components/ui";
import { SubjectEditor } from "@/components/SubjectEditor";
import { graphql } from "@/gql";
import type { CaType } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { useDeployment } from "@/lib/session";
import { AlgorithmChooser } from "./AlgorithmChooser";
import type { CaRow } from "./CasPage";
import { CertificateInput, showRemarks } from "./CertificateInput";
import { KeyStoreChoice, useKeyStores } from "./KeyStores";
import { parseSubtrees } from "./nameConstraints";
import { ProfilePicker, usualProfiles, useProfileGroups } from "./ProfilePicker";

const Create = graphql(`
  mutation CreateCa($input: CreateCertificationAuthorityInput!) {
    createCertificationAuthority(input: $input) {
      __typename
      ... on CertificationAuthorityPayload {
        certificationAuthority {
          id
          identifier
          status
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const ImportRoot = graphql(`
  mutation ImportExternalRoot($input: ImportExternalRootInput!) {
    importExternalRoot(input: $input) {
      __typename
      ... on CertificationAuthorityPayload {
        certificationAuthority {
          id
          identifier
          status
          remarks
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const Taken = graphql(`
  query CaTaken($partition: ID!, $identifier: String!) {
    partition(id: $partition) {
      certificationAuthority(identifier: $identifier) {
        id
      }
    }
  }
`);

const rule = /^[a-z0-9_-]{2,18}$/;

export function CreateCa({
  partitionId,
  parentIdentifier,
  cas,
  onClose,
}: {
  partitionId: string;
  parentIdentifier: string | undefined;
  cas: readonly CaRow[];
  onClose: () => void;
}) {
  const deployment = useDeployment();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const given = cas.find((c) => c.identifier === parentIdentifier);
  const parents = cas.filter((c) => c.status === "ACTIVE" && c.type !== "ISSUING");
  const [type, setType] = useState<CaType>(given || parents.length > 0 ? "ISSUING" : "ROOT");
  const [identifier, setIdentifier] = useState("");
  const [friendlyName, setFriendlyName] = useState("");
  const [algorithm, setAlgorithm] = useState("ECDSAP384+SHA384");
  const stores = useKeyStores(partitionId, algorithm);
  const [chosenStore, setChosenStore] = useState<string>();
  // The default, unless it cannot be used: then a person chooses.
  const store = chosenStore ?? stores.data?.find((s) => s.isDefault && s.available)?.name;
  const [parentId, setParentId] = useState<string | null>(given?.id ?? parents[0]?.id ?? null);
  const [expiry, setExpiry] = useState("");
  const [crl, setCrl] = useState(true);
  const [ocsp, setOcsp] = useState(true);
  const [subject, setSubject] = useState("");
  const [picked, setProfiles] = useState<string[]>();
  const [certificate, setCertificate] = useState("");
  const [pathLength, setPathLength] = useState<string | number>("");
  const [permitted, setPermitted] = useState("");
  const [excluded, setExcluded] = useState("");
  const groups = useProfileGroups(partitionId);
  const fits = groups
    .flatMap((g) => g.profiles)
    .filter((p) => p.allowedCaTypes.includes(type))
    .map((p) => p.id);
  const profiles = (picked ?? usualProfiles(groups, type)).filter((id) => fits.includes(id));
  const root = type === "ROOT";
  const external = type === "EXTERNAL_ROOT";
  const outside = parents.find((p) => p.id === parentId)?.type === "EXTERNAL_ROOT" && !root && !external;
  const proposes = root && (deployment?.twoPersonRoots ?? false);
  const taken = useQuery({
    queryKey: ["ca-taken", partitionId, identifier],
    queryFn: () => request(Taken, { partition: partitionId, identifier }),
    enabled: rule.test(identifier),
  });
  const identifierError =
    identifier && !rule.test(identifier)
      ? "2 to 18 of a-z, 0-9, hyphen and underscore"
      : taken.data?.partition?.certificationAuthority
        ? "This identifier is taken"
        : undefined;
  const create = useMutation({
    mutationFn: async (): Promise<readonly string[]> => {
      if (external)
        return (
          await request(ImportRoot, {
            input: { partitionId, identifier, friendlyName: friendlyName.trim(), certificate },
          })
        ).importExternalRoot.certificationAuthority.remarks;
      await request(Create, {
        input: {
          partitionId,
          type,
          identifier,
          friendlyName: friendlyName.trim(),
          signingAlgorithm: algorithm,
          keyStore: store ?? null,
          parentId: root ? null : parentId,
          subject,
          expiresAt: expiry ? new Date(`${expiry}T00:00:00`).toISOString() : null,
          crlEnabled: crl || root,
          ocspEnabled: ocsp,
          profileIds: profiles,
          pathLength: pathLength === "" || type === "ISSUING" ? null : Number(pathLength),
          nameConstraints:
            root || !(permitted + excluded).trim()
              ? null
              : { permitted: parseSubtrees(permitted), excluded: parseSubtrees(excluded) },
        },
      });
      return [];
    },
    onSuccess: async (remarks) => {
      await queryClient.invalidateQueries({ queryKey: ["cas"] });
      notifications.show({ message: external ? `${friendlyName} is imported.` : `${friendlyName} is being created.` });
      showRemarks(remarks);
      await navigate({ to: "/p/$partitionId/cas/$identifier", params: { partitionId, identifier } });
    },
  });
  const years = (n: number) => {
    const d = new Date();
    d.setFullYear(d.getFullYear() + n);
    return d.toISOString().slice(0, 10);
  };
  return (
    <Drawer
      opened
      onClose={onClose}
      size="xl"
      title={
        <Text fw={650} fz="lg">
          Create Authority
        </Text>
      }
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          create.mutate();
        }}
      >
        <Stack>
          <Radio.Group label="CA Type" required value={type} onChange={(v) => setType(v as CaType)}>
            <Stack gap={6} mt={6}>
              <Radio
                value="ROOT"
                label="Root Authority"
                description="Certifies itself; the anchor that clients trust."
              />
              <Radio
                value="EXTERNAL_ROOT"
                label="External Root Authority"
                description="A root whose key is elsewhere: import its certificate. Authorities below it are made here and signed there."
              />
              <Radio
                value="INTERMEDIATE"
                label="Intermediate Subordinate Authority"
                description="Stands between a root and issuing CAs."
                disabled={parents.length === 0}
              />
              <Radio
                value="ISSUING"
                label="Subordinate Authority"
                description="Issues certificates to servers, devices and people."
                disabled={parents.length === 0}
              />
            </Stack>
          </Radio.Group>
          {!root && !external && (
            <Select
              label="Parent Authority Identifier"
              required
              disabled={!!given}
              data={parents.map((p) => ({ value: p.id, label: `${p.identifier} (${p.friendlyName})` }))}
              value={parentId}
              onChange={setParentId}
              error={fieldError(create.error, "parentId")}
            />
          )}
          <TextInput
            label="CA Identifier"
            description="2 to 18 of a-z, 0-9, hyphen and underscore; part of the CRL and OCSP addresses"
            required
            value={identifier}
            onChange={(e) => setIdentifier(e.currentTarget.value)}
            error={identifierError ?? fieldError(create.error, "identifier")}
            data-autofocus
            autoComplete="off"
          />
          <TextInput
            label="Friendly Name"
            required
            maxLength={64}
            value={friendlyName}
            onChange={(e) => setFriendlyName(e.currentTarget.value)}
            error={fieldError(create.error, "friendlyName")}
          />
          {external ? (
            <CertificateInput
              label="Certificate"
              description="Of the root alone: PEM, or a DER file"
              value={certificate}
              onChange={setCertificate}
              error={fieldError(create.error, "certificate")}
            />
          ) : (
            <>
              <AlgorithmChooser
                label="Signing Key Details"
                value={algorithm}
                onChange={setAlgorithm}
                error={fieldError(create.error, "signingAlgorithm")}
              />
              <KeyStoreChoice
                query={stores}
                value={store}
                onChange={setChosenStore}
                error={fieldError(create.error, "keyStore")}
              />
              <Stack gap={4}>
                <TextInput
                  type="date"
                  label="Expiry Date"
                  description={root ? "Empty: 20 years" : "Empty: 10 years, never past the parent"}
                  value={expiry}
                  onChange={(e) => setExpiry(e.currentTarget.value)}
                  error={fieldError(create.error, "expiresAt")}
                />
                <Group gap={6}>
                  {[5, 10, 15, 20].map((n) => (
                    <Button key={n} size="compact-xs" variant="default" onClick={() => setExpiry(years(n))}>
                      {n} years
                    </Button>
                  ))}
                </Group>
              </Stack>
              <SubjectEditor
                value={subject}
                onChange={setSubject}
                error={fieldError(create.error, "subject")}
                attributes={deployment?.subjectAttributes ?? []}
              />
              <Group>
                <Switch
                  label="Enable CRL"
                  checked={crl || root}
                  disabled={root}
                  onChange={(e) => setCrl(e.currentTarget.checked)}
                />
                <Switch
                  label="Enable OCSP"
                  description="Cannot be disabled later"
                  checked={ocsp}
                  onChange={(e) => setOcsp(e.currentTarget.checked)}
                />
              </Group>
              {outside && (
                <Text size="sm">
                  Its parent is external: its key is made here, and it waits until you import the certificate that the
                  parent signed.
                </Text>
              )}
              {type !== "ISSUING" && (
                <NumberInput
                  label="Path length"
                  description="How many authorities may stand below; empty: as many as the parent allows"
                  min={0}
                  max={100}
                  value={pathLength}
                  onChange={setPathLength}
                  error={fieldError(create.error, "pathLength")}
                />
              )}
              {!root && (
                <>
                  <Textarea
                    label="Permitted names"
                    description="Name constraints, one a line: example.com, ip:192.0.2.0/24, email:example.com, uri:.example.com. Empty: any"
                    autosize
                    minRows={1}
                    value={permitted}
                    onChange={(e) => setPermitted(e.currentTarget.value)}
                    error={fieldError(create.error, "nameConstraints.permitted")}
                  />
                  <Textarea
                    label="Excluded names"
                    description="Never allowed below it, whatever is permitted"
                    autosize
                    minRows={1}
                    value={excluded}
                    onChange={(e) => setExcluded(e.currentTarget.value)}
                    error={fieldError(create.error, "nameConstraints.excluded")}
                  />
                </>
              )}
              <ProfilePicker
                label="Certificate Profiles"
                groups={groups}
                caType={type}
                selected={profiles}
                onChange={setProfiles}
              />
            </>
          )}
          {proposes && (
            <Alert color="yellow" variant="light" icon={<IconUserCheck />} title="A root needs two people here">
              You ask for it. Its key is made when another Owner or CA Administrator of this partition approves it.
            </Alert>
          )}
          <ErrorAlert error={create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button
              type="submit"
              loading={create.isPending}
              disabled={!!identifierError || (external ? !certificate.trim() : !subject || !store)}
            >
              {proposes ? "Ask for approval" : external ? "Import" : "Create"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}
