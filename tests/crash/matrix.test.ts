// Takes 65 s.
import { describe, expect, test } from "vitest";

import type { Misbehaviour } from "../../src/devserver/misbehaviour.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { FAULT_POINTS, type FaultPoint } from "../../src/fault-points.ts";
import type { CommitLimits } from "../../src/model/limits.ts";
import { LogFollower } from "../support/postgres/log-follower.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import type { FaultyWorker } from "../support/worker/faulty-worker.ts";
import { Scenario } from "../support/worker/scenario.ts";

const TABLES = ["logs"] as const;
const LOGS_PER_BLOCK = 8;

/** Points that a pass comes by as it begins or ends, not at each commit. */
const OF_THE_PASS: ReadonlySet<FaultPoint> = new Set([
  "lease_acquired",
  "before_prepare_target",
  "target_prepared",
  "before_end_pass",
]);

/** Points of versions, upgrades and swaps, and of HTTP sources: no pass of a dataset comes by them. */
const ELSEWHERE = /^(reload|upgrade|swap|permit|answer|capture)_/;

/** What is under way when the worker is killed. */
interface Kind {
  readonly name: string;
  readonly misbehaviour?: Partial<Misbehaviour>;
  readonly limits?: Partial<CommitLimits>;
  /** Chunks of the commit that is meant, so that it is not another one. */
  readonly minChunks?: number;
  /** Comes before, and is committed. */
  readonly prepare?: (source: GeneratedSource) => void;
  readonly change: (source: GeneratedSource) => void;
  /** Also where a pass begins and ends: no commit is under way there, so of each of load and reorg one will do. */
  readonly isAlsoOfThePass?: true;
  /** While no worker runs. */
  readonly meanwhile?: (source: GeneratedSource) => void;
}

/** A microbatch of its own, which reorgs then replace or split. */
const mineTen = (source: GeneratedSource) => source.mine(10);

const KINDS: readonly Kind[] = [
  { name: "a backfill commit", isAlsoOfThePass: true, change: (source) => source.mine(40) },
  {
    name: "several microbatches in one commit",
    misbehaviour: { blocksPerMicrobatch: 3 },
    minChunks: 2,
    change: (source) => source.mine(90),
  },
  {
    name: "a large microbatch that is written before it is finished",
    limits: { spillBytes: 1000 },
    minChunks: 2,
    change: (source) => source.mine(700),
  },
  { name: "an aligned reorg", isAlsoOfThePass: true, prepare: mineTen, change: (source) => source.reorg(10) },
  {
    name: "a reorg to a block inside a microbatch",
    prepare: mineTen,
    change: (source) => source.reorg(4, 5),
  },
  {
    name: "the replacement after a step back",
    misbehaviour: { noPrevHash: true },
    prepare: mineTen,
    change: (source) => source.reorg(4, 5),
  },
  {
    name: "a reorg that another reorg replaces before anybody is back",
    prepare: mineTen,
    change: (source) => source.reorg(7),
    meanwhile: (source) => source.reorg(9, 12),
  },
];

/** In each run each point is met by one kind or two, and each kind meets a point. */
const PAIRS = someCases(
  FAULT_POINTS.filter((point) => !ELSEWHERE.test(point)).flatMap((point) =>
    KINDS.filter((kind) => kind.isAlsoOfThePass || !OF_THE_PASS.has(point)).map((kind) => ({ kind, point })),
  ),
  { kindOf: ({ point }) => point, oneOf: 6 },
);

describe.each(KINDS)("SIGKILL during $name", (kind) => {
  test(`at each statement boundary (${CASES}) leaves, after a restart, what a fresh load gives`, async () => {
    const source = new GeneratedSource({ blocks: 60, logsPerBlock: LOGS_PER_BLOCK });
    await using scenario = await Scenario.start({ source });
    Object.assign(scenario.misbehaviour, kind.misbehaviour);
    const workerOptions = kind.limits === undefined ? {} : { limits: kind.limits };
    let worker = scenario.startFaultyWorker(workerOptions);
    const sync = await scenario.sync(TABLES);
    await sync.reaches();
    await scenario.db.query("select ampsync.publish_dataset('anvil')");
    await scenario.db.query("select ampsync_worker.activate_targets()");
    const follower = new LogFollower(await scenario.db.client(), { row: "t::text" });
    expect(await follower.isolatedStep()).toEqual([]);
    expect(follower.operations).toEqual(["floor"]);

    const points = PAIRS.filter((pair) => pair.kind === kind).map(({ point }) => point);
    for (const point of points) {
      if (kind.prepare !== undefined) {
        kind.prepare(source);
        await sync.reaches();
      }
      await killAt(point, kind, worker, scenario, source);
      expect(await follower.isolatedStep()).toEqual([]); // Rows and log entry, or neither.
      kind.meanwhile?.(source);
      await scenario.releaseDead();
      worker = scenario.startFaultyWorker(workerOptions);
      await sync.reaches();
      await sync.expectBlocks("logs", LOGS_PER_BLOCK);
    }
    // The last kill may come after its commit: then the tables are complete before its successor is there.
    await scenario.until(
      `${points.length} takeovers`,
      async () => (await scenario.events("lease_taken_over")) === points.length,
    );
    await sync.expectFreshLoad();
    expect(await follower.isolatedStep()).toEqual([]);
  });
});

async function killAt(
  point: FaultPoint,
  kind: Kind,
  worker: FaultyWorker,
  scenario: Scenario,
  source: GeneratedSource,
): Promise<void> {
  const isAfterRows = !OF_THE_PASS.has(point) && point !== "before_connect" && point !== "copy_begun";
  await worker.arm({ point, action: "kill", minChunks: isAfterRows ? (kind.minChunks ?? 1) : 0 });
  const endsThePass = OF_THE_PASS.has(point);
  if (endsThePass) {
    await scenario.until("an open stream", async () => scenario.server.openStreams > 0);
    scenario.server.disconnectAll();
  }
  kind.change(source);
  await scenario.until(`the worker to die at ${point}`, async () => {
    if (endsThePass) {
      scenario.server.disconnectAll(); // What was open may have been a question about the head.
      await scenario.hurry();
    }
    return worker.hasEnded;
  });
  expect(await worker.ended).toEqual({ code: null, signal: "SIGKILL" });
}
