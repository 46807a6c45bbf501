// Takes 13 s.
import { expect, test } from "vitest";

import type { Trouble } from "../../../src/devserver/http/trouble/trouble.ts";
import { IngestRig } from "../../support/http/ingest-rig.ts";

interface Line {
  readonly event: string;
  readonly code?: string;
  readonly error?: string;
}

/** The next run meets this trouble at its first request; resolves to the first failure that is told. */
async function meet(rig: IngestRig, ...troubles: readonly (Trouble | null)[]): Promise<Line | undefined> {
  const { api, db } = rig.scenario;
  if ((await rig.scenario.source()).state !== "waiting") {
    await db.query("select ampsync.resume_sync('events')");
  }
  api.faults.next = [...troubles];
  rig.log.length = 0;
  await rig.begin();
  api.faults.next = [];
  const lines: Line[] = rig.log.map((line) => JSON.parse(line));
  return lines.find(({ event }) => ["request_failed", "stream_error", "stream_failed"].includes(event));
}

const SELF: Trouble = { redirect: { to: "/api/v1/events?limit=100" } };

/** What is wrong with an answer, what it is called, and whether only people can help. */
const ROWS: readonly (readonly [string, readonly Trouble[], string, "again" | "stops"])[] = [
  [
    "H46 a body that stands for one above the limit",
    [{ blanksMb: 17, encodings: ["gzip"] }],
    "SY106",
    "stops",
  ],
  ["H46 the same, packed twice", [{ blanksMb: 17, encodings: ["gzip", "br"] }], "SY106", "stops"],
  ["H46 a body without an end", [{ breaks: { at: 50, how: "endless" } }], "SY106", "stops"],
  ["H46 a giant header", [{ giantHeader: 20_000 }], "SY106", "stops"],
  ["H46 six encodings", [{ encodings: ["gzip", "gzip", "gzip", "br", "br", "br"] }], "SY303", "again"],
  ["H46 an encoding that was not asked for", [{ encodings: ["deflate"] }], "SY303", "again"],
  ["H46 an encoding that is not the true one", [{ toldEncoding: "gzip" }], "SY303", "again"],
  ["H44 a redirect without Location", [{ redirect: { to: null } }], "SY303", "again"],
  ["H44 a fourth redirect", [SELF, SELF, SELF, SELF], "SY303", "again"],
  [
    "H44 a redirect to the metadata of a cloud",
    [{ redirect: { to: "http://169.254.169.254/" } }],
    "SY305",
    "stops",
  ],
  ["H44 a redirect to another scheme", [{ redirect: { to: "file:///etc/passwd" } }], "SY305", "stops"],
];

test("what a hostile server answers is called by its name, stops or is asked for again, and stores nothing wrong", async () => {
  await using rig = await IngestRig.start({ api: { records: 150 } });
  for (const [what, troubles, code, then] of ROWS) {
    const line = await meet(rig, ...troubles);
    expect({ what, code: line?.code }).toEqual({ what, code });
    const { state } = await rig.scenario.source();
    expect({ what, goesOn: state === "complete" }).toEqual({ what, goesOn: then === "again" });
  }
  await meet(rig);
  await rig.scenario.expectEqual();
});

test("H44 a POST is sent nowhere else", async () => {
  await using rig = await IngestRig.start({ api: { style: "elastic", records: 150 } });
  const before = rig.scenario.api.requests.length;
  const line = await meet(rig, { status: 307, redirect: { to: "/elsewhere" } });
  expect(line).toMatchObject({ event: "request_failed", code: "SY303" });
  const asked = rig.scenario.api.requests.slice(before).map(({ target }) => target);
  expect(asked.some((target) => target.includes("elsewhere"))).toBe(false);
});
