import { afterAll, beforeAll, expect, test } from "vitest";

import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

// A machine that is set back with its memory: the server goes on in the same epoch, and hands positions out again. The
// entry that a client has read up to is another one, which its stamp tells.

const db = sharedDatabase();
let rig: DeliveryRig;
let stream: SqlStream;

beforeAll(async () => {
  await db.query("create table notes (id integer primary key, body text)");
  await db.query("insert into notes values (1, 'one')");
  stream = await SqlStream.prepare(db);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  await stream.commit(0, 9);
  rig = await DeliveryRig.start(db, ["notes"]);
  const { rows } = await db.query(
    "select relation::text as table from ampsync_private.published where mode = 'blocks'",
  );
  await db.query("select ampsync.create_shape('blocks', $1::regclass, public => true)", [rows[0]!["table"]]);
});
afterAll(() => rig[Symbol.asyncDispose]());

let block = 9;
const writes = {
  notes: () => db.query("update notes set body = body || '.'"),
  blocks: async () => {
    block += 1;
    await stream.commit(block, block);
  },
};

const reasons = ({ messages }: WireClient) =>
  messages.flatMap((m) => (m.t === "welcome" ? m.shapes.map(({ reason }) => reason) : []));

test.each(["notes", "blocks"] as const)(
  "a gateway that serves %s notices that the entry it stands at is another one, and its clients load anew",
  async (shape) => {
    await using others = await rig.client([shape]);
    await using client = await rig.client([shape]);
    for (const each of [others, client]) {
      await each.ready();
      const { rows } = await db.query("select ampsync.head()::text as head");
      await each.until("the head", () => BigInt(each.blocks) >= BigInt(rows[0]!["head"]));
    }
    await db.query(
      `update ampsync_private.change_tx set recorded_at = recorded_at + interval '1 s'
        where position = ampsync.head()`,
    );
    await writes[shape]();
    for (const each of [others, client]) {
      await each.until("it to be sent away", () => each.closed !== null);
      expect(each.closed).toEqual({ code: 1013 });
      await each.connect();
      await each.until("the welcome", () => reasons(each).length === 2);
      expect(reasons(each)).toEqual(["new", "forked"]);
      await each.until("everything", () => each.live.has(shape));
    }
  },
);
