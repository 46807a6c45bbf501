import { randomUUID } from "node:crypto";

import type pg from "pg";

import type { GatewayCalls } from "../db/gateway-calls.ts";
import { inSnapshot } from "../db/snapshot-reads.ts";
import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import type { Op } from "../wire/ops.ts";
import { type Asked, Check, type Compared, refusal, sumsOf } from "./check.ts";
import type { Session } from "./session.ts";

const TRIES = 5;
/** Each reads whole tables. */
const MOST_AT_ONCE = 2;
/** Tables that one client waits for. */
const MOST_ASKED = 256;

export interface ChecksOptions {
  readonly pool: pg.Pool;
  readonly calls: GatewayCalls;
  readonly log: Log;
  readonly sessions: ReadonlySet<Session>;
  readonly wake: () => void;
  /** Of loads, the share that is checked without being asked for. */
  readonly share: number;
}

/** Compares what clients have with what they should have: those that ask for it, and a few of those that were loaded. */
export class Checks {
  readonly #options: ChecksOptions;
  readonly #asked = new Map<Session, Asked[]>();
  readonly #running = new Set<Session>();
  readonly #waiting: (() => void)[] = [];
  #reading = 0;

  constructor(options: ChecksOptions) {
    this.#options = options;
  }

  /** Each of the tables is answered by an operation `check` in some frame. Throws SY416. */
  ask(session: Session, id: string, tables: readonly string[]): void {
    const waiting = this.#asked.get(session) ?? [];
    if (waiting.length + tables.length > MOST_ASKED) {
      throw new AmpsyncError("SY416", `more than ${MOST_ASKED} tables are asked about at once`, {
        hint: "Wait for the answers before asking again.",
      });
    }
    this.#asked.set(session, [...waiting, ...tables.map((table) => ({ id, table }))]);
    this.#next(session);
  }

  /** These tables were loaded. */
  loaded(session: Session, tables: readonly string[]): void {
    if (this.#asked.has(session)) return;
    if (Math.random() < this.#options.share) this.ask(session, randomUUID(), tables);
  }

  left(session: Session): void {
    this.#asked.delete(session);
    session.check?.fail();
  }

  #next(session: Session): void {
    const asked = this.#asked.get(session);
    if (asked === undefined || this.#running.has(session)) return;
    this.#asked.delete(session);
    this.#running.add(session);
    void this.#run(session, asked).finally(() => {
      session.check = null;
      this.#running.delete(session);
      this.#next(session);
    });
  }

  /** Of reading alone: what waits for a client that takes nothing keeps nobody from it. */
  async #inTurn<T>(read: () => Promise<T>): Promise<T> {
    while (this.#reading >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#reading += 1;
    try {
      return await read();
    } finally {
      this.#reading -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #run(session: Session, asked: readonly Asked[]): Promise<void> {
    const { sessions, log, wake } = this.#options;
    let open = asked;
    /** Whether the client's frames wait: of no use before a table is known to change, nor where it cannot be read. */
    let waits = false;
    for (let tries = 1; open.length > 0 && sessions.has(session); tries++) {
      const check: Check | null = await this.#prepare(session, open, waits, tries > TRIES).catch(
        (error: unknown) => {
          log.warn("check_failed", { client: session.client, error: failureOf(error).code });
          return null;
        },
      );
      if (!sessions.has(session)) return;
      session.check = check;
      wake();
      if (check !== null) open = (await check.done).again;
      waits = check !== null;
      session.check = null;
      session.waitsForCheck = false;
      wake();
    }
  }

  /** Rows first and then the wait, so that whatever the sums have is in the log by then. */
  async #prepare(session: Session, asked: readonly Asked[], waits: boolean, isLast: boolean): Promise<Check> {
    const { pool, calls } = this.#options;
    const { revision } = session;
    if (isLast) {
      const why = "it changed, or could not be read, each time that it was looked at";
      const refused = asked.map((each) => refusal(each, why));
      return new Check({ asked, revision, compared: [], moment: null, refused });
    }
    const compared: Compared[] = [];
    const refused: Op[] = [];
    for (const each of asked) {
      const found = comparedOf(session, each);
      if (typeof found === "string") refused.push(refusal(each, found));
      else compared.push(found);
    }
    const rows = compared.filter(({ form }) => form.mode === "rows");
    if (rows.length === 0) return new Check({ asked, revision, compared, moment: null, refused });
    const { visible, sums } = await this.#inTurn(() => {
      session.waitsForCheck = waits; // What comes now comes behind the sums, in one frame.
      return inSnapshot(pool, async (reads) => {
        const point = await reads.point();
        return { visible: point.visible, sums: await sumsOf(reads, rows) };
      });
    });
    const settled = await calls.settled();
    return new Check({ asked, revision, compared, moment: { visible, settled, sums }, refused });
  }
}

/** A text says why it cannot be compared. */
function comparedOf(session: Session, asked: Asked): Compared | string {
  const those = [...session.subscriptions.values()].filter(({ form }) => form?.table === asked.table);
  const form = those[0]?.form ?? null;
  if (form === null) return "the client has no shape of it";
  if (those.some(({ mode }) => mode !== "live")) return "it is not live";
  return { asked, form, keys: new Set(those.flatMap(({ keys }) => keys)) };
}
