import { expect, test } from "vitest";

import { definitionOf } from "../../support/http/definitions.ts";
import { IngestScenario } from "../../support/http/ingest-scenario.ts";
import { SHORT_TURNS } from "../../support/worker/worker-process.ts";

test("a definition that changes in mid-run takes effect from a page on, and no page is asked for twice", async () => {
  await using scenario = await IngestScenario.start({ records: 6_000, faults: { latencyMs: 40 } });
  await scenario.enqueue();
  scenario.startFaultyWorker(SHORT_TURNS);
  await scenario.until("a commit", ({ records }) => records > 0);
  const { columns } = definitionOf(scenario.api);
  await scenario.enqueue({ source: { columns: { ...columns, amount: "numeric" } } });
  await scenario.complete();
  await scenario.expectEqual();
  expect(await scenario.events("source_changed")).toBe(1);
  expect(scenario.api.requests).toHaveLength(60);
  const { rows } = await scenario.db.query(
    "select count(*) filter (where amount is null)::int as before, count(amount)::int as after from public.events",
  );
  expect(rows[0]!["before"]).toBeGreaterThan(0);
  expect(rows[0]!["after"]).toBeGreaterThan(0);
  expect((rows[0]!["before"] + rows[0]!["after"]) % 100).toBe(0);
  expect(rows[0]!["before"] % 100).toBe(0); // By the border of a page.
});
