// Takes 12 s.
import { expect, test } from "vitest";

import { startApiServer } from "../../support/http/api-server.ts";
import { definitionOf } from "../../support/http/definitions.ts";
import { InProcessWorker } from "../../support/http/in-process-worker.ts";
import { letTimePass } from "../../support/postgres/clock.ts";
import { footprint, grown, untilNobodyLooks } from "../../support/postgres/footprint.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

/** Every row that we keep, but for those of targets. */
async function keptRows() {
  const { rows: tables } = await db.query(
    `select c.oid::regclass::text as name from pg_class c
      where c.relnamespace in ('ampsync_private'::regnamespace, 'graphile_worker'::regnamespace) and c.relkind = 'r'
      order by 1`,
  );
  const counts = tables.map(({ name }) => `select '${name}' as name, count(*)::int as n from ${name}`);
  const { rows } = await db.query(counts.join(" union all "));
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
}

async function enqueue(dataset: string, source: object, policy = "fail"): Promise<void> {
  await db.query("select * from ampsync.enqueue_http($1, $2, value_policy => $3)", [
    dataset,
    JSON.stringify(source),
    policy,
  ]);
}

test("an hour of idle polls moves the position with each, and leaves nothing behind", async () => {
  await using api = await startApiServer({ records: 150, faults: { cursors: { tokenAtEnd: true } } });
  await using worker = await InProcessWorker.start(db, { AMPSYNC_HTTP_ALLOW: api.origin });
  await enqueue("idle", { ...definitionOf(api), every: "1 minute", on_conflict: "ignore" });
  const poll = async () => {
    expect(await worker.pass("idle")).toMatchObject({ state: "live", code: null });
    await letTimePass(db, "1 minute");
    const { rows } = await db.query(
      "select p.position::text as position, p.run::int from ampsync_private.part p",
    );
    return rows;
  };
  for (let warm = 0; warm < 5; warm++) await poll();
  await untilNobodyLooks(db);
  const [before, kept] = [await footprint(db), await keptRows()];
  const positions: string[] = [];
  for (let minute = 0; minute < 60; minute++) positions.push(JSON.stringify(await poll()));
  const after = await footprint(db);
  expect(new Set(positions).size).toBe(60);
  expect(positions.at(-1)).toContain('"run":65');
  expect(after.catalogue).toEqual(before.catalogue);
  expect(grown(before, after)).toEqual([]);
  expect(await keptRows()).toEqual(kept);
  const { rows } = await db.query(
    "select records::int, rows::int, duplicates::int from ampsync.streams where dataset = 'idle'",
  );
  expect(rows).toEqual([{ records: 150, rows: 150, duplicates: 0 }]);
});

test.each(["quarantine", "null"])(
  "full polls of bad records leave nothing behind with each under the policy %s",
  async (policy) => {
    await using api = await startApiServer({ style: "offset", records: 300, oddities: { retyped: 10 } });
    await using worker = await InProcessWorker.start(db, { AMPSYNC_HTTP_ALLOW: api.origin });
    const source = { ...definitionOf(api), every: "30 seconds", on_conflict: { newest: "updated_at" } };
    await enqueue(policy, source, policy);
    const poll = async () => {
      expect(await worker.pass(policy)).toMatchObject({ state: "live", code: null });
      await letTimePass(db, "1 minute");
    };
    for (let warm = 0; warm < 3; warm++) await poll();
    await untilNobodyLooks(db);
    const [before, kept] = [await footprint(db), await keptRows()];
    for (let nth = 0; nth < 5; nth++) await poll();
    const after = await footprint(db);
    expect(after.catalogue).toEqual(before.catalogue);
    expect(grown(before, after)).toEqual([]);
    expect(await keptRows()).toEqual(kept);
    const { rows } = await db.query(
      `select s.records::int, s.rows::int, s.duplicates::int, (select count(*)::int from ampsync.rejects r where r.dataset = $1) as rejects
       from ampsync.streams s where s.dataset = $1`,
      [policy],
    );
    const rejects = policy === "quarantine" ? 30 : 0;
    expect(rows).toEqual([{ records: 8 * 300, rows: 300 - rejects, duplicates: 7 * 300, rejects }]);
  },
);
