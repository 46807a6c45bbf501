import { setTimeout as pause } from "node:timers/promises";

import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { tokenOf } from "./gateway.ts";
import { WireClient } from "./wire-client.ts";

/** A table whose rows are shown up to a level that is lowered and raised. */
export const NOTES = `create table public.notes (id int primary key, level int not null, body text)`;

const shapeOf = (level: number) =>
  `select ampsync.create_shape('notes', 'public.notes', filter => 'level <= ${level}', public => true)`;

interface DefinitionRaceOptions {
  /** Of a gateway that no notification reaches. */
  readonly url: string;
  readonly rounds: number;
  readonly seed: number;
  readonly onDone?: (n: number) => void;
}

/**
 * A filter is narrowed while rows are written: of what was committed behind it nothing is sent by the old definition.
 * Returns what was sent nevertheless.
 */
export async function raceDefinitions(
  db: TestDatabase,
  { url, rounds, seed, onDone = () => {} }: DefinitionRaceOptions,
): Promise<{ readonly rounds: number; readonly written: number; readonly differences: readonly string[] }> {
  const throws = dice(seed);
  const found: string[] = [];
  let written = 0;
  const [definer, writer] = [await db.client(), await db.client()];
  await db.query("delete from notes");
  await db.query(shapeOf(9));
  await using client = await WireClient.start({
    url,
    token: tokenOf({}),
    shapes: [{ id: "notes", shape: "notes" }],
  });
  await client.ready();
  for (let round = 0; round < rounds; round++) {
    await db.query("delete from notes"); // So that a gateway reads what there is by itself.
    const first = round * 1000;
    const before = { live: client.frames.length, heard: client.received.length };
    /** From this id on rows were begun after the narrowed definition was committed. */
    let narrowedAt: number | null = null;
    let id = first;
    let isOver = false;
    const writing = (async () => {
      while (!isOver && id < first + 900) {
        id++;
        const mark = narrowedAt === null ? "early" : "secret";
        await writer.query("insert into notes values ($1, $2, $3)", [id, throws(1, 9), `${mark}-${id}-`]);
        written++;
      }
    })();
    await pause(throws(0, 20));
    const level = throws(1, 4);
    await definer.query(shapeOf(level));
    narrowedAt = id;
    await pause(throws(0, 30));
    isOver = true;
    await writing;
    await loadedSince(client, before.live);
    await settled(db, client);
    const said = client.received.slice(before.heard).join("\n");
    const { rows } = await db.query(
      "select id, level, body from notes where id > $1 and body like 'secret%' and level > $2",
      [first, level],
    );
    const sent = rows.filter(({ body }) => said.includes(body as string));
    found.push(
      ...sent.map((row) => `seed ${seed}, round ${round}, up to ${level}: ${JSON.stringify(row)} was sent`),
    );
    const { rows: shown } = await db.query(`select count(*)::int as n from notes where level <= ${level}`);
    const has = client.rows("public.notes").length;
    if (shown[0]!["n"] !== has) found.push(`seed ${seed}, round ${round}: ${has} rows of ${shown[0]!["n"]}`);
    const narrowed = client.frames.length;
    await definer.query(shapeOf(9));
    await loadedSince(client, narrowed);
    onDone(round);
  }
  return { rounds, written, differences: found };
}

async function loadedSince(client: WireClient, frames: number): Promise<void> {
  await waitFor("the shape to be loaded by its new definition", () =>
    client.frames.slice(frames).some(({ live }) => live.length > 0),
  );
}

/** The client is at the head, and has all that it asked for. */
async function settled(db: TestDatabase, client: WireClient): Promise<void> {
  await db.query("call ampsync.wait_for_capture()");
  const { rows } = await db.query("select ampsync.head()::text as head");
  const head = BigInt(rows[0]!["head"] as string);
  await client.until(`position ${head}`, () => BigInt(client.position) >= head);
}
