import { expect, test } from "vitest";

import { SourceFleet } from "../../support/http/source-fleet.ts";
import { threeKinds } from "../../support/http/three-kinds.ts";
import { differenceOf, PositionLooks } from "../../support/http/truth.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Two workers stand there one after the other: in a commit, and with answers that nobody has written. */
const POINTS = ["before_trailer", "answer_received"] as const;

test("stopped past their leases, in a commit or with an answer, workers that are continued write nothing", async () => {
  await using db = await createDatabase();
  await using fleet = await SourceFleet.start(db, threeKinds({ pages: 6, pagesAWindow: 1, pageSize: 20 }));
  const passes = fleet.members.size;
  const looks = new PositionLooks(await db.client(), fleet.members.values());
  const frozen = POINTS.map(() => fleet.startFaultyWorker({ waits: true }));
  for (const [index, point] of POINTS.entries()) {
    const worker = frozen[index]!;
    await worker.arm({ point, action: "pause", passes });
    await waitFor(`the worker to stand at ${point}`, () => worker.isPaused);
    worker.signal("SIGSTOP");
    await fleet.releaseDead();
  }
  fleet.startFaultyWorker();
  await fleet.complete();
  const written = await fleet.rows();

  for (const worker of frozen) {
    worker.resume(); // It reads this when it runs again.
    worker.signal("SIGCONT");
  }
  const hasLost = (lines: readonly string[]) =>
    lines.filter((line) => /lease_lost|stream_error/.test(line)).length >= passes;
  for (const worker of frozen) {
    await waitFor("its commits to fail", () => hasLost(worker.said())).catch((error) => {
      throw new Error(`${error}\n${worker.tail()}`);
    });
  }
  expect(await fleet.rows()).toEqual(written);
  expect(await looks.look()).toEqual([]);
  for (const member of fleet.members.values()) {
    expect(await differenceOf(db, member, member.server.records())).toEqual({ lost: 0, doubled: 0 });
  }
});
