import { setTimeout as sleep } from "node:timers/promises";

import { AmpsyncError } from "../errors.ts";
import { headerOf } from "../http/answer.ts";
import { decodeBody } from "../http/body-text.ts";
import { cleanRecords } from "../http/clean-records.ts";
import { type Records, splitRecords } from "../http/split-records.ts";
import { type Answered, ask } from "./ask.ts";
import { refuseSecretIn, type SentSecrets } from "./auth.ts";
import { nextTries, retryDelayMs } from "./http-limits.ts";
import type { IngestContext } from "./ingest-context.ts";
import { requestFor, type SentBounds } from "./page-request.ts";
import { type Judgement, judge } from "./pagination.ts";
import type { Part } from "./part.ts";
import type { Position } from "./position.ts";
import { boundsFor } from "./range.ts";
import { cursorExpired, expiredForGood } from "./stale-cursor.ts";
import { totalIn } from "./told.ts";

/** How a part ended: its run is over, the pass ends, or there is nothing to ask for before a time. */
export type PartEnd =
  | { readonly kind: "over" | "stopped" }
  | { readonly kind: "waits"; readonly untilUs: bigint };

/**
 * So many failures in a row are shown to users: one is over in a second, and not worth a write. Nor is one of a part while
 * others are committed: each commit would end what is shown.
 */
const SHOWN_AT = 2;

/** Before a position that the server did not know is asked for once more. */
const AGAIN_MS = 1_000;

const NO_RECORDS: Records = { count: 0, starts: new Uint32Array(), ends: new Uint32Array() };

/**
 * Reads one part, page after page, until its run is over. This is the path of a page: what is asked for, its answer, its
 * records, what follows it, the queue of commits. The request after it leaves at once, while it waits or is written.
 */
export class PageReader {
  readonly #pass: IngestContext;
  readonly #part: Part;

  constructor(pass: IngestContext, part: Part) {
    this.#pass = pass;
    this.#part = part;
  }

  async read(): Promise<PartEnd> {
    const { source } = this.#pass;
    while (true) {
      const bounds = boundsFor(source.range, this.#part.range, this.#pass.nowUs());
      if (bounds.kind === "wait") return { kind: "waits", untilUs: bounds.until };
      const followed = await this.#page(bounds.bounds);
      if (followed !== "more") return { kind: followed };
    }
  }

  /** One page. A failure that may pass is followed by three more tries. */
  async #page(bounds: SentBounds): Promise<"more" | "over" | "stopped"> {
    const { source } = this.#pass;
    const { asked, hasToken, isFirstPage } = this.#part;
    const request = requestFor(source, asked, bounds);
    let commits = this.#pass.commits;
    for (let failures = 0; ; ) {
      try {
        const answered = await ask(this.#pass, request, { hasToken, isFirstPage });
        if (answered === null) return "stopped";
        if (answered.kind === "stale") return await this.#replaceExpired(answered);
        const judgement = await this.#take(asked, answered);
        return judgement.kind === "end" ? "over" : "more";
      } catch (error) {
        if (!mayPass(error)) throw error;
        const delayMs = retryDelayMs(++failures);
        if (delayMs === null) throw error;
        const isShown = failures >= SHOWN_AT && this.#pass.commits === commits;
        commits = this.#pass.commits;
        const [goesOn] = await Promise.all([
          this.#pause(delayMs),
          this.#tellFailure(error, { failures, delayMs, isShown }),
        ]);
        if (!goesOn) return "stopped";
      }
    }
  }

  /** Splits and judges what came, and hands it over to be committed. */
  async #take(asked: Position | null, { kind, answer, url, secrets, held }: Answered): Promise<Judgement> {
    const { source, nulPolicy, status, queue, deps } = this.#pass;
    const { clean } = deps.caller;
    const part = this.#part;
    try {
      await status.showHolds(true);
      const { headers } = answer;
      const body = decodeBody(answer.body, headerOf(headers, "content-type"));
      const page = kind === "page" ? splitRecords(body, source.records, clean) : null;
      const answered = { headers, body, page, clean };
      const judgement =
        kind === "end" ? endAt(asked) : judge(source, part.memory, { position: asked, url }, answered);
      this.#refuseSecrets(judgement.next, secrets);

      const records = page?.records ?? NO_RECORDS;
      const nuls = cleanRecords(body, records, nulPolicy);
      held.set(body.length);
      queue.add({
        part: part.part,
        page: part.pages + 1,
        body,
        records,
        held,
        expected: part.position,
        position: judgement.next,
        asked,
        done: judgement.kind === "end",
        total: totalIn(source, answered),
        nuls,
      });
      part.take(judgement, asked, records.count);
      return judgement;
    } catch (error) {
      held.release();
      await status.showHolds(!queue.isEmpty);
      throw error;
    }
  }

  /** What the next request is made from is stored, for others to see. */
  #refuseSecrets(next: Position | null, secrets: SentSecrets): void {
    try {
      if (next !== null) refuseSecretIn(JSON.stringify(next), secrets);
    } catch (error) {
      this.#part.repeats(); // It is asked for again: that is no standstill.
      throw error;
    }
  }

  /** The server does not know any more what it was asked for: see Part.replaceExpired. */
  async #replaceExpired({ answer, held }: Answered): Promise<"more" | "stopped"> {
    held.release();
    const { source, log, deps } = this.#pass;
    const part = this.#part;
    const error = cursorExpired(part, answer, deps.caller.clean);
    const step = part.replaceExpired(source.expires.afterMs, source.hasKey);
    const told = {
      part: part.part,
      page: part.pages + 1,
      step,
      age_s: Math.round(part.positionAgeMs / 1_000),
    };
    log.warn("cursor_expired", { ...told, error: error.message, cause: error.detail });
    await this.#pass.notes.note("cursor_expired", { ...told, detail: error.detail });
    switch (step) {
      case "again":
        return (await this.#pause(AGAIN_MS)) ? "more" : "stopped";
      case "previous":
        return "more";
      case "restart":
        return (await this.#pass.restart(part, error)) ? "more" : "stopped";
      case "nothing":
        throw expiredForGood(error);
      default:
        return step satisfies never;
    }
  }

  async #tellFailure(
    failure: AmpsyncError,
    { failures, delayMs: delay_ms, isShown }: { failures: number; delayMs: number; isShown: boolean },
  ): Promise<void> {
    const { code, message: error, detail: cause, hint } = failure;
    const { part, pages } = this.#part;
    this.#pass.log.warn("request_failed", { part, page: pages + 1, code, error, cause, delay_ms });
    if (!isShown) return;
    const detail = [cause, nextTries(failures)].filter(Boolean).join(" ");
    await this.#pass.showFailure({ code, message: error, detail, hint });
  }

  /** False: the pass ends meanwhile. */
  async #pause(ms: number): Promise<boolean> {
    const { stop } = this.#pass;
    await sleep(ms, undefined, { signal: stop }).catch(() => {}); // Woken to end.
    return !stop.aborted;
  }
}

/** An address behind the last page: nothing lies there yet, so the next run asks for that page again, or goes on from here. */
function endAt(asked: Position | null): Judgement {
  return { kind: "end", next: asked !== null && "page" in asked ? null : asked };
}

function mayPass(error: unknown): error is AmpsyncError {
  return error instanceof AmpsyncError && (error.code === "SY104" || error.code === "SY303");
}
