import { setTimeout as pause } from "node:timers/promises";

import { Counted } from "../client/counted.ts";
import { TestClient } from "../client/test-client.ts";
import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { Balancer } from "./balancer.ts";
import { tokenOf } from "./gateway.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { keepJournal } from "./journal.ts";
import { differences } from "./oracle.ts";
import { Writers } from "./writers.ts";

interface GatewayKillOptions {
  readonly kills: number;
  readonly clients: number;
  readonly seed: number;
  readonly shapes: readonly { readonly shape: string }[];
  /** Each so many times a gateway is frozen for so long, and not killed. */
  readonly freeze?: { readonly each: number; readonly ms: number };
  readonly onKill?: (n: number) => void;
}

interface GatewayKills {
  readonly kills: number;
  readonly frozen: number;
  readonly committed: number;
  /** From a kill to the last client that is connected again. */
  readonly slowestMs: number;
  readonly loads: number;
  readonly differences: readonly string[];
}

/** Kills one of two gateways under load, again and again; the clients go to the other one, and have everything in the end. */
export async function killGateways(
  db: TestDatabase,
  { kills, clients, seed, shapes, freeze, onKill = () => {} }: GatewayKillOptions,
): Promise<GatewayKills> {
  const throws = dice(seed);
  await using stack = new AsyncDisposableStack();
  const gateways = await Promise.all([GatewayProcess.start(db.url), GatewayProcess.start(db.url)]);
  stack.defer(async () => {
    for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  });
  const balancer = new Balancer(gateways.map(({ url }) => url));
  const all: TestClient[] = [];
  const counted: Counted[] = [];
  for (let n = 0; n < clients; n++) {
    // Every other one has its own rows alone.
    const own =
      n % 2 === 0 ? shapes : shapes.map(({ shape }) => ({ shape: shape.replace(/^todos$/, "my_todos") }));
    const token = () => tokenOf({ sub: `w${n}` });
    const client = stack.use(
      await TestClient.start(gateways[0]!.url, { shapes: own, token, ...balancer.options() }),
    );
    await keepJournal(client.client);
    all.push(client);
    counted.push(new Counted(client.client));
  }
  const isServed = (client: TestClient) =>
    client.client.status.connected && client.client.status.phase === "live";
  for (const client of all) await client.until("everything", () => isServed(client));
  let slowestMs = 0;
  let frozen = 0;
  let committed = 0;
  {
    await using writers = new Writers(db, { writers: 3, seed, pauseMs: 40 });
    for (let n = 0; n < kills; n++) {
      const at = throws(0, 1);
      const gateway = gateways[at]!;
      const start = performance.now();
      if (freeze !== undefined && n % freeze.each === freeze.each - 1) {
        frozen++;
        gateway.signal("SIGSTOP");
        balancer.urls = [gateways[1 - at]!.url];
        await pause(freeze.ms);
        gateway.signal("SIGCONT");
      } else {
        await gateway.kill();
        balancer.urls = [gateways[1 - at]!.url];
        await pause(throws(0, 300));
        gateways[at] = await GatewayProcess.start(db.url, Number(new URL(gateway.url).port));
      }
      for (const client of all) {
        await client.until(`kill ${n}: to be served again`, () => {
          client.client.wake();
          return isServed(client);
        });
      }
      slowestMs = Math.max(slowestMs, Math.round(performance.now() - start));
      balancer.urls = gateways.map(({ url }) => url);
      onKill(n);
    }
    committed = writers.committed;
  }
  const found: string[] = [];
  for (const [n, { client }] of all.entries()) {
    found.push(
      ...(await differences(db, client, { claims: { sub: `w${n}` } })).map((each) => `client ${n}: ${each}`),
    );
  }
  const loads = counted.reduce((sum, each) => sum + each.loads, 0);
  return { kills, frozen, committed, slowestMs, loads, differences: found };
}
