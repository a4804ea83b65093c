import { ApiError } from "@/lib/graphql";
import { download } from "@/lib/format";

/** Fetches a list whole from /export/… and hands it to the browser as a file. */
export async function exportFile(
  path: string,
  format: "csv" | "jsonl",
  query: Record<string, string | null | undefined> = {},
) {
  const search = new URLSearchParams({ format });
  for (const [k, v] of Object.entries(query)) if (v) search.set(k, v);
  let response: Response;
  try {
    response = await fetch(`${path}?${search}`, { headers: { "X-Requested-With": "pkiaas" } });
    if (response.ok) {
      const name =
        /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? `export.${format}`;
      download(name, await response.blob());
      return;
    }
  } catch {
    throw new ApiError("The download broke off.", {
      code: "UNAVAILABLE",
      action: "Check your connection and try again.",
    });
  }
  const answer = (await response.json().catch(() => ({}))) as {
    errors?: { message: string; extensions?: Record<string, string> }[];
  };
  throw new ApiError(
    answer.errors?.[0]?.message ?? `The server answered ${response.status}.`,
    answer.errors?.[0]?.extensions,
  );
}
