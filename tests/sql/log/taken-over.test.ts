import { afterAll, beforeAll, expect, test } from "vitest";
import { HandPass } from "../../support/capture/hand-pass.ts";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { loadedDataset } from "../../support/postgres/upgrade.ts";

let db: TestDatabase;
let pass: HandPass;
beforeAll(async () => {
  db = await createLogicalDatabase();
  await db.query("create publication ampsync with (publish_via_partition_root = true)");
  pass = await HandPass.begin(db);
});
afterAll(() => db.drop());

async function captured(name: string): Promise<number> {
  await db.query(`create table if not exists public.${name} (id text primary key, title text)`);
  const id = await pass.publish(`public.${name}`);
  await pass.drain();
  return id;
}

/** As `ampsync.publish` leaves it: the replica identity that it had is known. */
const hadIdentity = (id: number) =>
  db.query(
    `update ampsync_private.published p
        set identity_before = jsonb_build_object(p.relation::oid::text, 'd') where p.published_id = $1`,
    [id],
  );

async function publishedAs(relation: string) {
  const { rows } = await db.query(
    "select mode, state, error from ampsync_private.published where relation = $1::regclass",
    [relation],
  );
  return rows;
}

async function endsInLog(publishedId: number): Promise<number> {
  const { rows } = await db.query(
    `select t.position from ampsync_private.change_tx t
      where t.kind = 'schema' and t.details ->> 'state' = 'ended' and t.details -> 'tables' @> to_jsonb($1::integer)`,
    [publishedId],
  );
  return rows.length;
}

const activate = async (connection: Pick<TestDatabase, "query"> = db): Promise<number> =>
  (await connection.query("select ampsync_worker.activate_targets() as live")).rows[0]!["live"] as number;

const targetOf = async (dataset: string): Promise<string> =>
  (await db.query("select target::text as target from ampsync.streams where dataset = $1", [dataset]))
    .rows[0]!["target"] as string;

test("a captured table that a dataset writes now is published as the dataset's, and its capture ends in the log", async () => {
  await loadedDataset(db, ["blocks"], "adopted");
  const target = await targetOf("adopted");
  const id = await pass.publish(target);
  await hadIdentity(id);
  await pass.drain();

  await db.query("select ampsync.publish($1)", [target]);
  expect(await publishedAs(target)).toMatchObject([{ mode: "blocks", state: "starting" }]);
  expect(await activate()).toBe(1);
  expect(await publishedAs(target)).toMatchObject([{ mode: "blocks", state: "live" }]);
  expect(await endsInLog(id)).toBe(1);
  const { rows } = await db.query(
    "select put_back is not null as put_back from ampsync_private.published where published_id = $1",
    [id],
  );
  expect(rows).toEqual([{ put_back: true }]);
});

test("a dataset that was published before its table existed goes live though that table was captured", async () => {
  const [stream] = await loadedDataset(db, ["blocks"], "early");
  const target = await targetOf("early");
  const id = await pass.publish(target);
  await pass.drain();
  await db.query(
    `insert into ampsync_private.published (schema_name, table_name, mode, stream_id, columns, published_lsn, since)
     values ('early', 'blocks', 'blocks', $1, '[]', '0/10', now())`,
    [stream!.id],
  );

  expect(await activate()).toBe(1);
  expect(await publishedAs(target)).toMatchObject([{ mode: "blocks", state: "live" }]);
  expect(await endsInLog(id)).toBe(1);
});

test("one table that cannot go live keeps no other from it, and says why", async () => {
  await loadedDataset(db, ["blocks"], "faulty");
  await loadedDataset(db, ["blocks"], "sound");
  const [faulty, sound] = [await targetOf("faulty"), await targetOf("sound")];
  await db.query("select * from ampsync.publish_dataset('faulty')");
  await db.query("select * from ampsync.publish_dataset('sound')");
  await db.query(`do $$ begin
    create function ampsync_private.refuses() returns trigger language plpgsql as
      'begin raise exception using errcode = ''23514'', message = ''not this one''; end';
    execute format('create trigger refuses before update on ampsync_private.published for each row
      when (old.published_id = %s and new.error is null) execute function ampsync_private.refuses()',
      (select p.published_id from ampsync_private.published p where p.relation = '${faulty}'::regclass));
  end $$`);
  await activate();
  expect((await publishedAs(faulty))[0]).toMatchObject({ error: { code: "23514", message: "not this one" } });
  await db.query(
    "drop trigger refuses on ampsync_private.published; drop function ampsync_private.refuses()",
  );
  expect((await publishedAs(sound))[0]).toMatchObject({ state: "live" });
  expect(await activate()).toBe(1);
  expect((await publishedAs(faulty))[0]).toMatchObject({ state: "live" });
});

test("a dataset's table that somebody keeps locked is left, and the others go live", async () => {
  await loadedDataset(db, ["blocks"], "locked");
  await loadedDataset(db, ["blocks"], "free");
  const [locked, free] = [await targetOf("locked"), await targetOf("free")];
  await db.query(`alter table ${locked} alter column _block_num set default 0`);
  await db.query("select * from ampsync.publish_dataset('locked')");
  await db.query("select * from ampsync.publish_dataset('free')");
  const user = await db.client();
  await user.query(`begin; lock table ${locked} in access exclusive mode`);
  await activate();
  expect((await publishedAs(free))[0]).toMatchObject({ state: "live" });
  await user.query("rollback");
  await activate();
  expect((await publishedAs(locked))[0]).toMatchObject({ state: "live" });
});

test.each(["unpublished", "unpublished and published again", "unpublished before it was live"])(
  "a captured table that is %s has its end in the log, once, if it was live",
  async (how) => {
    const name = how.replaceAll(" ", "_");
    await db.query(`create table public.${name} (id text primary key, title text)`);
    const id = await pass.publish(`public.${name}`);
    if (how !== "unpublished before it was live") await pass.drain();
    await db.query(`select ampsync.unpublish('public.${name}')`);
    if (how.endsWith("again")) await pass.publish(`public.${name}`);
    await activate();
    await db.query("select ampsync_private.put_identity_back()");
    await activate();
    expect(await endsInLog(id)).toBe(how === "unpublished before it was live" ? 0 : 1);
  },
);

test("a table that was dropped has its end in the log once", async () => {
  const id = await captured("dropped");
  await db.query("drop table public.dropped");
  await pass.settle();
  await activate();
  expect(await endsInLog(id)).toBe(1);
});

test("a table that another one took the place of gets its replica identity back", async () => {
  await hadIdentity(await captured("swapped"));
  await db.query(`create table public.swapped_in (id text primary key, title text);
    begin; alter table public.swapped rename to swapped_out; alter table public.swapped_in rename to swapped; commit`);
  await pass.settle();
  await db.query(
    "update ampsync_private.published set since = since - interval '11 s' where state = 'ended'",
  );
  while ((await db.query("select ampsync_private.put_identity_back() as did")).rows[0]!["did"] !== null);
  const { rows } = await db.query(
    "select relreplident from pg_class where oid = 'public.swapped_out'::regclass",
  );
  expect(rows).toEqual([{ relreplident: "d" }]);
});

test("a found version waits for no migration that is under way, in its order or behind it", async () => {
  const migration = await db.client();
  await migration.query(`begin; insert into ampsync_private.schema_version
    (version, ordinal, breaking, min_client, created_at)
    select '9.0.0', coalesce(max(v.ordinal), 0) + 1, false, '0.0.0', now() from ampsync_private.schema_version v`);
  const finder = await db.client();
  await finder.query("set statement_timeout = '10s'; begin");
  const { rows } = await finder.query("select ampsync_private.found_version(null) as version");
  expect(rows[0]!.version).toMatch(/^0\.0\.0\+\d+$/);
  await finder.query("rollback");
  await migration.query("rollback");
});

test("a table whose key was dropped has failed, and publications says why", async () => {
  await captured("keyless");
  await db.query("alter table public.keyless drop constraint keyless_pkey");
  await pass.settle();
  const { rows } = await db.query(
    "select state, reason from ampsync.publications where table_name = 'public.keyless'",
  );
  expect(rows).toEqual([
    { state: "failed", reason: "the table cannot be published as it is now: It has no primary key." },
  ]);
});
