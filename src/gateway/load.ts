import type pg from "pg";

import type { Prepared, ShapeForm } from "../db/gateway-answers.ts";
import type { GatewayCalls } from "../db/gateway-calls.ts";
import { FilterFailed, inSnapshot, type SnapshotReads, TooManyRows } from "../db/snapshot-reads.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import type { Permits } from "../model/permits.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import { type LinesByKey, linesByKey } from "./copy-text.ts";
import type { LoadPart, SmallRows } from "./load-ops.ts";
import { LockedTables } from "./locked-tables.ts";
import { answerOf, type Session } from "./session.ts";
import type { ShapeFailures } from "./shape-failures.ts";
import type { SharedAnswers } from "./shared-answers.ts";
import type { SharedWait } from "./shared-wait.ts";
import type { Subscription } from "./subscription.ts";
import type { Wakes } from "./wakes.ts";

const AGAIN_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** What does not end by itself: capture stands still, or a table is restricted, also for those who read shapes. */
const TOLD = ["SY405", "42501"];

export interface LoadMeans {
  readonly pool: pg.Pool;
  readonly calls: GatewayCalls;
  /** Who reads small instances: each holds a connection. */
  readonly readers: Permits;
  /** Resolves to a position at which the log has all that was committed before. */
  readonly settled: SharedWait<bigint>;
  /** Of many that load the same instances one asks what there is of them. */
  readonly prepared: SharedAnswers<readonly Prepared[]>;
  /** Told when a snapshot may be ready. */
  readonly snapshots: Wakes;
  readonly failures: ShapeFailures;
  readonly locked: LockedTables;
  readonly log: Log;
}

/** A job could not read an instance: another one tries again later. */
class SnapshotFailed extends Error {
  override readonly name = "SnapshotFailed";
  readonly form: ShapeForm;
  readonly code: string;
  readonly hint: string | null;

  constructor(form: ShapeForm, error: Prepared["error"]) {
    super(error?.message ?? `the rows of ${form.table} could not be read`);
    this.form = form;
    this.code = error?.code ?? "SY104";
    this.hint = error?.hint ?? null;
  }
}

/** What is loaded together, for one session: it comes in one frame, once all of it is here or in the client's stage. */
export class Load {
  state: "preparing" | "ready" = "preparing";
  parts: readonly LoadPart[] = [];
  readonly subscriptions: readonly Subscription[];
  /** No client is shown a state before this position. */
  settled = 0n;
  readonly #session: Session;
  readonly #means: LoadMeans;
  readonly #end = new AbortController();
  /** Snapshots that the client was told of, and whether it has all their chunks. */
  readonly #told = new Map<string, PromiseWithResolvers<void>>();
  /** By shape: only a snapshot of that position or above is of use, and no instance is small. */
  readonly #from = new Map<number, bigint>();
  #ready: () => void = () => {};
  #tries = 0;
  /** The error that the client was told of last. */
  #said: string | null = null;

  constructor(session: Session, subscriptions: readonly Subscription[], means: LoadMeans) {
    this.#session = session;
    this.subscriptions = subscriptions;
    this.#means = means;
  }

  /** Calls `ready` when the frame can be made. */
  start(ready: () => void): void {
    this.#ready = ready;
    this.#prepare().then(ready, (error: unknown) => {
      if (this.#end.signal.aborted) return;
      void this.#failed(error);
      this.#again();
    });
  }

  /** Prepares it from the beginning, after a pause that grows: what was prepared cannot be sent. */
  #again(): void {
    this.state = "preparing";
    const pause = Math.min(AGAIN_MS * 2 ** this.#tries, LONGEST_PAUSE_MS);
    this.#tries += 1;
    setTimeout(() => {
      if (!this.#end.signal.aborted) this.start(this.#ready);
    }, pause).unref();
  }

  /**
   * More has changed since it was prepared than its frame may bring. Where that is so each time it never ends: the client
   * is told why. `from`: where the reading stood that found it. Snapshots of before are not taken again, each of which may
   * be good for a load of its table alone. `large`: a shape whose rows are more than was expected, which is so once.
   */
  outrun(from: bigint, large: ShapeForm | null): void {
    if (large === null || this.#from.has(large.shape_id)) this.#tellOutrun();
    const stale = this.parts.filter(({ staged }) => staged.length > 0).map(({ form }) => form);
    for (const { shape_id } of large === null ? stale : [large]) this.#from.set(shape_id, from);
    this.#again();
  }

  #tellOutrun(): void {
    this.#means.log.warn("load_failed", { client: this.#session.client, error: "SY416" });
    if (this.#said === "SY416") return;
    this.#said = "SY416";
    const told = this.subscriptions.flatMap(({ answer }) => answer ?? []);
    const names = [...new Set(this.#forms.map(({ table }) => table))].join(", ");
    const shapes = told.map((answer) => ({
      ...answerOf(answer),
      code: "SY416",
      message: `more of ${names} changes while it is loaded than one frame may bring`,
      hint: "It is tried again. On the server, write less at once, or let clients load smaller instances (bind, filter).",
    }));
    this.#session.line.send({ t: "shapes", shapes, tables: [] });
  }

  async #failed(error: unknown): Promise<void> {
    const { log, failures, locked } = this.#means;
    if (error instanceof FilterFailed) {
      await failures.noted(error); // If not, it is met again.
      return;
    }
    if (error instanceof TooManyRows) {
      this.#from.set(error.form.shape_id, 0n);
      return;
    }
    if (LockedTables.isLock(error) && (await locked.look(this.#forms))) return;
    const { code, message, hint } = error instanceof SnapshotFailed ? error : failureOf(error);
    log.warn("load_failed", { client: this.#session.client, error: code });
    const isTold = error instanceof SnapshotFailed || TOLD.includes(code);
    if (!isTold || this.#said === code) return;
    this.#said = code;
    for (const { wish, form } of this.subscriptions) {
      if (error instanceof SnapshotFailed && form?.shape_id !== error.form.shape_id) continue;
      this.#session.line.send({ t: "failed", id: wish.id, code, message, hint });
    }
  }

  cancel(): void {
    this.#end.abort(new Error("the load is not wanted any more"));
  }

  /** The client has all chunks of it. */
  staged(snapshot: string): void {
    this.#told.get(snapshot)?.resolve();
  }

  get #forms(): readonly ShapeForm[] {
    return this.subscriptions.map(({ form }) => form!);
  }

  async #prepare(): Promise<void> {
    await this.#means.locked.free(this.#forms, this.#end.signal);
    const parts = await Promise.all(
      [...Map.groupBy(this.subscriptions, ({ form }) => form!.shape_id).values()].map((each) =>
        this.#preparePart(each),
      ),
    );
    const rows = parts.filter(({ form, smallKeys }) => form.mode === "rows" && smallKeys.length > 0);
    const small = await this.#readSmall(rows);
    this.parts = parts.map((part) => ({ ...part, small: small?.get(part) ?? null }));
    const positions = this.parts.flatMap((part) => [
      part.small?.settled ?? 0n,
      ...part.staged.map(({ position, settled }) => BigInt(settled ?? position)),
    ]);
    this.settled = positions.reduce((most, each) => (each > most ? each : most), 0n);
    this.#end.signal.throwIfAborted();
    this.state = "ready";
  }

  /** The subscriptions are those of one shape. */
  async #preparePart(subscriptions: readonly Subscription[]): Promise<LoadPart> {
    const form = subscriptions[0]!.form!;
    const keys = [...new Set(subscriptions.flatMap((each) => each.keys))];
    const prepared = await this.#prepared(form, keys);
    const staged = prepared.filter(({ small }) => !small);
    for (const snapshot of staged) {
      const wish = subscriptions.find((each) => each.keys.includes(snapshot.key))!.wish.id;
      await this.#stage(wish, form.table, snapshot);
    }
    return {
      form,
      keys,
      whole: subscriptions.some(({ answer }) => answer?.whole === true),
      staged,
      smallKeys: prepared.filter(({ small }) => small).map(({ key }) => key),
      small: null,
    };
  }

  /** Snapshots of another form are those of a table that has just changed: soon it is known, and this load given up. */
  async #prepared(form: ShapeForm, keys: readonly string[]): Promise<readonly Prepared[]> {
    const { calls, prepared: asked, snapshots } = this.#means;
    const { client } = this.#session;
    for (;;) {
      this.#end.signal.throwIfAborted();
      if (keys.length === 0) return [];
      const changed = snapshots.next(AGAIN_MS);
      const from = this.#from.get(form.shape_id) ?? null;
      const prepared = await asked.ask(JSON.stringify([form.shape_id, keys, String(from)]), () =>
        calls.ensureSnapshots(client, form.shape_id, keys, from),
      );
      const failed = prepared.find((each) => !each.small && each.state === "failed");
      if (failed !== undefined) throw new SnapshotFailed(form, failed.error);
      const isHere = (each: Prepared) =>
        each.small || (each.state === "ready" && each.form === form.table_definition);
      if (prepared.every(isHere)) return prepared;
      await unlessAborted(changed, this.#end.signal);
    }
  }

  /** Tells the client of a snapshot, once, and waits until it has its chunks. */
  async #stage(shape: string, table: string, { snapshot, rows, checksum, chunks }: Prepared): Promise<void> {
    const known = this.#told.get(snapshot);
    const staged = known ?? Promise.withResolvers<void>();
    if (known === undefined) {
      await this.#session.line.untilFree(this.#end.signal);
      this.#told.set(snapshot, staged);
      this.#session.line.send({ t: "snapshot", shape, snapshot, table, rows, checksum, chunks });
    }
    await unlessAborted(staged.promise, this.#end.signal);
  }

  /** Rows first and then the wait, so that whatever the rows show is in the log by then. */
  async #readSmall(parts: readonly LoadPart[]): Promise<Map<LoadPart, SmallRows> | null> {
    if (parts.length === 0) return null;
    const { pool, readers, settled } = this.#means;
    const { visible, read } = await this.#readRows(pool, readers, parts);
    const position = await unlessAborted(settled.ask(), this.#end.signal);
    return new Map([...read].map(([part, lines]) => [part, { lines, visible, settled: position }]));
  }

  async #readRows(pool: pg.Pool, readers: Permits, parts: readonly LoadPart[]) {
    using _ = await readers.take(this.#end.signal);
    const readAll = async (reads: SnapshotReads) => {
      const { visible } = await reads.point();
      const read = new Map<LoadPart, LinesByKey>();
      for (const part of parts) {
        read.set(part, linesByKey(await reads.copy(part.form, null, part.smallKeys)));
      }
      return { visible, read };
    };
    return await inSnapshot(pool, readAll);
  }
}
