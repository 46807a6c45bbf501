import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { GatewayClient, modes } from "../../support/postgres/gateway-session.ts";
import { publishLive } from "../../support/postgres/live-table.ts";
import { logRows } from "../../support/postgres/log-entries.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream } from "../../support/postgres/shadow.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

// What a client is told when it connects: for each shape whether the log goes on from where it is, or why not.

const db = rolledBackDatabase();

let todos: number;
beforeEach(async () => {
  await db.query(
    `create table public.todos (id int primary key, owner_id text not null, team int, title text);
     create index on public.todos (owner_id);
     create index on public.todos (team)`,
  );
  await db.query(
    "create table if not exists ampsync_private.change_test partition of ampsync_private.change default",
  );
  await db.query("select ampsync_private.ensure_capture()");
  todos = await publishLive(db, "public.todos");
  await db.query(`select ampsync.create_shape('mine', 'public.todos', bind => '{"owner_id": "claim:sub"}')`);
});

const wish = (shape = "mine", params: object = {}, id = "s1") => ({ id, shape, params, definition: null });

/** One that has all it asked for, as of now. */
async function liveClient(shapes: readonly object[] = [wish()], token = {}): Promise<GatewayClient> {
  const client = new GatewayClient(db, shapes, token);
  await client.apply(await client.open());
  return client;
}

/** Blocks 0 to 9 of a dataset, and a shape of it. */
async function blocks(options = "public => true"): Promise<SqlStream> {
  const stream = await loadedStream(db);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  await db.query(`select ampsync.create_shape('blocks', 'chain.blocks', ${options})`);
  return stream;
}

describe("a client", () => {
  test("loads what it never had, and resumes what it has applied", async () => {
    const client = new GatewayClient(db, [wish()]);
    const first = await client.open();
    expect(first).toMatchObject({ generation: "1", phase: "loading", replaced: null, last_seq: "0" });
    expect(modes(first)).toEqual(["load: new"]);
    expect(first.shapes[0]).toMatchObject({ keys: ['["user-1"]'], whole: true, waits: false });
    await client.apply(first);
    await logRows(db, todos);
    const second = await client.open();
    expect(second.generation).toBe("2");
    expect(modes(second)).toEqual(["resume"]);
    expect(second.shapes[0]).toMatchObject({ definition: first.shapes[0]!.definition });
  });

  test("of another subject is refused, whatever it says", async () => {
    const client = await liveClient();
    client.token = { sub: "somebody else" };
    expect(await refusal(db, async () => void (await client.open()))).toMatchObject({
      code: "SY415",
      message: `client ${client.id} belongs to another subject`,
    });
  });

  test("that opens another session ends the one before, whose gateway is told", async () => {
    const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const client = new GatewayClient(db, [wish()]);
    await client.open(one);
    expect((await client.open(other)).replaced).toBe(one);
    const { rows } = await db.query("select gateway_id, generation from ampsync_private.session");
    expect(rows).toEqual([{ gateway_id: other, generation: "2" }]);
  });

  test("hears which transactions that it awaits are not known", async () => {
    const [known, lost] = [crypto.randomUUID(), crypto.randomUUID()];
    const client = await liveClient();
    await db.query(
      `insert into ampsync_private.client_tx (client_id, seq, tx, received_at, xid, epoch, status)
       select $1, 1, $2, now(), '3', $3, 'applied'`,
      [client.id, known, client.hello["epoch"]],
    );
    client.hello["awaiting"] = [known, lost];
    expect((await client.open()).unknown).toEqual([lost]);
  });

  test("hears which of them lie at or below its position, and no others", async () => {
    const id = () => crypto.randomUUID() as string;
    const [passed, ahead, settled, foreign] = [id(), id(), id(), id()];
    const client = await liveClient();
    for (const tx of [settled, passed]) await logRows(db, todos, { client: client.id, tx });
    client.hello["position"] = await logRows(db, todos, { client: crypto.randomUUID(), tx: foreign });
    client.hello["stamp"] = null;
    await logRows(db, todos, { client: client.id, tx: ahead });
    client.hello["awaiting"] = [passed, ahead, foreign];
    expect((await client.open()).passed).toEqual([passed]);
  });
});

describe("a client loads a table anew, and hears why:", () => {
  test("the shape is defined otherwise", async () => {
    const client = await liveClient();
    await db.query(
      `select ampsync.create_shape('mine', 'public.todos', bind => '{"owner_id": "claim:sub"}', columns => '{id,owner_id}')`,
    );
    expect(modes(await client.open())).toEqual(["load: definition changed"]);
  });

  test("its token has other claims than when it loaded", async () => {
    await db.query(
      `select ampsync.create_shape('team', 'public.todos', bind => '{"team": "claim:teams[]"}')`,
    );
    const client = await liveClient([wish("team")], { claims: { teams: [1, 2] } });
    expect(modes(await client.open())).toEqual(["resume"]);
    client.token = { claims: { teams: [1, 3] } };
    const opened = await client.open();
    expect(modes(opened)).toEqual(["load: claims changed"]);
    expect(opened.shapes[0]!.keys).toEqual(['["1"]', '["3"]']);
  });

  test("an earlier load of it broke off", async () => {
    const client = await liveClient();
    client.hello["shapes"] = [{ ...wish(), definition: "" }];
    expect(modes(await client.open())).toEqual(["load: broken off"]);
  });

  test("the table has a new floor", async () => {
    const client = await liveClient();
    await db.query("select ampsync_private.raise_floor($1, 'a test')", [todos]);
    expect(modes(await client.open())).toEqual(["load: below the table's floor"]);
  });

  test("the log is not kept back to where it is", async () => {
    const client = await liveClient();
    await logRows(db, todos);
    await db.query("update ampsync_private.capture set log_floor = ampsync.head()");
    expect(modes(await client.open())).toEqual(["load: below the log's floor"]);
  });

  test("much has changed since", async () => {
    const client = await liveClient();
    await logRows(db, todos, { changes: 50_000, bytes: 100 });
    expect(modes(await client.open())).toEqual(["resume"]);
    await logRows(db, todos, { changes: 1, bytes: 100 });
    expect(modes(await client.open())).toEqual(["load: too large"]);
  });

  test("its changes since are many bytes", async () => {
    const client = await liveClient();
    await logRows(db, todos, { bytes: 17_000_000 });
    expect(modes(await client.open())).toEqual(["load: too large"]);
  });

  test("an administrator says so, once", async () => {
    const client = await liveClient([wish(), wish("unknown", {}, "s2")]);
    await db.query("select ampsync.reset_client($1, reason => 'a test')", [client.id]);
    const opened = await client.open();
    expect(modes(opened)).toEqual(["load: reset_client", "failed: SY413"]);
    expect(opened.phase).toBe("loading");
    await client.apply(opened);
    expect(modes(await client.open())[0]).toBe("resume");
  });

  test("its gateway found a transaction that is too large", async () => {
    const client = await liveClient();
    const { generation } = await client.open();
    const [shape] = client.hello["shapes"] as object[];
    client.hello["shapes"] = [{ ...shape, load: "too large" }];
    expect(modes(await client.resolve(generation))).toEqual(["load: too large"]);
  });

  test("the table is not live yet: then it waits", async () => {
    await db.query(
      "update ampsync_private.published set state = 'starting', floor = null where published_id = $1",
      [todos],
    );
    const client = new GatewayClient(db, [wish()]);
    expect((await client.open()).shapes[0]).toMatchObject({ mode: "load", reason: "new", waits: true });
  });
});

describe("what a client has is of another past:", () => {
  test("its epoch is unknown", async () => {
    const client = await liveClient();
    client.hello["epoch"] = crypto.randomUUID();
    expect(modes(await client.open())).toEqual(["load: forked"]);
  });

  test.each(["position", "blocks"])("its %s is above the head", async (which) => {
    await logRows(db, todos);
    const client = await liveClient();
    client.hello[which] = String(BigInt(client.hello[which] as string) + 1n);
    expect(modes(await client.open())).toEqual(["load: forked"]);
  });

  test.each(["stamp", "blocks_stamp"])("the entry there has another %s", async (which) => {
    await logRows(db, todos);
    const client = await liveClient();
    expect(modes(await client.open())).toEqual(["resume"]);
    client.hello[which] = String(BigInt(client.hello[which] as string) + 1n);
    expect(modes(await client.open())).toEqual(["load: forked"]);
  });

  test("the server is another one since below that position, and not where it goes on above", async () => {
    await logRows(db, todos);
    const behind = await liveClient();
    await logRows(db, todos);
    const ahead = await liveClient();
    // As a copy of the server from before the second entry begins it, which then writes one of its own.
    await db.query(
      `insert into ampsync_private.log_epoch
              (epoch, started_at, system_identifier, timeline, database_oid, server_started_at, forked_at, reason)
       select gen_random_uuid(), now(), system_identifier, timeline, database_oid, server_started_at, $1, 'a test'
         from ampsync_private.log_epoch`,
      [behind.hello["position"]],
    );
    expect(modes(await behind.open())).toEqual(["resume"]);
    expect(modes(await ahead.open())).toEqual(["load: forked"]);
  });

  test("and a start of the server alone lets everybody go on", async () => {
    await logRows(db, todos);
    const client = await liveClient();
    await db.query(
      "update ampsync_private.log_epoch set server_started_at = server_started_at - interval '1 min'",
    );
    const opened = await client.open();
    expect(opened.epoch).not.toBe(client.hello["epoch"]);
    expect(modes(opened)).toEqual(["resume"]);
  });
});

describe("a table that gets columns", () => {
  /** The log tells of the table as it is now. */
  async function follow(verdict: string, missing: object = {}): Promise<void> {
    await db.query(
      `select ampsync_private.apply_form($1, jsonb_build_object('verdict', $2::text, 'reason', 'a test', 'columns_differ', true),
         jsonb_build_object('schema', 'public', 'table', 'todos', 'missing', $3::jsonb, 'storage', '{"natts": 9}'::jsonb,
           'columns', ampsync_private.published_columns('public.todos')), false, '0/1', now())`,
      [todos, verdict, JSON.stringify(missing)],
    );
  }

  const definitionOf = (client: GatewayClient) =>
    (client.hello["shapes"] as { definition: string }[])[0]!.definition;

  test("is followed by statements by those who stand before, and is not loaded", async () => {
    const client = await liveClient();
    const before = definitionOf(client);
    await db.query("alter table public.todos add column level int default 5");
    expect(modes(await client.open())).toEqual(["resume"]); // The log does not know of it yet.
    await follow("added", { level: "5" });
    await db.query("alter table public.todos add column later text");
    await follow("added");
    const opened = await client.open();
    expect(modes(opened)).toEqual(["resume"]);
    expect(opened.shapes[0]!.definition).not.toBe(before);
    const { rows } = await db.query("select ampsync_worker.read_log($1, $2, null) as log", [
      client.hello["position"],
      client.hello["epoch"],
    ]);
    const entries = rows[0]!["log"].entries as { statements: Record<string, string[]> }[];
    expect(entries.flatMap(({ statements }) => Object.values(statements))).toEqual([
      [
        "alter table if exists public.todos add column if not exists level integer default '5'",
        "alter table if exists public.todos alter column level set default 5",
      ],
      ["alter table if exists public.todos add column if not exists later text default NULL"],
    ]);
    await client.apply(opened);
    expect(modes(await client.open())).toEqual(["resume"]);
    (client.hello["shapes"] as { definition: string }[])[0]!.definition = before;
    expect(modes(await client.open())).toEqual(["load: definition changed"]); // It went over them without.
  });

  test("is loaded where a further instance would come without them, and below a floor", async () => {
    await db.query(
      `select ampsync.create_shape('team', 'public.todos', bind => '{"team": "param:team"}', public => true)`,
    );
    const client = await liveClient([wish("team", { team: 1 }, "a")]);
    await db.query("alter table public.todos add column level int");
    await follow("added");
    const shapes = client.hello["shapes"] as object[];
    client.hello["shapes"] = [...shapes, wish("team", { team: 2 }, "b")];
    expect(modes(await client.open())).toEqual(["load: definition changed", "load: new"]);
    client.hello["shapes"] = shapes;
    expect(modes(await client.open())).toEqual(["resume"]);
    await db.query("alter table public.todos drop column title");
    await follow("floor");
    expect(modes(await client.open())).toEqual(["load: definition changed"]);
  });

  test("that a shape does not have, changes nothing for its clients", async () => {
    await db.query(
      `select ampsync.create_shape('mine', 'public.todos', bind => '{"owner_id": "claim:sub"}', columns => '{id,owner_id}')`,
    );
    const client = await liveClient();
    await db.query("alter table public.todos add column level int default 5");
    await follow("added", { level: "5" });
    const opened = await client.open();
    expect(modes(opened)).toEqual(["resume"]);
    expect(opened.shapes[0]!.definition).toBe(definitionOf(client));
    const { rows } = await db.query("select ampsync_worker.read_log($1, $2, null) as log", [
      client.hello["position"],
      client.hello["epoch"],
    ]);
    expect(rows[0]!["log"].entries).toMatchObject([{ statements: null }]);
  });
});

describe("several shapes and instances:", () => {
  test("a second shape of one table is refused, the one that is there goes on", async () => {
    await db.query("select ampsync.create_shape('all', 'public.todos', public => true)");
    const client = await liveClient();
    client.hello["shapes"] = [wish("all", {}, "s0"), ...(client.hello["shapes"] as object[])];
    expect(modes(await client.open())).toEqual(["failed: SY412", "resume"]);
    const other = new GatewayClient(db, [wish("all", {}, "s1"), wish("mine", {}, "s2")]);
    expect(modes(await other.open())).toEqual(["load: new", "failed: SY412"]);
  });

  test("a further instance loads beside one that goes on", async () => {
    await db.query(
      `select ampsync.create_shape('team', 'public.todos', bind => '{"team": "param:team"}', public => true)`,
    );
    const client = await liveClient([wish("team", { team: 1 }, "a")]);
    client.hello["shapes"] = [...(client.hello["shapes"] as object[]), wish("team", { team: 2 }, "b")];
    expect(modes(await client.open())).toEqual(["resume", "load: new: in part"]);
  });

  test("where one has to be loaded as of another time, all of its table are", async () => {
    await db.query(
      `select ampsync.create_shape('team', 'public.todos', bind => '{"team": "param:team"}', public => true)`,
    );
    const client = await liveClient([wish("team", { team: 1 }, "a"), wish("team", { team: 2 }, "b")]);
    const [a, b] = client.hello["shapes"] as object[];
    client.hello["shapes"] = [a, { ...b, params: { team: 3 } }];
    expect(modes(await client.open())).toEqual(["load: claims changed", "load: claims changed"]);
  });

  test("a claim or parameter that is missing fails its shape alone", async () => {
    await db.query(
      `select ampsync.create_shape('team', 'public.todos', bind => '{"team": "param:team"}', public => true)`,
    );
    const client = new GatewayClient(db, [wish("team", {}, "a"), wish("mine", {}, "b")]);
    expect(modes(await client.open())).toEqual(["failed: SY413", "load: new"]);
  });

  test.each([
    ["65 shapes", Array.from({ length: 65 }, (_, n) => wish("mine", {}, `s${n}`)), {}],
    ["257 instances", [wish("team")], { claims: { teams: Array.from({ length: 257 }, (_, n) => n) } }],
  ])("%s are too many", async (_, shapes, token) => {
    await db.query(
      `select ampsync.create_shape('team', 'public.todos', bind => '{"team": "claim:teams[]"}')`,
    );
    const client = new GatewayClient(db, shapes, token);
    expect(await refusal(db, async () => void (await client.open()))).toMatchObject({ code: "SY416" });
  });
});

describe("tables of datasets", () => {
  test("are compared by blocks, not by the position of rows", async () => {
    await blocks();
    const client = await liveClient([wish("blocks")]);
    expect(modes(await client.open())).toEqual(["resume"]);
    client.hello["position"] = null;
    client.hello["stamp"] = null;
    expect(modes(await client.open())).toEqual(["resume"]);
    client.hello["blocks"] = null;
    client.hello["blocks_stamp"] = null;
    expect(modes(await client.open())).toEqual(["load: new"]);
  });

  test("that changed much are loaded once in 10 minutes, and stand meanwhile", async () => {
    const stream = await blocks();
    await db.query("update ampsync_private.stream set state = 'live' where stream_id = $1", [stream.id]);
    const client = await liveClient([wish("blocks")]);
    const much = () => db.query("select ampsync_private.log_blocks($1, 'repair', 0, 9, 50001)", [stream.id]);
    await much();
    const first = await client.open();
    expect(modes(first)).toEqual(["load: too large"]);
    expect(first.shapes[0]!.waits).toBe(false);
    await client.apply(first);
    await much();
    expect((await client.open()).shapes[0]).toMatchObject({ reason: "too large", waits: true });
    await moveClock(db, "11 min");
    expect((await client.open()).shapes[0]).toMatchObject({ reason: "too large", waits: false });
  });

  test("that are being filled, and changed much, wait until they are live", async () => {
    const stream = await blocks();
    await db.query("update ampsync_private.stream set state = 'backfill' where stream_id = $1", [stream.id]);
    const client = await liveClient([wish("blocks")]);
    await stream.apply(10, 12);
    expect(modes(await client.open())).toEqual(["resume"]);
    await db.query("select ampsync_private.log_blocks($1, 'append', 0, 9, 50001)", [stream.id]);
    const [waiting] = (await client.open()).shapes;
    expect(waiting).toMatchObject({ reason: "backfill", waits: true });
    const progress = async () =>
      (await db.query("select ampsync_worker.load_progress($1) as found", [[waiting!.shape_id]])).rows[0]![
        "found"
      ];
    expect(await progress()).toMatchObject([{ shape_id: waiting!.shape_id, key: null, done: "13" }]);
    await db.query("update ampsync_private.stream set state = 'live' where stream_id = $1", [stream.id]);
    expect(await progress()).toEqual([]);
    expect((await client.open()).shapes[0]).toMatchObject({ reason: "too large", waits: false });
  });
});

describe("what breaks the protocol is refused:", () => {
  test.each<[string, Record<string, unknown>]>([
    ["a position that is none", { position: "here" }],
    ["an epoch that is none", { epoch: "9" }],
    ["two shapes of one id", { shapes: [wish(), wish()] }],
    ["a shape without a name", { shapes: [{ id: "s1" }] }],
    ["shapes that are no list", { shapes: { s1: "mine" } }],
    ["parameters that are no object", { shapes: [{ id: "s1", shape: "mine", params: [1] }] }],
  ])("%s", async (_, part) => {
    const client = new GatewayClient(db, []);
    Object.assign(client.hello, part);
    expect(await refusal(db, async () => void (await client.open()))).toMatchObject({ code: "SY411" });
    const { rows } = await db.query("select from ampsync.clients");
    expect(rows).toEqual([]);
  });
});

describe("limits of a tenant", () => {
  test("let no more clients in than they say, and those that are in come again", async () => {
    await db.query("select ampsync.set_tenant_limit('acme', clients => 1, bytes_per_s => 5000)");
    const first = new GatewayClient(db, [], { tenant: "acme" });
    expect((await first.open()).limits).toMatchObject({ bytes_per_s: "5000" });
    expect((await first.open()).generation).toBe("2");
    const second = new GatewayClient(db, [], { tenant: "acme" });
    const refused = await refusal(db, async () => void (await second.open()));
    expect(refused).toMatchObject({ code: "SY416", detail: "1 are connected, 1 may be." });
    await db.query(refused.hint!);
    await second.open();
    await new GatewayClient(db, [], { tenant: "other" }).open();
  });
});

describe("a subject whose tokens were revoked", () => {
  test("is refused with those of until then, and let in with a later one", async () => {
    const client = await liveClient();
    const { generation } = await client.open();
    await db.query("select ampsync.revoke_subject('user-1', reason => 'left')");
    const { rows } = await db.query(
      "select floor(extract(epoch from at))::int as at from ampsync_private.revoked",
    );
    client.token = { iat: rows[0]!["at"] };
    expect(await refusal(db, async () => void (await client.open()))).toMatchObject({ code: "SY105" });
    expect(await refusal(db, async () => void (await client.resolve(generation)))).toMatchObject({
      code: "SY105",
    });
    client.token = { iat: rows[0]!["at"] + 1 };
    expect(modes(await client.open())).toEqual(["resume"]);
  });
});

describe("shapes of an open session, anew,", () => {
  test("are judged as at its opening, and refused to a session that was replaced", async () => {
    const client = await liveClient();
    const { generation } = await client.open();
    expect(modes(await client.resolve(generation))).toEqual(["resume"]);
    await client.open();
    expect(await refusal(db, async () => void (await client.resolve(generation)))).toMatchObject({
      code: "SY001",
    });
  });
});
