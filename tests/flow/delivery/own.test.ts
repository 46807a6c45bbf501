// Takes 8 s.
import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { Op } from "../../../src/wire/ops.ts";
import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { ownTransaction } from "../../support/delivery/own-transaction.ts";
import { type Row, type SentChange, WireClient } from "../../support/delivery/wire-client.ts";
import { Scenario } from "../../support/worker/scenario.ts";

// What a client wrote comes back to it as `own`, and to everybody else as rows. The server applies it by hand here, as its
// function does: with a message in its transaction and a row of the ledger.

const TODOS = "public.todos";
const LISTS = "public.lists";

let scenario: Scenario;
let gateway: TestGateway;

beforeAll(async () => {
  scenario = await Scenario.start();
  scenario.startWorker();
  await run(`create table public.lists (id text primary key, owner_id text not null, todos integer not null default 0);
    create table public.todos (
      id text primary key, owner_id text not null, list_id text references lists on delete cascade, title text, note text,
      locked boolean not null default false, version integer not null default 1);
    create index on public.lists (owner_id); create index on public.todos (owner_id);
    create function public.touch() returns trigger language plpgsql as $$
      begin
        new.version := old.version + 1;
        if old.locked then new.title := old.title; end if;
        return new;
      end $$;
    create trigger touch before update on public.todos for each row execute function touch();
    create function public.count_todos() returns trigger language plpgsql as $$
      begin
        update public.lists l set todos = l.todos + 1 where l.id = new.list_id;
        if new.title = 'twice' then update public.todos t set note = 'of a trigger' where t.id = new.id; end if;
        return null;
      end $$;
    create trigger count_todos after insert on public.todos for each row execute function count_todos()`);
  for (const table of [TODOS, LISTS]) await run(`select ampsync.publish('${table}')`);
  await scenario.until("the tables to be live", async () => {
    const { rows } = await scenario.db.query("select state from ampsync.publications");
    return rows.length === 2 && rows.every((row) => row["state"] === "live");
  });
  await run(`select ampsync.create_shape('todos', '${TODOS}', bind => '{"owner_id": "claim:sub"}');
    select ampsync.create_shape('lists', '${LISTS}', bind => '{"owner_id": "claim:sub"}')`);
  gateway = await TestGateway.start(scenario.db.url);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await scenario[Symbol.asyncDispose]();
});

async function run(statements: string): Promise<void> {
  await scenario.db.query(statements);
}

/** A user with two clients: one that writes, and one that only reads. */
class Two implements AsyncDisposable {
  readonly sub = `user-${randomUUID()}`;
  readonly author: WireClient;
  readonly reader: WireClient;
  #seq = 0;

  constructor() {
    const options = {
      url: gateway.url,
      token: tokenOf({ sub: this.sub }),
      shapes: ["todos", "lists"].map((shape) => ({ id: shape, shape })),
    };
    this.author = new WireClient(options);
    this.reader = new WireClient(options);
  }

  static async start(statements = ""): Promise<Two> {
    const two = new Two();
    if (statements !== "") await run(two.text(statements));
    for (const each of [two.author, two.reader]) {
      await each.connect();
      await each.ready();
    }
    return two;
  }

  /** `:sub` stands for the user, `:a` for an id that is this test's own. */
  text(statements: string): string {
    return statements.replaceAll(":sub", this.sub).replaceAll(/:([a-z])\b/g, `${this.sub}-$1`);
  }

  id(letter: string): string {
    return `${this.sub}-${letter}`;
  }

  insert(letter: string, patch: Row): SentChange {
    const key = { id: this.id(letter) };
    return { table: TODOS, op: "insert", key, patch: { ...key, owner_id: this.sub, ...patch } };
  }

  update(letter: string, patch: Row): SentChange {
    return { table: TODOS, op: "update", key: { id: this.id(letter) }, patch };
  }

  /** The author sends this, and the server applies it. Returns its name. */
  async sends(
    statements: string,
    sent: readonly SentChange[],
    more: { forgotten?: boolean; isSilent?: boolean; status?: "rejected" } = {},
  ): Promise<string> {
    const tx = randomUUID();
    this.#seq += 1;
    this.author.awaiting.set(tx, sent);
    const ledger = more.forgotten === true ? null : sent;
    const { client } = this.author;
    const all = { client, tx, seq: this.#seq, sent: ledger, statements: this.text(statements), ...more };
    await run(ownTransaction(all));
    return tx;
  }

  /** Waits until both have all that was committed before, and compares with the server; returns the author's operations. */
  async agree(): Promise<readonly Op[]> {
    await run("call ampsync.wait_for_capture()");
    const { rows } = await scenario.db.query("select ampsync.head()::text as head");
    const head = BigInt(rows[0]!["head"]);
    for (const each of [this.author, this.reader]) {
      await each.until(`position ${head}`, () => BigInt(each.position) >= head);
      for (const table of [TODOS, LISTS]) {
        const name = table.replace("public.", "");
        const { columns } = each.tables.get(table)!;
        const pairs = columns.map((column) => `'${column}', ${column}::text`).join(", ");
        const { rows: found } = await scenario.db.query(
          `select jsonb_build_object(${pairs}) as row from ${table} where owner_id = '${this.sub}'`,
        );
        const asServer = found.map(({ row }) =>
          name === "todos" ? { ...row, locked: row.locked === "true" ? "t" : "f" } : row,
        );
        expect(sorted(each.rows(table))).toEqual(sorted(asServer));
      }
    }
    expect(this.reader.settled).toEqual([]);
    return this.author.frames.splice(0).flatMap(({ ops }) => ops);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.author[Symbol.asyncDispose]();
    await this.reader[Symbol.asyncDispose]();
  }
}

const sorted = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();

/** Operations in short: names, and of an own one the letters of its rows with what they set. */
function brief(ops: readonly Op[]): unknown[] {
  return ops.map((op) => {
    if (op.op !== "own") return "table" in op ? `${op.op} ${op.table}` : op.op;
    const rows: { key: string[]; set: Row }[] = JSON.parse(op.rows);
    return Object.fromEntries(rows.map(({ key, set }) => [key[0]!.at(-1), set]));
  });
}

test("what was sent comes back as what differs from it, to others as rows", async () => {
  await using two = await Two.start(
    "insert into todos (id, owner_id, title, note) values (':a', ':sub', 'old', 'n')",
  );
  await two.agree();
  const inserted = await two.sends("insert into todos (id, owner_id, title) values (':b', ':sub', 'new')", [
    two.insert("b", { title: "new" }),
  ]);
  expect(brief(await two.agree())).toEqual([{ b: { list_id: null, note: null, locked: "f", version: "1" } }]);
  const updated = await two.sends("update todos set title = 'newer' where id = ':a'", [
    two.update("a", { title: "newer" }),
  ]);
  expect(brief(await two.agree())).toEqual([{ a: { version: "2" } }]);
  expect(two.author.settled).toEqual([inserted, updated]);
});

test("a value that a trigger kept is the server's again", async () => {
  await using two = await Two.start(
    "insert into todos (id, owner_id, title, locked) values (':a', ':sub', 'kept', true)",
  );
  await two.agree();
  await two.sends("update todos set title = 'not kept', note = 'n' where id = ':a'", [
    two.update("a", { title: "not kept", note: "n" }),
  ]);
  expect(brief(await two.agree())).toEqual([{ a: { title: "kept", version: "2" } }]);
});

test("what a transaction changed besides comes with it: counters, what triggers do to its rows, cascades, deletes", async () => {
  await using two = await Two.start("insert into lists (id, owner_id) values (':l', ':sub')");
  await two.agree();
  const list_id = two.id("l");
  await two.sends(
    "insert into todos (id, owner_id, list_id, title) values (':a', ':sub', ':l', 'one'), (':b', ':sub', ':l', 'twice')",
    [two.insert("a", { list_id, title: "one" }), two.insert("b", { list_id, title: "twice" })],
  );
  expect(brief(await two.agree())).toEqual([
    `upsert ${LISTS}`,
    {
      a: { note: null, locked: "f", version: "1" },
      b: { note: "of a trigger", locked: "f", version: "2" },
    },
  ]);
  await two.sends("delete from lists where id = ':l'", [
    { table: LISTS, op: "delete", key: { id: list_id } },
  ]);
  expect(brief(await two.agree()).sort()).toEqual([`delete ${LISTS}`, `delete ${TODOS}`, {}].sort());
  expect(two.author.rows(TODOS)).toEqual([]);
});

test("a row that enters its instance by it comes whole, and one that leaves goes", async () => {
  await using two = await Two.start(
    "insert into todos (id, owner_id, title) values (':a', 'nobody', 'hidden'), (':b', ':sub', 'mine')",
  );
  await two.agree();
  await two.sends(
    "update todos set owner_id = ':sub' where id = ':a'; update todos set owner_id = 'nobody' where id = ':b'",
    [two.update("a", { owner_id: two.sub }), two.update("b", { owner_id: "nobody" })],
  );
  expect(brief(await two.agree())).toEqual([`delete ${TODOS}`, `upsert ${TODOS}`, {}]);
});

test("a row that others changed in the same frame, or that was sent twice or forgotten, comes whole", async () => {
  await using two = await Two.start(
    "insert into todos (id, owner_id, title) values (':a', ':sub', 'a'), (':b', ':sub', 'b'), (':c', ':sub', 'c'), (':d', ':sub', 'd')",
  );
  await two.agree();
  two.author.cut();
  const first = await two.sends("update todos set title = 'mine' where id in (':a', ':b')", [
    two.update("a", { title: "mine" }),
    two.update("b", { title: "mine" }),
  ]);
  await run(two.text("update todos set note = 'theirs' where id = ':a'"));
  const second = await two.sends(
    "update todos set title = 'again' where id = ':c'; update todos set note = 'again' where id = ':c'",
    [two.update("c", { title: "again" }), two.update("c", { note: "again" })],
  );
  const third = await two.sends(
    "update todos set title = 'forgotten' where id = ':d'",
    [two.update("d", { title: "forgotten" })],
    {
      forgotten: true,
    },
  );
  await run("call ampsync.wait_for_capture()");
  await two.author.connect();
  const ops = await two.agree();
  expect(brief(ops)).toEqual([`upsert ${TODOS}`, { b: { version: "2" } }, {}, {}]);
  expect(two.author.settled).toEqual([first, second, third]);
  expect(ops.flatMap((op) => (op.op === "own" ? [op.tables] : []))).toEqual([[TODOS], [], []]);
});

test("a transaction without any row for its author settles all the same", async () => {
  await using two = await Two.start();
  await two.agree();
  const tx = await two.sends("select 1", []);
  expect(brief(await two.agree())).toEqual([{}]);
  expect(two.author.settled).toEqual([tx]);
});

test("what came by while the client had none of its tables settles once it connects again", async () => {
  await using two = await Two.start("insert into todos (id, owner_id, title) values (':a', ':sub', 'a')");
  await two.agree();
  two.author.send({ t: "unsubscribe", ids: ["todos", "lists"] });
  await two.author.until("both to be gone", () => two.author.live.size === 0);
  const tx = await two.sends("update todos set title = 'b' where id = ':a'", [
    two.update("a", { title: "b" }),
  ]);
  await run("call ampsync.wait_for_capture()");
  const { rows } = await scenario.db.query("select ampsync.head()::text as head");
  const head = BigInt(rows[0]!["head"]);
  await two.author.until("to be further", () => BigInt(two.author.position) >= head);
  expect(two.author.settled).toEqual([]);
  two.author.cut();
  await two.author.connect([]);
  await two.author.until("it to be settled", () => two.author.settled.length > 0);
  expect(two.author.settled).toEqual([tx]);
});

test("frames of one who did not write are those of everybody, and carry nothing of it", async () => {
  await using two = await Two.start();
  await using other = await Two.start();
  await two.agree();
  await two.sends("insert into todos (id, owner_id, title) values (':a', ':sub', 'new')", [
    two.insert("a", { title: "new" }),
  ]);
  await two.agree();
  await other.agree();
  for (const each of [two.reader, other.author, other.reader]) {
    expect(each.received.join("\n")).not.toContain('"op":"own"');
  }
});

test("a load settles what it holds: what the log has, and what a gap swallowed, but nothing that was rejected", async () => {
  await using two = await Two.start("insert into todos (id, owner_id, title) values (':a', ':sub', 'a')");
  await two.agree();
  two.author.cut();
  const logged = await two.sends("update todos set title = 'b' where id = ':a'", [
    two.update("a", { title: "b" }),
  ]);
  const swallowed = await two.sends(
    "update todos set note = 'n' where id = ':a'",
    [two.update("a", { note: "n" })],
    {
      isSilent: true,
    },
  );
  const rejected = await two.sends("select 1", [two.update("a", { note: "no" })], {
    isSilent: true,
    status: "rejected",
  });
  await run("call ampsync.wait_for_capture()");
  await run(`select ampsync.reset_client('${two.author.client}', reason => 'a test')`);
  await two.author.connect();
  await two.author.until("both to be settled", () => two.author.settled.length === 2);
  expect(two.author.settled).toEqual([logged, swallowed]);
  expect([...two.author.awaiting.keys()]).toEqual([rejected]);
  const ops = await two.agree();
  for (const op of ops) if (op.op === "own") expect(op).toMatchObject({ tables: [], rows: "[]" });
  expect(brief(ops)).toContain(`load ${TODOS}`);
});

test("a welcome names what a ledger that was set back does not have, and its newest number", async () => {
  await using two = await Two.start();
  await two.agree();
  const known = await two.sends("select 1", []);
  await two.agree();
  two.author.cut();
  const lost = randomUUID();
  two.author.awaiting.set(lost, []);
  two.author.awaiting.set(known, []);
  await run(`update ampsync_private.client set last_seq = 1 where client_id = '${two.author.client}'`);
  await two.author.connect();
  await two.author.until(
    "a welcome",
    () => two.author.messages.filter(({ t }) => t === "welcome").length === 2,
  );
  expect(two.author.messages.findLast(({ t }) => t === "welcome")).toMatchObject({
    unknown: [lost],
    last_seq: "1",
  });
});

test("beside a change of the table's form rows come whole", async () => {
  await using two = await Two.start("insert into todos (id, owner_id, title) values (':a', ':sub', 'a')");
  await two.agree();
  for (const each of [two.author, two.reader]) each.cut();
  const tx = await two.sends("update todos set title = 'b' where id = ':a'", [
    two.update("a", { title: "b" }),
  ]);
  // What is written next makes the log notice it.
  await run(
    two.text(
      "alter table todos add column extra text default 'more'; insert into todos (id, owner_id) values (':b', 'nobody')",
    ),
  );
  await run("call ampsync.wait_for_capture()");
  for (const each of [two.author, two.reader]) await each.connect();
  expect(brief(await two.agree())).toEqual([`upsert ${TODOS}`, "migrate", {}]);
  expect(two.author.settled).toEqual([tx]);
});
