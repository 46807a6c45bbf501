import type pg from "pg";

import type { Prepared, ShapeForm } from "../db/gateway-answers.ts";
import type { GatewayCalls } from "../db/gateway-calls.ts";
import { FilterFailed, inSnapshot } from "../db/snapshot-reads.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import { type LinesByKey, linesByKey } from "./copy-text.ts";
import type { LoadPart, SmallRows } from "./load-ops.ts";
import type { Session } from "./session.ts";
import type { Subscription } from "./subscription.ts";
import type { Wakes } from "./wakes.ts";

const AGAIN_MS = 1_000;

interface Means {
  readonly pool: pg.Pool;
  readonly calls: GatewayCalls;
  /** Told when a snapshot may be ready. */
  readonly snapshots: Wakes;
  readonly log: Log;
}

/** What is loaded together, for one session: it comes in one frame, once all of it is here or in the client's stage. */
export class Load {
  state: "preparing" | "ready" = "preparing";
  parts: readonly LoadPart[] = [];
  readonly subscriptions: readonly Subscription[];
  /** No client is shown a state before this position. */
  settled = 0n;
  readonly #session: Session;
  readonly #means: Means;
  readonly #end = new AbortController();
  /** Snapshots that the client was told of, and whether it has all their chunks. */
  readonly #told = new Map<string, PromiseWithResolvers<void>>();

  constructor(session: Session, subscriptions: readonly Subscription[], means: Means) {
    this.#session = session;
    this.subscriptions = subscriptions;
    this.#means = means;
  }

  /** Calls `ready` when the frame can be made. */
  start(ready: () => void): void {
    const again = () => {
      this.#prepare().then(ready, (error: unknown) => {
        if (this.#end.signal.aborted) return;
        const { log, calls } = this.#means;
        if (error instanceof FilterFailed) {
          const { form, key, sqlState } = error;
          log.warn("shape_failed", { shape: form.name });
          calls.failShape(form, key, sqlState).catch(() => {}); // Met again by the next attempt.
        } else {
          log.warn("load_failed", { client: this.#session.client, error: failureOf(error).code });
        }
        setTimeout(again, AGAIN_MS).unref();
      });
    };
    again();
  }

  cancel(): void {
    this.#end.abort(new Error("the load is not wanted any more"));
  }

  /** The client has all chunks of it. */
  staged(snapshot: string): void {
    this.#told.get(snapshot)?.resolve();
  }

  async #prepare(): Promise<void> {
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
    const { calls, snapshots } = this.#means;
    for (;;) {
      this.#end.signal.throwIfAborted();
      if (keys.length === 0) return [];
      const changed = snapshots.next(AGAIN_MS);
      const prepared = await calls.ensureSnapshots(this.#session.client, form.shape_id, keys);
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
      this.#told.set(snapshot, staged);
      this.#session.line.send({ t: "snapshot", shape, snapshot, table, rows, checksum, chunks });
    }
    await unlessAborted(staged.promise, this.#end.signal);
  }

  /** Rows first and then the wait, so that whatever the rows show is in the log by then. */
  async #readSmall(parts: readonly LoadPart[]): Promise<Map<LoadPart, SmallRows> | null> {
    if (parts.length === 0) return null;
    const { pool, calls } = this.#means;
    const { visible, read } = await inSnapshot(pool, async (reads) => {
      const point = await reads.point();
      const read = new Map<LoadPart, LinesByKey>();
      for (const part of parts) {
        read.set(part, linesByKey(await reads.copy(part.form, null, part.smallKeys)));
      }
      return { visible: point.visible, read };
    });
    const settled = await calls.settled();
    return new Map([...read].map(([part, lines]) => [part, { lines, visible, settled }]));
  }
}
