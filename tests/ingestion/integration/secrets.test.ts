import { expect, test } from "vitest";

import type { Trouble } from "../../../src/devserver/http/trouble/trouble.ts";
import { InProcessSource } from "../../support/http/in-process-source.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

/** What looks like something else where it is written. */
const SECRETS = { FIRST: "f1rst/+ secret%", SECOND: 's2cond"\\secret', THIRD: "th1rd:secret&x=" };

/** Every form in which a server, or we, may write one. */
function formsOf(secret: string): readonly string[] {
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString("base64"),
  ];
}

/** All that is stored, whatever it is, and all that was logged. */
async function everythingTold(source: InProcessSource): Promise<string> {
  const { rows: tables } = await db.query(
    `select c.oid::regclass::text as name from pg_class c
      where c.relkind = 'r' and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await db.query(`select coalesce(string_agg(t::text, ' '), '') as text from ${name} t`);
    texts.push(rows[0]!["text"]);
  }
  return [...texts, ...source.worker.lines].join(" ");
}

async function expectNoSecret(source: InProcessSource): Promise<void> {
  const told = await everythingTold(source);
  expect(source.worker.lines.length).toBeGreaterThan(0);
  for (const form of Object.values(SECRETS).flatMap(formsOf)) expect(told).not.toContain(form);
}

test("three secrets, in a header, in the body and as a password, go to their places and nowhere else", async () => {
  await using source = await InProcessSource.start(db, {
    api: {
      style: "elastic",
      records: 250,
      faults: {
        secrets: [
          { in: "header", name: "X-Key", value: SECRETS.FIRST },
          { in: "body", pointer: "/auth/key", value: SECRETS.SECOND },
          { in: "basic", user: "me", value: SECRETS.THIRD },
        ],
      },
    },
    source: {
      auth: [
        { header: "X-Key", secret: "FIRST" },
        { body: "/auth/key", secret: "SECOND" },
        { basic: "me", secret: "THIRD" },
      ],
    },
    secrets: SECRETS,
  });
  expect(await source.pass()).toMatchObject({ state: "complete", rows: 250 });
  for (const { target, headers, body } of source.api.requests) {
    const { authorization, "x-key": key, ...others } = headers;
    const elsewhere = `${target} ${JSON.stringify(others)}`;
    for (const form of Object.values(SECRETS).flatMap(formsOf)) expect(elsewhere).not.toContain(form);
    expect(body).not.toContain(SECRETS.FIRST);
    expect(`${key} ${authorization}`).not.toContain(SECRETS.SECOND);
  }
  await expectNoSecret(source);
});

test("a server that writes a secret into each of its failures finds it nowhere again", async () => {
  const { FIRST } = SECRETS;
  const echoed = formsOf(FIRST).join(" and ");
  const failures: Trouble[] = [
    ...[400, 401, 403, 404, 410, 413, 422].map((status) => ({ status, text: `refused: ${echoed}` })),
    {
      limited: { status: 429, retryAfter: "seconds", retryAfterS: 3_600 },
      headers: { "X-Told": formsOf(FIRST)[1]! },
    },
    {
      redirect: {
        to: `https://elsewhere.example.com/${encodeURIComponent(FIRST)}?key=${encodeURIComponent(FIRST)}`,
      },
    },
  ];
  await using source = await InProcessSource.start(db, {
    api: { records: 250, faults: { secrets: [{ in: "query", name: "key", value: FIRST }] } },
    source: { auth: { query: "key", secret: "FIRST" } },
    secrets: { FIRST },
  });
  for (const failure of failures) {
    source.api.faults.next.push(failure);
    expect((await source.pass()).code).toMatch(/^SY/);
    await db.query("select * from ampsync.resume_sync($1)", [source.name]);
  }
  await expectNoSecret(source);
});
