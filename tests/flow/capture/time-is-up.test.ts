import { setTimeout as pause } from "node:timers/promises";

import { expect, test } from "vitest";

import { logged, publish, startPass } from "../../support/capture/rig.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

test("a pass whose time is over in the middle of a transaction has it in the log before it ends", async () => {
  await using db = await createDatabase();
  await db.query("create table todos (id integer primary key, v text)");
  await publish(db, ["todos"]);
  await db.query("insert into todos select n, 'many' from generate_series(1, 4000) n");
  let isHeld = false;
  for (let passMs = 700; !isHeld; passMs *= 2) {
    const began = performance.now();
    await using pass = startPass(db, {
      passMs,
      at: async (point) => {
        if (point !== "capture_stored" || isHeld) return;
        isHeld = true;
        await pause(Math.max(0, began + passMs + 100 - performance.now())); // Its time is over then.
      },
    });
    await pass.ended; // Before it came to that, where it was slow.
  }
  expect(await logged(db)).toHaveLength(4000);
});
