// Takes 21 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { FaultPoint } from "../../src/fault-points.ts";
import { Scenario } from "../support/worker/scenario.ts";

/** Between two statements of its commit, with the rest of it still to be sent. */
const POINTS: readonly FaultPoint[] = ["before_connect", "copy_begun", "before_trailer"];

test.each(POINTS)(
  "of two workers one writes; stopped at %s past its lease and continued, its commit fails",
  async (point) => {
    const source = new GeneratedSource({ blocks: 60 });
    await using scenario = await Scenario.start({ source });
    const holder = scenario.startFaultyWorker();
    const sync = await scenario.sync(["logs"]);
    await sync.reaches();
    scenario.startWorker();

    await holder.arm({ point, action: "pause" });
    source.mine(10);
    await scenario.until(`the holder to stand at ${point}`, async () => holder.isPaused);
    holder.signal("SIGSTOP");
    const { epoch, holder: frozen } = (await sync.stream())!;
    await scenario.expireLeases();
    await sync.reaches();
    const stream = (await sync.stream())!;
    expect(stream.epoch).toBeGreaterThan(epoch);
    expect(stream.holder).not.toBe(frozen);
    const written = await sync.fingerprints();

    holder.resume(); // It reads this when it runs again.
    holder.signal("SIGCONT");
    await scenario.until("its commit to fail", async () => /lease_lost|stream_error/.test(holder.tail()));
    expect(await sync.fingerprints()).toEqual(written);
    source.reorg(5);
    await sync.reaches();
    await sync.expectFreshLoad();
    expect(await scenario.events("lease_taken_over")).toBe(1);
  },
);
