// npm run chaos -- delivery-storm 5000 --json: so many sessions of a gateway that is killed come to the other one, first all
// of one position, then of 100. They have their table, and go on with it. Says how long it takes until each is live again.
// By hand only.
import { GatewayProcess } from "../tests/support/delivery/gateway-process.ts";
import { startLand } from "../tests/support/delivery/land.ts";
import { type Place, Storm } from "../tests/support/delivery/storm.ts";
import type { TestDatabase } from "../tests/support/postgres/database.ts";
import { runChaosOf } from "./chaos-delivery.ts";

const POSITIONS = 100;

export async function chaosOfStorms(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-storm", args, 5_000, async (db, { count }) => {
    await using _scenario = await startLand(db);
    for (let n = 0; n < POSITIONS; n++) await write(db, n);
    const places = await placesOf(db);
    const { rows } = await db.query(
      `select definition from ampsync_private.wished_shapes('{}', '[{"id": "todos", "shape": "todos"}]')`,
    );
    const figures: Record<string, number> = {};
    for (const [name, from] of [
      ["one position", places.slice(0, 1)],
      [`${POSITIONS} positions`, places],
    ] as const) {
      await using one = await GatewayProcess.start(db.url);
      await using other = await GatewayProcess.start(db.url);
      await using storm = new Storm(count, from, rows[0]!["definition"]);
      let head = await write(db, 1);
      const first = await storm.connect(one.url, () => head);
      await one.kill();
      head = await write(db, 2);
      const again = await storm.connect(other.url, () => head);
      figures[`${name}: first live after ms`] = first.liveMs;
      figures[`${name}: let in again after ms`] = again.welcomeMs;
      figures[`${name}: live again after ms`] = again.liveMs;
    }
    return { ...figures, differences: [] };
  });
}

async function write(db: TestDatabase, id: number): Promise<bigint> {
  await db.query(
    "insert into todos values ($1, 'storm', 'new') on conflict (id) do update set title = 'again'",
    [id],
  );
  await db.query("call ampsync.wait_for_capture()");
  const { rows } = await db.query("select ampsync.head()::text as head");
  return BigInt(rows[0]!["head"] as string);
}

async function placesOf(db: TestDatabase): Promise<readonly Place[]> {
  const { rows } = await db.query(
    `select t.position::text, (extract(epoch from t.recorded_at) * 1000000)::bigint::text as stamp,
            (select e.epoch from ampsync_private.log_epoch e order by e.number desc limit 1) as epoch
       from ampsync_private.change_tx t where t.kind = 'rows' order by t.position desc limit ${POSITIONS}`,
  );
  return rows as unknown as Place[];
}
