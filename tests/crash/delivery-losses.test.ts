import { afterAll, beforeAll, expect, test } from "vitest";

import { TestClient } from "../support/client/test-client.ts";
import { TestGateway } from "../support/delivery/gateway.ts";
import { keepJournal } from "../support/delivery/journal.ts";
import { startLand } from "../support/delivery/land.ts";
import { LivingClient } from "../support/delivery/living.ts";
import { oracle } from "../support/delivery/oracle.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import type { Scenario } from "../support/worker/scenario.ts";

// What clients rest on is lost: the job that makes their snapshot, the slot, the log.

let land: Scenario;
let gateway: TestGateway;

beforeAll(async () => {
  land = await startLand(await createDatabase(), { items: 3000 });
  gateway = await TestGateway.start(land.db.url);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await land[Symbol.asyncDispose]();
});

const write = (title: string) =>
  land.db.query(
    `insert into todos select n, 'w1', $1 from generate_series(1, 4) n
       on conflict (id) do update set title = excluded.title`,
    [title],
  );

async function aJobIsKilled(): Promise<void> {
  const { db } = land;
  // The second chunk is held, while it is being stored.
  await db.query(`
    create function public.hold_chunk() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(4711); return new; end $$;
    create trigger hold before insert on ampsync_private.snapshot_chunk for each row when (new.n = 1)
      execute function public.hold_chunk()`);
  const holder = await db.client();
  await holder.query("select pg_advisory_lock(4711)");
  await using one = await TestClient.start(gateway.url, { shapes: [{ shape: "items" }] });
  await keepJournal(one.client);
  await waitFor("the chunk to be held", async () => {
    const { rowCount } = await db.query(
      `select from pg_locks l where l.locktype = 'advisory' and l.objid = 4711 and not l.granted
          and l.database = (select d.oid from pg_database d where d.datname = current_database())`,
    );
    return rowCount === 1;
  });
  await land.worker.kill();
  await db.query("update items set body = 'after the kill' where id between 30 and 60");
  // What the dead job has sent is stored all the same.
  await holder.query("select pg_advisory_unlock(4711)");
  land.startWorker();
  await waitFor("the load to end", async () => {
    await land.wakeSupervisor();
    return one.client.status.phase === "live";
  });
  await oracle(db, one.client);
  const { rows } = await db.query(
    `select s.state, s.attempt, s.chunks = (select count(*) from ampsync_private.snapshot_chunk c
                                             where c.snapshot_id = s.snapshot_id) as are_whole
       from ampsync_private.snapshot s`,
  );
  expect(rows).toEqual([{ state: "ready", attempt: 2, are_whole: true }]);
  await db.query("drop function public.hold_chunk() cascade");
}

async function theSlotIsLost(): Promise<void> {
  const { db } = land;
  await using all = await LivingClient.start(gateway.url, ["todos", "items"]);
  await using own = await LivingClient.start(gateway.url, ["my_todos"]);
  await write("told");
  await waitFor("the slot to be dropped", () =>
    db
      .query(
        `select pg_terminate_backend(s.active_pid), pg_drop_replication_slot(s.slot_name)
           from pg_replication_slots s join ampsync_private.capture c on c.slot = s.slot_name`,
      )
      .then(
        ({ rowCount }) => rowCount === 1,
        () => false,
      ),
  );
  const { position } = all.client.status;
  await write("told by nobody");
  await db.query("delete from todos where id = 4; update items set body = 'told by nobody' where id = 4");
  await waitFor("tables to be live again, behind another slot", async () => {
    await land.wakeSupervisor();
    const { rows } = await db.query(
      "select p.floor > $1::bigint as is_above from ampsync_private.published p where p.state = 'live'",
      [position],
    );
    return rows.length === 2 && rows.every((row) => row["is_above"]);
  });
  for (const client of [all, own]) await client.agrees(db);
  expect(all.loads).toEqual([
    "public.items: below the table's floor",
    "public.todos: below the table's floor",
  ]);
  expect(own.loads).toEqual(["public.todos: below the table's floor"]);
}

async function theLogIsShortened(): Promise<void> {
  const { db } = land;
  await using road = await TcpProxy.toHttp(gateway.url);
  await using away = await LivingClient.start(`http://127.0.0.1:${road.port}`, ["todos"]);
  await write("seen");
  await away.agrees(db);
  road.refuses = true;
  road.cutAll();
  await waitFor("it to be away", () => !away.client.status.connected);
  await write("missed");
  await db.query("delete from todos where id > 2");
  await db.query("call ampsync.wait_for_capture()");
  await db.query("select ampsync.configure_capture(history_retention => '1 hour')");
  await db.query("update ampsync_private.change_tx set committed_at = committed_at - interval '2 hours'");
  await waitFor("the log to be kept from later on", async () => {
    await db.query("update ampsync_private.client set seen_at = seen_at - interval '8 days'");
    await db.query("select ampsync_worker.shorten_log()");
    const { rows } = await db.query(
      "select log_floor > $1::bigint as is_above from ampsync_private.capture",
      [away.client.status.position],
    );
    return rows[0]!["is_above"];
  });
  road.refuses = false;
  await away.agrees(db);
  expect(away.loads).toEqual(["public.todos: below the log's floor"]);
}

const LOSSES: readonly [string, () => Promise<void>][] = [
  [
    "a job that is killed while it makes a snapshot is followed by another one, and the client has each row once",
    aJobIsKilled,
  ],
  [
    "a slot that was lost, and what was written before there was another one: clients load the tables that it told of",
    theSlotIsLost,
  ],
  ["a client that was away for longer than the log is kept loads its tables anew", theLogIsShortened],
];

test.each(someCases(LOSSES))(`%s (${CASES})`, async (_, run) => await run());
