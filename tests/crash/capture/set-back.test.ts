// Takes 11 s.
import { expect, test } from "vitest";

import { logged, publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { StoppingServer } from "../../support/postgres/stopping-server.ts";
import { waitFor } from "../../support/wait-for.ts";

test("a pass that lived through a server that was set back stores nothing of the other life, even if another one has begun since", async () => {
  await using server = await StoppingServer.start();
  const { db } = server;
  await db.query("create table todos (id int primary key)");
  await publish(db, ["todos"]);
  {
    await using _before = startPass(db);
    await db.query("insert into todos values (1)");
    await untilCaptured(db);
  }
  await server.stop();
  await server.keep();
  await server.again();

  const comes = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const late = startPass(db, {
    workerId: "of the other life",
    at: (point) => {
      if (point !== "capture_before_commit") return;
      comes.resolve();
      return held.promise;
    },
  });
  await db.query("insert into todos values (2)");
  await comes.promise;
  await server.stop();
  await server.setBack();
  await server.again();

  await using _now = startPass(db, { workerId: "of this life" });
  await waitFor("it to have begun", async () => {
    const { rows } = await db.query(
      "select worker_id from ampsync_private.capture where acquired_at is not null",
    );
    return rows[0]?.["worker_id"] === "of this life";
  });
  held.resolve();
  await late.ended.catch(() => {});
  await db.query("insert into todos values (3)");
  await untilCaptured(db);
  expect((await logged(db)).map(({ key }) => key)).toEqual(['["1"]', '["3"]']);
});
