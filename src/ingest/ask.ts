import type { HttpAnswer } from "../http/answer.ts";
import { readRateHeaders } from "../http/rate-headers.ts";
import { readSecrets, refuseSecretIn, type SentSecrets, withSecrets } from "./auth.ts";
import type { HeldBytes } from "./held-bytes.ts";
import { type AskedFor, type Meaning, meaningOf, redirectTarget } from "./http-limits.ts";
import type { IngestContext } from "./ingest-context.ts";
import { type PageRequest, withoutSecrets } from "./page-request.ts";
import type { Permit } from "./permit-desk.ts";

/** An answer that says something about the page that was asked for. */
export interface Answered {
  readonly kind: "page" | "empty" | "end" | "stale";
  readonly answer: HttpAnswer;
  /** Where it came from, after redirects. */
  readonly url: URL;
  readonly secrets: SentSecrets;
  /** The memory of its body. */
  readonly held: HeldBytes;
}

/**
 * Sends a request until there is an answer to it: with a permit for each try, and for each hop of a redirect. Waits as long
 * as the limit is used up. Null: the pass ends. Throws what the request failed with.
 */
export async function ask(
  pass: IngestContext,
  request: PageRequest,
  asked: AskedFor,
): Promise<Answered | null> {
  const { source, desk, control, deps, slots } = pass;
  let target = request;
  let hops = 0;
  let hasNewSecret = false;
  while (true) {
    const { sent, secrets } = readied(pass, target);
    const permit = await desk.take();
    if (permit === null) return null;
    await deps.faults.reach("permit_taken");
    if (desk.isLate(permit)) {
      pass.log.debug("permit_late", { ms: Math.round(performance.now() - permit.at) });
      desk.unused(permit);
      continue;
    }
    const exchanged = await exchange(pass, permit, sent);
    if (exchanged === null) return null;
    const { answer, held, sentAt } = exchanged;

    const rates = readRateHeaders(answer.headers, Date.now());
    const meaning = meaningOf(source, answer, rates, asked, deps.caller.clean);
    const limited = meaning.kind === "limited";
    const { told, retryAfterS } = rates;
    desk.heard(permit, { status: answer.status, limited, retryAfterS, told });
    slots.note({ kind: outcomeOf(meaning, answer.status), sentAt }, performance.now());
    pass.notes.answered(answer.status, meaning.kind === "limited" ? meaning.error : null);
    if (rates.isAbsurd) pass.notes.absurdWait();
    await deps.faults.reach("answer_received");
    if (control.signal.aborted) {
      held.release();
      return null;
    }

    switch (meaning.kind) {
      case "page":
      case "empty":
      case "end":
      case "stale":
        return { kind: meaning.kind, answer, url: sent.url, secrets, held };
      case "limited":
        held.release();
        continue; // The desk waits until it may be sent again.
      case "redirect":
        held.release();
        target = redirected(pass, target, redirectTarget(sent.method, sent.url, answer, hops++), secrets);
        continue;
      case "unauthorized":
        held.release();
        if (hasNewSecret || !differ(secrets, readied(pass, target).secrets)) throw meaning.error;
        hasNewSecret = true;
        continue;
      case "retry":
      case "failed":
        held.release();
        throw meaning.error;
      default:
        return meaning satisfies never;
    }
  }
}

/** The request as it goes out, if it may: with its secrets, which go to the source's own origin alone. */
function readied(
  { source, deps: { http } }: IngestContext,
  request: PageRequest,
): { readonly sent: PageRequest; readonly secrets: SentSecrets } {
  const { url } = request;
  const auth = url.origin === new URL(source.url).origin ? source.auth : [];
  const refusal = [
    http.allow.refuses(url),
    ...auth.map(({ secret }) => http.allow.refusesSecret(url, secret)),
  ].find((error) => error !== null);
  if (refusal !== undefined) throw refusal;
  const secrets = readSecrets(auth, http.secretOf);
  return { sent: withSecrets(request, auth, secrets), secrets };
}

/** One request over the network. Null: it was given up, because the pass ends. */
async function exchange(
  pass: IngestContext,
  permit: Permit,
  request: PageRequest,
): Promise<{ readonly answer: HttpAnswer; readonly held: HeldBytes; readonly sentAt: number } | null> {
  const { desk, queue, source, control, slots, requests, deps } = pass;
  const held = queue.expectPage();
  let sentAt = performance.now();
  const timed = { ...request, timeoutMs: source.timeoutS * 1_000 };
  const sending = deps.http.client.send(timed, {
    signal: control.signal,
    onSent: () => {
      sentAt = performance.now();
      pass.sent();
    },
    onBytes: (bytes) => held.add(bytes),
  });
  const outcome = await sending.catch((error) => {
    if (!control.signal.aborted) throw error;
    return null; // The server may have counted it.
  });
  const seconds = (performance.now() - sentAt) / 1_000;
  if (outcome?.kind === "answer") {
    requests.answered(outcome.answer.status, seconds);
    return { answer: outcome.answer, held, sentAt };
  }
  held.release();
  if (outcome !== null && !outcome.isWritten) {
    desk.unused(permit);
    throw outcome.error;
  }
  desk.heard(permit, UNANSWERED);
  if (outcome === null) return null;
  requests.answered(null, seconds);
  slots.note({ kind: "failed", sentAt }, performance.now());
  throw outcome.error;
}

const UNANSWERED = { status: null, limited: false, retryAfterS: null, told: [] } as const;

/** The same request to where it was redirected. What only the worker may know stays behind. */
function redirected(
  { source }: IngestContext,
  request: PageRequest,
  url: URL,
  secrets: SentSecrets,
): PageRequest {
  const target = withoutSecrets(source, url);
  refuseSecretIn(target.href, secrets);
  return { ...request, url: target };
}

function outcomeOf({ kind }: Meaning, status: number): "success" | "refused" | "failed" {
  return kind === "limited" ? "refused" : status >= 500 ? "failed" : "success";
}

function differ(some: SentSecrets, others: SentSecrets): boolean {
  return [...some].some(([name, value]) => others.get(name) !== value);
}
