// Takes 14 s.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { StyleName } from "../../../src/devserver/http/styles.ts";
import { startApiServer } from "../../support/http/api-server.ts";
import { definitionOf } from "../../support/http/definitions.ts";
import { IngestScenario } from "../../support/http/ingest-scenario.ts";
import { waitFor } from "../../support/wait-for.ts";

const NEWEST = { on_conflict: { newest: "updated_at" } };

/** How a source of each style is polled: by a range, behind its last record, or as a whole. */
const POLLED: Readonly<Partial<Record<StyleName, object>>> = {
  jsonapi: {
    ...NEWEST,
    range: { field: "/attributes/updatedAt", since: "filter[updatedSince]", format: "iso_ms" },
  },
  github: { ...NEWEST, range: { field: "/updated_at", since: "since", format: "iso" } },
  stripe: { on_conflict: "ignore", range: { field: "/created", since: "created[gte]", format: "s" } },
  elastic: { append_only: true },
  offset: NEWEST,
};
/** Where records change, and the definition asks for those that did. */
const CHANGING: readonly StyleName[] = ["jsonapi", "github", "offset"];

const STYLES = Object.keys(POLLED) as StyleName[];
let scenario: IngestScenario;
let apis: Map<StyleName, ApiServer>;

beforeAll(async () => {
  scenario = await IngestScenario.start({ records: 0 });
  const servers = STYLES.map(
    async (style) => [style, await startApiServer({ style, records: 450 })] as const,
  );
  apis = new Map(await Promise.all(servers));
  for (const [style, api] of apis) {
    await enqueue(`once/${style}`, definitionOf(api));
    await enqueue(`polled/${style}`, { ...definitionOf(api), every: "1 second", ...POLLED[style] });
  }
  const hosts = [...apis.values()].map(({ origin }) => origin);
  scenario.startFaultyWorker({
    beatMs: 300,
    limits: { minPassMs: 300 },
    env: { AMPSYNC_HTTP_ALLOW: hosts.join() },
  });
});
afterAll(async () => {
  await scenario[Symbol.asyncDispose]();
  await Promise.all([...apis.values()].map((api) => api.stop()));
});

async function enqueue(dataset: string, source: object): Promise<void> {
  await scenario.db.query("select * from ampsync.enqueue_http($1, $2)", [dataset, JSON.stringify(source)]);
}

/** What of a record is in the column `data`. */
function partOf(style: StyleName): string {
  return style === "elastic" ? "{_source}" : "{}";
}

/** How many rows differ from what the API has: both ways, and by number. */
async function differences(dataset: string, style: StyleName): Promise<number> {
  const { rows } = await scenario.db.query(
    `with truth as (select t::jsonb #> $2 as data from unnest($1::text[]) t),
          found as (select t.data from ${dataset.replace("/", ".")} t)
     select (select count(*) from (select data from truth except all select data from found) missing)::int
          + (select count(*) from (select data from found except all select data from truth) foreign_rows)::int as n`,
    [apis.get(style)!.records(), partOf(style)],
  );
  return rows[0]!["n"];
}

describe("a source that is read once has every record as its style pages:", () => {
  test.each(STYLES)("%s", async (style) => {
    await waitFor("the run to be complete", async () => {
      return (await scenario.source(`once/${style}`)).state === "complete";
    });
    expect(await differences(`once/${style}`, style)).toBe(0);
    expect(await scenario.source(`once/${style}`)).toMatchObject({
      records: 450,
      duplicates: 0,
      rows: 450,
      code: null,
    });
  });
});

describe("a source that is polled has what came and what changed since, once a key:", () => {
  test.each(STYLES)("%s", async (style) => {
    const api = apis.get(style)!;
    const dataset = `polled/${style}`;
    await waitFor("the first run", async () => (await scenario.source(dataset)).rows >= 450);
    api.append(130);
    if (CHANGING.includes(style)) api.change(40);
    await waitFor("what is new", async () => (await differences(dataset, style)) === 0);
    const { records, rows, duplicates, state, code } = await scenario.source(dataset);
    expect({ rows, state, code, sum: rows + duplicates }).toEqual({
      rows: 580,
      state: "live",
      code: null,
      sum: records,
    });
  });
});
