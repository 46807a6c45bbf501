import { FixedSizeBinary, Uint64, Utf8 } from "apache-arrow";
import { afterEach, beforeEach, expect, test } from "vitest";

import { createAdminClient } from "../../src/admin/client.ts";
import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { rowsOfArrow } from "../support/arrow/arrow-rows.ts";
import { DevServerClient } from "../support/chain/devserver-client.ts";
import { VersionSource } from "../support/chain/version-source.ts";

const CHAIN = new GeneratedSource({ blocks: 3 });
const V1 = new VersionSource(CHAIN, { logs: { block_hash: new FixedSizeBinary(32), note: new Utf8() } });
const V2 = new VersionSource(CHAIN, {
  logs: {
    note: new Utf8(),
    block_hash: new FixedSizeBinary(32),
    size: { type: new Uint64(), nullable: false },
  },
  traces: { size: new Uint64() },
});

let server: DevServer;
let client: DevServerClient;

beforeEach(async () => {
  server = await startDevServer({ source: V1, dataset: { namespace: "_", name: "chain", version: "1.0.0" } });
  server.misbehaviour.endAtHead = true;
  client = new DevServerClient(server);
});
afterEach(async () => {
  client.close();
  await server.stop();
});

/** The version that a tag stands for now, and its tables. */
async function resolved(revision: string | null = null) {
  const admin = createAdminClient({ address: new URL(server.adminAddress), token: () => null });
  return await admin.resolve({ namespace: "_", name: "chain", revision }, AbortSignal.timeout(10_000));
}

async function rowsOf(version: string, columns: string) {
  const batches = await client.all(
    `SELECT ${columns} FROM "_/chain@${version}"."logs" SETTINGS stream = true`,
  );
  return rowsOfArrow(batches.map((batch) => batch.table));
}

test("versions with different tables and columns are served side by side, and columns of one name have the same values", async () => {
  server.publish("1.1.0", V2);
  expect(await resolved()).toMatchObject({ version: "1.1.0", tables: ["logs", "traces"] });
  expect(await resolved("1.0.0")).toMatchObject({ version: "1.0.0", tables: ["logs"] });
  const shared = "_block_num, block_hash, note";
  expect(await rowsOf("1.1.0", shared)).toEqual(await rowsOf("1.0.0", shared));
  expect(await rowsOf("1.1.0", "*")).toHaveLength(6);
});

test("a version can come to stand for something else, which changes its hash, and the newest one can go again", async () => {
  const before = await resolved();
  server.publish("1.0.0", V2);
  const after = await resolved();
  expect(after.version).toBe("1.0.0");
  expect(after.manifestHash).not.toBe(before.manifestHash);
  server.publish("2.0.0", V1);
  expect(await resolved()).toMatchObject({ version: "2.0.0" });
  server.unpublish("2.0.0");
  expect(await resolved()).toMatchObject({ version: "1.0.0" });
});

test("dev is what was published last, and the version that this is", async () => {
  server.publish("0.9.0", V2);
  expect(await resolved("dev")).toMatchObject({ version: "0.9.0", tables: ["logs", "traces"] });
});
