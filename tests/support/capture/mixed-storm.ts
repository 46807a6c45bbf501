import type pg from "pg";

import { type Dice, dice } from "../dice.ts";
import { LogFollower } from "../postgres/log-follower.ts";
import { publishStreams, storedStreams, type Writer } from "../postgres/log-storm.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { beginLedger, judgeLog } from "./oracle.ts";
import { PageReader } from "./page-reader.ts";
import { publish, startPass, untilCaptured } from "./rig.ts";

interface StormOptions {
  /** Of datasets, and sessions of the application. */
  readonly streams: number;
  readonly sessions: number;
  readonly seed: number;
  /** Asked before each commit of a dataset. */
  goesOn(commits: number): boolean;
}

export interface Mixed {
  readonly commits: number;
  /** Transactions of the application in the log, and passes that brought them there. */
  readonly captured: number;
  readonly passes: number;
  readonly pages: number;
  readonly snapshots: number;
  /** What breaks an order that is promised, for people; empty: nothing. */
  readonly faults: readonly string[];
}

/** How long a pass lives, and how long nobody captures then. */
const LONGEST_PASS_MS = 400;
const LONGEST_PAUSE_MS = 150;
const FORKS = "abcdefgh";

/**
 * Blocks of datasets come and are replaced, and sessions of an application write notes of the newest block that they see, while
 * passes of capture come and go. One reader follows the log in small pages, one compares tables with it in snapshots.
 */
export async function mixedStorm(db: TestDatabase, options: StormOptions): Promise<Mixed> {
  const writers = await storedStreams(db, options.streams);
  await db.query(
    `create table notes (id bigint generated always as identity primary key, writer integer, target text,
                         block bigint, saw bigint, text text)`,
  );
  await db.query("create table drafts (writer integer primary key, text text)");
  await publish(db, ["notes", "drafts"]);
  await publishStreams(db);
  await beginLedger(db);

  let commits = 0;
  let passes = 0;
  let isOver = false;
  const goesOn = () => {
    isOver ||= !options.goesOn(commits);
    return !isOver;
  };
  const load = async ({ client, stream }: Writer, roll: Dice) => {
    const forks: string[] = []; // By block.
    for (; goesOn(); commits++) {
      const tip = forks.length - 1;
      const isReorg = tip > 3 && roll(1, 4) === 1;
      const first = isReorg ? tip - roll(0, 3) : tip + 1;
      const last = Math.max(first, tip) + roll(0, 2);
      const parentFork = forks[first - 1] ?? "a";
      const fork = isReorg ? FORKS[roll(0, FORKS.length - 1)]! : parentFork;
      if (isReorg) {
        await client.query("begin");
        await stream.replace(first, last, { fork, parentFork });
        await client.query("commit");
      } else await stream.commit(first, last, { fork });
      forks.length = first;
      for (let block = first; block <= last; block++) forks.push(fork);
    }
  };
  const note = async (client: pg.Client, writer: number, roll: Dice) => {
    await client.query("set synchronous_commit = local"); // What is not flushed is not decoded.
    while (!isOver) {
      const { stream } = writers[roll(0, writers.length - 1)]!;
      await client.query(statements(stream.target, writer, roll));
    }
  };
  const capture = async (roll: Dice) => {
    for (; !isOver; passes++) {
      await using _pass = startPass(db, { workerId: `pass ${passes}` });
      await pause(roll(0, LONGEST_PASS_MS));
      await _pass.stop();
      await pause(roll(0, LONGEST_PAUSE_MS));
    }
  };

  const reader = new PageReader(await db.client(), dice(options.seed));
  const snapshots = new SnapshotReader(await db.client());
  const written = Promise.all([
    ...writers.map((writer, n) => load(writer, dice(options.seed + n))),
    ...(await clients(db, options.sessions)).map((client, n) =>
      note(client, n, dice(options.seed + 100 + n)),
    ),
    capture(dice(options.seed + 200)),
  ]).finally(() => {
    isOver = true;
  });
  await Promise.all([written, readUntil(reader, () => isOver), readUntil(snapshots, () => isOver)]);

  await using _last = startPass(db, { workerId: "last" });
  await untilCaptured(db);
  while (await reader.read());
  await snapshots.read();
  const { transactions, differences } = await judgeLog(db);
  const faults = [...reader.faults, ...(await reader.missed(db)), ...snapshots.faults, ...differences];
  return { commits, captured: transactions, passes, pages: reader.pages, snapshots: snapshots.count, faults };
}

/** What a session sees it writes down: the head of the log, and the newest block of a table of that snapshot. */
function statements(target: string, writer: number, roll: Dice): string {
  const saw = `insert into notes (writer, target, block, saw, text)
    select ${writer}, '${target}', max(t._block_num), ampsync.head(), repeat('x', ${roll(0, 200)}) from ${target} t`;
  const draft = `insert into drafts values (${writer}, '${roll(0, 99)}')
    on conflict (writer) do update set text = excluded.text`;
  switch (roll(0, 4)) {
    case 0:
      return `begin; ${draft}; ${saw}; ${draft}; commit`;
    case 1:
      return `begin; ${saw}; rollback`;
    case 2:
      return `begin; delete from notes where writer = ${writer} and id % 7 = ${roll(0, 6)}; ${saw}; ${saw}; commit`;
    default:
      return saw;
  }
}

/** Tables of datasets in one snapshot after another, with those of whoever follows the log to its head. */
class SnapshotReader {
  readonly #follower: LogFollower;
  readonly faults: string[] = [];
  count = 0;

  constructor(client: pg.Client) {
    this.#follower = new LogFollower(client);
  }

  async read(): Promise<void> {
    const differences = await this.#follower.isolatedStep();
    this.count++;
    this.faults.push(...differences.map((difference) => `snapshot ${this.count}: ${difference}`));
  }
}

async function readUntil(reader: { read(): Promise<unknown> }, isOver: () => boolean): Promise<void> {
  while (!isOver()) await reader.read();
}

function clients(db: TestDatabase, count: number): Promise<pg.Client[]> {
  return Promise.all(Array.from({ length: count }, () => db.client()));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
