import { setTimeout as pause } from "node:timers/promises";

import { publishStreams, storedStreams } from "../../tests/support/postgres/log-storm.ts";
import { watermark } from "../../tests/support/postgres/sql-stream.ts";
import { type Figures, round } from "../figures.ts";
import type { Lab } from "../lab/lab.ts";
import { cpuS, rssKib } from "../lab/process-figures.ts";
import { GatewayProcess, Program } from "./programs.ts";
import { Scene } from "./scene.ts";

const SETTLE_MS = 5_000;
const LOOK_MS = 100;
const BLOCK_ROWS = 200;

/** Many idle sessions of a gateway, what each takes, and how soon they are live on another one when theirs is killed. */
export async function sessions(lab: Lab, count: number): Promise<Figures> {
  await using scene = await Scene.start(lab);
  await scene.db.query("create table items (id bigint primary key, body text)");
  await scene.db.query("insert into items select n, 'a' from generate_series(1, 10) n");
  await scene.shape("items");
  await using one = await GatewayProcess.start(scene.url);
  await using other = await GatewayProcess.start(scene.url);
  await using sockets = new Program("sockets");
  await one.collect();
  const before = rssKib(one.pid);
  const urls = [one.url, other.url];
  const { ms } = await sockets.ask<{ ms: number }>({ order: "connect", urls, count, shape: "items" });
  await pause(SETTLE_MS);
  const atOnce = (rssKib(one.pid) - before) / count;
  await one.collect();
  const each = (rssKib(one.pid) - before) / count;
  const killed = performance.now();
  const back = sockets.ask({ order: "back" });
  await one.kill();
  await back;
  const backS = (performance.now() - killed) / 1000;
  await sockets.ask({ order: "leave" });

  await using floor = new Program("floor");
  const { url } = await floor.ask<{ url: string }>({ order: "listen" });
  const bareBefore = rssKib(floor.pid);
  await sockets.ask({ order: "connect", urls: [url], count, shape: "", bare: true });
  await pause(SETTLE_MS);
  return {
    what: "idle sessions of a gateway, beside bare sockets; all of them on another one after a kill",
    sessions: count,
    connected_s: round(ms / 1000, 1),
    kib_each: round(each, 1),
    kib_each_with_garbage: round(atOnce, 1),
    bare_kib_each: round((rssKib(floor.pid) - bareBefore) / count, 1),
    live_again_s: round(backS, 1),
  };
}

/** Clients that come together, each with rows of its own. */
export async function ownInstances(lab: Lab, clients: number): Promise<Figures> {
  await using scene = await Scene.start(lab);
  await scene.db.query("create table items (owner int, id bigint primary key, body text)");
  await scene.db.query(
    "insert into items select n % $1, n, repeat('x', 100) from generate_series(0, $1::int * 100 - 1) n",
    [clients],
  );
  await scene.db.query("create index on items (owner)");
  await scene.db.query("analyze items");
  await scene.shape("items", { owner: "param:owner" });
  await using gateway = await GatewayProcess.start(scene.url);
  await using sockets = new Program("sockets");
  const { ms } = await sockets.ask<{ ms: number }>({
    ...{ order: "connect", urls: [gateway.url], count: clients, shape: "items", param: "owner" },
  });
  return {
    what: "clients that come together, each with an instance of 100 rows, until all are live",
    clients,
    seconds: round(ms / 1000, 1),
  };
}

/** Blocks of 200 rows, to one client and to many that each have an instance of their own. */
export async function pumping(lab: Lab, clients: number, blocks: number): Promise<Figures> {
  await using scene = await Scene.start(lab, { hasWorker: false });
  const { db } = scene;
  const [writer] = await storedStreams(db, 1);
  await publishStreams(db);
  const { target, id, epoch } = writer!.stream;
  await db.query(`create index on ${target} (note)`);
  await db.query("select ampsync.create_shape('notes', $1::text::regclass, bind => $2, public => true)", [
    target,
    '{"note": "param:note"}',
  ]);
  let block = 0;
  const commit = async () => {
    const n = block++;
    await writer!.client.query(
      `begin; call ampsync_worker.begin_apply(${id}, ${epoch});
       insert into ${target} (_id, _block_num_start, _block_num_end, _block_num, block_hash, note)
       select ampsync_private.block_prefix(${n}) || substr(sha256(n::text::bytea), 1, 10), ${n}, ${n}, ${n}, '\\x00',
              ((${n} * ${BLOCK_ROWS} + n) % ${clients})::text
         from generate_series(1, ${BLOCK_ROWS}) n;
       call ampsync_worker.commit_apply(${id}, ${epoch}, ${n === 0 ? "null" : n - 1}, 'mainnet',
                                        '${JSON.stringify([watermark(n, n)])}', ${BLOCK_ROWS});
       commit`,
    );
  };
  await commit();
  const once = async (count: number) => {
    await using gateway = await GatewayProcess.start(scene.url);
    await using sockets = new Program("sockets");
    await sockets.ask({ order: "connect", urls: [gateway.url], count, shape: "notes", param: "note" });
    await pause(SETTLE_MS);
    const measured: number[] = [];
    for (let n = 0; n < blocks; n++) {
      const before = await gateway.readings();
      await commit();
      await db.query("notify ampsync_log"); // As a worker does, which is not there.
      let after = before;
      while (after.count === before.count) {
        await pause(LOOK_MS);
        after = await gateway.readings();
      }
      measured.push((after.seconds - before.seconds) * 1000);
    }
    return measured.sort((a, b) => a - b)[Math.floor(blocks / 2)]!;
  };
  const one = await once(1);
  const many = await once(clients);
  return {
    what: `the pump's time for a block of ${BLOCK_ROWS} rows: one client, and many with an instance each`,
    clients,
    one_ms: round(one, 1),
    many_ms: round(many, 1),
    ratio: round(many / one, 2),
  };
}

/** Clients that come together for one instance, beside a single one: processor time, and scans of the table. */
export async function sharedLoad(lab: Lab, clients: number, rows: number): Promise<Figures> {
  await using scene = await Scene.start(lab);
  await scene.db.query("create table items (id bigint primary key, body text)");
  await scene.db.query(
    "insert into items select n, repeat(md5(n::text), 9) from generate_series(1, $1::int) n",
    [rows],
  );
  await scene.db.query("analyze items");
  await scene.shape("items");
  const once = async (count: number) => {
    await scene.db.query("delete from ampsync_private.snapshot_chunk");
    await scene.db.query("delete from ampsync_private.snapshot");
    await using gateway = await GatewayProcess.start(scene.url);
    await using sockets = new Program("sockets");
    const [server, program] = [await scene.serverCpuS(), cpuS(gateway.pid)];
    const { ms } = await sockets.ask<{ ms: number }>({
      order: "connect",
      urls: [gateway.url],
      count,
      shape: "items",
    });
    const used = { server: (await scene.serverCpuS()) - server, gateway: cpuS(gateway.pid) - program };
    const { rows: scans } = await scene.db.query("select count(*)::int as n from ampsync_private.snapshot");
    return { ...used, seconds: ms / 1000, scans: scans[0]!["n"] as number };
  };
  await once(1); // Not counted: what is read and compiled for the first time.
  const one = await once(1);
  const many = await once(clients);
  return {
    what: "clients that load one instance together, beside a single one",
    clients,
    rows,
    server_cpu_s: round(many.server, 2),
    server_cpu_of_one_s: round(one.server, 2),
    server_ratio: round(many.server / one.server, 2),
    gateway_cpu_s: round(many.gateway, 2),
    gateway_cpu_of_one_s: round(one.gateway, 2),
    seconds: round(many.seconds, 1),
    seconds_of_one: round(one.seconds, 1),
    scans: many.scans,
  };
}
