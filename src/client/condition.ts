import type { Report } from "../wire/from-client.ts";
import { type Quota, readQuota } from "./browser-storage.ts";
import type { Database } from "./database.ts";
import type { Lag } from "./lag.ts";
import { Loading } from "./loading.ts";
import type { Link } from "./machine.ts";
import { bytesOf, firstFailure, phaseOf, readStanding, type Standing } from "./standing.ts";
import { type ClientStatus, failureOf, History } from "./status.ts";
import type { Store } from "./store.ts";
import type { StoreHealth } from "./store-health.ts";
import type { Failure, TableFailure } from "./subscriptions.ts";
import { Watchers } from "./watchers.ts";

interface Parts {
  readonly pg: Database;
  readonly kind: Store["kind"];
  readonly lag: Lag;
  readonly link: () => Link;
  readonly health: () => Pick<StoreHealth, "status" | "failure">;
  readonly report: (report: Report) => void;
}

const NOT_LOADING = { reason: null, progress: null };

/** Of one client id there is one connection: who is told of another says what to do. */
const HELD_ELSEWHERE: Partial<Record<Link, Failure>> = {
  displaced: {
    code: "SY422",
    message: "another connection has the id of this client, which lets it be",
    hint: "If this store is a copy of another one: await client.reset() makes another client of it.",
  },
  cloned: {
    code: "SY422",
    message: "this store is a copy of one that is in use: it becomes another client, and keeps its rows",
    hint: "Give each device, process and profile a store of its own, rather than a copy.",
  },
};

const SIZED_EACH_MS = 30_000;

type Size = Quota & { readonly bytes: string };

/** How a client stands: what its store says, and what went wrong beside it. Whoever wants to know is told. */
export class Condition {
  readonly watchers = new Watchers(() => this.status);
  readonly history = new History();
  readonly loading = new Loading();
  readonly #parts: Parts;
  #standing: Standing | null = null;
  #size: Size = { bytes: "0", persisted: null, usage: null, quota: null };
  #sizedAt = Number.NEGATIVE_INFINITY;
  #error: Failure | null = null;
  #isWelcomed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** As it was read last. */
  get standing(): Standing {
    if (this.#standing === null) throw new Error("the store has not been read yet");
    return this.#standing;
  }

  get status(): ClientStatus {
    const { kind, lag, link, health } = this.#parts;
    const { position, blocks, subscriptions } = this.standing;
    return {
      phase: phaseOf(this.standing),
      connected: this.#isWelcomed,
      connection: link(),
      position,
      lagMs: lag.ms(BigInt(position), BigInt(blocks)),
      pending: 0,
      shapes: subscriptions.map(({ definition: _, ...rest }) => ({
        ...rest,
        ...(rest.phase === "loading" ? this.loading.of(rest.id) : NOT_LOADING),
      })),
      store: { kind, status: health().status, ...this.#size },
      error: this.#failure?.error ?? null,
      leader: "here",
    };
  }

  /** The worst of what is wrong. */
  get #failure(): TableFailure | null {
    const { link, health } = this.#parts;
    const ofAll = health().failure ?? HELD_ELSEWHERE[link()] ?? null;
    if (ofAll !== null) return { table: null, error: ofAll };
    const ofTables = firstFailure(this.standing) ?? this.standing.diverged;
    return ofTables ?? (this.#error === null ? null : { table: null, error: this.#error });
  }

  async readStanding(): Promise<Standing> {
    this.#standing = await readStanding(this.#parts.pg);
    return this.#standing;
  }

  /** Something of the store may have changed. `moved`: that alone. */
  async changed(moved: Partial<Standing> | null = null): Promise<void> {
    if (this.watchers.closed) return;
    if (moved === null) await this.readStanding();
    else this.#standing = { ...this.standing, ...moved };
    await this.#measure();
    this.history.note(phaseOf(this.standing));
    this.show();
  }

  /** Costs as much as a frame: not after each. */
  async #measure(): Promise<void> {
    const now = performance.now();
    if (now < this.#sizedAt + SIZED_EACH_MS) return;
    this.#sizedAt = now;
    this.#size = { bytes: await bytesOf(this.#parts.pg), ...(await readQuota()) };
  }

  linked(link: Link): void {
    if (link !== "open") {
      this.#isWelcomed = false;
      this.loading.ended();
    }
    this.history.note(link);
    const held = HELD_ELSEWHERE[link];
    if (held !== undefined) this.history.note(`${held.code}: ${held.message}`);
    this.show();
  }

  failed(error: unknown): void {
    this.#note(error);
    this.show();
  }

  /** A gateway has welcomed this client, and its answers are noted: what kept it away before is over. */
  well(): void {
    this.#isWelcomed = true;
    this.#error = null;
  }

  show(): void {
    if (this.#standing === null) return;
    this.report([]);
    // The application's own mistake: what the client does next does not depend on it.
    this.watchers.tell((thrown) => this.#note(thrown));
  }

  /** `checks`: tables that differ from their server's. */
  report(checks: Report["checks"]): void {
    const { phase, pending, store } = this.status;
    const { kind, bytes, status } = store;
    const failure = this.#failure;
    const said =
      failure === null
        ? null
        : { code: failure.error.code, table: failure.table, message: failure.error.message };
    this.#parts.report({
      t: "report",
      pending,
      phase,
      error: said,
      migrations: [],
      checks,
      store: { kind, bytes, status },
    });
  }

  #note(error: unknown): void {
    this.#error = failureOf(error);
    this.history.note(`${this.#error.code}: ${this.#error.message}`);
  }
}
