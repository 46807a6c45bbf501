import { broken, MessageBytes, type Value } from "./message-bytes.ts";

export interface RelationColumn {
  readonly name: string;
  /** Part of the replica identity; under FULL every column is. */
  readonly key: boolean;
  readonly type: number;
  readonly typmod: number;
}

export interface Relation {
  readonly kind: "relation";
  readonly relation: number;
  readonly schema: string;
  readonly table: string;
  /** pg_class.relreplident: d, n, f or i. */
  readonly identity: string;
  readonly columns: readonly RelationColumn[];
}

export interface Begin {
  readonly kind: "begin";
  /** Where the record of its commit begins. */
  readonly commitLsn: bigint;
  /** Microseconds since 2000-01-01. */
  readonly at: bigint;
  readonly xid: number;
}

export interface Commit {
  readonly kind: "commit";
  readonly commitLsn: bigint;
  /** Where that record ends: the place to go on from, and to acknowledge. */
  readonly endLsn: bigint;
  readonly at: bigint;
}

export interface LogicalMessage {
  readonly kind: "message";
  readonly transactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  readonly content: Buffer;
}

/** An old row is whole (O), or has the columns of the replica identity alone (K). */
export type RowChange =
  | { readonly kind: "insert"; readonly relation: number; readonly row: readonly Value[] }
  | {
      readonly kind: "update";
      readonly relation: number;
      readonly oldKind: "K" | "O" | null;
      readonly old: readonly Value[] | null;
      readonly row: readonly Value[];
    }
  | {
      readonly kind: "delete";
      readonly relation: number;
      readonly oldKind: "K" | "O";
      readonly old: readonly Value[];
    };

export type Message =
  | Begin
  | Commit
  | Relation
  | RowChange
  | LogicalMessage
  | {
      readonly kind: "truncate";
      readonly relations: readonly number[];
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
    }
  | { readonly kind: "type"; readonly type: number; readonly schema: string; readonly name: string }
  | { readonly kind: "origin"; readonly lsn: bigint; readonly name: string };

/**
 * Reads messages of pgoutput, version 1 of its protocol. It remembers relations, to know that a row has their columns, and
 * nothing else. What it cannot read raises SY404: nothing is guessed, and nothing skipped.
 */
export class PgOutputDecoder {
  /** Relation → number of its columns. */
  readonly #widths = new Map<number, number>();

  decode(bytes: Buffer): Message {
    const reader = new MessageBytes(bytes);
    const message = this.#read(reader);
    reader.end();
    return message;
  }

  #read(reader: MessageBytes): Message {
    const type = String.fromCharCode(reader.uint8());
    switch (type) {
      case "B":
        return { kind: "begin", commitLsn: reader.lsn(), at: reader.int64(), xid: reader.uint32() };
      case "C":
        reader.flags(0);
        return { kind: "commit", commitLsn: reader.lsn(), endLsn: reader.lsn(), at: reader.int64() };
      case "O":
        return { kind: "origin", lsn: reader.lsn(), name: reader.text() };
      case "R":
        return this.#relation(reader);
      case "Y":
        return { kind: "type", type: reader.uint32(), schema: reader.text(), name: reader.text() };
      case "I":
        return this.#insert(reader);
      case "U":
        return this.#update(reader);
      case "D":
        return this.#delete(reader);
      case "T":
        return this.#truncate(reader);
      case "M":
        return {
          kind: "message",
          transactional: reader.flags(1) === 1,
          lsn: reader.lsn(),
          prefix: reader.text(),
          content: reader.bytes(reader.count()),
        };
      default:
        return broken(`a message of the unknown type ${JSON.stringify(type)}`);
    }
  }

  #relation(reader: MessageBytes): Relation {
    const relation = reader.uint32();
    const schema = reader.text() || "pg_catalog";
    const table = reader.text();
    const identity = String.fromCharCode(reader.uint8());
    if (!"dnfi".includes(identity)) broken(`the replica identity ${JSON.stringify(identity)}`);
    const columns = Array.from({ length: reader.uint16() }, () => ({
      key: reader.flags(1) === 1,
      name: reader.text(),
      type: reader.uint32(),
      typmod: reader.int32(),
    }));
    this.#widths.set(relation, columns.length);
    return { kind: "relation", relation, schema, table, identity, columns };
  }

  #insert(reader: MessageBytes): RowChange {
    const relation = this.#known(reader.uint32());
    reader.expect("N");
    return { kind: "insert", relation, row: this.#row(reader, relation) };
  }

  #update(reader: MessageBytes): RowChange {
    const relation = this.#known(reader.uint32());
    const first = String.fromCharCode(reader.uint8());
    if (first === "N") {
      return { kind: "update", relation, oldKind: null, old: null, row: this.#row(reader, relation) };
    }
    if (first !== "K" && first !== "O") broken(`an update with the part ${JSON.stringify(first)}`);
    const old = this.#row(reader, relation);
    reader.expect("N");
    return { kind: "update", relation, oldKind: first as "K" | "O", old, row: this.#row(reader, relation) };
  }

  #delete(reader: MessageBytes): RowChange {
    const relation = this.#known(reader.uint32());
    const part = String.fromCharCode(reader.uint8());
    if (part !== "K" && part !== "O") broken(`a delete with the part ${JSON.stringify(part)}`);
    return { kind: "delete", relation, oldKind: part as "K" | "O", old: this.#row(reader, relation) };
  }

  #truncate(reader: MessageBytes): Message {
    const count = reader.count();
    const flags = reader.flags(3);
    if (count * 4 !== reader.left) broken(`a truncate of ${count} tables in ${reader.left} bytes`);
    const relations = Array.from({ length: count }, () => this.#known(reader.uint32()));
    return {
      kind: "truncate",
      relations,
      cascade: (flags & 1) !== 0,
      restartIdentity: (flags & 2) !== 0,
    };
  }

  #row(reader: MessageBytes, relation: number): readonly Value[] {
    const count = reader.uint16();
    const width = this.#widths.get(relation);
    if (count !== width) broken(`a row of ${count} columns in a relation of ${width}`);
    const row: Value[] = [];
    for (let column = 0; column < count; column++) row.push(reader.value());
    return row;
  }

  #known(relation: number): number {
    if (!this.#widths.has(relation)) broken(`a change of relation ${relation}, which was not described`);
    return relation;
  }
}
