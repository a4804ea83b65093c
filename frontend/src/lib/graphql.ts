import type { TypedDocumentString } from "@/gql/graphql";

/** What the server says of an error: see `ErrorCode` in the schema. */
export class ApiError extends Error {
  code: string;
  field: string | undefined;
  action: string | undefined;
  requestId: string | undefined;

  constructor(
    message: string,
    extensions: { code?: string; field?: string; action?: string; requestId?: string } = {},
  ) {
    super(message);
    this.code = extensions.code ?? "INTERNAL";
    this.field = extensions.field;
    this.action = extensions.action;
    this.requestId = extensions.requestId;
  }
}

/** What was asked for is kept until others have approved it: the outcome `ApprovalPending` of a mutation. */
export class ApprovalPending extends Error {
  constructor(
    readonly approvalId: string,
    message: string,
  ) {
    super(message);
  }
}

type Pending = { __typename: "ApprovalPending" };
/** A result without the outcome that others must approve, which is thrown. */
type Settled<Result> = { [Field in keyof Result]: Exclude<Result[Field], Pending> };

type Answer<T> = { data?: T | null; errors?: { message: string; extensions?: Record<string, string> }[] };

const signedOut = new Set<() => void>();

/** Calls back when the server says that nobody is signed in any more. */
export function onSignedOut(callback: () => void) {
  signedOut.add(callback);
  return () => {
    signedOut.delete(callback);
  };
}

const sentForApproval = new Set<() => void>();

/** Calls back when what was asked for was sent to other people for approval. */
export function onSentForApproval(callback: () => void) {
  sentForApproval.add(callback);
  return () => {
    sentForApproval.delete(callback);
  };
}

let askAgain: (() => Promise<boolean>) | undefined;
let asking: Promise<boolean> | undefined;

/** Sets what asks the person again who they are; its promise tells whether they have said so. */
export function onProofRequired(ask: () => Promise<boolean>) {
  askAgain = ask;
  return () => {
    askAgain = undefined;
  };
}

/**
 * One GraphQL operation. Throws ApiError, and ApprovalPending where others must approve it first. Where the server wants to know again
 * who is there, it asks and repeats the operation.
 */
export async function request<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  ...variables: Variables extends Record<string, never> ? [] : [Variables]
): Promise<Settled<Result>> {
  try {
    return await send(document, ...variables);
  } catch (e) {
    if (!(e instanceof ApiError) || e.code !== "PROOF_REQUIRED" || !askAgain) throw e;
    // Several operations that need it ask once.
    asking ??= askAgain().finally(() => (asking = undefined));
    if (!(await asking)) throw e;
    return send(document, ...variables);
  }
}

type Connection = { nodes: unknown[]; pageInfo?: { hasNextPage: boolean; endCursor?: string | null } };

/** Reads a list whole, page by page: `connection` finds it in an answer, and the operation takes `$after`. */
export async function requestAll<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Omit<Variables, "after">,
  connection: (result: Settled<Result>) => Connection | null | undefined,
): Promise<Settled<Result>> {
  const read = request as (document: unknown, variables: object) => Promise<Settled<Result>>;
  const whole = await read(document, variables);
  const list = connection(whole);
  for (let page = list?.pageInfo; page?.hasNextPage;) {
    const next = connection(await read(document, { ...variables, after: page.endCursor }));
    list?.nodes.push(...(next?.nodes ?? []));
    page = next?.pageInfo;
  }
  return whole;
}

async function send<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  ...[variables]: Variables extends Record<string, never> ? [] : [Variables]
): Promise<Settled<Result>> {
  let response: Response;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      // The header is the proof that this page made the request (CSRF).
      headers: { "Content-Type": "application/json", "X-Requested-With": "pkiaas" },
      body: JSON.stringify({ query: document.toString(), variables }),
    });
  } catch {
    throw new ApiError("The server cannot be reached.", {
      code: "UNAVAILABLE",
      action: "Check your connection and try again.",
    });
  }
  const answer = (await response.json().catch(() => ({}))) as Answer<Result>;
  const error = answer.errors?.[0];
  if (error) {
    const e = new ApiError(error.message, error.extensions);
    if (e.code === "UNAUTHENTICATED" && !e.field) signedOut.forEach((callback) => callback());
    throw e;
  }
  if (!answer.data)
    throw new ApiError(`The server answered ${response.status}.`, { code: "UNAVAILABLE", action: "Try again." });
  for (const outcome of Object.values(answer.data) as ({
    __typename?: string;
    approvalId?: string;
    message?: string;
  } | null)[]) {
    if (outcome?.__typename !== "ApprovalPending") continue;
    sentForApproval.forEach((callback) => callback());
    throw new ApprovalPending(outcome.approvalId!, outcome.message!);
  }
  return answer.data as Settled<Result>;
}

/** Follows a subscription until the returned function is called; reconnects by itself. */
export function subscribe<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
  onData: (data: Result) => void,
) {
  let stop = () => {};
  let ended = false;
  void import("graphql-ws").then(({ createClient }) => {
    if (ended) return;
    const client = createClient({
      url: `${location.origin.replace("http", "ws")}/graphql`,
      retryAttempts: Infinity,
      shouldRetry: () => !ended,
    });
    stop = client.subscribe<Result>(
      { query: document.toString(), variables: variables as Record<string, unknown> },
      { next: (message) => message.data && onData(message.data), error: () => {}, complete: () => {} },
    );
  });
  return () => {
    ended = true;
    stop();
  };
}
