// Takes 12 s.
import { expect, test } from "vitest";

import { PgOutputDecoder } from "../../../src/capture/pgoutput.ts";
import { commitBackToBack } from "../../support/capture/neighbours.ts";
import { logged, publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

async function polledTable(interval = "100 ms"): Promise<TestDatabase> {
  const db = await createDatabase();
  await db.query("create table todos (id integer primary key, v text)");
  await db.query("select ampsync.configure_capture(mode => 'poll', poll_interval => $1)", [interval]);
  await publish(db, ["todos"]);
  return db;
}

/** Where the transactions end that the slot has, and where their commits begin. */
async function commits(db: TestDatabase): Promise<readonly (readonly [begin: bigint, end: bigint])[]> {
  const { rows } = await db.query(
    `select p.data from ampsync_private.capture c,
            pg_logical_slot_peek_binary_changes(c.slot, null, null, 'proto_version', '1', 'publication_names', 'ampsync') p
      where get_byte(p.data, 0) = ascii('C')`,
  );
  return rows.map(({ data }) => {
    const message = new PgOutputDecoder().decode(data);
    if (message.kind !== "commit") throw new Error(message.kind);
    return [message.commitLsn, message.endLsn];
  });
}

test("a transaction that commits at the byte where another one ended is not taken for that one", async () => {
  await using db = await polledTable();
  const hasNeighbours = async () => {
    const found = await commits(db);
    return found.some(([begin], at) => at > 0 && begin === found[at - 1]![1]);
  };
  let rows = 0;
  while (!(await hasNeighbours())) {
    await commitBackToBack(db, rows);
    rows += 2;
  }
  await using _pass = startPass(db);
  await untilCaptured(db);
  expect(await logged(db)).toHaveLength(rows);
});

test("WAL beyond what one look reads is looked at without waiting for the interval, though none of it is published", async () => {
  await using db = await polledTable("5 min");
  for (let segment = 0; segment < 6; segment++) {
    await db.query("select pg_logical_emit_message(true, 'filler', ''), pg_switch_wal()"); // 16 MB each.
  }
  await db.query("insert into todos values (1, 'a')");
  await using _pass = startPass(db);
  await untilCaptured(db);
  expect(await logged(db)).toHaveLength(1);
});

test.each(["set search_path", "pg_replication_slots", "pg_logical_slot_peek", "pg_replication_slot_advance"])(
  "a worker that is to stop does not wait for a server that is silent since '%s'",
  async (statement) => {
    await using db = await polledTable();
    await using proxy = await TcpProxy.toPostgres(db.url);
    const asked = Promise.withResolvers<void>();
    proxy.watch = (_, direction, bytes) => {
      if (direction !== "up" || !bytes.includes(statement)) return;
      proxy.stallAll();
      asked.resolve();
    };
    await using pass = startPass(db, { replicationUrl: proxy.url(db.url) });
    await db.query("insert into todos values (1, 'a')");
    await asked.promise;
    const began = performance.now();
    await pass.stop();
    expect(performance.now() - began).toBeLessThan(20_000); // A guard: it would wait for ever.
    proxy.watch = null;
    proxy.cutAll();
    await using _next = startPass(db, { workerId: "next" });
    await db.query("insert into todos values (2, 'b')");
    await untilCaptured(db);
    expect(await logged(db)).toHaveLength(2);
  },
);

test("the slot moves to what is stored, not to what was seen: a pass that dies in between loses nothing", async () => {
  await using db = await polledTable();
  await using proxy = await TcpProxy.toPostgres(db.url);
  let looks = 0;
  proxy.watch = (_, direction, bytes) => {
    if (direction === "up" && bytes.includes("pg_logical_slot_peek")) looks++;
  };
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let stores = 0;
  await using pass = startPass(db, {
    replicationUrl: proxy.url(db.url),
    at: async (point) => {
      if (point !== "capture_before_commit") return;
      if (++stores === 1) return first.promise;
      await second.promise;
      throw new Error("the process is killed");
    },
  });
  await using letGo = new AsyncDisposableStack();
  letGo.defer(() => {
    first.resolve();
    second.resolve();
  });
  const lookedAt = async () => {
    const before = looks;
    await waitFor("looks", () => looks > before + 2);
  };
  await db.query("set synchronous_commit = local; insert into todos values (1, 'stored')");
  await waitFor("the first to be seen", () => stores === 1);
  await db.query("set synchronous_commit = local; insert into todos values (2, 'seen')");
  await lookedAt();
  first.resolve();
  await waitFor("the second to be about to be stored", () => stores === 2);
  await lookedAt();
  const { rows } = await db.query(
    `select s.confirmed_flush_lsn = c.end_lsn as is_stored
       from ampsync_private.capture c join pg_replication_slots s on s.slot_name = c.slot`,
  );
  expect(rows).toEqual([{ is_stored: true }]);
  await letGo.disposeAsync();
  await pass.ended;
  await using _next = startPass(db, { workerId: "next" });
  await untilCaptured(db);
  expect((await logged(db)).map(({ key }) => key)).toEqual(['["1"]', '["2"]']);
});

test("a long value comes whole, and between short ones", async () => {
  await using db = await polledTable();
  await using _pass = startPass(db);
  await db.query("insert into todos values (1, 'short')");
  await db.query("insert into todos select 2, repeat('long', 4194304)");
  await db.query("insert into todos values (3, null)");
  await untilCaptured(db);
  expect((await logged(db)).map(({ data }) => data!["v"]?.length ?? null)).toEqual([5, 16_777_216, null]);
});
