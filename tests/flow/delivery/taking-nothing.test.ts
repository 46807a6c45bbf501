import { once } from "node:events";
import { connect, type Socket } from "node:net";

import { afterAll, beforeAll, expect, test } from "vitest";

import { tokenOf } from "../../support/delivery/gateway.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { waitFor } from "../../support/wait-for.ts";

// Clients that take nothing of what they asked for, each in a way of its own, and the transactions of their gateway.

const ROWS = 40;
const NEVER = new Promise<void>(() => {});

const db = sharedDatabase();
let rig: DeliveryRig;

beforeAll(async () => {
  await db.query("create table notes (id integer primary key, body text)");
  await db.query("create table items (id integer primary key, body text)");
  await db.query("insert into items select n, repeat(md5(n::text), 40) from generate_series(1, 3000) n");
  await db.query("analyze items");
  rig = await DeliveryRig.start(db, ["notes", "items"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

async function now(): Promise<string> {
  return (await db.query("select clock_timestamp()::text as now")).rows[0]!["now"];
}

/** Waits until each transaction, and each snapshot, that gateways had open at that time is over. */
async function untilOver(before: string): Promise<void> {
  await waitFor("the gateway's transactions to be over", async () => {
    const { rows } = await db.query(
      `select from pg_stat_activity a
        where a.application_name like 'ampsync gateway%'
          and a.datname = current_database()
          and a.xact_start < $1::text::timestamptz`,
      [before],
    );
    return rows.length === 0;
  });
}

/** Asks for a chunk, and reads nothing of the answer. */
async function askForChunk(path: string, token: string): Promise<Socket> {
  const { hostname, port } = new URL(rig.gateway.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\n\r\n`);
  return socket;
}

test("no transaction of a gateway is open for as long as a client takes, whatever it does not take", async () => {
  const token = tokenOf({});
  await using silent = await rig.client(["notes"], { acks: false });
  await using deaf = await rig.client(["notes"], { acks: false });
  await using unstaged = await rig.client(["items"], { beforeStaged: () => NEVER });
  await using well = await rig.client(["notes"]);
  for (const client of [silent, deaf, well]) await client.ready();
  deaf.pause();
  await unstaged.until("it is told of chunks", () => unstaged.messages.some(({ t }) => t === "snapshot"));
  const [told] = unstaged.messages.flatMap((each) => (each.t === "snapshot" ? [each] : []));
  const unread = await Promise.all(
    Array.from({ length: 8 }, () => askForChunk(`/v1/snapshots/${told!.snapshot}/0`, token)),
  );
  try {
    for (let n = 1; n <= ROWS; n++) {
      await db.query("insert into notes values ($1, repeat('x', 400000))", [n]);
    }
    await rig.agrees(well, ["public.notes"]);
    await untilOver(await now());
    // Others go on, and nobody has taken anything meanwhile.
    await db.query("insert into notes values (0, 'behind')");
    await rig.agrees(well, ["public.notes"]);
    await untilOver(await now());
    expect(silent.rows("public.notes").length).toBeLessThan(ROWS);
    expect(deaf.rows("public.notes")).toEqual([]);
    expect(unstaged.live.size).toBe(0);
  } finally {
    for (const socket of unread) socket.destroy();
  }
}, 60_000);
