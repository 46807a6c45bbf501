import type { CapturedTable } from "../model/captured-table.ts";
import { LineWriter, type Mark } from "./lines.ts";
import { broken } from "./message-bytes.ts";
import type { Begin, Commit, LogicalMessage, Message, Relation, RowChange } from "./pgoutput.ts";

/** Messages of a transaction that are passed on, and how long they may be: anybody may write some. */
const OUR_MESSAGES = new Set(["client", "migration", "schema", "mark"].map((name) => `ampsync/${name}`));
const MOST_MESSAGES = 100;
const MESSAGE_BYTES = 4 * 1024;
/** What a byte of text becomes in JSON at most, and about what a column of a relation takes there. */
const ESCAPED_BYTES = 6;
const COLUMN_BYTES = 100;

/** A transaction of the database, as the log takes it. */
export interface CapturedTransaction {
  readonly commitLsn: bigint;
  readonly endLsn: bigint;
  readonly xid: number;
  /** Microseconds since 2000-01-01. */
  readonly at: bigint;
  /** Some of its lines were taken before it was whole. */
  readonly large: boolean;
  /** Lines in all, and their bytes. */
  readonly changes: number;
  readonly bytes: number;
  /** Those not taken before. */
  readonly lines: readonly string[];
  /** What it adds to a call, about. */
  readonly callBytes: number;
  readonly marks: readonly Mark[];
  readonly messages: readonly { readonly prefix: string; readonly content: string }[];
  /** Each before the change of this place. */
  readonly relations: readonly { readonly before: number; readonly relation: Relation }[];
  /** Nothing in it is for the log. */
  readonly isEmpty: boolean;
}

/** Makes transactions and lines of the log from messages; pure, like the decoder before it. */
export class TransactionReader {
  #tables = new Map<number, CapturedTable>();
  /** As last described. */
  readonly #relations = new Map<number, Relation>();
  readonly #writers = new Map<number, LineWriter | null>();
  /** Partition → the table that its rows come as. */
  #roots = new Map<number, number>();
  /** Those that their first row told of: they may be gone by the time the tables are asked for. */
  readonly #adopted = new Map<number, number>();
  /** Described, but neither a table of ours nor known as a partition: the next change tells whose partition it is. */
  #strangers: number[] = [];
  /** Tables with a partition whose old rows do not come whole. */
  readonly #doubted = new Set<number>();
  #open: OpenTransaction | null = null;

  constructor(tables: readonly CapturedTable[]) {
    this.know(tables);
  }

  /** Rows are read by these from now on. */
  know(tables: readonly CapturedTable[]): void {
    this.#tables = new Map(tables.map((table) => [Number(table.relation), table]));
    this.#roots = new Map([
      ...this.#adopted,
      ...tables.flatMap(({ relation, leaves }) =>
        leaves.map((leaf) => [Number(leaf), Number(relation)] as const),
      ),
    ]);
    this.#writers.clear();
    this.#doubt();
  }

  /** Whether a relation is a table of ours, or a partition of one. */
  knows(relation: number): boolean {
    return this.#tables.has(relation) || this.#roots.has(relation);
  }

  /** Begun, and not yet committed. */
  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** What the open transaction holds. */
  get held(): { readonly lines: number; readonly bytes: number } {
    return { lines: this.#open?.lines.length ?? 0, bytes: this.#open?.lineBytes ?? 0 };
  }

  /** Takes the lines of the open transaction, which becomes a large one. */
  takeLines(): readonly string[] {
    return this.#open?.take() ?? [];
  }

  /** Returns a transaction with its commit. Messages outside of transactions are not for this. */
  add(message: Message): CapturedTransaction | null {
    switch (message.kind) {
      case "begin":
        if (this.#open !== null) broken("a transaction that begins within another one");
        this.#open = new OpenTransaction(message);
        return null;
      case "commit": {
        const whole = this.#transaction("a commit").end(message);
        this.#open = null;
        this.#strangers = [];
        return whole;
      }
      case "relation":
        this.#describe(message);
        return null;
      case "insert":
      case "update":
      case "delete":
        this.#change(message);
        return null;
      case "truncate":
        this.#truncate(message.relations);
        return null;
      case "message":
        if (message.transactional) this.#transaction("a message of a transaction").hear(message);
        return null;
      case "type":
      case "origin":
        return null;
      default:
        return message satisfies never;
    }
  }

  #describe(relation: Relation): void {
    const oid = relation.relation;
    this.#transaction("a description").describe(relation);
    this.#relations.set(oid, relation);
    this.#writers.delete(oid);
    if (this.#roots.has(oid)) this.#doubt();
    else if (!this.#tables.has(oid)) this.#strangers.push(oid);
  }

  #change(change: RowChange): void {
    const transaction = this.#transaction("a change");
    const { relation } = change;
    this.#adopt(relation);
    const writer = this.#writer(relation);
    if (writer === null) {
      transaction.mark(this.#unknown(relation));
      return;
    }
    const { lines, marks } = writer.write(change, !this.#doubted.has(relation));
    for (const line of lines) transaction.add(line);
    for (const mark of marks) transaction.mark(mark);
  }

  #truncate(relations: readonly number[]): void {
    const transaction = this.#transaction("a truncate");
    this.#strangers = [];
    for (const relation of relations) {
      const writer = this.#writer(relation);
      if (writer === null) transaction.mark(this.#unknown(relation));
      else transaction.add(writer.truncate());
    }
  }

  /** A partition that was made lately is described right before its first row, which comes as a row of its root. */
  #adopt(root: number): void {
    if (this.#strangers.length === 0) return;
    for (const leaf of this.#strangers) {
      if (leaf === root) continue;
      this.#adopted.set(leaf, root);
      this.#roots.set(leaf, root);
    }
    this.#strangers = [];
    this.#doubt();
  }

  #doubt(): void {
    this.#doubted.clear();
    for (const [leaf, root] of this.#roots) {
      const relation = this.#relations.get(leaf);
      if (relation !== undefined && relation.identity !== "f") this.#doubted.add(root);
    }
  }

  #writer(relation: number): LineWriter | null {
    const known = this.#writers.get(relation);
    if (known !== undefined) return known;
    const table = this.#tables.get(relation);
    const described = this.#relations.get(relation);
    const made = table === undefined || described === undefined ? null : new LineWriter(table, described);
    this.#writers.set(relation, made);
    return made;
  }

  #unknown(relation: number): Mark {
    const { schema, table } = this.#relations.get(relation) ?? {};
    return {
      kind: "unknown",
      relation: String(relation),
      ...(schema !== undefined && { schema }),
      ...(table !== undefined && { table }),
    };
  }

  #transaction(what: string): OpenTransaction {
    return this.#open ?? broken(`${what} outside of a transaction`);
  }
}

class OpenTransaction {
  readonly #begin: Begin;
  readonly #marks = new Map<string, Mark>();
  readonly #messages: { prefix: string; content: string }[] = [];
  readonly #relations: { before: number; relation: Relation }[] = [];
  lines: string[] = [];
  lineBytes = 0;
  #changes = 0;
  #bytes = 0;
  #told = 0;
  #large = false;

  constructor(begin: Begin) {
    this.#begin = begin;
  }

  describe(relation: Relation): void {
    this.#relations.push({ before: this.#changes, relation });
    this.#told += COLUMN_BYTES * (1 + relation.columns.length);
  }

  add(rest: string): void {
    const line = `${this.#changes},${rest}`;
    const bytes = Buffer.byteLength(line);
    this.#changes++;
    this.#bytes += bytes;
    this.lineBytes += bytes;
    this.lines.push(line);
  }

  /** Each once a table. */
  mark(mark: Mark): void {
    const name = `${mark.kind} ${mark.relation}`;
    if (!this.#marks.has(name)) this.#marks.set(name, mark);
  }

  hear({ prefix, content }: LogicalMessage): void {
    if (!OUR_MESSAGES.has(prefix) || this.#messages.length >= MOST_MESSAGES) return;
    const text = textOf(content);
    this.#messages.push({ prefix, content: text });
    this.#told += prefix.length + ESCAPED_BYTES * text.length;
  }

  take(): readonly string[] {
    const { lines } = this;
    this.lines = [];
    this.lineBytes = 0;
    this.#large = true;
    return lines;
  }

  end({ commitLsn, endLsn }: Commit): CapturedTransaction {
    const { xid, at } = this.#begin;
    if (commitLsn !== this.#begin.commitLsn)
      broken("a commit of another transaction than the one that began");
    const marks = [...this.#marks.values()];
    const told = this.#messages.length + this.#relations.length + marks.length;
    return {
      ...{ commitLsn, endLsn, xid, at, marks },
      large: this.#large,
      changes: this.#changes,
      bytes: this.#bytes,
      lines: this.lines,
      callBytes: this.lineBytes + this.#told,
      messages: this.#messages,
      relations: this.#relations,
      isEmpty: this.#changes === 0 && told === 0,
    };
  }
}

/** A message that PostgreSQL could not store as text was not written by us. */
function textOf(content: Buffer): string {
  if (content.length > MESSAGE_BYTES || content.includes(0)) return "";
  const text = content.toString("utf8");
  return Buffer.from(text, "utf8").equals(content) ? text : "";
}
