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
import type { Failure } from "./subscriptions.ts";
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
      error: health().failure ?? firstFailure(this.standing) ?? this.standing.diverged ?? this.#error,
      leader: "here",
    };
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
    const { phase, pending, store, error } = this.status;
    const { kind, bytes, status } = store;
    const said = error === null ? null : { code: error.code, table: null, message: error.message };
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
