import { expect, test } from "vitest";

import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { TestGateway } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { Scenario } from "../../support/worker/scenario.ts";

const failureIn = ({ messages }: WireClient) =>
  messages
    .flatMap((message) => (message.t === "shapes" ? message.shapes : []))
    .find(({ mode }) => mode === "failed");

test("a filter that fails at a block ends its shape alone, while it is live and as it is loaded", async () => {
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 1, transactionsPerBlock: 1 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync(["blocks"]);
  await sync.reaches();
  const { db } = scenario;
  await db.query("select ampsync.publish_dataset('anvil')");
  await db.query("select ampsync.create_shape('all', 'chain.blocks', public => true)");
  const poison = (block: number) =>
    db.query("select ampsync.create_shape('poison', 'chain.blocks', filter => $1, public => true)", [
      `10 / (_block_num - ${block}) < 100`,
    ]);
  await poison(25);
  await using gateway = await TestGateway.start(db.url);
  const connect = (shape: string) => WireClient.start({ url: gateway.url, shapes: [{ id: shape, shape }] });
  await using well = await connect("all");
  await using broken = await connect("poison");
  await well.ready();
  await broken.ready();

  source.reorg(1, 10);
  await sync.reaches();
  await broken.until("the shape failed", () => failureIn(broken) !== undefined);
  expect(failureIn(broken)).toMatchObject({ id: "poison", code: "SY414" });
  const { rows } = await db.query("select count(*)::int as blocks from chain.blocks");
  await well.until("all blocks", () => well.rows("chain.blocks").length === rows[0]?.["blocks"]);

  await poison(5);
  await using late = await connect("poison");
  await late.until("the shape failed", () => failureIn(late) !== undefined);
  expect(failureIn(late)).toMatchObject({ id: "poison", code: "SY414" });
  const { rows: shapes } = await db.query(
    "select error ->> 'detail' as detail from ampsync_private.shape where name = 'poison'",
  );
  expect(shapes[0]?.["detail"]).toContain("SQLSTATE 22012");
}, 60_000);
