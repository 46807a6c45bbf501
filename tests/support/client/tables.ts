import type { TableForm } from "../../../src/wire/from-gateway.ts";

/** Of the log that frames in tests are of. */
export const EPOCH = "6b0c0a3e-1111-4222-8333-000000000001";

/** A table of an application, with a column of a type that JavaScript would round. */
export const todos: TableForm = {
  name: "public.todos",
  ddl: [
    "create table if not exists public.todos (id integer primary key, title text, weight numeric, done boolean)",
  ],
  definition: "todos-1",
  columns: ["id", "title", "weight", "done"],
  key: ["id"],
  writable: [],
  dataset: null,
  block_column: null,
};

/** A table of a dataset. */
export const blocks: TableForm = {
  name: "eth.blocks",
  ddl: [
    "create schema if not exists eth",
    "create table if not exists eth.blocks (_id bytea primary key, _block_num bigint, hash text)",
  ],
  definition: "blocks-1",
  columns: ["_id", "_block_num", "hash"],
  key: ["_id"],
  writable: [],
  dataset: "eth",
  block_column: "_id",
};

/** COPY text of whole blocks, `rows` a block, on a branch of the chain. */
export function copyOf(from: number, to: number, branch: string, rows = 2): string {
  let text = "";
  for (let block = from; block <= to; block++) {
    for (let row = 0; row < rows; row++) {
      const hash = Buffer.from(`${branch}${row}`.padEnd(10, "-")).toString("hex").slice(0, 20);
      text += `\\\\x${block.toString(16).padStart(12, "0")}${hash}\t${block}\t${branch}${block}\n`;
    }
  }
  return text;
}
