// Takes 35 s.
import { expect, test } from "vitest";
import { tokenOf } from "../support/delivery/gateway.ts";
import { DeliveryRig } from "../support/delivery/rig.ts";
import type { WireClient } from "../support/delivery/wire-client.ts";
import { createDatabase } from "../support/postgres/postgres.ts";

const CLIENTS = 1000;
const ROWS = 20;
/** A gateway knows no more strangers at once. */
const AT_ONCE = 250;

test("a thousand clients with an instance each are served by no job, while another one follows all the time", async () => {
  await using db = await createDatabase();
  await db.query("create table notes (id integer primary key, owner text not null, body text)");
  await db.query("create index on notes (owner)");
  await db.query(
    `insert into notes select n, 'u' || n % ${CLIENTS}, 'first' from generate_series(1, ${CLIENTS * ROWS}) n`,
  );
  await db.query("create table news (id integer primary key)");
  await db.query("analyze notes");
  await using rig = await DeliveryRig.start(db, ["notes", "news"]);
  await db.query(`select ampsync.create_shape('mine', 'notes', bind => '{"owner": "claim:sub"}')`);
  const scans = async () =>
    (
      await db.query(
        "select coalesce(seq_scan, 0)::int as n from pg_stat_user_tables where relname = 'notes'",
      )
    ).rows[0]!["n"] as number;
  const before = await scans();
  await using witness = await rig.client(["news"]);
  await witness.ready();
  await using stack = new AsyncDisposableStack();
  const clients: WireClient[] = [];
  for (let first = 0; first < CLIENTS; first += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, async (_, n) => {
      const token = tokenOf({ sub: `u${first + n}` });
      const client = stack.use(await rig.client(["mine"], { token }));
      clients.push(client);
    });
    await db.query("insert into news values ($1)", [first]);
    await witness.until("the news", () => witness.rows("public.news").length === first / AT_ONCE + 1);
    await Promise.all(some);
  }
  for (const client of clients) await client.ready();
  expect(clients.filter((client) => client.rows("public.notes").length !== ROWS)).toEqual([]);
  const { rows: jobs } = await db.query(
    "select from ampsync_private.snapshot join ampsync_private.shape using (shape_id) where name = 'mine'",
  );
  expect(jobs).toEqual([]);
  // Of the table as a whole: its index was made, and what is asked for together may be read together.
  expect((await scans()) - before).toBeLessThan(CLIENTS / 50);

  await db.query("update notes set body = 'second'");
  for (const client of clients) {
    await client.until("the change", () =>
      client.rows("public.notes").every((row) => row["body"] === "second"),
    );
  }
}, 300_000);
