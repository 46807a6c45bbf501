// Takes 21 s.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { ClientStatus } from "../../src/client/status.ts";
import { Heard } from "../support/client/heard.ts";
import { MovedClock } from "../support/client/moved-clock.ts";
import { TestClient } from "../support/client/test-client.ts";
import { TestGateway } from "../support/delivery/gateway.ts";
import { startLand } from "../support/delivery/land.ts";
import { oracle } from "../support/delivery/oracle.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import type { Scenario } from "../support/worker/scenario.ts";

// A folder of a store is copied beside its original, as a restored phone or a cloned machine has it.

const DAY = 86_400_000;
/** A takeover is heard of soon, and a clock that is moved by hours is no silence of anybody. */
const DEADLINES = { heartbeatMs: 200, silenceMs: 30 * DAY, standstillMs: 30 * DAY };

let folder: string;
let land: Scenario;
/** Who comes in by one gateway is heard of by the other one. */
let gateways: TestGateway[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-copied-"));
  land = await startLand(await createDatabase());
  await land.db.query("insert into todos select n, 'w1', 'first' from generate_series(1, 20) n");
  const start = () => TestGateway.start(land.db.url, { deadlines: DEADLINES });
  gateways = [await start(), await start()];
});
afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await land[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A client of a store, and what it heard. */
class Holder implements AsyncDisposable {
  readonly #heard = new Heard();
  readonly seen: ClientStatus["connection"][] = [];
  #one: TestClient | null = null;

  static async start(store: string, gateway: TestGateway): Promise<Holder> {
    const holder = new Holder();
    holder.#one = await TestClient.start(gateway.url, {
      store,
      shapes: [{ shape: "todos" }],
      WebSocket: holder.#heard.WebSocket,
    });
    holder.client.onStatus(({ connection }) => {
      if (holder.seen.at(-1) !== connection) holder.seen.push(connection);
    });
    return holder;
  }

  get client(): TestClient["client"] {
    return this.#one!.client;
  }

  get loads(): readonly string[] {
    return this.#heard.loads;
  }

  get opened(): number {
    return this.seen.filter((link) => link === "open").length;
  }

  async id(): Promise<string> {
    const { rows } = await this.client.query<{ id: string }>("select client_id as id from ampsync.state");
    return rows[0]!.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** Two holders of one id, in the order of their coming: the first one is displaced by the second. */
async function original(name: string): Promise<readonly [string, string]> {
  const [path, copy] = [join(folder, name), join(folder, `${name}-copy`)];
  await using first = await Holder.start(path, gateways[0]!);
  await first.client.ready();
  await first.client.close();
  await cp(path, copy, { recursive: true });
  await cp(`${path}.store`, `${copy}.store`);
  return [path, copy];
}

const is = (holder: Holder, ...links: readonly ClientStatus["connection"][]) =>
  waitFor(`a client that is ${links.join(" or ")}`, () => links.includes(holder.client.status.connection));

test("who is displaced lets the other be, with advice; woken again and again, one of them becomes another client and keeps its rows", async () => {
  const [path, copy] = await original("woken");
  await using one = await Holder.start(path, gateways[0]!);
  await is(one, "open");
  await using other = await Holder.start(copy, gateways[1]!);
  await is(one, "displaced");
  const was = await one.id();
  expect(await other.id()).toBe(was);
  expect(one.client.status.error).toMatchObject({ code: "SY422", hint: expect.stringContaining("reset()") });
  await is(other, "open");

  // Each time somebody looks at the page.
  const [pair, rounds] = [[one, other] as const, 10];
  for (let round = 0; round < rounds && (await one.id()) === (await other.id()); round++) {
    const [displaced, holder] = pair[0].client.status.connection === "displaced" ? pair : pair.toReversed();
    displaced!.client.wake();
    await is(displaced!, "open");
    await waitFor("the other one to hear it", () => holder!.client.status.connection !== "open" || isApart());
  }
  async function isApart(): Promise<boolean> {
    return (await one.id()) !== (await other.id());
  }
  for (const each of pair) await is(each, "open");
  const renamed = (await one.id()) === was ? other : one;
  expect(renamed.seen).toContain("cloned");
  expect(renamed.client.debug().history.map(({ what }) => what)).toContainEqual(
    expect.stringContaining("SY422: this store is a copy"),
  );
  expect(one.opened + other.opened).toBeLessThanOrEqual(8);

  await land.db.query("update todos set title = 'later' where id < 10; delete from todos where id = 20");
  for (const { client } of pair) await oracle(land.db, client);
  expect([...one.loads, ...other.loads]).toEqual([]);
  const { rows } = await land.db.query("select count(*)::int as n from ampsync.clients where connected");
  expect(rows).toEqual([{ n: 2 }]);
});

test("left alone, two of one id look once a day whether the other is there, and no more", async () => {
  using clock = new MovedClock();
  const [path, copy] = await original("alone");
  await using one = await Holder.start(path, gateways[0]!);
  await is(one, "open");
  await using other = await Holder.start(copy, gateways[1]!);
  await is(one, "displaced");
  await is(other, "open");
  const before = one.opened + other.opened;
  const days = 3;
  const links = () =>
    [one, other]
      .map(({ client }) => client.status.connection)
      .toSorted()
      .join();
  for (let passed = 0; passed < days * DAY; ) {
    const step = Math.min((clock.nextInMs ?? DAY) + 1, days * DAY - passed);
    passed += step;
    clock.move(step);
    // Until one of them has the id again, and the other one waits.
    await waitFor("one of them to have it", () => ["displaced,open", "open,open"].includes(links()));
  }
  // Twice at first, since each of them looks once soon, and once a day then.
  expect(one.opened + other.opened - before).toBeLessThanOrEqual(2 + 2 * days);
  await land.db.query("insert into todos select n, 'w1', 'later' from generate_series(100, 120) n");
  await waitFor("the other one to hear that it is displaced", () => links() === "displaced,open");
  const holder = one.client.status.connection === "open" ? one : other;
  await oracle(land.db, holder.client);
  expect([...one.loads, ...other.loads]).toEqual([]);
});
