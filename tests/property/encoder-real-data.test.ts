import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import * as arrow from "apache-arrow";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readStream } from "../support/arrow/arrow-messages.ts";
import { load } from "../support/arrow/load.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

const folder = join(process.env["AMPSYNC_TEST_DATA"] ?? "", "evm");
const present = process.env["AMPSYNC_TEST_DATA"] !== undefined && existsSync(folder);
const files = present
  ? readdirSync(folder).filter((name) => name.endsWith(".arrows"))
  : ["skipped: AMPSYNC_TEST_DATA names no folder with evm/*.arrows"];

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  client = await database.client();
});
afterAll(() => database.drop());

const hex = (value: Uint8Array) => Buffer.from(value).toString("hex");

/** A value from apache-arrow's public reader as PostgreSQL prints it; inside structs by the rules for JSON. */
function printed(type: arrow.DataType, value: unknown, inStruct = false): unknown {
  if (value === null) return null;
  if (value instanceof Uint8Array) return `${inStruct ? "0x" : "\\x"}${hex(value)}`;
  if (value instanceof arrow.Vector)
    return [...value].map((item) => printed(type.children[0]!.type, item, inStruct));
  if (arrow.DataType.isStruct(type)) {
    const members = value as Record<string, unknown>; // What the reader gives for a struct.
    return Object.fromEntries(
      type.children.map((child) => [child.name, printed(child.type, members[child.name], true)]),
    );
  }
  if (arrow.DataType.isTimestamp(type)) {
    // Blocks have whole seconds; the reader turns nanoseconds into milliseconds.
    return new Date(Number(value)).toISOString().replace("T", " ").replace(".000Z", "+00");
  }
  return inStruct && typeof value === "boolean" ? value : String(value);
}

describe.skipIf(!present)(
  "real blocks, logs and transactions arrive cell by cell (needs AMPSYNC_TEST_DATA)",
  () => {
    test.each(files)("%s", async (file) => {
      const bytes = readFileSync(join(folder, file));
      await client.query("set timezone to 'UTC'");
      await load(client, "t", readStream(bytes), { start: 0n, end: 2n ** 48n - 2n });

      const table = arrow.tableFromIPC(bytes);
      expect(table.numRows).toBeGreaterThan(0);
      for (const { name, type } of table.schema.fields) {
        const quoted = pg.escapeIdentifier(name);
        const text = arrow.DataType.isList(type) ? `to_json(${quoted})` : `${quoted}::text`;
        const { rows } = await client.query<{ x: unknown }>(`select ${text} as x from t order by copied`);
        const expected = [...table.getChild(name)!].map((value) => printed(type, value));
        expect(
          rows.map(({ x }) => x),
          name,
        ).toEqual(expected);
      }
    });
  },
);
