import { type Dice, dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { tokenOf } from "./gateway.ts";
import { type Row, WireClient } from "./wire-client.ts";

/** Tenants as columns of each type spell them. Some are prefixes of others, or look like something else. */
const TENANTS = {
  texts: ["a", "aa", "a]", "null", "1"],
  numbers: ["1", "11", "-1", "0", "111"],
  uuids: [1, 2, 3, 4, 5].map((n) => `00000000-0000-4000-8000-00000000000${n}`),
} as const;
type Table = keyof typeof TENANTS;
const TABLES = Object.keys(TENANTS) as Table[];
const TYPES = { texts: "text", numbers: "integer", uuids: "uuid" } as const;
const KEYS = 60;
const KINDS = 4;
const WRITES = 25;
/** More than what a gateway reads by itself: these come in chunks. */
const MANY = 2500;

/** Each row says whose it is. */
const markOf = (tenant: number) => `mark-${tenant}-`;

export async function createTenantTables(db: TestDatabase): Promise<readonly string[]> {
  for (const table of TABLES) {
    await db.query(
      `create table public.${table} (id int primary key, tenant ${TYPES[table]} not null, kind int not null, body text not null);
       create index on public.${table} (tenant, kind)`,
    );
  }
  return TABLES.map((table) => `public.${table}`);
}

interface TenantOptions {
  readonly urls: readonly string[];
  readonly cases: number;
  readonly seed: number;
  readonly onDone?: (n: number) => void;
}

interface Outcome {
  readonly cases: number;
  /** Rows that were seen at sockets, and in clients. */
  readonly seen: number;
  readonly refused: number;
  readonly differences: readonly string[];
}

/**
 * Shapes, claims, parameters and writes at random, with clients that ask for what is not theirs: looks at every message and
 * every row for one of another tenant.
 */
export async function fuzzTenants(
  db: TestDatabase,
  { urls, cases, seed, onDone = () => {} }: TenantOptions,
): Promise<Outcome> {
  const found: string[] = [];
  let seen = 0;
  let refused = 0;
  for (let nth = 0; nth < cases; nth++) {
    const one = new Case(db, urls, seed + nth);
    const faults = await one.run();
    found.push(...faults.map((fault) => `seed ${seed + nth}: ${fault}`));
    seen += one.seen;
    refused += one.refused;
    onDone(nth);
  }
  return { cases, seen, refused, differences: found };
}

interface Member {
  readonly client: WireClient;
  /** Indexes of tenants that it ever had a claim to. */
  readonly allowed: Set<number>;
}

class Case {
  seen = 0;
  refused = 0;
  readonly #db: TestDatabase;
  readonly #urls: readonly string[];
  readonly #seed: number;
  readonly #throws: Dice;
  readonly #faults: string[] = [];

  constructor(db: TestDatabase, urls: readonly string[], seed: number) {
    this.#db = db;
    this.#urls = urls;
    this.#seed = seed;
    this.#throws = dice(seed);
  }

  async run(): Promise<readonly string[]> {
    await this.#db.query(TABLES.map((table) => `delete from ${table}`).join(";"));
    const many = this.#throws(0, 2) === 0 ? TABLES[this.#throws(0, 2)]! : null;
    if (many !== null) await this.#insertMany(many);
    const binds = new Map<Table, string>();
    for (const table of TABLES) binds.set(table, await this.#createShape(table));
    await using stack = new AsyncDisposableStack();
    const members: Member[] = [];
    for (let n = 0; n < 3; n++) {
      if (n > 0) await this.#write(WRITES / 5);
      const member = await this.#join(n, binds);
      stack.use(member.client);
      members.push(member);
    }
    await this.#write(WRITES);
    const [first, second] = members as [Member, Member];
    await this.#steal(first, second);
    this.#widen(second);
    await this.#write(WRITES);
    await this.#settle(members);
    for (const member of members) await this.#judge(member, binds);
    await this.#db.query(
      TABLES.map((table) => `select ampsync.drop_shape('${this.#name(table)}')`).join(";"),
    );
    return this.#faults;
  }

  #name(table: Table): string {
    return `s${this.#seed}_${table}`;
  }

  async #insertMany(table: Table): Promise<void> {
    const tenant = this.#throws(0, 4);
    await this.#db.query(
      `insert into ${table} select n + 1000, $1::text::${TYPES[table]}, n % ${KINDS}, '${markOf(tenant)}'
         from generate_series(1, ${MANY}) n`,
      [TENANTS[table][tenant]],
    );
    await this.#db.query(`analyze ${table}`);
  }

  async #createShape(table: Table): Promise<string> {
    const bind = [
      { tenant: `claim:${table}.one` },
      { tenant: `claim:${table}.all[]` },
      { tenant: `claim:${table}.one`, kind: "param:kind" },
      { tenant: `claim:${table}.all[]`, kind: "param:kind" },
    ][this.#throws(0, 3)]!;
    const filter = [null, "kind > 0", "body <> 'x'"][this.#throws(0, 2)];
    await this.#db.query("select ampsync.create_shape($1, $2, bind => $3, filter => $4)", [
      ...[this.#name(table), `public.${table}`, JSON.stringify(bind), filter],
    ]);
    return JSON.stringify(bind);
  }

  #claims(one: number, all: readonly number[]): object {
    const of = (table: Table, n: number) =>
      table === "numbers" ? Number(TENANTS[table][n]) : TENANTS[table][n]!;
    return Object.fromEntries(
      TABLES.map((table) => [table, { one: of(table, one), all: all.map((n) => of(table, n)) }]),
    );
  }

  async #join(n: number, binds: ReadonlyMap<Table, string>): Promise<Member> {
    const one = this.#throws(0, 4);
    const all = [one, ...(this.#throws(0, 1) === 0 ? [this.#throws(0, 4)] : [])];
    const other = TENANTS.texts[(one + 1) % 5]!;
    const shapes = TABLES.map((table) => ({
      id: table,
      shape: this.#name(table),
      params: {
        // What is bound by a claim is not to be had by a wish.
        ...(this.#throws(0, 2) === 0 && { tenant: other, [`${table}.one`]: other, sub: other }),
        ...(binds.get(table)!.includes("param:") && { kind: String(this.#throws(0, KINDS - 1)) }),
      },
    }));
    const url = this.#urls[this.#throws(0, this.#urls.length - 1)]!;
    const token = tokenOf({ sub: `member ${n}`, ...this.#claims(one, all) });
    const client = await WireClient.start({ url, token, shapes });
    await client.ready();
    return { client, allowed: new Set(all) };
  }

  async #write(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.#db.query(this.#statement());
  }

  #statement(): string {
    const throws = this.#throws;
    const table = TABLES[throws(0, 2)]!;
    const tenant = throws(0, 4);
    const value = `'${TENANTS[table][tenant]}'`;
    const id = throws(1, KEYS);
    const range = `id between ${id} and ${id + throws(0, 9)}`;
    switch (throws(0, 7)) {
      case 0:
        return `delete from ${table} where ${range}`;
      case 1:
        return `update ${table} set kind = ${throws(0, KINDS - 1)} where ${range}`;
      case 2:
        return `update ${table} set tenant = ${value}, body = '${markOf(tenant)}' where ${range}`;
      case 3:
        return `begin; savepoint s; update ${table} set tenant = ${value}, body = '${markOf(tenant)}' where ${range};
                rollback to s; update ${table} set tenant = ${value}, body = '${markOf(tenant)}', id = -id where id = ${id}
                and not exists (select from ${table} where id = ${-id}); commit`;
      case 4:
        return throws(0, 9) === 0 ? `truncate ${table}` : `delete from ${table} where id = ${id}`;
      default:
        return `insert into ${table} values (${id}, ${value}, ${throws(0, KINDS - 1)}, '${markOf(tenant)}')
                on conflict (id) do update set tenant = excluded.tenant, kind = excluded.kind, body = excluded.body`;
    }
  }

  /** Another one's chunks, another one's client id, another one's snapshot as staged. */
  async #steal(thief: Member, victim: Member): Promise<void> {
    const snapshots = victim.client.messages.flatMap((message) =>
      message.t === "snapshot" ? [message] : [],
    );
    for (const { snapshot } of snapshots) {
      if ([...victim.allowed].every((tenant) => thief.allowed.has(tenant))) continue;
      thief.client.send({ t: "staged", snapshot });
      const answer = await fetch(`${thief.client.url}/v1/snapshots/${snapshot}/0`, {
        headers: { authorization: `Bearer ${tokenOf({ sub: "member 0" })}` },
      });
      if (answer.ok) this.#faults.push(`a chunk of ${snapshot} was given to somebody without claims`);
      else this.refused++;
    }
    await using impostor = new WireClient({
      url: this.#urls[0]!,
      client: victim.client.client,
      token: tokenOf({ sub: "impostor", ...this.#claims(0, [0, 1, 2, 3, 4]) }),
      shapes: TABLES.map((table) => ({ id: table, shape: this.#name(table) })),
    });
    await impostor.connect();
    await impostor.until("the impostor to be refused", () => impostor.closed !== null);
    if (impostor.closed!.code === 4403) this.refused++;
    else this.#faults.push(`an impostor was closed with ${impostor.closed!.code}`);
    if (impostor.frames.length > 0) this.#faults.push("an impostor got frames");
  }

  /** The same member with another token. */
  #widen({ client, allowed }: Member): void {
    const [one = 0, ...rest] = allowed;
    const more = this.#throws(0, 4);
    allowed.add(more);
    client.send({
      t: "auth",
      token: tokenOf({ sub: "member 1", ...this.#claims(one, [one, ...rest, more]) }),
    });
  }

  async #settle(members: readonly Member[]): Promise<void> {
    await this.#db.query("call ampsync.wait_for_capture()");
    const { rows } = await this.#db.query("select ampsync.head()::text as head");
    const head = BigInt(rows[0]!["head"] as string);
    for (const { client } of members) await client.until("the head", () => BigInt(client.position) >= head);
    for (const { client } of members) await client.ready();
  }

  async #judge({ client, allowed }: Member, binds: ReadonlyMap<Table, string>): Promise<void> {
    const name = `tenants ${[...allowed]} with ${[...binds.values()]}`;
    const marks = (text: string) => [...text.matchAll(/mark-(\d)-/g)].map(([, tenant]) => Number(tenant));
    for (const text of client.received) {
      const all = marks(text);
      this.seen += all.length;
      const foreign = all.find((tenant) => !allowed.has(tenant));
      if (foreign !== undefined) this.#faults.push(`${name} got ${foreign} in ${text.slice(0, 300)}`);
    }
    for (const table of TABLES) {
      const rows: readonly Row[] = client.rows(`public.${table}`);
      this.seen += rows.length;
      const foreign = rows.find((row) => marks(row["body"]!).some((tenant) => !allowed.has(tenant)));
      if (foreign !== undefined) this.#faults.push(`${name} holds ${JSON.stringify(foreign)}`);
    }
  }
}
