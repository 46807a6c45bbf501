// npm run chaos -- delivery-slow 400 --json: how late so many transactions of 50 kB reach five clients, by themselves and
// beside one that answers nothing and one whose tenant may be sent 100 kB a second. Exits 1 if anything did not come.
import { TestGateway, tokenOf } from "../tests/support/delivery/gateway.ts";
import { startLand } from "../tests/support/delivery/land.ts";
import { WireClient } from "../tests/support/delivery/wire-client.ts";
import type { TestDatabase } from "../tests/support/postgres/database.ts";
import { runChaosOf } from "./chaos-delivery.ts";

const CLIENTS = 5;
const EACH_MS = 60;
const BYTES = 50_000;
const TODOS = [{ id: "todos", shape: "todos" }];

export async function chaosOfSlowClients(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-slow", args, 400, async (db, { count }) => {
    await using _scenario = await startLand(db);
    await db.query("select ampsync.set_tenant_limit('limited', bytes_per_s => 100000)");
    await using gateway = await TestGateway.start(db.url);
    await using stack = new AsyncDisposableStack();
    const start = async (tenant: string, acks = true) =>
      stack.use(
        await WireClient.start({ url: gateway.url, shapes: TODOS, token: tokenOf({ tenant }), acks }),
      );
    const all = await Promise.all(Array.from({ length: CLIENTS }, () => start("well")));
    for (const client of all) await client.ready();
    await measure(db, all, 0, 40); // Plans, and code that is not compiled yet.
    const alone = await measure(db, all, 1_000_000, count);
    const others = [await start("silent", false), await start("limited")];
    for (const client of others) await client.ready();
    const beside = await measure(db, all, 2_000_000, count);
    const behind = others.map(
      (client) => client.rows("public.todos").length < all[0]!.rows("public.todos").length,
    );
    return {
      clients: CLIENTS,
      ...named("alone", alone.ms),
      ...named("beside", beside.ms),
      "held back": behind.filter(Boolean).length,
      differences: [...alone.missing, ...beside.missing],
    };
  });
}

interface Measured {
  readonly ms: readonly number[];
  readonly missing: readonly string[];
}

async function measure(
  db: TestDatabase,
  clients: readonly WireClient[],
  from: number,
  count: number,
): Promise<Measured> {
  const committed = new Map<number, number>();
  const seen = clients.map(() => new Map<number, number>());
  for (const [n, client] of clients.entries()) {
    client.onFrame = ({ ops }) => {
      const now = performance.now();
      for (const op of ops) {
        if (op.op !== "upsert") continue;
        for (const { id } of JSON.parse(op.rows) as { id: string }[]) seen[n]!.set(Number(id), now);
      }
    };
  }
  const begin = performance.now();
  for (let n = 0; n < count; n++) {
    const due = begin + n * EACH_MS - performance.now();
    if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
    await db.query("insert into todos values ($1, 'w', repeat('x', $2))", [from + n, BYTES]);
    committed.set(from + n, performance.now());
  }
  const deadline = performance.now() + 30_000;
  while (seen.some(({ size }) => size < count) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const ms = [...committed].flatMap(([id, at]) =>
    seen.flatMap((each) => Math.max((each.get(id) ?? at) - at, 0)),
  );
  const missing = seen.flatMap(({ size }, n) =>
    size < count ? [`client ${n} got ${size} of ${count}`] : [],
  );
  await db.query("delete from todos where id >= $1", [from]);
  return { ms: ms.sort((a, b) => a - b), missing };
}

function named(name: string, sorted: readonly number[]): Record<string, number> {
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
  return { [`${name}: p50 ms`]: at(0.5), [`${name}: p99 ms`]: at(0.99), [`${name}: worst ms`]: at(0.9999) };
}
