import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { SHUTDOWN_MS } from "../model/limits.ts";
import type { Caller } from "./caller.ts";
import { socketOf } from "./socket.ts";

/** How often it is asked what the session does, and for how long nobody may answer that. */
const TIMES = { askMs: 5_000, silenceMs: 60_000 };
/** How often what runs is cancelled once its caller leaves. */
const CANCEL_MS = 200;

export type WatchTimes = typeof TIMES;

/**
 * A session of the server: process ids come again, and a pooler gives a session to others, by another name. Nulls: a role
 * that logs in as one and works as another one does not see that of itself.
 */
export interface WatchedSession {
  readonly pid: number;
  readonly since: string | null;
  readonly name: string | null;
}

/** Who that is; to be asked by the session itself. */
export const SESSION = `select a.pid, a.backend_start::text as since, a.application_name as name
                          from pg_stat_activity a
                         where a.pid = pg_backend_pid()`;

const ASK = `select case when $4::boolean and $2::text is not null then pg_cancel_backend(a.pid) end,
                    case a.state when 'idle' then a.state_change::text end as idle_since
               from pg_stat_activity a
              where a.pid = $1
                and a.backend_start::text is not distinct from $2::text
                and a.application_name is not distinct from $3::text`;
const END = `select pg_terminate_backend(a.pid)
               from pg_stat_activity a
              where a.pid = $1 and a.backend_start::text = $2 and a.application_name = $3`;

/**
 * Watches over a session that runs one statement after the other, each of which takes as long as it takes: by other
 * connections the server is asked what it does. A session that the server does not know, or that rests though its client
 * waits for an answer, is lost, and so is one whose server does not answer: its connection is closed, so that the statement
 * fails here, and the session is ended, whose locks nobody needs any more.
 *
 * Once the signal aborts, what runs is cancelled, again and again: a cancel that comes between two statements is lost.
 */
export class SessionWatch implements Disposable {
  readonly #client: pg.Client;
  readonly #session: WatchedSession;
  readonly #caller: Caller;
  readonly #times: WatchTimes;
  readonly #over = new AbortController();

  constructor(
    client: pg.Client,
    session: WatchedSession,
    caller: Caller,
    leave: AbortSignal,
    times: WatchTimes = TIMES,
  ) {
    this.#client = client;
    this.#session = session;
    this.#caller = caller.once();
    this.#times = times;
    void this.#watch(leave);
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #watch(leave: AbortSignal): Promise<void> {
    const over = this.#over.signal;
    let answeredAt = performance.now();
    let leftAt: number | null = null;
    let restsSince: string | null = null;
    while (!over.aborted) {
      if (leave.aborted) leftAt ??= performance.now();
      else await soon(this.#times.askMs, AbortSignal.any([over, leave]));
      if (over.aborted) return;
      const idleSince = await this.#ask(leave.aborted);
      if (over.aborted) return;
      const now = performance.now();
      if (idleSince !== undefined) answeredAt = now;
      const isSilent = now - answeredAt > this.#times.silenceMs;
      const stays = leftAt !== null && now - leftAt > SHUTDOWN_MS;
      if (isSilent || stays || idleSince === "gone" || (idleSince !== null && idleSince === restsSince)) {
        return this.#giveUp();
      }
      restsSince = idleSince ?? null;
      if (leave.aborted) await soon(CANCEL_MS, over);
    }
  }

  /** Since when the session rests, null if it does not; undefined: nobody answers. */
  async #ask(cancels: boolean): Promise<string | "gone" | null | undefined> {
    const { pid, since, name } = this.#session;
    try {
      const limitMs = Math.min(this.#times.askMs, cancels ? SHUTDOWN_MS : Number.POSITIVE_INFINITY);
      const { rows } = await this.#caller
        .leaving(this.#over.signal)
        .call(ASK, [pid, since, name, cancels], limitMs);
      return rows.length === 0 ? "gone" : rows[0].idle_since;
    } catch {
      return undefined;
    }
  }

  #giveUp(): void {
    const { pid, since, name } = this.#session;
    socketOf(this.#client).destroy();
    this.#caller.call(END, [pid, since, name]).catch(() => {}); // The server finds that its client is gone.
  }
}

async function soon(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => {});
}
