// Applies frames to the store of a directory until it is killed, and prints each position once it is stored.
import { applyFrame } from "../../../src/client/apply.ts";
import { read, storeAll } from "../../../src/client/database.ts";
import { openStore } from "../../../src/client/store.ts";
import { makeTable, Tables } from "../../../src/client/tables.ts";
import { frameOf } from "./frames.ts";
import { READY_MADE } from "./ready-made.ts";
import { blocks, copyOf, EPOCH } from "./tables.ts";

const { pg } = await openStore(process.argv[2]!, READY_MADE);
const tables = new Tables();
await tables.read(pg);
tables.announce([blocks]);
for (const form of tables.missing()) await pg.transaction((tx) => makeTable(tx, form));
await tables.read(pg);
const [row] = await read<{ blocks: string }>(pg, "select blocks::text from ampsync.state");
for (let at = Number(row!.blocks); ; at++) {
  const ranges = [[String(at + 1), null]];
  const op = {
    op: "blocks",
    table: blocks.name,
    ranges,
    copy: copyOf(at + 1, at + 1, "a", 20),
    trim: String(at - 50),
  };
  await applyFrame(
    pg,
    tables,
    new Set(),
    EPOCH,
    frameOf({ blocks: [String(at), String(at + 1)], ops: [op] }),
  );
  await storeAll(pg);
  process.stdout.write(`${at + 1}\n`);
}
