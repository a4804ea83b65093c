import { Modal, TextInput } from "@mantine/core";
import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { useState } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { ApiError } from "@/lib/graphql";
import { openScreen } from "@/lib/test-console";
import { ErrorAlert, SecretOnce, useClosing } from "./ui";

afterEach(() => vi.unstubAllGlobals());

function Dialog({ onClosed }: { onClosed: () => void }) {
  const [opened, setOpened] = useState(true);
  const { close, guarded } = useClosing(() => {
    setOpened(false);
    onClosed();
  });
  return (
    <Modal opened={opened} onClose={close} title="New token" closeButtonProps={{ "aria-label": "Close" }}>
      {guarded(
        <>
          <SecretOnce label="API token" value="s3cret" />
          <button onClick={close}>Done</button>
        </>,
      )}
    </Modal>
  );
}

it("asks before a secret that was not copied is closed, by whichever way", async () => {
  const closed = vi.fn();
  await openScreen("/", () => <Dialog onClosed={closed} />, "/", [], {});
  const dialog = within(await screen.findByRole("dialog", { name: "New token" }));
  for (const way of ["Done", "Close"]) {
    fireEvent.click(dialog.getByRole("button", { name: way }));
    const question = within(await screen.findByRole("dialog", { name: "Close without keeping it?" }));
    expect(question.getByText(/The API token was not copied/)).toBeVisible();
    fireEvent.click(question.getByRole("button", { name: "Go back" }));
    await waitFor(() => expect(screen.queryByRole("dialog", { name: "Close without keeping it?" })).toBeNull());
  }
  expect(closed).not.toHaveBeenCalled();
  expect(screen.getByText("s3cret")).toBeVisible();
  fireEvent.click(dialog.getByRole("button", { name: "Done" }));
  fireEvent.click(await screen.findByRole("button", { name: "Close without it" }));
  expect(closed).toHaveBeenCalledOnce();
});

it("asks nothing once the secret was copied", async () => {
  const closed = vi.fn();
  vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  await openScreen("/", () => <Dialog onClosed={closed} />, "/", [], {});
  fireEvent.click(await screen.findByRole("button", { name: "Copy s3cret" }));
  fireEvent.click(screen.getByRole("button", { name: "Done" }));
  expect(closed).toHaveBeenCalledOnce();
});

it("brings an error into view: the field that it is about, or else itself", async () => {
  const seen = vi.spyOn(Element.prototype, "scrollIntoView").mockImplementation(function (this: Element) {
    shown.push(this.getAttribute("role") ?? this.tagName);
  });
  const shown: string[] = [];
  let fail: (e: ApiError | null, field?: string) => void = () => {};
  function Form() {
    const [state, set] = useState<{ error: ApiError | null; field?: string | undefined }>({ error: null });
    fail = (error, field) => set({ error, field });
    return (
      <form>
        <TextInput label="Name" error={state.field} />
        <ErrorAlert error={state.error} />
      </form>
    );
  }
  await openScreen("/", Form, "/", [], {});
  act(() => fail(new ApiError("the purchased number is used up")));
  expect(screen.getByRole("alert")).toHaveTextContent("The purchased number is used up");
  expect(shown).toEqual(["alert"]);
  act(() => fail(null));
  act(() => fail(new ApiError("the name is taken", { field: "name" }), "The name is taken"));
  expect(shown).toEqual(["alert", "INPUT"]);
  expect(screen.getByLabelText("Name")).toHaveFocus();
  seen.mockRestore();
});
