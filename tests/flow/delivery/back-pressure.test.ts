// Takes 16 s.
import { afterAll, beforeAll, expect, test } from "vitest";

import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { Scenario } from "../../support/worker/scenario.ts";

/** A gateway sends no more than these without an answer, but for the frame that goes beyond. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_IN_A_FRAME = 5 * 1024 * 1024;

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.start();
  scenario.startWorker();
  await scenario.db.query("create table public.notes (id integer primary key, body text)");
  await scenario.db.query("select ampsync.publish('public.notes')");
  await scenario.until("the table to be live", async () => {
    const { rows } = await scenario.db.query("select from ampsync.publications where state = 'live'");
    return rows.length === 1;
  });
  await scenario.db.query("select ampsync.create_shape('notes', 'public.notes', public => true)");
});
afterAll(() => scenario[Symbol.asyncDispose]());

const NOTES = { token: tokenOf({}), shapes: [{ id: "notes", shape: "notes" }] };

/** More than that, however they are cut into frames. */
const ROWS = 40;

async function fill(): Promise<void> {
  await scenario.db.query("truncate notes");
  for (let n = 1; n <= ROWS; n++) {
    await scenario.db.query("insert into notes values ($1, repeat('x', 400000))", [n]);
  }
}

test("a client that answers nothing gets a bounded number of bytes, others get everything, and it gets the rest later", async () => {
  await using gateway = await TestGateway.start(scenario.db.url);
  await using silent = await WireClient.start({ ...NOTES, url: gateway.url, acks: false });
  await using well = await WireClient.start({ ...NOTES, url: gateway.url });
  await silent.ready();
  await well.ready();
  await fill();
  await well.until("all notes", () => well.rows("public.notes").length === ROWS);
  const bytes = silent.received.reduce((sum, text) => sum + text.length, 0);
  expect(bytes).toBeLessThan(MOST_BYTES + MOST_IN_A_FRAME);
  expect(silent.rows("public.notes").length).toBeLessThan(ROWS);

  // Nor is it told what becomes of what it asks for, however often.
  for (const id of ["a", "b", "c"]) {
    silent.send({ t: "subscribe", shapes: [{ id, shape: "nothing", params: {}, definition: null }] });
  }
  await scenario.until("the gateway to have asked", async () => {
    const { rows } = await scenario.db.query(
      'select from ampsync_private.session s where s.client_id = $1 and s.shapes @> \'[{"id": "c"}]\'',
      [silent.client],
    );
    return rows.length === 1;
  });
  expect(silent.messages.filter(({ t }) => t === "shapes")).toEqual([]);

  silent.answers = true;
  silent.send({ t: "ack", position: silent.position, blocks: silent.blocks });
  await silent.until("the rest", () => silent.rows("public.notes").length === ROWS);
  const told = silent.messages.flatMap((message) => (message.t === "shapes" ? [message.shapes] : []));
  expect(told).toHaveLength(1);
  expect(told[0]!.filter(({ mode }) => mode === "failed").map(({ id }) => id)).toEqual(["a", "b", "c"]);
});

test("a tenant beyond its bytes a second waits, others get everything at once, and a limit that is raised counts at once", async () => {
  await using gateway = await TestGateway.start(scenario.db.url);
  const of = (tenant: string) => WireClient.start({ ...NOTES, url: gateway.url, token: tokenOf({ tenant }) });
  await scenario.db.query("truncate notes");
  await scenario.db.query("select ampsync.set_tenant_limit('small', bytes_per_s => 100000)");
  await using small = await of("small");
  await using well = await of("large");
  await small.ready();
  await well.ready();
  await fill();
  await well.until("all notes", () => well.rows("public.notes").length === ROWS);
  expect(small.rows("public.notes").length).toBeLessThan(ROWS);
  expect(small.closed).toBeNull();
  await scenario.db.query("select ampsync.set_tenant_limit('small')");
  await small.until("the rest", () => small.rows("public.notes").length === ROWS);
}, 60_000);

test("a client that takes nothing for too long is cut off", async () => {
  await using gateway = await TestGateway.start(scenario.db.url, {
    deadlines: { tickMs: 100, standstillMs: 1_000 },
  });
  await using silent = await WireClient.start({ ...NOTES, url: gateway.url, acks: false });
  await silent.until("it is cut off", () => silent.closed !== null);
  expect(silent.closed).toEqual({ code: 1006 });
});

test("monitors and the database know of each session, and when a gateway is gone", async () => {
  const gateway = await TestGateway.start(scenario.db.url);
  try {
    await using client = await WireClient.start({ ...NOTES, url: gateway.url });
    await client.ready();
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toContain("\nampsync_gateway_clients 1\n");
    expect(metrics).toMatch(/\nampsync_gateway_frames_total [1-9]/);
    await scenario.until("the session's position", async () => {
      const { rows } = await scenario.db.query(
        "select phase, position::text from ampsync.clients where client_id = $1",
        [client.client],
      );
      return rows[0]?.["phase"] === "live" && rows[0]["position"] === client.position;
    });
  } finally {
    await gateway[Symbol.asyncDispose]();
  }
  const { rows } = await scenario.db.query("select from ampsync.gateways where gateway_id = $1", [
    gateway.id,
  ]);
  expect(rows).toEqual([]);
});
