import { type HttpAnswer, type HttpHeaders, type HttpRequest, headerOf, saidIn } from "../http/answer.ts";
import type { HttpClient } from "../http/client.ts";
import { type RateHeaders, readRateHeaders } from "../http/rate-headers.ts";
import { withoutParams, withParams } from "../http/url-params.ts";
import type { Clean } from "../model/foreign-text.ts";
import { type Body, beginning, bodyOf, reasonOf, streamIn } from "./body.ts";

/** A request, and where its key goes. */
export interface ProbeRequest {
  readonly url: URL;
  readonly body: string | null;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parameters that no address which the server names may take elsewhere: they are secret. */
  readonly secretParams: ReadonlyMap<string, string>;
  /** As that of a source: until the headers come, and of silence in the body. */
  readonly timeoutMs: number;
}

/** What became of one request. */
export interface Asked {
  /** Null: there was no answer. */
  readonly status: number | null;
  readonly headers: HttpHeaders;
  /** Why there is no page, for people; null: there is a document. */
  readonly problem: string | null;
  readonly body: Body | null;
  readonly rates: RateHeaders | null;
  /** Of the body, as they came over the wire. */
  readonly bytes: number;
  readonly seconds: number;
  /** Where it was sent instead, one after the other; the last one may be an address that was not asked. */
  readonly redirects: readonly string[];
  /** Where the answer comes from. */
  readonly url: URL;
  /** How many requests it took. */
  readonly requests: number;
}

const MAX_REDIRECTS = 3;
const JSON_TYPE = { "content-type": "application/json" };

/**
 * Asks an API once, with all the care of a worker but for the list of hosts: whoever types the address has chosen it. A
 * redirect is followed within its origin only, so that no key goes anywhere else. Rejects for nothing that a server does.
 */
export async function ask(client: HttpClient, clean: Clean, request: ProbeRequest): Promise<Asked> {
  const redirects: string[] = [];
  let url = request.url;
  for (let requests = 1; ; requests++) {
    const { outcome, bytes, seconds } = await sent(client, { ...request, url });
    const common = { bytes, seconds, redirects, url, requests };
    if (outcome.kind === "failure") {
      const problem = reasonOf(outcome.error, clean);
      return { status: null, headers: {}, problem, body: null, rates: null, ...common };
    }
    const { answer } = outcome;
    const { status, headers } = answer;
    const told = { status, headers, rates: readRateHeaders(headers, Date.now()), ...common };
    if (status < 300 || status > 399) return { ...told, ...judged(answer, clean) };
    const { target, problem } = redirected(request, url, headers, redirects.length);
    redirects.push(clean(headerOf(headers, "location") ?? "nowhere"));
    if (target === null) return { ...told, problem, body: null };
    url = target;
  }
}

function judged(answer: HttpAnswer, clean: Clean): Pick<Asked, "problem" | "body"> {
  const { status } = answer;
  if (status === 204) return { problem: "nothing (204): an empty page", body: null };
  if (status === 202) return { problem: "not yet (202): workers do not take that for a page", body: null };
  if (status < 200 || status > 299) {
    return { problem: `refused${beginning(saidIn(answer), clean)}`, body: null };
  }
  const stream = streamIn(answer.headers);
  const body = stream ?? bodyOf(answer, clean);
  return { problem: body.kind === "document" ? null : body.why, body };
}

interface Sent {
  readonly outcome: Awaited<ReturnType<HttpClient["send"]>>;
  readonly bytes: number;
  readonly seconds: number;
}

/** A body that is a stream is not read: it may have no end. */
async function sent(
  client: HttpClient,
  { url, body, headers, secretParams, timeoutMs }: ProbeRequest,
): Promise<Sent> {
  const request: HttpRequest = {
    url: withParams(url, secretParams),
    method: body === null ? "GET" : "POST",
    headers: body === null ? headers : { ...JSON_TYPE, ...headers },
    body,
    timeoutMs,
  };
  const enough = new AbortController();
  let bytes = 0;
  let stream: HttpAnswer | null = null;
  const begun = performance.now();
  const outcome = await client
    .send(request, {
      signal: enough.signal,
      onBytes: (more) => {
        bytes += more;
      },
      onStart: (status, told) => {
        if (status > 299 || streamIn(told) === null) return;
        stream = { status, headers: told, body: new Uint8Array() };
        enough.abort(new Error("a stream"));
      },
    })
    .catch((error): Sent["outcome"] => {
      if (stream === null) throw error;
      return { kind: "answer", answer: stream };
    });
  return { outcome, bytes, seconds: (performance.now() - begun) / 1_000 };
}

function redirected(
  { body, secretParams }: ProbeRequest,
  url: URL,
  headers: HttpHeaders,
  before: number,
): { readonly target: URL | null; readonly problem: string } {
  const target = URL.parse(headerOf(headers, "location") ?? "", url.href);
  const problem =
    headerOf(headers, "location") === null || target === null
      ? "a redirect that does not say where to"
      : body !== null
        ? "a redirect: a POST is not sent elsewhere"
        : before >= MAX_REDIRECTS
          ? `redirected more than ${MAX_REDIRECTS} times`
          : target.origin !== url.origin
            ? `a redirect to ${target.host}, which was not asked: the key stays with the host that it is for. If that is where the API is, probe that address`
            : null;
  if (problem !== null || target === null) return { target: null, problem: problem ?? "" };
  target.hash = "";
  return { target: withoutParams(target, secretParams.keys()), problem: "" };
}
