import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { buildBatch, streamOf } from "../support/arrow/arrow.ts";
import { writeStream } from "../support/arrow/arrow-messages.ts";
import { checkGolden } from "../support/arrow/golden.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

const golden = join(process.env["AMPSYNC_TEST_DATA"] ?? "", "arrow-golden");
const present = process.env["AMPSYNC_TEST_DATA"] !== undefined && existsSync(golden);

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
});
afterAll(() => database.drop());

async function outcomesOf(folder: string): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for await (const { file, outcome } of checkGolden(await database.client(), folder)) {
    outcomes[file] = outcome;
  }
  return outcomes;
}

test.skipIf(!present)(
  "streams of other Arrow implementations are loaded as their JSON says, or refused with a reason (needs AMPSYNC_TEST_DATA)",
  async () => {
    const outcomes = await outcomesOf(golden);
    expect(Object.keys(outcomes).length).toBeGreaterThan(0);
    expect(Object.entries(outcomes).filter(([, outcome]) => outcome.startsWith("WRONG"))).toEqual([]);
    expect(outcomes["generated_union.stream"]).toMatch(/^refused/);
    expect(outcomes["generated_duplicate_fieldnames.stream"]).toMatch(/^refused .* occurs twice/);
    expect(outcomes["generated_nested_dictionary.stream"]).toBe("loaded equal");
  },
);

describe("a folder of Arrow files", () => {
  const LONG = "longer than twelve bytes";
  const int32 = { kind: "int", bits: 32, signed: true } as const;
  const item = { name: "item", type: int32, nullable: true };
  const stream = writeStream(
    streamOf(
      buildBatch([
        { name: "text", type: { kind: "utf8", layout: "view" }, values: ["short", LONG, null] },
        {
          name: "bytes",
          type: { kind: "binary", layout: "view" },
          values: [null, Buffer.from(LONG), Uint8Array.of(7)],
        },
        { name: "list", type: { kind: "list", layout: "view", item }, values: [[1, null], null, []] },
        {
          name: "runs",
          type: {
            kind: "runEndEncoded",
            runEnds: int32,
            value: { name: "values", type: int32, nullable: true },
          },
          values: [5, 5, null],
        },
      ]),
    ),
  );
  const field = (name: string, type: string, ...children: string[]) => ({
    name,
    type: { name: type },
    children: children.map((child) => ({
      name: child,
      type: { name: "int", bitWidth: 32, isSigned: true },
      children: [],
    })),
  });
  const inBuffer = { SIZE: LONG.length, PREFIX_HEX: "6c6f6e67", BUFFER_INDEX: 0, OFFSET: 0 };
  const views = { count: 3, VARIADIC_DATA_BUFFERS: [Buffer.from(LONG).toString("hex")] };
  const json = (text: string) => ({
    schema: {
      fields: [
        field("text", "utf8view"),
        field("bytes", "binaryview"),
        field("list", "listview", "item"),
        field("runs", "runendencoded", "run_ends", "values"),
      ],
    },
    batches: [
      {
        columns: [
          {
            ...views,
            VALIDITY: [1, 1, 0],
            VIEWS: [{ SIZE: 5, INLINED: text }, inBuffer, { SIZE: 0, INLINED: "" }],
          },
          {
            ...views,
            VALIDITY: [0, 1, 1],
            VIEWS: [{ SIZE: 0, INLINED: "" }, inBuffer, { SIZE: 1, INLINED: "07" }],
          },
          {
            count: 3,
            VALIDITY: [1, 0, 1],
            OFFSET: [0, 0, 2],
            SIZE: [2, 0, 0],
            children: [{ count: 2, VALIDITY: [1, 0], DATA: [1, 0] }],
          },
          {
            count: 3,
            children: [
              { count: 2, VALIDITY: [1, 1], DATA: [2, 3] },
              { count: 2, VALIDITY: [1, 0], DATA: [5, 0] },
            ],
          },
        ],
      },
    ],
  });

  test("is loaded equal, wrong or refused, each file on its own", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ampsync-golden-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    for (const [name, text] of Object.entries({ equal: "short", wrong: "shirt" })) {
      writeFileSync(join(folder, `${name}.stream`), stream);
      writeFileSync(join(folder, `${name}.json.gz`), gzipSync(JSON.stringify(json(text))));
    }
    writeFileSync(join(folder, "old.stream"), stream.subarray(4));
    expect(await outcomesOf(folder)).toEqual({
      "equal.stream": "loaded equal",
      "wrong.stream": 'WRONG: column text, row 0: "short" instead of "shirt"',
      "old.stream":
        "refused (an Arrow stream older than 0.15, or none: no FFFFFFFF before its first message)",
    });
  });
});
