import type pg from "pg";
import { describe, expect, test } from "vitest";

import { backendOf } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";

const SECRET = "of nobody else's business";

const db = sharedDatabase();
let datasets = 0;

/** A stream, and a user whose transaction stays open after one call about it. */
async function held(call: (stream: SqlStream, dataset: string) => string) {
  const dataset = `chain_${++datasets}`;
  const stream = await SqlStream.prepare(db, { dataset });
  const user = await db.client();
  const pid = await backendOf(user);
  await user.query(`begin; select ${call(stream, dataset)}, $$${SECRET}$$`);
  return { dataset, user, pid };
}

/** The error of an operator's call, which has waited 5 s. */
async function refused(call: string) {
  const operator = await db.client();
  await operator.query("set role ampsync_operator");
  const error = await operator.query(call).catch((caught: pg.DatabaseError) => caught);
  expect(error).toMatchObject({ code: "55P03", detail: expect.any(String) });
  const { message, detail } = error as pg.DatabaseError;
  return { operator, message, detail: detail! };
}

describe.concurrent("a call that gives up on another transaction says whose that is, and not what it runs:", () => {
  test("one that holds the dataset", async () => {
    const { dataset, user, pid } = await held((_, name) => `ampsync.pause_sync('${name}')`);
    const { operator, detail } = await refused(`select ampsync.alter_sync('${dataset}')`);
    expect(detail).toMatch(new RegExp(`^Backend ${pid} of role .+ \\(ampsync test\\), since 2.+\\.\n`));
    expect(detail).not.toContain(SECRET);

    const query = detail.slice(detail.indexOf("select "));
    expect((await db.query(query)).rows).toEqual([{ pid, query: expect.stringContaining(SECRET) }]);
    expect((await operator.query(query)).rows).toEqual([{ pid, query: "<insufficient privilege>" }]);
    await user.query("rollback");
  });

  test("one that takes over a stream", async () => {
    const { dataset, user, pid } = await held(({ id }) => `ampsync_private.close_fence(${id})`);
    const { message, detail } = await refused(`select ampsync.pause_sync('${dataset}')`);
    expect(message).toMatch(/^another transaction is deciding about /);
    expect(detail).toContain(`Backend ${pid} of role `);
    expect(detail).not.toContain(SECRET);
    await user.query("rollback");
  });
});
