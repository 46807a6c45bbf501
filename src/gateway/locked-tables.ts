import type { LockedShape, ShapeForm } from "../db/gateway-answers.ts";
import type { GatewayCalls } from "../db/gateway-calls.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import { answerOf, type Session } from "./session.ts";
import type { Subscription } from "./subscription.ts";
import { Wakes } from "./wakes.ts";

/** As often as somebody is asked whether the tables are still locked: that takes no lock itself. */
const LOOK_MS = 1_000;

export interface LockedTablesOptions {
  readonly calls: GatewayCalls;
  readonly log: Log;
  /** Some of them can be read again. */
  readonly released: () => void;
}

/**
 * Tables that somebody has locked altogether, which a reading found out by waiting in vain. Until they are seen to be free
 * nobody reads them: whoever needs them stands where it is and is told why, and nobody else waits.
 */
export class LockedTables {
  readonly #options: LockedTablesOptions;
  readonly #wakes = new Wakes();
  #locked: ReadonlyMap<number, LockedShape> = new Map();
  /** What clients were told is locked. */
  readonly #told = new Map<Session, Set<string>>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: LockedTablesOptions) {
    this.#options = options;
  }

  /** Whether an error says that a lock was not got. */
  static isLock(error: unknown): boolean {
    return failureOf(error).code === "55P03";
  }

  /** Looks which tables of these shapes are locked. False: none is, as far as locks of tables tell. */
  async look(forms: Iterable<ShapeForm>): Promise<boolean> {
    const shapes = new Set([...forms].map(({ shape_id }) => shape_id));
    const found = await this.#options.calls.lockedShapes([...shapes, ...this.#locked.keys()]).catch(() => []);
    this.#take(found);
    return found.some(({ shape_id }) => shapes.has(shape_id));
  }

  /** Whether frames for it would have to read one of them. Changes of rows are in the log, also those that join a load. */
  stops({ subscriptions, isLoaded }: Session): boolean {
    if (this.#locked.size === 0) return false;
    return [...subscriptions.values()].some(
      ({ form, mode }) =>
        form?.mode === "blocks" &&
        this.#locked.has(form.shape_id) &&
        (mode === "live" || (mode === "load" && isLoaded)),
    );
  }

  /** Resolves when none of these is known to be locked. */
  async free(forms: readonly ShapeForm[], signal: AbortSignal): Promise<void> {
    while (forms.some(({ shape_id }) => this.#locked.has(shape_id))) {
      await unlessAborted(this.#wakes.next(LOOK_MS), signal);
    }
  }

  /** Tells clients what stands still, and what goes on again. */
  tell(sessions: ReadonlySet<Session>): void {
    for (const session of this.#told.keys()) if (!sessions.has(session)) this.#told.delete(session);
    if (this.#locked.size === 0 && this.#told.size === 0) return;
    for (const session of sessions) {
      if (this.stops(session)) session.isCaughtUp = false; // Nobody pages through the log with it, later.
      if (session.line.isFree && !session.isResolving) this.#tell(session);
    }
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #tell(session: Session): void {
    const told = this.#told.get(session) ?? new Set<string>();
    const goesOn: Subscription[] = [];
    for (const subscription of session.subscriptions.values()) {
      const { id } = subscription.wish;
      const locked = this.#lockOf(subscription);
      if (session.untold.has(id) || (locked !== null) === told.has(id)) continue;
      if (locked === null) {
        told.delete(id);
        goesOn.push(subscription);
      } else {
        told.add(id);
        session.line.send({ t: "failed", id, code: "55P03", ...why(locked) });
      }
    }
    const shapes = goesOn.flatMap(({ answer, mode }) =>
      answer === null ? [] : [{ ...answerOf(answer), mode: mode === "live" ? ("resume" as const) : mode }],
    );
    if (shapes.length > 0) session.line.send({ t: "shapes", shapes, tables: [] });
    if (told.size === 0) this.#told.delete(session);
    else this.#told.set(session, told);
  }

  #lockOf({ form, mode }: Subscription): LockedShape | null {
    const stands = mode === "load" || (mode === "live" && form?.mode === "blocks");
    return stands && form !== null ? (this.#locked.get(form.shape_id) ?? null) : null;
  }

  #take(found: readonly LockedShape[]): void {
    const { log, released } = this.#options;
    const before = this.#locked;
    this.#locked = new Map(found.map((each) => [each.shape_id, each]));
    for (const { shape_id, table, pids } of found) {
      if (!before.has(shape_id)) log.warn("table_locked", { table, pids: pids.join(", ") });
    }
    if ([...before.keys()].some((shape) => !this.#locked.has(shape))) {
      this.#wakes.wake();
      released();
    }
    if (this.#locked.size > 0) this.#lookLater();
  }

  #lookLater(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // Where they cannot be looked at, they are read: that tells as well.
      void this.look([]);
    }, LOOK_MS).unref();
  }
}

function why({ table, pids }: LockedShape): { message: string; hint: string } {
  const session = pids.find((pid) => pid > 0);
  const hint =
    session === undefined
      ? "select * from pg_prepared_xacts; -- on the server: one of these has locked it"
      : `select pg_terminate_backend(${session}); -- on the server, unless its transaction ends by itself`;
  return { message: `the table ${table} is locked by ${session ?? "a prepared transaction"}`, hint };
}
