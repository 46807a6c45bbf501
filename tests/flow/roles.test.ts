// Takes 19 s.
import { FixedSizeBinary, Uint64, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { VersionSource } from "../support/chain/version-source.ts";
import { OwnServer } from "../support/postgres/own-server.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { SHORT_TURNS } from "../support/worker/worker-process.ts";

const log = createLog("error", () => {});

/** A server on which nobody who works is a superuser, and who works owns nothing. */
async function serverWithRoles(): Promise<OwnServer> {
  const server = await OwnServer.start();
  await server.run("create role installer login createrole");
  await server.run("create database app owner installer encoding 'UTF8' template template0");
  const { roles } = await migrate(server.url("app", "installer"), { log });
  expect(roles).toEqual({ missing: [], statements: ["grant pg_signal_backend to installer;"] });
  await server.run(roles!.statements.join("\n"), "app");
  await server.run(`create role works login in role ampsync_worker; create role works_too login in role ampsync_worker;
    create role operates login in role ampsync_operator; create role administers login in role ampsync_admin;
    create role reads login in role ampsync_reader`);
  return server;
}

describe("with login roles that own nothing", () => {
  test("an operator enqueues, workers load, a reader reads, through reorgs, resync, upgrade, rollback and drop", async () => {
    await using server = await serverWithRoles();
    const chain = new GeneratedSource({ blocks: 40 });
    const hash = { block_hash: { type: new FixedSizeBinary(32), nullable: false } };
    const logs = { ...hash, note: new Utf8() };
    const v1 = new VersionSource(chain, { blocks: { ...hash, size: new Uint64() }, logs });
    const v2 = new VersionSource(chain, { blocks: { ...hash, size: new Utf8() }, logs });
    const db = server.existing("app"); // Dropped with the scenario.
    await using scenario = await Scenario.start({ db, source: v1 });
    scenario.server.publish("1.0.0", v1);
    const works = { ...SHORT_TURNS, databaseUrl: server.url("app", "works") };
    const operate = (statement: string) => server.as("operates", "app", statement);
    const read = (statement: string) => server.as("reads", "app", statement);
    const journaled = (event: string) =>
      scenario.until(event, async () => (await scenario.events(event)) === 1);
    const reaches = (table: string, version: string) =>
      scenario.until(`${table} of ${version} at the head`, async () => {
        const { rows } = await db.query(
          `select from ampsync.streams s join ampsync.status d using (dataset)
            where s.table_name = $1 and s.block = $2 and s.state = 'live' and d.version = $3`,
          [table, chain.chain.head()!.number, version],
        );
        return rows.length === 1;
      });

    await operate("select ampsync.enqueue_sync('anvil', poll_interval => '1 s')");
    const first = scenario.startFaultyWorker(works);
    await reaches("blocks", "1.0.0");
    await reaches("logs", "1.0.0");
    expect(await read("select count(*)::int as n from anvil.blocks")).toEqual([{ n: 80 }]);
    expect(await read("select table_name from anvil._ampsync_checkpoints order by 1")).toEqual([
      { table_name: "blocks" },
      { table_name: "logs" },
    ]);
    expect(await read("select * from ampsync.verify('anvil')")).toEqual([]);
    expect(await read("select ampsync.wait_for_block('anvil', 39) as there")).toEqual([{ there: true }]);
    expect(await operate("select * from ampsync.verify('anvil')")).toEqual([]);
    await expect(operate("select from anvil.blocks")).rejects.toMatchObject({ code: "42501" });
    const { rows: owners } = await db.query(
      `select distinct pg_get_userbyid(c.relowner)::text as owner, pg_get_userbyid(n.nspowner)::text as of_schema
         from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'anvil'`,
    );
    expect(owners).toEqual([{ owner: "ampsync_worker", of_schema: "ampsync_worker" }]);

    chain.reorg(5, 8);
    await reaches("blocks", "1.0.0");
    // Another role's worker takes over, with the tables.
    scenario.startFaultyWorker({ ...works, databaseUrl: server.url("app", "works_too") });
    await scenario.until("the second worker", async () => {
      const { rows } = await db.query("select from ampsync_private.worker where had_lock");
      return rows.length === 2;
    });
    await first.kill();
    chain.reorg(3, 6);
    await reaches("blocks", "1.0.0");
    await reaches("logs", "1.0.0");

    await operate("select ampsync.resync('anvil', 'blocks')");
    await journaled("resynced");
    await operate("select ampsync.pause_sync('anvil')");
    await operate("select ampsync.resume_sync('anvil')");
    await operate("select ampsync.repair('anvil', 'logs', 3, 5)");
    await journaled("repaired");
    await operate("select ampsync.alter_sync('anvil', on_new_version => 'resync')");

    scenario.server.publish("2.0.0", v2);
    await reaches("blocks", "2.0.0");
    expect(await read("select distinct pg_typeof(size)::text as type from anvil.blocks")).toEqual([
      { type: "text" },
    ]);
    await operate("select ampsync.rollback_version('anvil')");
    expect(await read("select distinct pg_typeof(size)::text as type from anvil.blocks")).toEqual([
      { type: "numeric" },
    ]);
    await reaches("blocks", "1.0.0");
    expect(await read("select * from ampsync.verify('anvil')")).toEqual([]);

    const actors = await read(
      "select distinct actor from ampsync.events where event in ('paused', 'table_created', 'version_rolled_back') order by 1",
    );
    expect(actors).toEqual([{ actor: "operates" }, { actor: "works" }, { actor: "works_too" }]);
    expect(await operate("select state from ampsync.drop_sync('anvil', drop_tables => true)")).toEqual([
      { state: "dropped" },
      { state: "dropped" },
    ]);
    const { rows: left } = await db.query(
      "select relname::text from pg_class where relnamespace = 'anvil'::regnamespace",
    );
    expect(left).toEqual([]);
  });
});
