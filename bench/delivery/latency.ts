import { setTimeout as pause } from "node:timers/promises";

import WebSocket from "ws";

import { createClient } from "../../src/client/client.ts";
import { SUBPROTOCOL } from "../../src/wire/codec.ts";
import { tokenOf } from "../../tests/support/delivery/gateway.ts";
import { publishStreams, storedStreams } from "../../tests/support/postgres/log-storm.ts";
import { type Figures, latencies, median, round } from "../figures.ts";
import type { Lab } from "../lab/lab.ts";
import { GatewayProcess, Program } from "./programs.ts";
import { Scene } from "./scene.ts";

/** Notifications come every 50 ms at most: each change is to come at once. */
const APART_MS = 60;
const WARM_UP = 20;
const DDL = "create table items (id bigint primary key, body text)";
const SHOWS = "select max(id)::int as id from items";

/** A promise for the first value that is as high as that. */
class Heights {
  #height = -1;
  #wanted: { readonly height: number; readonly resolve: () => void } | null = null;

  reached(height: number): void {
    this.#height = Math.max(this.#height, height);
    if (this.#wanted !== null && this.#height >= this.#wanted.height) this.#wanted.resolve();
  }

  async until(height: number): Promise<void> {
    if (this.#height >= height) return;
    await new Promise<void>((resolve) => {
      this.#wanted = { height, resolve };
    });
  }
}

/** From the answer to COMMIT until `seen` says so. */
async function delays(
  count: number,
  commit: (n: number) => Promise<void>,
  seen: Heights,
): Promise<{ late: number[]; committing: number[] }> {
  const late: number[] = [];
  const committing: number[] = [];
  for (let n = 0; n < count + WARM_UP; n++) {
    await pause(APART_MS);
    const start = performance.now();
    await commit(n);
    const committed = performance.now();
    await seen.until(n);
    committing.push(committed - start);
    late.push(performance.now() - committed);
  }
  return { late: late.slice(WARM_UP), committing: committing.slice(WARM_UP) };
}

/** A row that psql writes, until another client's live query shows it, beside a slot whose reader sends a word. */
export async function rowLatency(lab: Lab, commits: number): Promise<Figures> {
  await using scene = await Scene.start(lab);
  const { db } = scene;
  await db.query(DDL);
  await scene.shape("items");
  const writer = await db.client();
  const insert = async (n: number) => void (await writer.query("insert into items values ($1, 'a')", [n]));

  const { rows } = await db.query(
    "select lsn::text from pg_create_logical_replication_slot('floor', 'pgoutput')",
  );
  const floor = new Heights();
  let bare: { late: number[] };
  {
    await using program = new Program("floor");
    const { url } = await program.ask<{ url: string }>({ order: "listen" });
    await program.ask({ order: "follow", url: scene.url, slot: "floor", lsn: rows[0]!["lsn"] });
    const socket = new WebSocket(`${url.replace("http", "ws")}`, SUBPROTOCOL);
    await new Promise((resolve) => socket.once("open", resolve));
    let next = 0;
    // Only commits of published tables are told, and only this one writes there; a word may come before its answer does.
    socket.on("message", () => floor.reached(next));
    bare = await delays(
      commits,
      async (n) => {
        next = n;
        await insert(n);
      },
      floor,
    );
    socket.terminate();
  }
  await db.query(
    "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'floor' and active",
  );
  await pause(500);
  await db.query("select pg_drop_replication_slot('floor'); ");
  await db.query("delete from items");

  await using gateway = await GatewayProcess.start(scene.url);
  const client = await createClient({
    ...{ url: gateway.url, store: "memory://", token: () => tokenOf({}), shapes: [{ shape: "items" }] },
  });
  await client.ready();
  const seen = new Heights();
  await client.live(SHOWS, [], ([row]) => seen.reached(Number(row?.["id"] ?? -1)));
  const { late, committing } = await delays(commits, insert, seen);
  await client.close();
  await using pglite = new Program("pglite");
  const alone = await pglite.ask<{ late: number[] }>({ order: "alone", ddl: [DDL], commits, query: SHOWS });
  return {
    what: "INSERT committed until a client's live query shows it, beside a slot's reader that sends a word, and PGlite alone",
    commit_ms: round(median(committing), 2),
    ...latencies(late),
    ...latencies(bare.late, "floor_"),
    ...latencies(alone.late, "pglite_"),
    p50_ratio: round(median(late) / median(bare.late), 2),
  };
}

/** The same of a block of a dataset. */
export async function blockLatency(lab: Lab, commits: number): Promise<Figures> {
  await using scene = await Scene.start(lab, { hasWorker: false });
  const { db } = scene;
  const [writer] = await storedStreams(db, 1);
  await publishStreams(db);
  const { stream } = writer!;
  await db.query("select ampsync.create_shape('blocks', $1::text::regclass, public => true)", [
    stream.target,
  ]);
  await using gateway = await GatewayProcess.start(scene.url);
  const client = await createClient({
    ...{ url: gateway.url, store: "memory://", token: () => tokenOf({}), shapes: [{ shape: "blocks" }] },
  });
  await client.ready();
  const seen = new Heights();
  await client.live(`select max(_block_num)::int as block from ${stream.target}`, [], ([row]) =>
    seen.reached(Number(row?.["block"] ?? -1)),
  );
  // As a worker does: after the commit, by another connection, and it is not waited for.
  const announcer = await db.client();
  const commit = async (n: number) => {
    await stream.commit(n, n);
    const announced = [{ stream_id: stream.id, block: String(n) }];
    announcer.query("select ampsync_worker.announce($1)", [JSON.stringify(announced)]).catch(() => {});
  };
  const { late, committing } = await delays(commits, commit, seen);
  await client.close();
  return {
    what: "a block of a dataset committed until a client's live query shows it",
    commit_ms: round(median(committing), 2),
    ...latencies(late),
  };
}
