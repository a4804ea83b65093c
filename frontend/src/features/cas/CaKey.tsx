import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconDownload, IconExternalLink } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { capital, ErrorAlert, fieldError, Section } from "@/components/ui";
import { graphql } from "@/gql";
import { download, fromBase64 } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useDeployment } from "@/lib/session";
import type { Ca } from "./CaPage";
import { KeyStoreChoice, useKeyStores } from "./KeyStores";

const Move = graphql(`
  mutation MoveCaKey($input: MoveCertificationAuthorityKeyInput!) {
    moveCertificationAuthorityKey(input: $input) {
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
const Minutes = graphql(`
  query CeremonyMinutes($id: ID!) {
    certificationAuthority(id: $id) {
      ceremonyMinutes {
        fileName
        html
        signature
      }
    }
  }
`);

/** Says so when the key cannot be reached: what goes on, and what does not. */
export function KeyStoreProblem({ ca }: { ca: Ca }) {
  if (ca.keyStore?.available || ca.status === "DELETED" || ca.status === "FAILED") return null;
  return (
    <Alert
      role="alert"
      color="red"
      variant="light"
      icon={<IconAlertTriangle />}
      title={
        ca.keyStore
          ? `The key store ${ca.keyStore.name} is not available`
          : "The key store of this authority is no longer configured"
      }
      mb="md"
    >
      <Text size="sm">
        {ca.keyStore?.problem && `${capital(ca.keyStore.problem).replace(/\.$/, "")}. `}CRL and OCSP answers already
        signed go on; nothing can be issued.
      </Text>
    </Alert>
  );
}

/** Asks where the key is to go, and says what happens to the copy that is here. */
export function MoveKey({ ca, partitionId, onClose }: { ca: Ca; partitionId: string; onClose: () => void }) {
  const queryClient = useQueryClient();
  const stores = useKeyStores(partitionId, ca.signingAlgorithm);
  const others = (stores.data ?? []).filter((s) => s.name !== ca.keyStore?.name && s.available);
  const [chosen, setChosen] = useState<string>();
  const target = chosen ?? (others.length === 1 ? others[0]!.name : undefined);
  const twoPersons = useDeployment()?.twoPersonRoots && ca.type === "ROOT";
  const move = useMutation({
    mutationFn: () => request(Move, { input: { caId: ca.id, keyStore: target! } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries();
      notifications.show({ message: `The key is being moved to ${target}.` });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>Move key to another key store</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          move.mutate();
        }}
      >
        <Stack>
          <Text size="sm">
            The certificate, its chain and everything issued stay as they are; from then on the authority signs with the
            key in the other store. The copy in {ca.keyStore?.name ?? "the old store"} is destroyed. This cannot be
            undone, and a backup made before still has the old copy.
          </Text>
          <KeyStoreChoice
            query={stores}
            without={ca.keyStore?.name ?? ""}
            value={target}
            onChange={setChosen}
            error={fieldError(move.error, "keyStore")}
            onlyCards
          />
          {twoPersons && <Text size="sm">A root's key moves only after a second person approved it.</Text>}
          <ErrorAlert error={move.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose} data-autofocus>
              Cancel
            </Button>
            <Button type="submit" disabled={!target} loading={move.isPending}>
              {twoPersons ? "Ask for approval" : "Move key"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Minutes of how a root came to be, for the safe. */
export function Ceremony({ ca }: { ca: Ca }) {
  const minutes = useMutation({
    mutationFn: async () => {
      const m = (await request(Minutes, { id: ca.id })).certificationAuthority?.ceremonyMinutes;
      if (!m) throw new Error("There are no minutes of this root.");
      return m;
    },
  });
  const save = async () => {
    const m = await minutes.mutateAsync();
    // Both from one answer: the signature is over these very octets.
    download(m.fileName, m.html, "text/html");
    download(`${m.fileName.replace(/\.html$/, "")}.p7s`, fromBase64(m.signature), "application/pkcs7-signature");
  };
  const print = async () => {
    // Opened before the answer is here: later, the browser would take it for a pop-up.
    const tab = window.open("");
    try {
      const url = URL.createObjectURL(
        new Blob([(await minutes.mutateAsync()).html], { type: "text/html;charset=utf-8" }),
      );
      tab?.addEventListener("load", () => tab.location.protocol === "blob:" && tab.print());
      tab?.location.replace(url);
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch {
      tab?.close();
    }
  };
  return (
    <Section title="Key ceremony">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">
          How this root came to be: who did what and when, and the fingerprints, signed by this server. Print it, sign
          it by hand and keep it.
        </Text>
        <Group gap="xs">
          <Button
            variant="default"
            leftSection={<IconDownload size={16} />}
            loading={minutes.isPending}
            onClick={() => void save().catch(() => {})}
          >
            Ceremony minutes
          </Button>
          <Button
            variant="subtle"
            leftSection={<IconExternalLink size={16} />}
            disabled={minutes.isPending}
            onClick={() => void print()}
          >
            Open and print
          </Button>
        </Group>
      </Stack>
      <ErrorAlert error={minutes.error} />
    </Section>
  );
}
