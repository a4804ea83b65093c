import { Alert, Button, Card, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconDownload, IconExternalLink, IconUserCheck } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { capital, ErrorAlert, fieldError, Moment, Section } from "@/components/ui";
import { graphql } from "@/gql";
import { download, fromBase64 } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan, useDeployment, useViewer } from "@/lib/session";
import type { Ca } from "./CaPage";
import { KeyStoreChoice, useKeyStores } from "./KeyStores";

const Move = graphql(`mutation MoveCaKey($input: MoveCaKeyInput!) { moveCertificationAuthorityKey(input: $input) { certificationAuthority { id proposal { kind } } } }`);
const Approve = graphql(`mutation ApproveCaProposal($id: ID!) { approveCaProposal(caId: $id) { certificationAuthority { id status } } }`);
const Reject = graphql(`mutation RejectCaProposal($input: RejectCaProposalInput!) { rejectCaProposal(input: $input) { certificationAuthority { id status } } }`);
const Minutes = graphql(`query CeremonyMinutes($id: ID!) { certificationAuthority(id: $id) { ceremonyMinutes { fileName html signature } } }`);

/** Says so when the key cannot be reached: what goes on, and what does not. */
export function KeyStoreProblem({ ca }: { ca: Ca }) {
  if (ca.keyStore?.available || ca.status === "DELETED" || ca.status === "FAILED") return null;
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle />} title={ca.keyStore ? `The key store ${ca.keyStore.name} is not available` : "The key store of this authority is no longer configured"} mb="md">
      <Text size="sm">
        {ca.keyStore?.problem && `${capital(ca.keyStore.problem).replace(/\.$/, "")}. `}CRL and OCSP answers already signed go on; nothing can be issued.
      </Text>
    </Alert>
  );
}

/** What one person asked for and another must approve. */
export function ProposalCard({ ca, partitionId }: { ca: Ca; partitionId: string }) {
  const queryClient = useQueryClient();
  const [rejecting, setRejecting] = useState(false);
  const [reason, setReason] = useState("");
  const can = useCan(partitionId);
  const mine = useViewer()?.user?.email === ca.proposal?.proposedBy;
  const refusal = mine ? "Withdraw" : "Reject";
  const done = (message: string) => async () => {
    setRejecting(false);
    notifications.show({ message });
    await queryClient.invalidateQueries();
  };
  const approve = useMutation({
    mutationFn: () => request(Approve, { id: ca.id }),
    onSuccess: done("Approved. It is being carried out."),
  });
  const reject = useMutation({ mutationFn: () => request(Reject, { input: { caId: ca.id, reason: reason.trim() } }), onSuccess: done(mine ? "The proposal is withdrawn." : "Rejected. The proposer can read why.") });
  const p = ca.proposal;
  if (!p) return null;
  return (
    <Card component="section" aria-label="Waiting for a second person" withBorder mb="md" style={{ borderColor: "var(--mantine-color-yellow-6)" }}>
      <Group align="flex-start" justify="space-between">
        <Group align="flex-start" wrap="nowrap" style={{ flex: "1 1 320px" }}>
          <IconUserCheck style={{ flex: "none" }} color="var(--mantine-color-yellow-7)" aria-hidden="true" />
          <Stack gap={4}>
            <Text fw={650}>Waiting for a second person</Text>
            <Text size="sm">
              <b style={{ fontWeight: 600, overflowWrap: "anywhere" }}>{p.proposedBy}</b> proposed to {p.kind === "CREATE" ? "create this root with its key in" : p.kind === "RENEW" ? "renew this root with its key in" : "move the key of this root to"} the key store <b style={{ fontWeight: 600 }}>{p.keyStore}</b>.{p.kind === "MOVE_KEY" && " The copy where it is now is then destroyed."}
            </Text>
            <Text size="sm" c="dimmed" component="div">
              <Moment at={p.proposedAt} />
            </Text>
            {!p.mayApprove && <Text size="sm">{mine ? "You proposed it: another Owner or CA Administrator of this partition must approve it." : "An Owner or CA Administrator of this partition who did not propose it can approve it."}</Text>}
          </Stack>
        </Group>
        <Group gap="xs">
          {(p.mayApprove || (mine && can("ca:create"))) && (
            <Button variant="default" onClick={() => setRejecting(true)}>
              {refusal}
            </Button>
          )}
          {p.mayApprove && (
            <Button loading={approve.isPending} onClick={() => approve.mutate()}>
              Approve
            </Button>
          )}
        </Group>
      </Group>
      <ErrorAlert error={approve.error} />
      <Modal opened={rejecting} onClose={() => setRejecting(false)} title={<Text fw={650}>{refusal} the proposal</Text>}>
        <form
          onSubmit={(e) => {
            e.preventDefault();
            reject.mutate();
          }}
        >
          <Stack>
            <Text size="sm">{p.kind === "CREATE" ? "The root is not created; it stays in the list as failed until somebody deletes it." : p.kind === "RENEW" ? "The root stays as it is." : "The key stays where it is."}</Text>
            <Textarea label="Reason" description={mine ? "For the audit log" : "For the audit log and the proposer"} required rows={3} maxLength={500} value={reason} onChange={(e) => setReason(e.currentTarget.value)} error={fieldError(reject.error, "reason")} data-autofocus />
            <ErrorAlert error={reject.error} />
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setRejecting(false)}>
                Cancel
              </Button>
              <Button color="red" type="submit" disabled={!reason.trim()} loading={reject.isPending}>
                {refusal}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </Card>
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
    onSuccess: async (d) => {
      const proposed = !!d.moveCertificationAuthorityKey.certificationAuthority.proposal;
      await queryClient.invalidateQueries();
      notifications.show({ message: proposed ? "The move is proposed; a second person must approve it." : `The key is being moved to ${target}.` });
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
            The certificate, its chain and everything issued stay as they are; from then on the authority signs with the key in the other store. The copy in {ca.keyStore?.name ?? "the old store"} is destroyed. This cannot be undone, and a backup made before still has the old copy.
          </Text>
          <KeyStoreChoice query={stores} without={ca.keyStore?.name ?? ""} value={target} onChange={setChosen} error={fieldError(move.error, "keyStore")} onlyCards />
          {twoPersons && <Text size="sm">A root's key moves only after a second person approved it.</Text>}
          <ErrorAlert error={move.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose} data-autofocus>
              Cancel
            </Button>
            <Button type="submit" disabled={!target} loading={move.isPending}>
              {twoPersons ? "Propose" : "Move key"}
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
      const url = URL.createObjectURL(new Blob([(await minutes.mutateAsync()).html], { type: "text/html;charset=utf-8" }));
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
        <Text size="sm">How this root came to be: who did what and when, and the fingerprints, signed by this server. Print it, sign it by hand and keep it.</Text>
        <Group gap="xs">
          <Button variant="default" leftSection={<IconDownload size={16} />} loading={minutes.isPending} onClick={() => void save().catch(() => {})}>
            Ceremony minutes
          </Button>
          <Button variant="subtle" leftSection={<IconExternalLink size={16} />} disabled={minutes.isPending} onClick={() => void print()}>
            Open and print
          </Button>
        </Group>
      </Stack>
      <ErrorAlert error={minutes.error} />
    </Section>
  );
}
