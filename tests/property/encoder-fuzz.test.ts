import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { ArrowBatch } from "../../src/arrow/batch.ts";
import { planTable, type TablePlan } from "../../src/encoder/plan.ts";
import { RowEncoder } from "../../src/encoder/row-encoder.ts";
import { AmpsyncError } from "../../src/errors.ts";
import type { FlightData } from "../../src/flight/protocol/messages.ts";
import { CONTAINERS, itemsOf, SCALARS } from "../support/arrow/arbitraries.ts";
import { buildBatch, streamOf } from "../support/arrow/arrow.ts";
import {
  type ArrowStream,
  messagesOf,
  readMessages,
  readPlainMessages,
  splitStream,
} from "../support/arrow/arrow-messages.ts";
import { ArrowReader, takeDictionary } from "../support/arrow/arrow-reader.ts";
import { compressedMessages, LZ4, ZSTD } from "../support/arrow/compressed.ts";
import { encodeBatch, h64Raw } from "../support/arrow/encode.ts";
import { copyRows, createTable } from "../support/arrow/load.ts";
import { MemorySink } from "../support/arrow/memory-sink.ts";
import { rendering } from "../support/arrow/renderings.ts";
import { dice } from "../support/dice.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

const SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);
/** By hand: FUZZ_CASES=100000. */
const CASES = Number(process.env["FUZZ_CASES"] ?? 1000);
/** Processor time: a header of a few bytes may ask for a million NULLs, but for no more. */
const MAX_CASE_MS = 3000;

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  client = await database.client();
});
afterAll(() => database.drop());

let roll = dice(SEED);
/** 0 to `below` - 1; 0 where there is no choice. */
const random = (below: number) => roll(0, Math.max(below, 1) - 1);

/**
 * Streams of every type in every container, and those of other implementations
 * where they are; each as it is and with compressed bodies.
 */
function corpus(): readonly (readonly FlightData[])[] {
  const built = SCALARS.flatMap((scalar, i) =>
    [scalar, ...Object.values(CONTAINERS).map((wrap) => wrap(scalar))].map((type) => {
      const item = itemsOf({ name: "x", nullable: true, type });
      const values = fc.sample(item, { seed: i, numRuns: 12 });
      return messagesOf(streamOf(buildBatch([{ name: "x", type, values }], { sliced: i % 2 === 0 })));
    }),
  );
  const folder = join(process.env["AMPSYNC_TEST_DATA"] ?? "", "arrow-golden");
  const golden =
    process.env["AMPSYNC_TEST_DATA"] !== undefined && existsSync(folder)
      ? readdirSync(folder).filter((name) => name.endsWith(".stream"))
      : [];
  const plain = [...built, ...golden.map((name) => splitStream(readFileSync(join(folder, name))))];
  const streams = plain.map(readMessages);
  return [
    ...plain,
    ...[LZ4, ZSTD].flatMap((how) => streams.map((stream) => compressedMessages(stream, how))),
  ];
}

const HOSTILE = [-1n, 0n, 1n, 0x7fffffffn, 0x80000000n, 2n ** 40n, 2n ** 63n - 1n, -(2n ** 63n)];

function mutated(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length === 0) {
    return copy;
  }
  const view = new DataView(copy.buffer);
  const hostile = HOSTILE[random(HOSTILE.length)]!;
  switch (random(5)) {
    case 0:
      return copy.subarray(0, random(copy.length));
    case 1:
      if (copy.length >= 8) view.setBigInt64(8 * random(Math.floor(copy.length / 8)), hostile, true);
      return copy;
    case 2:
      if (copy.length >= 4) {
        const at = 4 * random(Math.floor(copy.length / 4));
        view.setInt32(at, view.getInt32(at, true) + random(65) - 32, true);
      }
      return copy;
    case 3:
      if (copy.length >= 4)
        view.setInt32(4 * random(Math.floor(copy.length / 4)), Number(BigInt.asIntN(32, hostile)), true);
      return copy;
    default:
      for (let flips = 1 + random(3); flips > 0; flips--) {
        copy[random(copy.length)]! ^= 1 << random(8);
      }
      return copy;
  }
}

function mutatedStream(messages: readonly FlightData[]): readonly FlightData[] {
  const target = random(messages.length);
  return messages.map((message, i) => {
    if (i !== target) return message;
    return random(2) === 0
      ? { ...message, header: mutated(message.header) }
      : { ...message, body: mutated(message.body) };
  });
}

interface Accepted {
  readonly stream: ArrowStream;
  readonly regions: readonly Uint8Array[];
}

/** What the encoder makes of messages; null where it refuses them with a clear error. */
async function encoded(messages: readonly FlightData[]): Promise<Accepted | null> {
  try {
    const stream = await readPlainMessages(messages.filter(({ header }) => header.length > 0));
    const encoder = new RowEncoder(planTable("t", stream.schema), h64Raw, { nulPolicy: "fail" });
    const sink = new MemorySink();
    encoder.beginMicrobatch({ start: 0n, end: 2n ** 48n - 2n });
    for (const message of stream.messages) {
      if (message.kind === "batch") encodeBatch(encoder, message.batch, sink);
      else encoder.takeDictionary(message.dictionary);
    }
    return { stream, regions: sink.regions };
  } catch (error) {
    if (
      error instanceof AmpsyncError ||
      (error instanceof Error && /^(a stream without schema|no batch)$/.test(error.message))
    ) {
      return null;
    }
    throw error;
  }
}

const tables = new Map<string, string>();

/** An empty table: one for all streams that are stored alike. */
async function tableFor(plan: TablePlan): Promise<string> {
  const key = JSON.stringify([
    plan.hasBlockNum,
    plan.columns.map(({ name, type, notNull }) => [name, type, notNull]),
  ]);
  const known = tables.get(key);
  if (known !== undefined) {
    return known;
  }
  const made = `t${tables.size}`;
  tables.set(key, made);
  await createTable(client, made, plan);
  return made;
}

/** Loads what was accepted and holds it against a reading of the same buffers that knows no encoder. */
async function expectLoaded({ stream, regions }: Accepted): Promise<void> {
  const plan = planTable("t", stream.schema);
  const table = await tableFor(plan);
  await client.query("begin");
  await copyRows(client, table, plan, regions);
  const dictionaries = new Map<bigint, readonly ArrowBatch[]>();
  const columns: unknown[][] = stream.schema.fields.map(() => []);
  for (const message of stream.messages) {
    if (message.kind === "dictionary") {
      takeDictionary(dictionaries, message.dictionary);
    } else if (message.batch.rowCount > 0) {
      const reader = new ArrowReader(message.batch, dictionaries);
      stream.schema.fields.forEach(({ type }, i) => {
        const { column } = rendering(type);
        columns[i]!.push(...reader.column(type).map((value) => (value === null ? null : column(value))));
      });
    }
  }
  const shown = stream.schema.fields.map(({ name, type }, i) => {
    const x = pg.escapeIdentifier(name);
    return `(select case when x is not null then ${rendering(type).sql} end from (select ${x} as x) as c) as c${i}`;
  });
  const { rows } = await client.query({
    text: `select ${shown.join(", ")} from ${table} order by copied`,
    rowMode: "array",
  });
  await client.query("rollback");
  stream.schema.fields.forEach(({ name }, i) => {
    expect(
      rows.map((row) => withoutNaN(row[i])),
      name,
    ).toEqual(columns[i]!.map(withoutNaN));
  });
}

/** All NaN alike: JavaScript does not keep which one it was. */
function withoutNaN(shown: unknown): unknown {
  if (Array.isArray(shown)) return shown.map(withoutNaN);
  return typeof shown === "string" && /^[7f]f([8-9a-f][0-9a-f]{5}|f[0-9a-f]{13})$/.test(shown)
    ? "NaN"
    : shown;
}

test(`${CASES} mutated streams: a clear error, or what their buffers say`, async () => {
  const streams = corpus();
  let accepted = 0;
  let slowest = 0;
  for (let i = 0; i < CASES; i++) {
    roll = dice(SEED + i);
    const original = random(streams.length);
    const messages = mutatedStream(streams[original]!);
    const begin = process.cpuUsage();
    try {
      const result = await encoded(messages);
      const { user, system } = process.cpuUsage(begin);
      slowest = Math.max(slowest, (user + system) / 1000);
      expect(slowest).toBeLessThan(MAX_CASE_MS);
      if (result !== null) {
        await expectLoaded(result);
        accepted++;
      }
    } catch (error) {
      throw new Error(`case ${i}, AMPSYNC_TEST_SEED=${SEED + i} FUZZ_CASES=1, stream ${original}`, {
        cause: error,
      });
    }
  }
  expect(accepted).toBeGreaterThan(0);
  console.log(`${CASES} cases: ${accepted} accepted, loaded and compared; slowest ${Math.round(slowest)} ms`);
}, 3_600_000);
