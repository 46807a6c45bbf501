// Takes 32 s.
import { expect, test } from "vitest";

import { IngestCommand, type Line, startSeedApi } from "../support/http/ingest-command.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { RepeatedLook } from "../support/watch/repeated-look.ts";

const RECORDS = 60_000;
const PAGE = 1_000;
/** It is within 10 %, but for what a busy machine does between a look and its line. */
const NEAR = 0.3;
const AROUND_MS = 3_000;

interface Sample {
  readonly at: number;
  readonly rows: number;
}

test("60,000 events of an API that takes 0.4 s a page: all of them, and progress near the truth", async () => {
  await using db = await createDatabase({ empty: true });
  await using api = await startSeedApi({ records: RECORDS, faults: { latencyMs: 400 } });
  await using command = new IngestCommand(db.url, api);

  // Looks at the table all the time: what each line says is compared with what was there.
  const samples: Sample[] = [];
  const watch = await RepeatedLook.start(db, async (client) => {
    const { rows } = await client
      .query("select coalesce(sum(events_ingested), 0)::int as rows from public.cursor_state")
      .catch(() => ({ rows: [{ rows: 0 }] })); // It is not there yet.
    samples.push({ at: Date.now(), rows: rows[0].rows });
    return `${rows[0].rows} rows`;
  });
  const { code, last } = await command.result();
  await watch.stop();

  expect(last).toMatchObject({
    message: "ingestion complete",
    rows: RECORDS,
    records: RECORDS,
    duplicates: 0,
  });
  expect(last).toMatchObject({ pages: RECORDS / PAGE, rejected: 0 });
  expect(code).toBe(0);
  const { rows } = await db.query(
    `select (select count(*)::int from public.ingested_events) as stored, count(*)::int as equal
       from unnest($1::text[]) t join public.ingested_events e on e.data = t::jsonb and e.id = e.data ->> 'id'`,
    [api.records()],
  );
  expect(rows).toEqual([{ stored: RECORDS, equal: RECORDS }]);
  expect(api.requests).toHaveLength(RECORDS / PAGE);

  const commits = await db.query(
    "select count(*)::int as n from public.ingested_events group by xmin order by min(ctid)",
  );
  const sizes = commits.rows.map((row) => row["n"] as number);
  expect(sizes[0]).toBe(PAGE); // The first page does not wait.
  for (const size of sizes) expect(size).toBeLessThanOrEqual(10_000);
  // Most of them; what took too long to come does not wait for more.
  expect(sizes.toSorted((a, b) => a - b).at(sizes.length / 2)).toBeGreaterThanOrEqual(5_000);

  const lines = command.told("ingestion_progress");
  expect(lines.length).toBeGreaterThanOrEqual(2); // Its pages alone take 24 s, and there is one every 10 s.
  const timeOf = (line: Line) => Date.parse(String(line["time"]));
  const rowsAt = (at: number) => samples.findLast((sample) => sample.at <= at)?.rows ?? 0;
  const began = timeOf(command.told("ingestion_started")[0]!);
  for (const [i, line] of lines.entries()) {
    const at = timeOf(line);
    // Between a look and its line there may be one commit.
    expect(Number(line["rows"])).toBeGreaterThanOrEqual(rowsAt(at - AROUND_MS) * (1 - NEAR));
    expect(Number(line["rows"])).toBeLessThanOrEqual(rowsAt(at + AROUND_MS) * (1 + NEAR));
    const before =
      i === 0 ? { rows: 0, at: began } : { rows: Number(lines[i - 1]!["rows"]), at: timeOf(lines[i - 1]!) };
    const speed = ((Number(line["rows"]) - before.rows) * 1_000) / (at - before.at);
    if (i > 0) expect(Math.abs(Number(line["rows_per_s"]) / speed - 1)).toBeLessThan(NEAR);
    expect(line["requests_allowed"]).toBe(100);
    const sent = api.requests.filter((request) => request.status === 200).length;
    expect(Number(line["requests_sent"])).toBeLessThanOrEqual(sent);
    // As long as all of it takes at the speed that was seen so far: what comes is the machine's.
    const whole = ((at - began) * RECORDS) / rowsAt(at);
    if (i > 0) expect(Math.abs((Date.parse(String(line["eta"])) - began) / whole - 1)).toBeLessThan(NEAR);
  }
});
