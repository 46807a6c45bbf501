// Takes 10 s.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { readSqlFiles } from "../../../src/install/sql-files.ts";
import { moveClock } from "../../support/postgres/clock.ts";
import { EVENTS, enqueueHttp, httpSource } from "../../support/postgres/http-source.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import { SqlStream, watermark } from "../../support/postgres/sql-stream.ts";
import { advance, markLive, newTable, startUpgrade } from "../../support/postgres/upgrade.ts";
import { offerAndAdopt } from "../../support/postgres/versions.ts";

/** Of a stream that readers see. */
const STATES = "waiting backfill live retrying reorg_pending resyncing paused failed orphaned".split(" ");
/** With that of a stream which is only kept, and that of an HTTP source which is read to its end. */
const ALL_STATES = [...STATES, "former", "complete"];

interface Transition {
  readonly call: string;
  readonly from: readonly string[];
  readonly to: string;
}

const spec = await readFile(new URL("../../../docs/spec.md", import.meta.url), "utf8");
const section = spec.slice(spec.indexOf("## States of a stream")).split("\n## ")[0]!;
const transitions = rowsOf("| call | from | to |").map(
  ([call = "", from = "", to = ""]): Transition => ({ call, from: codes(from), to: codes(to).join() }),
);

/** The cells of the rows below a heading of the section. */
function rowsOf(heading: string): string[][] {
  const [, , ...lines] = section.slice(section.indexOf(heading)).split("\n\n")[0]!.trim().split("\n");
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function codes(text: string): string[] {
  return [...text.matchAll(/`(\w+)`/g)].map(([, code]) => code!);
}

const db = rolledBackDatabase();
let stream: SqlStream;
beforeEach(async () => {
  stream = await loadedStream(db);
});

/** Of a source of kind HTTP. */
const HTTP_STATES = "waiting backfill live retrying paused failed complete".split(" ");

interface Call {
  /** Those that what is moved can have; by default those of a table of an Amp dataset. */
  readonly states?: readonly string[];
  /** What the state is that of; by default the stream itself. */
  readonly of?: () => Promise<SqlStream>;
  readonly make: (stream: SqlStream) => Promise<unknown>;
}

const endPass = (outcome: string, code?: string) => ({
  make: (of: SqlStream) => of.endPass(outcome, code),
});

const mark = (call: string, ...more: unknown[]) => ({
  make: (of: SqlStream) => db.query(`select ampsync_worker.${call}`, [of.id, of.epoch, ...more]),
});

let shadow: SqlStream;
/** With a shadow beside it that holds the same blocks. */
async function underResync(): Promise<SqlStream> {
  shadow = await startResync(db, stream);
  await shadow.apply(0, 9, { expected: null });
  return stream;
}

/** With a shadow beside it that is at the head of the new version. */
async function underUpgrade({ frozen = false, end = 9 } = {}): Promise<SqlStream> {
  await startUpgrade(db, [newTable("blocks")]);
  shadow = (await shadowOf(db, stream))!;
  await shadow.acquire("worker-2");
  await shadow.prepareTarget();
  await shadow.apply(0, end, { expected: null });
  await markLive(db, shadow);
  if (frozen) await advance(db);
  return stream;
}

/** Of an HTTP source, the first one. */
const EMPTY_PAGE = {
  part: 0,
  expected: null,
  position: { token: "a" },
  done: false,
  pages: [{ page: 1, first: 0, records: 0 }],
};

/** One entry for each row of the table, by its first cell. */
const CALLS: Readonly<Record<string, Call>> = {
  "`commit_apply`": { make: (of) => of.commitApply([watermark(10, 10)], 0) },
  "`commit_pages`": {
    states: HTTP_STATES,
    of: async () => {
      const source = await httpSource(db);
      await source.acquire();
      await db.query("select ampsync_worker.begin_ingest($1, $2)", [source.id, source.epoch]);
      return source;
    },
    make: (of) =>
      db.query("call ampsync_worker.commit_pages($1, $2, $3, 0, null)", [
        of.id,
        of.epoch,
        JSON.stringify([EMPTY_PAGE]),
      ]),
  },
  "`mark_live`": mark("mark_live($1, $2)"),
  "`mark_behind`": mark("mark_behind($1, $2)"),
  "`mark_reorg_pending`": mark("mark_reorg_pending($1, $2, 5)"),
  "`mark_retrying`": mark("mark_retrying($1, $2, $3)", { code: "SY104", message: "away" }),
  "`acquire_lease` (`suspect_waits`)": {
    make: async (of) => {
      await db.query("update ampsync_private.stream set deaths = 2 where stream_id = $1", [of.id]);
      await db.query(
        "update ampsync_private.lease set holds = true, lease_until = ampsync_private.now() where stream_id = $1",
        [of.id],
      );
      await of.acquire("worker-2");
    },
  },
  "`end_pass`: no_data": endPass("no_data"),
  "`end_pass`: ended": endPass("ended"),
  "`enqueue_http`: `restart`, and `resync` of an HTTP source (`restart_source`)": {
    states: HTTP_STATES,
    of: () => httpSource(db),
    make: () => enqueueHttp(db, { more: "restart => true" }),
  },
  "`enqueue_http`: `every`, and `resume_sync` of an HTTP source (`wake_source`)": {
    states: HTTP_STATES,
    of: () => httpSource(db),
    make: () => enqueueHttp(db, { source: { ...EVENTS, every: "1 h", on_conflict: "replace" } }),
  },
  "`end_pass`: failed": endPass("failed"),
  "`end_pass`: rested (`rest_source`)": {
    states: HTTP_STATES,
    of: () => readSource({ every: "1 h", on_conflict: "replace" }),
    make: (of) => of.endPass("rested"),
  },
  "`end_pass`: rested without an error (`rest_source`)": {
    states: HTTP_STATES,
    of: async () => {
      const source = await readSource();
      await db.query("update ampsync_private.part set done = false where stream_id = $1", [source.id]);
      return source;
    },
    make: (of) => db.query("select ampsync_worker.end_pass($1, $2, 'rested', null, null)", [of.id, of.epoch]),
  },
  "`end_pass`: done (`rest_source`)": {
    states: HTTP_STATES,
    of: () => readSource(),
    make: (of) => of.endPass("done"),
  },
  "`end_pass`: deep reorg (`start_shadow`)": {
    make: async (of) => {
      await db.query("select ampsync.enqueue_sync('chain', on_deep_reorg => 'resync')");
      await of.endPass("failed", "SY102");
    },
  },
  "`pause_sync`": { make: () => db.query("select ampsync.pause_sync('chain')") },
  "`resume_sync`": { make: () => db.query("select ampsync.resume_sync('chain')") },
  "`resume_sync`: beside a shadow": {
    of: underResync,
    make: () => db.query("select ampsync.resume_sync('chain')"),
  },
  "`resync` (`start_shadow`)": { make: () => db.query("select ampsync.resync('chain')") },
  "`resync`: dropped table (`forget_target`)": {
    make: async (of) => {
      await db.query(`drop table ${of.target}`);
      await db.query("select ampsync.resync('chain')");
    },
  },
  "`cancel_resync` (`let_go_on`)": {
    of: underResync,
    make: () => db.query("select ampsync.cancel_resync('chain')"),
  },
  "`swap_resync` (`take_over_stream`)": { of: underResync, make: () => swap(db, shadow) },
  "`advance_upgrade`: freeze (`freeze_streams`)": { of: () => underUpgrade(), make: () => advance(db) },
  "`advance_upgrade`: thaw (`thaw_streams`)": {
    of: async () => {
      await underUpgrade({ frozen: true, end: 8 });
      await moveClock(db, "61 s");
      return stream;
    },
    make: () => advance(db),
  },
  "`advance_upgrade`: swap (`swap_streams`, `keep_former`)": {
    of: () => underUpgrade({ frozen: true }),
    make: () => advance(db),
  },
  "`advance_upgrade`: swap without the table (`follow_version`)": {
    of: async () => {
      await startUpgrade(db, [newTable("logs")]);
      await advance(db);
      return stream;
    },
    make: () => advance(db),
  },
  "`fail_swap`": {
    of: async () => {
      await underResync();
      return shadow;
    },
    make: (of) =>
      db.query("select ampsync_worker.fail_swap($1, $2)", [of.id, { code: "SY201", message: "no" }]),
  },
  "`adopt_version` (`switch_streams`, `orphan_stream`): a table that the version lacks": {
    of: besideLogs,
    make: () => offerAndAdopt(db, "1.1.0", [{ table: "logs" }]),
  },
  "`adopt_version`: a table that is there again": {
    of: besideLogs,
    make: () => offerAndAdopt(db, "1.1.0", [{ table: "blocks" }, { table: "logs" }]),
  },
};

/** With its one part done. */
async function readSource(given: object = {}): Promise<SqlStream> {
  const source = await httpSource(db, { source: { ...EVENTS, ...given } });
  await source.acquire();
  await db.query(
    "insert into ampsync_private.part (stream_id, part_no, pages, done) values ($1, 0, 1, true)",
    [source.id],
  );
  return source;
}

/** Beside another stream. */
async function besideLogs(): Promise<SqlStream> {
  await SqlStream.register(db, { table: "logs" });
  return stream;
}

async function stateOf({ id }: SqlStream): Promise<string> {
  const { rows } = await db.query("select state from ampsync_private.stream where stream_id = $1", [id]);
  return rows[0]!["state"];
}

/** A call that is refused changes nothing. */
async function stateAfter(moved: SqlStream, make: Call["make"]): Promise<string> {
  await db.query("savepoint call");
  await make(moved).catch((error: unknown) => {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return db.query("rollback to call");
  });
  return stateOf(moved);
}

test("a table becomes a stream that waits", async () => {
  await db.query(
    "select ampsync_worker.register_streams(dataset_id, '1.0.0', null, '{blocks,logs}') from ampsync_private.dataset",
  );
  const { rows } = await db.query("select state from ampsync.streams where table_name = 'logs'");
  expect(rows).toEqual([{ state: "waiting" }]);
});

describe("each call of docs/spec.md changes the states it names, and no other", () => {
  test.each(Object.entries(CALLS))("%s", async (call, { states = STATES, of = async () => stream, make }) => {
    const { from, to } = transitions.find((transition) => transition.call === call)!;
    const moved = await of();
    const seen: Record<string, string> = {};
    for (const state of states) {
      await db.query("savepoint before_call");
      await db.query("update ampsync_private.stream set state = $2 where stream_id = $1", [moved.id, state]);
      seen[state] = await stateAfter(moved, make);
      await db.query("rollback to before_call");
    }
    const expected = states.map((state) => [state, from.includes(state) ? to : state]);
    expect(seen).toEqual(Object.fromEntries(expected));
  });
});

describe("docs/spec.md", () => {
  test("names every state that a stream can have", async () => {
    const { rows } = await db.query(
      `select pg_get_constraintdef(c.oid) as text from pg_constraint c where c.conname = 'stream_state_check'`,
    );
    const possible = [...String(rows[0]!["text"]).matchAll(/'(\w+)'/g)].map(([, state]) => state!);
    expect(possible.sort()).toEqual([...ALL_STATES].sort());
    expect(
      rowsOf("| state |")
        .flatMap(([state = ""]) => codes(state))
        .sort(),
    ).toEqual([...ALL_STATES].sort());
  });

  test("names every function that sets the state of a stream, and its calls are those made here", async () => {
    const { functions } = await readSqlFiles();
    const setters = functions.filter(({ text }) =>
      /\b(update ampsync_private\.stream\b[^;]*\bstate\s*=|insert into ampsync_private\.stream\b)/.test(text),
    );
    expect(setters.length).toBeGreaterThan(10);
    const named = transitions.flatMap(({ call }) => codes(call));
    expect(setters.map(({ name }) => basename(name, ".sql")).filter((name) => !named.includes(name))).toEqual(
      [],
    );
    expect(transitions.map(({ call }) => call)).toEqual([
      "`register_streams` (`register_queries`)",
      "`enqueue_http` (`register_http`)",
      ...Object.keys(CALLS),
    ]);
  });
});
