import { Modal } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { SignInForm } from "@/components/SignInForm";

/** The session has ended: sign in here, and what was typed into the page stays. */
export function SignInAgain({ onDone }: { onDone: () => void }) {
  const queryClient = useQueryClient();
  return (
    <Modal opened onClose={() => location.assign("/login")} title="Your session has ended" closeOnClickOutside={false}>
      <SignInForm
        onSignedIn={() => {
          onDone();
          void queryClient.invalidateQueries();
        }}
      />
    </Modal>
  );
}
