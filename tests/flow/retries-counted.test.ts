// Takes 10 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Monitor, type Series } from "../support/health/monitor.ts";
import { Scenario } from "../support/worker/scenario.ts";

/** Refuses the first call of end_pass, and counts all. */
const REFUSING = `
  create sequence public.ends;
  alter function ampsync_worker.end_pass(bigint, bigint, text, jsonb, timestamptz) rename to end_pass_later;
  create function ampsync_worker.end_pass(bigint, bigint, text, jsonb, timestamptz) returns void language plpgsql as $$
  begin
    if nextval('public.ends') = 1 then
      raise 'not now' using errcode = 'XX000';
    end if;
    perform ampsync_worker.end_pass_later($1, $2, $3, $4, $5);
  end $$`;

const retriesIn = (series: Series) =>
  [...series].filter(([name]) => name.startsWith("ampsync_retries_total"));

test("a pass that is repeated is counted once, also if its end is refused and then told again", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 0 }) });
  await scenario.db.query(REFUSING);
  const monitor = await Monitor.create();
  const worker = scenario.startWorker({ env: monitor.env });
  await scenario.sync(["logs"]); // It has no data, so each pass ends.
  await scenario.until("three passes", async () => {
    const retries = (await monitor.isAlive()) ? retriesIn(await monitor.scrape()) : [];
    return retries.some(([, count]) => count >= 3);
  });
  await scenario.db.query("select ampsync.pause_sync('anvil')");
  const { rows } = await scenario.db.query("select last_value::int - 1 as recorded from public.ends");
  expect(retriesIn(await monitor.scrape())).toEqual([
    ['ampsync_retries_total{dataset="anvil",reason="SY103",table="logs"}', rows[0]!["recorded"]],
  ]);
  await worker.kill();
});
