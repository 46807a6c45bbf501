import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { PassDriver } from "../support/worker/pass-driver.ts";
import { Scenario } from "../support/worker/scenario.ts";

test("a trigger that names a table without its schema is shown with the statement that fixes it", async () => {
  const source = new GeneratedSource({ blocks: 10 });
  await using scenario = await Scenario.start({ source });
  const { db } = scenario;
  const sync = await scenario.sync(["blocks"], { dataset: "anvil@0.0.0" });
  const driver = await PassDriver.start("trigger", await sync.register(), {
    databaseUrl: db.url,
    flightAddress: scenario.server.flightAddress,
  });
  try {
    await sync.reaches();
    await db.query(`
      create schema app;
      create table app.seen (n bigint);
      create function app.note() returns trigger language plpgsql as $$
      begin
        insert into seen values (new._block_num);
        return new;
      end $$;
      create trigger note after insert on chain.blocks for each row execute function app.note()`);
    source.mine(2);
    await scenario.until("the refusal to be shown", async () => {
      const { rows: shown } = await db.query("select error_code from ampsync.streams");
      return shown[0]?.["error_code"] === "42P01";
    });
    const { rows: failed } = await db.query("select hint from ampsync.streams");
    expect(failed[0]!["hint"]).toContain("alter function app.note() set search_path = app, pg_temp;");
    await db.query(failed[0]!["hint"]);
    await sync.reaches();
    expect((await db.query("select count(*)::int as n from app.seen")).rows).toEqual([{ n: 2 }]);
  } finally {
    await driver.stop();
  }
});
