import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import pg from "pg";

import type { ArrowSchema, ArrowType } from "../../../src/arrow/type.ts";
import { planTable } from "../../../src/encoder/plan.ts";
import { RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { AmpsyncError } from "../../../src/errors.ts";
import { type ArrowStream, OldStream, readStream } from "./arrow-messages.ts";
import { encodeBatch, h64Raw } from "./encode.ts";
import { type Oracle, readOracle } from "./golden-oracle.ts";
import { copyRows, createTable } from "./load.ts";
import { MemorySink } from "./memory-sink.ts";
import { rendering } from "./renderings.ts";
import { isStorable } from "./storable.ts";

export interface GoldenResult {
  readonly file: string;
  /** `loaded equal`, `loaded`, `refused (…)`, `value error (…)` or `WRONG: …`. */
  readonly outcome: string;
  readonly wrong: boolean;
}

const EXTENSION = /\.(stream|arrow_file)$/;
const FILE_MAGIC = "ARROW1";
const FILE_PREFIX_BYTES = 8;

/** Loads each Arrow file of a folder and compares what PostgreSQL shows with the file's JSON. */
export async function* checkGolden(client: pg.Client, folder: string): AsyncGenerator<GoldenResult> {
  for (const file of readdirSync(folder)
    .filter((name) => EXTENSION.test(name))
    .sort()) {
    try {
      yield { file, outcome: await checkFile(client, folder, file), wrong: false };
    } catch (error) {
      if (error instanceof OldStream) {
        yield { file, outcome: `refused (${error.message})`, wrong: false };
        continue;
      }
      yield { file, outcome: `WRONG: ${error instanceof Error ? error.message : error}`, wrong: true };
    }
  }
}

async function checkFile(client: pg.Client, folder: string, file: string): Promise<string> {
  const bytes = readFileSync(join(folder, file));
  const isFile = bytes.subarray(0, FILE_MAGIC.length).toString("latin1") === FILE_MAGIC;
  const stream = readStream(isFile ? bytes.subarray(FILE_PREFIX_BYTES) : bytes);
  const json = join(folder, file.replace(EXTENSION, ".json.gz"));
  const oracle = existsSync(json) ? readOracle(gunzipSync(readFileSync(json)).toString()) : null;
  try {
    planTable("golden", stream.schema);
  } catch (error) {
    if (error instanceof AmpsyncError && error.code === "SY202") {
      return `refused (${error.message})`;
    }
    throw error;
  }
  const plain = loadedText(oracle);
  const first = encodeAll(stream, "fail");
  if (first.error === null) {
    await compare(client, stream.schema, first, oracle);
    return plain;
  }
  const at = /^Column (\S+) of .*, row (\d+) of the batch: (.*)$/s.exec(first.error.message);
  if (first.error.code !== "SY203" || at === null) {
    throw first.error;
  }
  const [, column, row, problem] = at;
  const index = stream.schema.fields.findIndex(({ name }) => name === column?.split(".")[0]);
  const { type } = stream.schema.fields[index]!;
  if (oracle !== null && isStorable(type, oracle.batches[first.batch]![index]![Number(row)]!)) {
    throw new Error(`a good value is refused: ${first.error.message}`);
  }
  const raised = { fields: stream.schema.fields.map((field) => ({ ...field, type: withRoom(field.type) })) };
  const second = encodeAll({ ...stream, schema: raised }, "null");
  if (second.error !== null) {
    throw second.error;
  }
  await compare(client, raised, second, oracle);
  return `value error (column ${column}, row ${row} of batch ${first.batch}: ${problem}); the rest ${plain}, ${second.nulled} values NULL`;
}

const loadedText = (oracle: Oracle | null) =>
  oracle === null ? "loaded, with nothing to compare it to" : "loaded equal";

interface Encoded {
  readonly regions: readonly Uint8Array[];
  /** How many values became NULL. */
  readonly nulled: number;
  readonly error: AmpsyncError | null;
  /** The one with the error. */
  readonly batch: number;
}

function encodeAll({ schema, messages }: ArrowStream, valuePolicy: "fail" | "null"): Encoded {
  const encoder = new RowEncoder(planTable("golden", schema), h64Raw, { valuePolicy });
  const sink = new MemorySink();
  let batch = 0;
  encoder.beginMicrobatch({ start: 0n, end: 0n });
  try {
    for (const message of messages) {
      if (message.kind === "dictionary") {
        encoder.takeDictionary(message.dictionary);
        continue;
      }
      encodeBatch(encoder, message.batch, sink);
      batch++;
    }
    const nulled = encoder.report.nulled.reduce((sum, { count }) => sum + count, 0);
    return { regions: sink.regions, nulled, error: null, batch };
  } catch (error) {
    if (error instanceof AmpsyncError) {
      return { regions: [], nulled: 0, error, batch };
    }
    throw error;
  }
}

/** Loads rows and holds every cell against the oracle. */
async function compare(
  client: pg.Client,
  schema: ArrowSchema,
  { regions, nulled }: Encoded,
  oracle: Oracle | null,
): Promise<void> {
  const plan = planTable("golden", schema);
  await createTable(client, "golden", plan);
  await copyRows(client, "golden", plan, regions);
  let bad = 0;
  for (const [index, { name, type }] of schema.fields.entries()) {
    const { sql, column } = rendering(type);
    const { rows } = await client.query<{ shown: unknown }>(
      `select case when x is not null then ${sql} end as shown
         from (select ${pg.escapeIdentifier(name)} as x, copied from golden) as rows order by copied`,
    );
    if (oracle === null) {
      continue;
    }
    const cells = oracle.batches.flatMap((columns) => columns[index]!);
    if (cells.length !== rows.length) {
      throw new Error(`${rows.length} rows of ${cells.length}`);
    }
    cells.forEach((value, row) => {
      const isGood = isStorable(type, value);
      bad += isGood ? 0 : 1;
      const expected = value === null || !isGood ? null : column(value);
      const shown = rows[row]!.shown;
      if (canonical(shown) !== canonical(expected)) {
        throw new Error(`column ${name}, row ${row}: ${canonical(shown)} instead of ${canonical(expected)}`);
      }
    });
  }
  if (oracle !== null && bad !== nulled) {
    throw new Error(`${nulled} values are told as NULL where ${bad} are bad`);
  }
}

/** JSON with the keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    each !== null && typeof each === "object" && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** The same type with as many digits as its width holds; for columns, where the golden files exceed theirs. */
function withRoom(type: ArrowType): ArrowType {
  return type.kind === "decimal"
    ? { ...type, precision: { 32: 9, 64: 18, 128: 38, 256: 76 }[type.bits] }
    : type;
}
