import { randomInt } from "node:crypto";

import { beforeAll, expect, test } from "vitest";

import { Follower } from "../../support/capture/follower.ts";
import { HandPass } from "../../support/capture/hand-pass.ts";
import { type Dice, dice } from "../../support/dice.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

/** `FORMS=<seed>` repeats one, `FORM_RUNS=<number>` tries more. */
const seeds =
  process.env["FORMS"] === undefined
    ? Array.from({ length: Number(process.env["FORM_RUNS"] ?? 3) }, () => randomInt(1_000_000_000))
    : [Number(process.env["FORMS"])];
const STEPS = 40;

const db = sharedDatabase();
const clients = sharedDatabase();

let pass: HandPass;

beforeAll(async () => {
  pass = await HandPass.begin(db);
});

/** A table under somebody's hands. */
class Handled {
  readonly schema: string;
  readonly #roll: Dice;
  #name = "t";
  #key = "id";
  #columns = ["v", "w"];
  #fresh = 0;
  readonly isPartitioned: boolean;

  constructor(seed: number) {
    this.schema = `s${seed}`;
    this.#roll = dice(seed);
    this.isPartitioned = this.#roll(0, 3) === 0;
  }

  get table(): string {
    return `${this.schema}.${this.#name}`;
  }

  create(): string {
    const { schema } = this;
    return `
      create schema ${schema};
      create type ${schema}.mood as enum ('sad', 'glad');
      create table ${schema}.t (id int primary key, v text, w int)
        ${this.isPartitioned ? "partition by range (id)" : ""};
      ${
        this.isPartitioned
          ? `create table ${schema}.p1 partition of ${schema}.t for values from (0) to (20);
             create table ${schema}.p2 partition of ${schema}.t for values from (20) to (1000)`
          : ""
      }`;
  }

  /** What it was before a statement that failed. */
  get state() {
    return { name: this.#name, key: this.#key, columns: [...this.#columns] };
  }
  set state({ name, key, columns }: { name: string; key: string; columns: string[] }) {
    this.#name = name;
    this.#key = key;
    this.#columns = columns;
  }

  /** What happens next; `look`, `drain` and `follow` are not statements. */
  next(): string {
    const roll = this.#roll(0, 99);
    if (roll < 8) return "look";
    if (roll < 18) return "drain";
    if (roll < 24) return "follow";
    if (roll < 62) return this.#write();
    if (roll < 70) return `begin; ${this.#write()}; ${this.#alter()}; ${this.#write()}; commit`;
    return this.#alter();
  }

  #write(): string {
    const { table } = this;
    const some = `${this.#key} = ${this.#roll(0, this.#fresh)}`;
    switch (this.#roll(0, 5)) {
      case 0:
        return `update ${table} set ${this.#set()} where ${some}`;
      case 1:
        return `delete from ${table} where ${some}`;
      case 2:
        return `update ${table} set ${this.#key} = ${++this.#fresh} where ${some}`;
      default:
        return `insert into ${table} (${this.#key}) values (${++this.#fresh}), (${++this.#fresh})`;
    }
  }

  #set(): string {
    const column = this.#columns[this.#roll(0, this.#columns.length - 1)];
    return column === undefined ? `${this.#key} = ${this.#key}` : `${column} = default`;
  }

  #alter(): string {
    const { table, schema } = this;
    const at = this.#roll(0, this.#columns.length - 1);
    const column = this.#columns[at] ?? "none";
    const added = `c${++this.#fresh}`;
    switch (this.#roll(0, this.isPartitioned ? 18 : 14)) {
      case 0:
        this.#columns.push(added);
        return `alter table ${table} add column ${added} int default ${this.#roll(0, 9)}`;
      case 1:
        this.#columns.push(added);
        return `alter table ${table} add column ${added} text`;
      case 2:
        this.#columns.push(added);
        return `alter table ${table} add column ${added} float8 default random(), alter ${added} drop default`;
      case 3:
        this.#columns.push(added);
        return `alter table ${table} add column ${added} ${schema}.mood default 'sad'`;
      case 4:
        this.#columns.splice(at, 1);
        return `alter table ${table} drop column ${column}`;
      case 5:
        if (column !== "none") this.#columns[at] = added;
        return `alter table ${table} rename column ${column} to ${added}`;
      case 6: {
        const former = this.#key;
        this.#key = added;
        return `alter table ${table} rename column ${former} to ${added}`;
      }
      case 7:
        return `alter table ${table} alter column ${column} drop default,
          alter column ${column} type text using ${column}::text || 'x'`;
      case 8:
        return `alter table ${table} alter column ${column} set default null`;
      case 9:
        return `alter table ${table} alter column ${column} set not null`;
      case 10:
        return `alter table ${table} alter column ${column} drop not null`;
      case 11:
        return `truncate ${table}`;
      case 12: {
        const former = table;
        this.#name = `t${++this.#fresh}`;
        return `alter table ${former} rename to ${this.#name}`;
      }
      case 13:
        return `alter table ${table} drop column if exists ${column}, add column ${column} text default 'again'`;
      case 14:
        return `do $$ declare v_label text := (select min(enumlabel) from pg_enum where enumtypid = '${schema}.mood'::regtype);
          begin execute format('alter type ${schema}.mood rename value %L to %L', v_label, v_label || 'z'); end $$`;
      case 15:
        return `alter table ${table} detach partition ${schema}.p1`;
      case 16:
        return `alter table ${table} attach partition ${schema}.p1 for values from (0) to (20)`;
      case 17:
        return `update ${schema}.p1 set ${this.#set()}`;
      default:
        return `truncate ${schema}.p2`;
    }
  }
}

test.each(seeds)("whoever follows the log has the table, whatever was done to it: FORMS=%i", async (seed) => {
  const handled = new Handled(seed);
  const follower = new Follower(db, clients);
  const done: string[] = [];
  await db.query(handled.create());
  const id = await pass.publish(handled.table);
  await pass.drain();
  await follower.follow(id);
  for (let step = 0; step < STEPS; step++) {
    const { state } = handled;
    const what = handled.next();
    if (what === "look") await pass.look();
    else if (what === "drain") await pass.drain();
    else if (what === "follow") await follower.follow(id);
    else {
      const error = await db.query(what).then(
        () => null,
        async (refused: Error) => {
          await db.query("rollback");
          handled.state = state;
          return refused.message;
        },
      );
      done.push(error === null ? what : `-- ${error}: ${what}`);
      continue;
    }
    done.push(`-- ${what}`);
  }
  await pass.settle();
  await follower.follow(id);
  expect(await follower.rows(id), done.join("\n")).toEqual(await follower.expected(id));
});
