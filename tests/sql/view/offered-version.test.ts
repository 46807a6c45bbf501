import { beforeEach, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let id: string;

/** A live stream of a dataset that follows the latest version, found as 1.0.0. */
beforeEach(async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  const lease = { stream_id: stream.id, epoch: stream.epoch, head: "9", network: "mainnet" };
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify([lease])]);
  const { rows } = await db.query("select dataset_id from ampsync_private.dataset");
  id = rows[0]!["dataset_id"];
});

async function status() {
  const { rows } = await db.query(
    "select version, new_version, state, error_code, waiting_on, hint, next_retry from ampsync.status",
  );
  return rows[0]!;
}

async function note(version: string, hash: string | null): Promise<void> {
  await db.query("select ampsync_worker.note_version($1, $2, $3, true, ampsync_private.now(), '5 s')", [
    id,
    version,
    hash,
  ]);
}

const RUNS = {
  version: "1.0.0",
  state: "live",
  error_code: null,
  waiting_on: null,
  hint: null,
  next_retry: null,
};

test("status shows the version that is followed, and none that is offered while it is the newest", async () => {
  expect(await status()).toEqual({ ...RUNS, new_version: null });
  await note("1.0.0", null);
  expect(await status()).toEqual({ ...RUNS, new_version: null });
});

test("status shows the version that is offered, and after a refusal why it is not followed", async () => {
  await note("1.1.0", null);
  expect(await status()).toEqual({ ...RUNS, new_version: "1.1.0" });
  const error = { code: "SY202", message: "a column is gone", detail: "blocks.size", hint: "select 1;" };
  await db.query("update ampsync_private.dataset set offered_error = $1, offered_declined = true", [error]);
  expect(await status()).toEqual({
    ...RUNS,
    new_version: "1.1.0",
    error_code: "SY202",
    waiting_on: "a column is gone",
    hint: "select 1;",
  });
});

test("status shows why polls fail, and when the next one is due", async () => {
  const error = { code: "SY105", message: "the token is refused", detail: "HTTP 401", hint: "Renew it." };
  await db.query("select ampsync_worker.defer_poll($1, $2, '5 s')", [id, error]);
  expect(await status()).toEqual({
    ...RUNS,
    new_version: null,
    error_code: "SY105",
    waiting_on: "new versions cannot be looked for: the token is refused: HTTP 401",
    hint: "Renew it.",
    next_retry: expect.any(Date),
  });
});

test("a table that the version lacks does not hide why a newer one is not followed", async () => {
  const orphaned = { code: "SY103", message: "version 1.0.0 has no table logs", hint: "select 2;" };
  await db.query("update ampsync_private.stream set state = 'orphaned', error = $1", [orphaned]);
  expect(await status()).toMatchObject({ state: "orphaned", error_code: "SY103", hint: "select 2;" });
  await note("1.1.0", null);
  const error = { code: "SY201", message: "a column is gone", hint: "select 1;" };
  await db.query("update ampsync_private.dataset set offered_error = $1", [error]);
  expect(await status()).toMatchObject({
    state: "orphaned",
    error_code: "SY201",
    waiting_on: "a column is gone",
    hint: "select 1;",
  });
});
