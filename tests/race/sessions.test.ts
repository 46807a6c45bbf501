import { describe, expect, test } from "vitest";

import { GatewayClient } from "../support/postgres/gateway-session.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

// One client on two gateways, and rows of clients that somebody holds.

const db = sharedDatabase();

describe("one client that opens sessions on two gateways at once", () => {
  test("has one of them each time, that of the highest generation, and the other gateway hears it", async () => {
    const gateways = [crypto.randomUUID(), crypto.randomUUID()];
    const [one, other] = [await db.client(), await db.client()];
    const heard: { generation: string; gateway: string; why: string }[] = [];
    const listener = await db.client();
    listener.on("notification", ({ payload }) => heard.push(JSON.parse(payload!)));
    await listener.query("listen ampsync_gateway");
    const client = new GatewayClient(db, []);
    for (let round = 0; round < 10; round++) {
      const opened = await Promise.all(
        [one, other].map((connection, n) => client.through(connection).open(gateways[n])),
      );
      const generations = opened.map(({ generation }) => Number(generation));
      expect(generations.toSorted((a, b) => a - b)).toEqual([2 * round + 1, 2 * round + 2]);
      const winner = generations[0]! > generations[1]! ? 0 : 1;
      const { rows } = await db.query("select gateway_id, generation from ampsync_private.session");
      expect(rows).toEqual([{ gateway_id: gateways[winner], generation: String(2 * round + 2) }]);
      for (const [n, gateway] of gateways.entries()) {
        const said = [{ client: client.id, generation: String(generations[n]), iat: 4e9, position: "0" }];
        const { rows: answers } = await db.query("select ampsync_worker.report_sessions($1, $2) as ended", [
          ...[gateway, JSON.stringify(said)],
        ]);
        expect(answers[0]!["ended"]).toEqual(n === winner ? [] : [{ client: client.id, why: "replaced" }]);
      }
    }
    await listener.query("select");
    expect(heard.map(({ generation }) => Number(generation))).toEqual(
      Array.from({ length: 19 }, (_, n) => n + 1),
    );
    expect(new Set(heard.map(({ why }) => why))).toEqual(new Set(["replaced"]));
  });
});

describe("a client row that somebody holds", () => {
  test("keeps a gateway from telling nothing but that client's position", async () => {
    const gateway = crypto.randomUUID();
    const [held, free] = [new GatewayClient(db, []), new GatewayClient(db, [])];
    for (const client of [held, free]) await client.open(gateway);
    const holder = await db.client();
    await holder.query("begin");
    await holder.query("select from ampsync_private.client where client_id = $1 for update", [held.id]);
    let answer: unknown;
    const report = async (position: string) => {
      const said = [held, free].map(({ id }) => ({ client: id, generation: "1", iat: 4e9, position }));
      const { rows: told } = await db.query("select ampsync_worker.report_sessions($1, $2) as answer", [
        ...[gateway, JSON.stringify(said)],
      ]);
      answer = told[0]!["answer"];
      const { rows } = await db.query(
        "select position from ampsync.clients where client_id = any ($1) order by client_id = $2 desc",
        [[held.id, free.id], held.id],
      );
      return rows.map((row) => row["position"]);
    };
    expect(await report("5")).toEqual([null, "5"]);
    expect(answer).toEqual([{ client: held.id, why: "held" }]);
    await db.query("select ampsync_worker.end_gateway($1)", [crypto.randomUUID()]);
    await db.query("select ampsync_worker.supervise_delivery()");
    await holder.query("commit");
    expect(await report("6")).toEqual(["6", "6"]);
    expect(answer).toEqual([]);
  });

  test("refuses that client a session after 2 s, and lets others in", async () => {
    const client = new GatewayClient(db, []);
    await client.open();
    const holder = await db.client();
    await holder.query("begin");
    await holder.query("select from ampsync_private.client where client_id = $1 for update", [client.id]);
    const waiting = await db.client();
    const pid = await backendOf(waiting);
    const refused = client
      .through(waiting)
      .open()
      .then(
        () => null,
        (error: { code: string }) => error.code,
      );
    await untilBlocked(db, pid);
    await new GatewayClient(db, []).open();
    expect(await refused).toBe("55P03");
    await holder.query("rollback");
    expect((await client.open()).generation).toBe("2");
  });
});
