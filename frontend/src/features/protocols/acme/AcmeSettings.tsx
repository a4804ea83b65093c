import { Button, Checkbox, Group, NumberInput, SimpleGrid, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ErrorAlert, Facts, Lines, Section, fieldError } from "@/components/ui";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import type { PanelProps } from "../types";
import { UpdateSettings, type Settings } from "./queries";
import { useAcme } from "./useAcme";

const challenges: [string, string, string][] = [
  ["http-01", "http-01", "A file on port 80 of the host. The server must reach the host."],
  ["dns-01", "dns-01", "A TXT record. The only way to wildcards."],
  ["tls-alpn-01", "tls-alpn-01", "A certificate on port 443 of the host."],
  ["device-attest-01", "device-attest-01", "A statement of the device's maker; the formats below."],
];
const formats: [string, string, string][] = [
  ["apple", "Apple devices", "Empty: Apple's root, built in"],
  ["android-key", "Android devices", "Empty: Google's roots, built in"],
  ["step", "YubiKeys (smallstep)", "Empty: Yubico's roots, built in"],
  ["tpm", "TPMs", "Required: the CA of the attestation keys"],
];
const numbers: [
  keyof Pick<
    Settings,
    "ordersPerHour" | "failuresPerHour" | "orderHours" | "authorizationHours" | "renewalPollMinutes"
  >,
  string,
  string,
  number,
][] = [
  ["ordersPerHour", "Orders an hour", "Of one account", 1_000_000],
  ["failuresPerHour", "Failed authorizations an hour", "Of one account", 1_000_000],
  ["orderHours", "Order expires after, hours", "When it was not finalized", 720],
  ["authorizationHours", "Proof good for, hours", "Orders within it need no challenge again", 8760],
  [
    "renewalPollMinutes",
    "Ask when to renew every, minutes",
    "Renewal information (ARI); a campaign begins to be seen after this long",
    10_080,
  ],
];

export default function AcmeSettings(props: PanelProps) {
  const { acme, waiting } = useAcme(props.configuration.id);
  if (!acme) return waiting;
  return <Form key={JSON.stringify(acme.settings)} settings={acme.settings} {...props} />;
}

function Form({ settings, configuration: c, partitionId, editable }: PanelProps & { settings: Settings }) {
  const queryClient = useQueryClient();
  const mayIssue = useCan(partitionId)("certificate:issue");
  const [value, setValue] = useState(settings);
  const set = (change: Partial<Settings>) => setValue({ ...value, ...change });
  const save = useMutation({
    mutationFn: () =>
      request(UpdateSettings, {
        input: {
          configurationId: c.id,
          ...value,
          attestation: value.attestation.map(({ format, roots }) => ({ format, roots })),
        },
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["protocol"] }),
  });
  const error = (field: string) => fieldError(save.error, `settings.${field}`);
  const changed = JSON.stringify(value) !== JSON.stringify(settings);
  if (!editable) {
    const named = (known: [string, string, string][], ids: readonly string[]) => (
      <Lines items={known.filter(([id]) => ids.includes(id)).map(([, label]) => label)} />
    );
    return (
      <Section title="Settings">
        <Facts
          rows={[
            ["Challenges", named(challenges, settings.challenges)],
            [
              "Attestation formats",
              named(
                formats,
                settings.attestation.map((a) => a.format),
              ),
            ],
            ...numbers.map(([name, label]): [string, string] => [label, String(settings[name])]),
          ]}
        />
      </Section>
    );
  }
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        save.mutate();
      }}
    >
      <fieldset style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }} aria-label="Settings">
        <Stack>
          <Section title="Proofs">
            <Stack>
              <Checkbox.Group
                label="Challenges"
                description="What a client may choose from to prove a name. Keys that need no challenge are not asked"
                value={[...value.challenges]}
                onChange={(list) => set({ challenges: challenges.map(([id]) => id).filter((id) => list.includes(id)) })}
                error={error("challenges") ?? (value.challenges.length === 0 ? "Choose one at least" : undefined)}
              >
                <SimpleGrid cols={{ base: 1, sm: 2 }} mt="xs">
                  {challenges.map(([id, label, description]) => (
                    <Checkbox key={id} value={id} label={label} description={description} />
                  ))}
                </SimpleGrid>
              </Checkbox.Group>
              {value.challenges.includes("device-attest-01") && (
                <>
                  <Text size="sm" fw={500}>
                    Attestation formats
                  </Text>
                  {error("attestation") && (
                    <Text data-field-error size="sm" c="var(--mantine-color-error)">
                      {error("attestation")}
                    </Text>
                  )}
                  {formats.map(([format, label, hint]) => {
                    const found = value.attestation.find((a) => a.format === format);
                    const others = value.attestation.filter((a) => a.format !== format);
                    return (
                      <div key={format}>
                        <Checkbox
                          label={label}
                          checked={!!found}
                          onChange={(e) =>
                            set({ attestation: e.currentTarget.checked ? [...others, { format, roots: "" }] : others })
                          }
                        />
                        {found && (
                          <Textarea
                            mt="xs"
                            ml="xl"
                            label={`Trusted roots for ${label}, PEM`}
                            description={
                              mayIssue
                                ? hint
                                : `${hint}. Only people who may issue certificates can change them: whoever is trusted here can attest anything`
                            }
                            readOnly={!mayIssue}
                            ff="monospace"
                            autosize
                            minRows={2}
                            maxRows={8}
                            value={found.roots}
                            onChange={(e) =>
                              set({ attestation: [...others, { format, roots: e.currentTarget.value }] })
                            }
                          />
                        )}
                      </div>
                    );
                  })}
                </>
              )}
            </Stack>
          </Section>
          <Section title="Limits and times">
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {numbers.map(([name, label, description, max]) => (
                <NumberInput
                  key={name}
                  label={label}
                  description={description}
                  min={1}
                  max={max}
                  allowDecimal={false}
                  value={value[name]}
                  onChange={(n) => set({ [name]: Number(n) || 0 })}
                  error={error(name)}
                />
              ))}
            </SimpleGrid>
          </Section>
          <ErrorAlert
            error={save.error}
            fields={["challenges", "attestation", ...numbers.map(([n]) => n)].map((f) => `settings.${f}`)}
          />
          <Group justify="flex-end">
            <Button
              variant="default"
              disabled={!changed}
              onClick={() => {
                setValue(settings);
                save.reset();
              }}
            >
              Undo
            </Button>
            <Button type="submit" loading={save.isPending} disabled={!changed || value.challenges.length === 0}>
              Save
            </Button>
          </Group>
        </Stack>
      </fieldset>
    </form>
  );
}
