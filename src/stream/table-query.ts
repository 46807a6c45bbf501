import type { ArrowBatch } from "../arrow/batch.ts";
import { type ArrowField, type ArrowSchema, type ArrowType, typeName } from "../arrow/type.ts";
import { copyColumns, planTable, type TablePlan } from "../encoder/plan.ts";
import { type EncoderOptions, RowEncoder } from "../encoder/row-encoder.ts";
import type { Hash64 } from "../encoder/row-hash.ts";
import { AmpsyncError } from "../errors.ts";
import type { FlightClient, PlanOptions } from "../flight/client.ts";
import type { FlightStream, ReadOptions } from "../flight/flight-stream.ts";
import type { MicrobatchMetadata } from "../protocol/microbatch.ts";

/** A table of the server, and how its rows are stored. */
export interface SourceTable {
  readonly flight: Pick<FlightClient, "open">;
  /** The table in the SQL of the server. */
  readonly reference: string;
  /** A query whose columns are those of the plan, in its order, that is loaded instead of the table; null: the table. */
  readonly query: string | null;
  /** Its columns in the order of the target. */
  readonly plan: TablePlan;
  /** Rows of lower blocks are not asked for. */
  readonly fromBlock: bigint;
  readonly hash: Hash64;
  readonly policies: EncoderOptions;
}

export interface TableBatch {
  readonly batch: ArrowBatch;
  readonly metadata: MicrobatchMetadata | null;
}

/**
 * The answer to a query of a table: batches of its rows, and the encoder that
 * reads them. What a server sends besides, a schema and dictionaries, ends here.
 */
export class TableStream implements Disposable {
  readonly #table: SourceTable;
  readonly #answer: FlightStream;
  /** The columns that the fields of an encoded row are for. */
  readonly columns: readonly string[];
  #encoder: RowEncoder;

  private constructor(table: SourceTable, answer: FlightStream) {
    const sent = planSent(table.plan, answer.schema);
    this.#table = table;
    this.#answer = answer;
    this.columns = copyColumns(
      sent,
      (table.policies.transactionIds ?? null) === null ? "content" : "transaction",
    );
    this.#encoder = new RowEncoder(sent, table.hash, table.policies);
  }

  static async #open(table: SourceTable, sql: string, options: PlanOptions): Promise<TableStream> {
    const answer = await table.flight.open(sql, options);
    try {
      return new TableStream(table, answer);
    } catch (error) {
      answer[Symbol.dispose]();
      throw error;
    }
  }

  /** All rows from the cursor on, or from the beginning, and those that the chain will bring. */
  static follow(table: SourceTable, options: Omit<PlanOptions, "stream">): Promise<TableStream> {
    const { plan, reference, query, fromBlock } = table;
    const filter = fromBlock > 0n ? ` WHERE "_block_num" >= ${fromBlock}` : "";
    const sql = query ?? `${selectSql(plan, reference)}${filter}`;
    return TableStream.#open(table, sql, { ...options, stream: true });
  }

  /** The rows of these blocks, both ends inclusive, as the server holds them now. */
  static ofBlocks(
    table: SourceTable,
    { start, end }: { readonly start: bigint; readonly end: bigint },
    options: Omit<PlanOptions, "stream" | "cursor">,
  ): Promise<TableStream> {
    const first = start > table.fromBlock ? start : table.fromBlock;
    const blocks = `"_block_num" >= ${first} AND "_block_num" <= ${end}`;
    // Batch queries promise no order, and the encoder needs one.
    const sql = `${selectSql(table.plan, table.reference)} WHERE ${blocks} ORDER BY "_block_num"`;
    return TableStream.#open(table, sql, { ...options, stream: false });
  }

  /** Reads the batches. The schema that the server sends before the first batch replaces it. */
  get encoder(): RowEncoder {
    return this.#encoder;
  }

  [Symbol.dispose](): void {
    this.#answer[Symbol.dispose]();
  }

  /** Yields null after a message that brought no rows, so that whoever reads knows that the server said something. */
  async *batches(options: ReadOptions): AsyncGenerator<TableBatch | null> {
    const { plan, hash, policies } = this.#table;
    for await (const message of this.#answer.read(options)) {
      switch (message.kind) {
        case "schema":
          checkSchema(message.schema, this.#answer.schema);
          this.#encoder = new RowEncoder(planSent(plan, message.schema), hash, policies);
          yield null;
          break;
        case "dictionary":
          this.#encoder.takeDictionary(message.dictionary);
          yield null;
          break;
        case "batch":
          yield message;
      }
    }
  }
}

/** A query as it must be asked so that its columns come in the order of the plan: another one would give rows another `_id`. */
export function inOrder(query: string, { fields }: ArrowSchema, plan: TablePlan): string {
  const names = fields.map(({ name }) => name).filter((name) => name !== "_block_num");
  const isInOrder =
    names.length === plan.columns.length && plan.columns.every(({ name }, i) => name === names[i]);
  return isInOrder ? query : selectSql(plan, `(${query}) AS "query"`);
}

/** The columns of a plan, in its order, from a table given as its SQL reference. */
function selectSql(plan: TablePlan, reference: string): string {
  const columns = [...(plan.hasBlockNum ? ["_block_num"] : []), ...plan.columns.map(({ name }) => name)];
  return `SELECT ${columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ")} FROM ${reference}`;
}

/** Plans the columns that will be sent, so that rows are never written by position alone; SY104 unless they are as planned. */
function planSent(plan: TablePlan, schema: ArrowSchema): TablePlan {
  const sent = planTable(plan.table, schema);
  const differs = sent.columns.some(
    ({ name, type }, i) => name !== plan.columns[i]?.name || type !== plan.columns[i]?.type,
  );
  if (differs || sent.hasBlockNum !== plan.hasBlockNum || sent.columns.length !== plan.columns.length) {
    throw new AmpsyncError("SY104", "the schema of the stream differs from the planned one", {
      detail: `Planned: ${columnsOf(plan)}. Sent: ${columnsOf(sent)}.`,
    });
  }
  return sent;
}

/**
 * Refuses a schema that is not, field by field, the one that was planned. Where
 * one has a dictionary the other may have its plain values: servers decode them
 * on their way. Rows must be read by what is sent.
 */
function checkSchema(sent: ArrowSchema, planned: ArrowSchema): void {
  if (fieldsOf({ fields: sent.fields.map(plain) }) !== fieldsOf({ fields: planned.fields.map(plain) })) {
    throw new AmpsyncError("SY104", "the stream sends another schema than was planned", {
      detail: `Planned: ${fieldsOf(planned)}. Sent: ${fieldsOf(sent)}.`,
    });
  }
}

function columnsOf({ hasBlockNum, columns }: TablePlan): string {
  return [...(hasBlockNum ? ["_block_num"] : []), ...columns.map(({ name, type }) => `${name} ${type}`)].join(
    ", ",
  );
}

/** Names, types and nullability in order: what makes two schemas the same to us. */
function fieldsOf(schema: ArrowSchema): string {
  return schema.fields
    .map((field) => `${field.name} ${typeName(field.type)}${field.nullable ? "" : " not null"}`)
    .join(", ");
}

/** A field without dictionaries, at any depth. */
function plain(field: ArrowField): ArrowField {
  return { ...field, type: plainType(field.type) };
}

function plainType(type: ArrowType): ArrowType {
  switch (type.kind) {
    case "dictionary":
      return plainType(type.value);
    case "list":
    case "fixedSizeList":
      return { ...type, item: plain(type.item) };
    case "struct":
      return { ...type, fields: type.fields.map(plain) };
    case "map":
      return { ...type, key: plain(type.key), value: plain(type.value) };
    case "runEndEncoded":
      return { ...type, value: plain(type.value) };
    default:
      return type;
  }
}
