import { afterAll, beforeAll, expect, test } from "vitest";
import { publish, type RunningPass, startPass } from "../../support/capture/rig.ts";
import { Counted } from "../../support/client/counted.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { FrameRelay } from "../../support/delivery/frame-relay.ts";
import { TestGateway } from "../../support/delivery/gateway.ts";
import { keepJournal } from "../../support/delivery/journal.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();
let pass: RunningPass;
let gateway: TestGateway;
let relay: FrameRelay;
let one: TestClient;
let counted: Counted;

beforeAll(async () => {
  await db.query("create table todos (id int primary key, title text)");
  await publish(db, ["todos"]);
  pass = startPass(db);
  await db.query("select ampsync.create_shape('todos', 'todos', public => true)");
  gateway = await TestGateway.start(db.url);
  relay = await FrameRelay.start(gateway.url);
  one = await TestClient.start(relay.url, { shapes: [{ shape: "todos" }] });
  counted = new Counted(one.client);
  await keepJournal(one.client);
  await one.client.ready();
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await relay[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await pass.stop();
});

const isFrame = (message: string) => message.startsWith('{"t":"frame"');

async function write(id: number): Promise<void> {
  await db.query(
    "insert into todos values ($1, 'new') on conflict (id) do update set title = todos.title || '.'",
    [id],
  );
  await db.query("call ampsync.wait_for_capture()");
}

/** The first frames from here on are kept back until so many have come, and then become others. */
async function withFrames(
  count: number,
  make: (frames: readonly string[]) => readonly string[],
): Promise<void> {
  const held: string[] = [];
  relay.alter = (message) => {
    if (!isFrame(message) || held.length >= count) return [message];
    held.push(message);
    return held.length === count ? make(held) : [];
  };
  for (let n = 1; held.length < count; n++) await write(n % 20);
}

test.each([
  ["is dropped", 1, () => []],
  ["is dropped before others", 3, ([, ...rest]: readonly string[]) => rest],
  ["comes behind the next one", 2, ([first = "", second = ""]: readonly string[]) => [second, first]],
  ["is dropped amid others", 3, ([first = "", , third = ""]: readonly string[]) => [first, third]],
] as const)("a frame that %s is noticed, and nothing is missing afterwards", async (_, count, make) => {
  const { connections, loads } = counted;
  await withFrames(count, make);
  await write(21);
  await one.until("another hello", () => {
    one.client.wake();
    return counted.connections > connections;
  });
  await oracle(db, one.client);
  expect(counted.loads).toBe(loads);
});

test.each([
  ["twice", 1, ([first = ""]: readonly string[]) => [first, first]],
  ["twice, later", 2, ([first = "", second = ""]: readonly string[]) => [first, second, first]],
] as const)("a frame that comes %s is applied once", async (_, count, make) => {
  const { loads } = counted;
  await withFrames(count, make);
  await write(22);
  one.client.wake();
  await oracle(db, one.client);
  expect(counted.loads).toBe(loads);
});
