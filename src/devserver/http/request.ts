import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

import type { StyleName } from "./styles.ts";

/** A request, read whole. */
export interface ApiRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export async function readRequest(incoming: IncomingMessage, origin: string): Promise<ApiRequest> {
  const { method = "", url = "/", headers } = incoming;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return { method, url: new URL(url, origin), headers, body: Buffer.concat(chunks).toString() };
}

/** A request as the log of the server has it. */
export interface LoggedRequest {
  /** Its number in the order of arrival, from 1. */
  readonly order: number;
  /** When it came, in milliseconds since 1970, with fractions. */
  readonly at: number;
  readonly style: StyleName;
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  body: string;
  /** What it names the place by from which it wants to go on, as it was sent but for its encoding; null: the beginning. */
  token: string | null;
  /** The status of the answer; null until it is known. */
  status: number | null;
  /** The number of records in the answer; 0 until it was sent whole. */
  records: number;
  /** Whether the rate limit refused it. */
  limited: boolean;
}

/** The log entry of a request whose body is still to come. */
export function logEntry(
  { method = "", url = "/", headers }: IncomingMessage,
  entry: Pick<LoggedRequest, "order" | "style">,
): LoggedRequest {
  const at = performance.timeOrigin + performance.now();
  const nothing = { body: "", token: null, status: null, records: 0, limited: false };
  return { ...entry, at, method, target: url, headers, ...nothing };
}
