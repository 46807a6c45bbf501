// Takes 18 s.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { FaultPoint } from "../../../src/fault-points.ts";
import { SourceFleet } from "../../support/http/source-fleet.ts";
import { threeKinds } from "../../support/http/three-kinds.ts";
import { differenceOf, PositionLooks } from "../../support/http/truth.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { CASES, someCases } from "../../support/some-cases.ts";
import type { FaultyWorker } from "../../support/worker/faulty-worker.ts";

/** Where a pass of an HTTP source can be killed, and after how many of its commits: the first has one page alone. */
const POINTS: readonly (readonly [FaultPoint, number])[] = [
  ["lease_acquired", 0],
  ["target_prepared", 0],
  ["permit_taken", 0],
  ["permit_taken", 1],
  ["answer_received", 0],
  ["answer_received", 1],
  ["before_connect", 1],
  ["copy_begun", 1],
  ["chunk_written", 1],
  ["before_trailer", 1],
  ["commit_sent", 0],
  ["commit_answered", 0],
  ["commit_sent", 1],
  ["before_end_pass", 0],
];

/** Before anything is asked, while it is asked, around a commit, at the end. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  ["begun", /^(lease_acquired|target_prepared)$/],
  ["asked", /^(permit|answer)_/],
  ["written", /^(before_connect|copy_begun|chunk_written|before_trailer)$/],
  ["committed", /^commit_/],
  ["ended", /^before_end_pass$/],
];
const SOME = someCases(POINTS, {
  kindOf: ([point]) => KINDS.find(([, points]) => points.test(point))![0],
});

describe(`after SIGKILL, by cursor, by offset, and in windows that are read at once (${CASES})`, () => {
  let db: TestDatabase;
  let fleet: SourceFleet;
  let looks: PositionLooks;
  let next: FaultyWorker;
  /** What the first request after the last kill has to ask for. */
  let resumes: { readonly before: number; readonly token: string | null } = { before: 0, token: null };

  beforeAll(async () => {
    db = await createDatabase();
    fleet = await SourceFleet.start(db, threeKinds({ pages: 16, pagesAWindow: 3, pageSize: 20 }));
    looks = new PositionLooks(await db.client(), fleet.members.values());
    next = fleet.startFaultyWorker({ waits: true });
  });

  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await db?.drop();
  });

  /** The first request goes on from the stored position: no page that was committed is asked for again. */
  async function expectResumed(): Promise<void> {
    const { requests } = fleet.server("cursors");
    const first = requests[resumes.before];
    if (first !== undefined) expect(first.token).toBe(resumes.token);
    const { rows } = await db.query(
      "select p.position ->> 'token' as token from ampsync_private.part p where p.stream_id = $1",
      [fleet.members.get("cursors")!.streamId],
    );
    resumes = { before: requests.length, token: rows[0]?.["token"] ?? null };
  }

  test.each(SOME)(
    "at %s, after %i commits, the rows are those of the pages before the position, and the next worker goes on from there",
    async (point, minCommits) => {
      const worker = next;
      const minChunks = point === "chunk_written" ? 1 : 0;
      await worker.arm({ point, action: "kill", minChunks, minCommits, passes: fleet.members.size });
      next = fleet.startFaultyWorker({ waits: true });
      expect(await worker.ended, worker.tail()).toEqual({ code: null, signal: "SIGKILL" });
      await fleet.releaseDead(); // What it had sent is done by then.
      expect(await looks.look()).toEqual([]);
      await expectResumed();
    },
  );

  test("the next worker ends with every record, once, and runs nothing again", async () => {
    fleet.startFaultyWorker();
    await fleet.complete();
    await expectResumed();
    expect(await looks.look()).toEqual([]);
    for (const member of fleet.members.values()) {
      expect(await differenceOf(db, member, member.server.records())).toEqual({ lost: 0, doubled: 0 });
    }
    expect([...(await fleet.rows()).values()].map(({ duplicates }) => duplicates)).toEqual([0, 0, 0]);
    const { rows } = await db.query("select distinct p.run::int from ampsync_private.part p");
    expect(rows).toEqual([{ run: 1 }]);
  });
});
