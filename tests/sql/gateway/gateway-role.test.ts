import { beforeEach, describe, expect, test } from "vitest";

import { FUNCTION_RIGHTS } from "../../../src/install/rights.ts";
import { GATEWAY_CALLS } from "../../../src/model/gateway-functions.ts";
import { GatewayClient, modes } from "../../support/postgres/gateway-session.ts";
import { publishLive } from "../../support/postgres/live-table.ts";
import { epochOf } from "../../support/postgres/log-entries.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

// A gateway with the rights of ampsync_gateway alone: its calls work, and it reads nothing by itself.

const db = rolledBackDatabase();
const LOGIN = `a_gateway_${process.pid}`;

let shape: number;
beforeEach(async () => {
  await epochOf(db);
  await db.query("select ampsync_private.ensure_capture()");
  await db.query("create table public.todos (id int primary key, owner_id text not null)");
  await db.query("create index on public.todos (owner_id)");
  await db.query("insert into public.todos values (1, 'user-1'), (2, 'user-2')");
  await publishLive(db, "public.todos");
  await db.query(`select ampsync.create_shape('mine', 'public.todos', bind => '{"owner_id": "claim:sub"}')`);
  shape = (await db.query("select shape_id from ampsync_private.shape")).rows[0]!["shape_id"];
  await db.query(`create role ${LOGIN}`); // Rolled back with the rest.
  await db.query(`grant ampsync_gateway to ${LOGIN}; set local role ${LOGIN}; set local row_security = off`);
});

const one = async (call: string, values: unknown[] = []) =>
  (await db.query(`select ${call} as answer`, values)).rows[0]!["answer"];

describe("with the least rights", () => {
  test("a client is served from its opening to its end, with the rows that are its own", async () => {
    const gateway = crypto.randomUUID();
    await one("ampsync_worker.beat_gateway($1, $2)", [gateway, { address: "ws://here" }]);
    const client = new GatewayClient(db, [{ id: "s1", shape: "mine", params: {}, definition: null }]);
    const opened = await client.open(gateway);
    expect(modes(opened)).toEqual(["load: new"]);
    const keys = opened.shapes[0]!.keys!;
    expect(await one("ampsync_worker.ensure_snapshot($1, $2, $3)", [client.id, shape, keys])).toEqual([
      { key: keys[0], small: true },
    ]);
    const { position } = await one("ampsync_worker.log_point()");
    const { shapes } = await one("ampsync_worker.shape_definitions()");
    const { rows } = await db.query(
      `select c1, c2 from ampsync_worker.shape_rows($1, null, $2) as r(${shapes[0].row_type})`,
      [shape, keys],
    );
    expect(rows).toEqual([{ c1: 1, c2: "user-1" }]);
    await one("ampsync_worker.read_log($1, $2, $1)", [position, opened.epoch]);
    await db.query("select * from ampsync_worker.read_shapes($1, $2, $2)", [[shape], position]);
    await db.query("select * from ampsync_worker.own_rows($1, array[$2::bigint])", [[shape], position]);
    const loads = [{ client: client.id, awaiting: [], last_seq: "0", visible: ["1:1:"] }];
    expect(await one("ampsync_worker.settled_by_loads($1, $2)", [JSON.stringify(loads), position])).toEqual(
      {},
    );
    expect(await one("ampsync_worker.locked_shapes($1)", [[shape]])).toEqual([]);
    expect(await one("ampsync_worker.load_progress($1)", [[shape]])).toEqual([]);
    await client.resolve(opened.generation);
    const state = { client: client.id, generation: opened.generation, iat: 4e9, position, phase: "live" };
    expect(await one("ampsync_worker.report_sessions($1, $2)", [gateway, JSON.stringify([state])])).toEqual(
      [],
    );
    const { rows: answers } = await db.query(
      "select status from ampsync_worker.snapshot_chunk(gen_random_uuid(), 0, $1)",
      [{ sub: "user-1", iat: 4e9, claims: {} }],
    );
    expect(answers).toEqual([{ status: 404 }]);
    await one("ampsync_worker.close_session($1, $2, $3)", [gateway, client.id, opened.generation]);
    await one("ampsync_worker.end_gateway($1)", [gateway]);
  });

  test("nothing else of ours can be called", async () => {
    const { rows } = await db.query(
      `select p.pronamespace::regnamespace::text as schema, p.proname as name
         from pg_proc p
        where p.pronamespace in ('ampsync'::regnamespace, 'ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
          and has_schema_privilege(p.pronamespace, 'usage') and has_function_privilege(p.oid, 'execute')`,
    );
    const doors = Object.entries(FUNCTION_RIGHTS).flatMap(([name, roles]) =>
      roles.includes("ampsync_gateway") ? [`ampsync.${name}`] : [],
    );
    const calls = GATEWAY_CALLS.map((name) => `ampsync_worker.${name}`);
    expect([...new Set(rows.map(({ schema, name }) => `${schema}.${name}`))].sort()).toEqual(
      [...doors, ...calls].sort(),
    );
  });

  test.each([
    "select * from public.todos",
    "select * from ampsync_private.client",
    "select * from ampsync_private.snapshot_chunk",
    "select * from ampsync.clients",
    "select * from ampsync.change_history",
    "select * from ampsync.read_changes(0)",
    "select ampsync_worker.take_snapshot()",
    "select ampsync_private.now()",
    "insert into ampsync_private.revoked values ('user-1', now())",
  ])("nothing is read or written directly: %s", async (statement) => {
    expect(await refusal(db, statement)).toMatchObject({ code: "42501" });
  });
});
