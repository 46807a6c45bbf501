import { expect, test } from "vitest";

import { type Dice, dice } from "../../support/dice.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import {
  capturedTable,
  captureRow,
  loggedEntries,
  loggedRows,
  row,
  SqlCapture,
  type Transaction,
} from "../../support/postgres/sql-capture.ts";

const db = rolledBackDatabase();

const SEEDS = [1, 2, 3, 4];
const TRANSACTIONS = 40;

/** WAL: what was committed, in its order. */
function history(roll: Dice, tables: readonly string[]): Required<Pick<Transaction, "lsn" | "changes">>[] {
  return Array.from({ length: TRANSACTIONS }, (_, n) => ({
    lsn: 0x100 + 0x20 * n,
    changes: Array.from({ length: roll(1, 10) === 1 ? roll(4, 9) : roll(0, 3) }, (_each, m) =>
      row(tables[roll(0, tables.length - 1)]!, `${n}.${m}`),
    ),
  }));
}

test.each(SEEDS)(
  "passes that die anywhere, repeat, and wake up late store each transaction once (seed %i)",
  async (seed) => {
    const roll = dice(seed);
    const tables = [await capturedTable(db, "todos"), await capturedTable(db, "lists")];
    const wal = history(roll, tables);
    const late: SqlCapture[] = [];
    let pass = await SqlCapture.take(db);
    let next = 0;

    /** Where the slot sends from: at or below the end of the log. */
    const restart = async () => {
      late.push(pass);
      pass = await SqlCapture.take(db, `worker-${late.length}`);
      const stored = wal.findIndex(({ lsn }) => pass.commitLsn === `0/${lsn.toString(16).toUpperCase()}`);
      next = Math.max(0, stored + 1 - roll(0, 3));
    };

    for (let steps = 0; next < wal.length; steps++) {
      expect(steps).toBeLessThan(2000);
      const group = wal.slice(next, next + roll(1, 5));
      const [first] = group;
      switch (roll(1, 8)) {
        case 1:
          await restart();
          break;
        case 2: {
          const former = late.at(-roll(1, 3));
          if (former === undefined) break;
          const stores = [() => former.commit(group), () => former.storeChanges(first!.changes)];
          expect(await refusal(db, stores[roll(0, 1)]!)).toMatchObject({ code: "SY001" });
          break;
        }
        case 3: {
          const ahead = first!.changes.length - roll(0, 1);
          if (ahead < 1) break;
          const parts = roll(1, ahead);
          await pass.storeChanges(first!.changes.slice(0, parts));
          if (roll(1, 3) === 1) await pass.storeChanges(first!.changes.slice(0, parts)); // No answer came.
          if (parts < ahead) await pass.storeChanges(first!.changes.slice(parts, ahead), parts);
          if (roll(1, 3) === 1) await restart();
          else {
            await pass.commit([{ ...first!, changes: first!.changes.slice(ahead), ahead }]);
            next += 1;
          }
          break;
        }
        case 4: {
          const expected = pass.commitLsn;
          const answer = await pass.commit(group);
          expect(await pass.commit(group, expected)).toMatchObject({ commit_lsn: answer.commit_lsn });
          next += group.length;
          break;
        }
        default:
          await pass.commit(group);
          next += group.length;
      }
    }

    const place = (lsn: number) => `0/${lsn.toString(16).toUpperCase()}`;
    expect(await loggedRows(db)).toEqual(
      wal.flatMap(({ lsn, changes }) =>
        changes.map(({ key }) => `${place(lsn)} insert ${JSON.stringify(key)}`),
      ),
    );
    expect(await loggedEntries(db)).toEqual(
      wal
        .filter(({ changes }) => changes.length > 0)
        .map(({ lsn, changes }) => `rows ${place(lsn)} ${changes.length}`),
    );
    while ((await db.query("select ampsync_worker.remove_leftover() as more")).rows[0]!["more"]) {
      // There is more.
    }
    const { rows } = await db.query(
      "select count(*)::integer as n from ampsync_private.change c where not exists (select from ampsync_private.change_tx t where t.tx_id = c.tx_id)",
    );
    const { large_tx, stored_tx } = await captureRow(db);
    expect({ orphans: rows[0]!["n"], large_tx, stored_tx }).toEqual({
      orphans: 0,
      large_tx: null,
      stored_tx: `${TRANSACTIONS}`,
    });
  },
);
