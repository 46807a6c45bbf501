import { expect, test } from "vitest";

import { Follower } from "../../support/capture/follower.ts";
import { publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();
const clients = sharedDatabase();

async function idOf(table: string): Promise<number> {
  const { rows } = await db.query(
    "select p.published_id from ampsync_private.published p where p.relation = $1::regclass",
    [table],
  );
  return rows[0]!["published_id"];
}

/** What looks find is in the log as well. */
async function settled(): Promise<void> {
  for (let n = 0; n < 6; n++) {
    await untilCaptured(db);
    await db.query("update ampsync_private.published set looked_at = null");
    await db.query("select ampsync_worker.look_at_tables()");
    const { rows } = await db.query(
      "select from ampsync_private.published p where p.seen ->> 'token' is not null",
    );
    if (rows.length === 0) return;
  }
  throw new Error("a look finds something again and again");
}

test("a pass reads on with other columns while a table is changed under its writers", async () => {
  await db.query(
    "create table todos (id int primary key, v text, twice int generated always as (id * 2) stored)",
  );
  await db.query("create table plain (id int primary key, v text)");
  await publish(db, ["todos", "plain"]);
  await using pass = startPass(db);
  const follower = new Follower(db, clients);
  const ids = [await idOf("todos"), await idOf("plain")];
  await untilCaptured(db);
  for (const id of ids) await follower.follow(id);

  const writer = await db.client();
  let isOver = false;
  const writing = (async () => {
    for (let n = 1; !isOver; n++) {
      await writer.query(`insert into plain values (${n}, 'x')`);
      await writer.query(`update plain set v = 'y' where id = ${n - 3}`);
    }
  })();
  for (const statements of [
    "insert into todos (id, v) values (1, 'a'), (2, 'b')",
    "alter table todos rename column id to ident",
    "insert into todos (ident, v) values (3, 'c')",
    "delete from todos where ident = 1",
    "begin; update todos set ident = 5 where ident = 3; alter table todos rename column ident to id; update todos set id = 6 where id = 5; commit",
    "alter table todos alter twice drop expression",
    "insert into todos values (7, 'd', 70)",
    "alter table todos add column more int default 4",
    "insert into todos values (8, 'e', 80, 5)",
    "alter table plain add column more int default 4",
  ]) {
    await db.query(statements);
  }
  isOver = true;
  await writing;
  await settled();
  for (const id of ids) {
    await follower.follow(id);
    expect(await follower.rows(id)).toEqual(await follower.expected(id));
  }
  expect(pass.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
  expect(pass.lines.some((line) => line.includes("capture_rereads"))).toBe(true);
});
