import { setTimeout as pause } from "node:timers/promises";

import { expect } from "vitest";

import { publish, type RunningPass, startPass, untilCaptured } from "../capture/rig.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { snapshotMaker } from "../snapshot-rig.ts";
import { type GatewayOptions, TestGateway } from "./gateway.ts";
import { type Row, WireClient, type WireClientOptions } from "./wire-client.ts";

const LOOK_MS = 20;

/** Capture, the job that makes snapshots, and a gateway, all in this process. */
export class DeliveryRig implements AsyncDisposable {
  readonly db: TestDatabase;
  readonly gateway: TestGateway;
  readonly #pass: RunningPass;
  readonly #end = new AbortController();
  readonly #job: Promise<void>;

  private constructor(db: TestDatabase, gateway: TestGateway, pass: RunningPass) {
    this.db = db;
    this.gateway = gateway;
    this.#pass = pass;
    this.#job = this.#makeSnapshots();
  }

  /** Tables of rows that are there are published, each with a shape of its name for everybody. */
  static async start(
    db: TestDatabase,
    tables: readonly string[],
    options: GatewayOptions = {},
  ): Promise<DeliveryRig> {
    await publish(db, tables);
    const pass = startPass(db);
    await untilCaptured(db);
    for (const table of tables) {
      await db.query("select ampsync.create_shape($1, $1::text::regclass, public => true)", [table]);
    }
    return new DeliveryRig(db, await TestGateway.start(db.url, options), pass);
  }

  /** A client of these shapes. */
  async client(shapes: readonly string[], options: Partial<WireClientOptions> = {}): Promise<WireClient> {
    return await WireClient.start({
      url: this.gateway.url,
      shapes: shapes.map((shape) => ({ id: shape, shape })),
      ...options,
    });
  }

  /** Waits until a client has all that was committed before, and compares its tables with the database. */
  async agrees(client: WireClient, tables: readonly string[]): Promise<void> {
    await untilCaptured(this.db);
    const { rows } = await this.db.query("select ampsync.head()::text as head");
    const head = BigInt(rows[0]!["head"]);
    await client.until(`position ${head}`, () => BigInt(client.position) >= head);
    for (const table of tables) {
      const pairs = client.tables
        .get(table)!
        .columns.map((name) => `'${name}', case when ${name} is not null then concat(${name}) end`);
      const found = await this.db.query(
        `select jsonb_build_object(${pairs.join(", ")}) as row from ${table}`,
      );
      expect(texts(client.rows(table))).toEqual(texts(found.rows.map(({ row }) => row as Row)));
    }
  }

  async #makeSnapshots(): Promise<void> {
    const { signal } = this.#end;
    const maker = await snapshotMaker(this.db);
    while (!signal.aborted) {
      await maker.makeAll(signal).catch(orNoConnection);
      await pause(LOOK_MS, null, { signal }).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#job;
    await this.gateway[Symbol.asyncDispose]();
    await this.#pass.stop();
  }
}

/** On a machine that stands still no connection may come about in time: the next look makes it, as the next job would. */
function orNoConnection(error: unknown): void {
  if (!(error instanceof Error && error.message === "timeout expired")) throw error;
}

function texts(rows: readonly Row[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();
}
