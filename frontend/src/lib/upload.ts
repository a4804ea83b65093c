import { ApiError } from "@/lib/graphql";

/** Sends a file to the server, which keeps it for minutes under the id that is returned; a mutation then names it. */
export async function upload(partition: string, kind: "REVOKE" | "ISSUE", content: Blob | string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(`/upload?${new URLSearchParams({ partition, kind })}`, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream", "X-Requested-With": "pkiaas" },
      body: content,
    });
  } catch {
    throw new ApiError("The upload broke off.", {
      code: "UNAVAILABLE",
      action: "Check your connection and try again.",
    });
  }
  const answer = (await response.json().catch(() => ({}))) as {
    id?: string;
    errors?: { message: string; extensions?: Record<string, string> }[];
  };
  if (response.ok && answer.id) return answer.id;
  throw new ApiError(
    answer.errors?.[0]?.message ?? `The server answered ${response.status}.`,
    answer.errors?.[0]?.extensions,
  );
}
