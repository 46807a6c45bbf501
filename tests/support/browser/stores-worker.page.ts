// Opens a store, tells what is in it, and then applies frames and writes rows of its own until the browser is killed.
import { applyFrame } from "../../../src/client/apply.ts";
import { read, storeAll } from "../../../src/client/database.ts";
import { openStore } from "../../../src/client/store.ts";
import { makeTable, Tables } from "../../../src/client/tables.ts";
import { frameOf } from "../client/frames.ts";
import { blocks, EPOCH } from "../client/tables.ts";
import { READY_MADE } from "./ready-made.page.ts";

const ROWS = 20;

const { searchParams } = new URL((globalThis as unknown as { location: { href: string } }).location.href);
const tell = (what: object) =>
  fetch(`${searchParams.get("tell")}`, { method: "POST", mode: "no-cors", body: JSON.stringify(what) });

/** Of another release of PGlite the ready-made files are not. */
const extensions = searchParams.has("fresh") ? {} : READY_MADE;

try {
  const { pg, beginning } = await openStore(`${searchParams.get("store")}`, extensions);
  const store = searchParams.has("unstored") ? async () => {} : () => storeAll(pg);
  await pg.exec("create table if not exists mine (n integer primary key)");
  const tables = new Tables();
  await tables.read(pg);
  tables.announce([blocks]);
  for (const form of tables.missing()) await pg.transaction((tx) => makeTable(tx, form));
  await tables.read(pg);
  await storeAll(pg);
  const [opened] = await read<{ position: number }>(
    pg,
    `select s.blocks::int as position, (select coalesce(max(n), 0) from mine) as mine, b.*
       from ampsync.state s,
            (select coalesce(max(_block_num), 0)::int as highest, coalesce(min(_block_num), 1)::int as lowest,
                    count(*)::int as rows from eth.blocks) b`,
  );
  await tell({ opened: { ...opened, beginning } });
  for (let at = opened!.position + 1; ; at++) {
    await applyFrame(
      pg,
      tables,
      new Set(),
      EPOCH,
      frameOf({ blocks: [String(at - 1), String(at)], ops: [opOf(at)] }),
    );
    await store();
    await tell({ stored: at });
    await pg.transaction((tx) => tx.query("insert into mine values ($1) on conflict do nothing", [at]));
    await store();
    await tell({ wrote: at });
  }
} catch (error) {
  await tell({ error: String(error) });
}

function opOf(at: number): object {
  let copy = "";
  for (let row = 0; row < ROWS; row++) {
    const id = at.toString(16).padStart(12, "0") + row.toString(16).padStart(20, "0");
    copy += `\\\\x${id}\t${at}\t${"h".repeat(200)}\n`;
  }
  return {
    op: "blocks",
    table: blocks.name,
    ranges: [[String(at), null]],
    copy,
    trim: String(Math.max(0, at - 50)),
  };
}
