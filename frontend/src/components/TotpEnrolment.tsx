import { Button, Image, PinInput, Stack } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { CopyText, ErrorAlert, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";

const BeginTotp = graphql(`
  mutation BeginTotp {
    beginTotpEnrolment {
      secret
      uri
    }
  }
`);
const ConfirmTotp = graphql(`
  mutation ConfirmTotp($totp: String!) {
    confirmTotpEnrolment(input: { totp: $totp }) {
      recoveryCodes
    }
  }
`);

/** A QR code for an authenticator app, and its first code. */
export function TotpEnrolment({ onDone }: { onDone: (codes: readonly string[]) => void }) {
  const enrolment = useQuery({
    queryKey: ["totp-enrolment"],
    queryFn: () => request(BeginTotp),
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  const [code, setCode] = useState("");
  const [picture, setPicture] = useState("");
  const uri = enrolment.data?.beginTotpEnrolment.uri;
  useEffect(() => {
    if (uri) void import("qrcode").then((q) => q.toDataURL(uri, { margin: 1, width: 200 })).then(setPicture);
  }, [uri]);
  const confirm = useMutation({
    mutationFn: (totp: string) => request(ConfirmTotp, { totp }),
    onSuccess: (d) => onDone(d.confirmTotpEnrolment.recoveryCodes),
    onError: () => setCode(""),
  });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        confirm.mutate(code);
      }}
    >
      <Stack align="center">
        <ErrorAlert error={enrolment.error} />
        {picture && <Image src={picture} alt="QR code for the authenticator app" w={200} h={200} radius="md" />}
        {enrolment.data && <CopyText value={enrolment.data.beginTotpEnrolment.secret} />}
        {enrolment.data && (
          <PinInput
            length={6}
            type="number"
            oneTimeCode
            autoFocus
            value={code}
            onChange={setCode}
            onComplete={(c) => confirm.mutate(c)}
            getInputProps={(n) => ({ "aria-label": `Digit ${n + 1}` })}
            error={!!fieldError(confirm.error, "totp")}
          />
        )}
        <ErrorAlert error={confirm.error} />
        <Button type="submit" loading={confirm.isPending} fullWidth>
          Confirm
        </Button>
      </Stack>
    </form>
  );
}
