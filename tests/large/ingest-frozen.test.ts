// Takes 18 s.
import { expect, test } from "vitest";

import { IngestCommand, startSeedApi } from "../support/http/ingest-command.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

test("told to stop while its database is frozen, it ends all the same, with 0 and its message", async () => {
  await using db = await createDatabase();
  await using api = await startSeedApi({ records: 5_000, faults: { latencyMs: 100 } });
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using command = new IngestCommand(proxy.url(db.url), api, { env: { API_PAGE_LIMIT: "100" } });
  await waitFor("the first requests", () => api.requests.length > 3);
  proxy.stallAll();
  const asked = api.requests.length;
  command.signal("SIGTERM");
  const { code, last } = await command.result(); // A worker alone would end with 1, after 30 s.
  expect(last).toMatchObject({ event: "ingestion_interrupted", message: "ingestion interrupted" });
  expect(code).toBe(0);
  expect(api.requests.length).toBeLessThanOrEqual(asked + 1);
});
