import type { BrowserContext } from "playwright-core";

import type { Dice } from "../dice.ts";
import { waitFor } from "../wait-for.ts";
import { type Start, TabPage } from "./tab-page.ts";

const TABS = 3;

/** What was confirmed and is not there, and what is there twice or by half: all empty where nothing is wrong. */
export interface Found {
  readonly confirmed: number;
  readonly lost: readonly string[];
  readonly twice: readonly string[];
  readonly halves: readonly string[];
  readonly errors: readonly string[];
}

interface Writer {
  readonly name: string;
  readonly tab: TabPage;
}

/** Ends the leader again and again, its tab or its worker alone, while all tabs write: with what is found afterwards. */
export async function endLeaders(
  context: BrowserContext,
  start: Start,
  { rounds, dice }: { readonly rounds: number; readonly dice: Dice },
): Promise<Found> {
  const confirmed = new Map<string, number>();
  await context.exposeFunction("acknowledged", (writer: string, n: number) => void confirmed.set(writer, n));
  let writers: Writer[] = [];
  let names = 0;
  const open = async () => {
    const tab = await TabPage.open(context, start);
    if (names === 0) await makeTables(tab);
    const name = `writer ${++names}`;
    await tab.writeForEver(name);
    writers.push({ name, tab });
  };
  const allWrite = async () => {
    const before = new Map(confirmed);
    await waitFor(
      "writes of all tabs",
      () => writers.every(({ name }) => (confirmed.get(name) ?? 0) > (before.get(name) ?? 0) + 1),
      60_000,
    );
  };
  while (writers.length < TABS) await open();
  for (let round = 0; round < rounds; round++) {
    await allWrite();
    const leader = await leaderOf(writers);
    if (dice(1, 10) <= 7) {
      await leader.tab.close();
      writers = writers.filter((writer) => writer !== leader);
    } else await leader.tab.killWorker();
    await allWrite();
    if (writers.length < TABS) await open();
  }
  const errors = (await Promise.all(writers.map(({ tab }) => tab.stopWriting()))).flat();
  const found = await compare(writers[0]!.tab, confirmed);
  for (const { tab } of writers) await tab.close();
  return { ...found, errors };
}

async function makeTables(tab: TabPage): Promise<void> {
  // Without a key: what is written twice is there twice.
  await tab.query("create table if not exists written (writer text, n integer)");
  await tab.query("create table if not exists beside (writer text, n integer)");
}

/** The one whose worker has the store, once it has. */
async function leaderOf(writers: readonly Writer[]): Promise<Writer> {
  let leader: Writer | undefined;
  await waitFor("a leader", async () => {
    for (const writer of writers) if ((await writer.tab.status()).leader === "here") leader = writer;
    return leader !== undefined;
  });
  return leader!;
}

async function compare(tab: TabPage, confirmed: ReadonlyMap<string, number>): Promise<Omit<Found, "errors">> {
  const rows = await tab.query<{ writer: string; n: number; times: number; beside: number }>(`
    select writer, n, count(*) filter (where kind = 1)::int as times, count(*) filter (where kind = 2)::int as beside
      from (select writer, n, 1 as kind from written union all select writer, n, 2 from beside) w
     group by writer, n`);
  const there = new Set(rows.map(({ writer, n }) => `${writer}: ${n}`));
  const expected = [...confirmed].flatMap(([writer, last]) =>
    Array.from({ length: last }, (_, at) => `${writer}: ${at + 1}`),
  );
  const named = (isSo: (row: (typeof rows)[number]) => boolean) =>
    rows.filter(isSo).map(({ writer, n }) => `${writer}: ${n}`);
  return {
    confirmed: expected.length,
    lost: expected.filter((write) => !there.has(write)),
    twice: named(({ times, beside }) => times > 1 || beside > 1),
    halves: named(({ times, beside }) => times !== beside),
  };
}
