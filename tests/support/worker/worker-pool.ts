import type { FaultPoint } from "../../../src/fault-points.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { releaseDead } from "../postgres/queue.ts";
import { FaultyWorker } from "./faulty-worker.ts";
import type { WorkerAddresses } from "./worker-process.ts";

/** Workers of one database that a random test starts, freezes and kills. Their passes end soon after they are asked to. */
export class WorkerPool implements AsyncDisposable {
  readonly #db: TestDatabase;
  readonly #addresses: WorkerAddresses;
  readonly #running: FaultyWorker[] = [];
  readonly #frozen: FaultyWorker[] = [];
  readonly #ended: FaultyWorker[] = [];
  #hasDied = false;

  constructor(db: TestDatabase, addresses: WorkerAddresses) {
    this.#db = db;
    this.#addresses = addresses;
  }

  /** How many run. */
  get running(): number {
    this.#bury();
    return this.#running.length;
  }

  start(): void {
    this.#running.push(new FaultyWorker({ ...this.#addresses, beatMs: 300, limits: { minPassMs: 1_000 } }));
  }

  /** At least one runs, and nothing is held by one that died. */
  async ensure(): Promise<void> {
    this.#bury();
    if (this.#hasDied) await this.#release();
    if (this.running === 0) this.start();
  }

  async kill(): Promise<void> {
    this.#bury();
    await this.#running.pop()?.kill();
    await this.#release();
  }

  async stop(): Promise<void> {
    this.#bury();
    const worker = this.#running.pop();
    worker?.signal("SIGTERM");
    await worker?.ended;
    if (worker !== undefined) this.#ended.push(worker);
  }

  /** Its leases run out, and another one goes on. */
  async freeze(): Promise<void> {
    this.#bury();
    const worker = this.#running.pop();
    if (worker === undefined) return;
    worker.signal("SIGSTOP");
    this.#frozen.push(worker);
    await this.#release();
    this.start();
  }

  /** Frozen ones go on, beside those that have their leases. */
  thaw(): void {
    for (const worker of this.#frozen.splice(0)) {
      worker.signal("SIGCONT");
      this.#running.unshift(worker);
    }
  }

  /** The newest one kills itself when it gets to this point. */
  async arm(point: FaultPoint): Promise<void> {
    this.#bury();
    const worker = this.#running.at(-1);
    await worker?.arm({ point, action: "kill", minChunks: 0 }).catch(() => {}); // It may have ended.
  }

  /** What the workers said last, for people. */
  tail(): string {
    return [...this.#ended, ...this.#frozen, ...this.#running].map((worker) => worker.tail()).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#running, ...this.#frozen];
    await Promise.all(all.map((worker) => worker[Symbol.asyncDispose]()));
  }

  async #release(): Promise<void> {
    this.#hasDied = false;
    await releaseDead(this.#db);
  }

  #bury(): void {
    for (const worker of this.#running.filter(({ hasEnded }) => hasEnded)) {
      this.#running.splice(this.#running.indexOf(worker), 1);
      this.#ended.push(worker);
      this.#hasDied = true;
    }
  }
}
