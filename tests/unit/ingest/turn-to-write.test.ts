import { expect, test } from "vitest";
import { turnToWrite } from "../../../src/ingest/turn-to-write.ts";
import { Permits } from "../../../src/model/permits.ts";

const NEVER = new AbortController().signal;

test("a pass in which a run begins again waits for its commit without the right to write, which other streams wait for", async () => {
  const [own, shared] = [new Permits(1), new Permits(1)];
  const restart = await own.take(NEVER);
  const commit = turnToWrite(own, shared).take(NEVER);
  const other = await shared.take(NEVER); // Does not wait.
  restart[Symbol.dispose]();
  other[Symbol.dispose]();
  using _both = await commit;
  expect(own.isWanted || shared.isWanted).toBe(false);
});

test("a pass that ends while it waits for the right to write gives its turn back", async () => {
  const [own, shared] = [new Permits(1), new Permits(1)];
  using _other = await shared.take(NEVER);
  const ends = new AbortController();
  const commit = turnToWrite(own, shared).take(ends.signal);
  ends.abort(new Error("the pass ends"));
  await expect(commit).rejects.toThrow("the pass ends");
  using _turn = await own.take(NEVER);
});
