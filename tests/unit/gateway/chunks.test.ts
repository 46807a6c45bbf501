import { expect, test } from "vitest";

import { Chunks } from "../../../src/gateway/chunks.ts";

/** A database with chunks of 10 bytes, of which each subject may have those that its list names. */
function database(lists: Record<string, readonly number[]>) {
  const asked = { reads: 0, looks: 0 };
  const statusOf = (token: object, n: number) =>
    lists[(token as { sub: string }).sub]!.includes(n) ? 200 : 403;
  const calls = {
    chunk: async (_: string, n: number, token: object) => {
      asked.reads += 1;
      await Promise.resolve();
      const status = statusOf(token, n);
      return { status, body: status === 200 ? Buffer.alloc(10, n) : null };
    },
    chunkStatus: async (_: string, n: number, token: object) => {
      asked.looks += 1;
      return statusOf(token, n);
    },
  };
  return { asked, calls };
}

const [ann, bob] = [{ sub: "ann" }, { sub: "bob" }];

test("of many that ask for a chunk at once one reads it, and each is asked about", async () => {
  const { asked, calls } = database({ ann: [1] });
  const chunks = new Chunks(calls);
  const got = await Promise.all(Array.from({ length: 5 }, () => chunks.get("s", 1, ann)));
  expect(got.map(({ body }) => body?.[0])).toEqual([1, 1, 1, 1, 1]);
  expect(asked).toEqual({ reads: 1, looks: 4 });
});

test("whoever may not have a chunk gets none, also where it is kept, and keeps it from nobody", async () => {
  const lists = { ann: [1], bob: [] as number[] };
  const { calls } = database(lists);
  const chunks = new Chunks(calls);
  const [refused, given] = await Promise.all([chunks.get("s", 1, bob), chunks.get("s", 1, ann)]);
  expect([refused, given.status]).toEqual([{ status: 403, body: null }, 200]);
  expect(await chunks.get("s", 1, bob)).toEqual({ status: 403, body: null });
  lists.ann = [];
  expect(await chunks.get("s", 1, ann)).toEqual({ status: 403, body: null });
});

test("a chunk that could not be read is read by the next one", async () => {
  const { calls } = database({ ann: [1] });
  let isFailing = true;
  const chunks = new Chunks({
    ...calls,
    chunk: async (snapshot, n, token) => {
      if (!isFailing) return await calls.chunk(snapshot, n, token);
      isFailing = false;
      throw new Error("no connection");
    },
  });
  const [first, second] = await Promise.allSettled([chunks.get("s", 1, ann), chunks.get("s", 1, ann)]);
  expect(first.status).toBe("rejected");
  expect(second).toMatchObject({ status: "fulfilled", value: { status: 200 } });
});

test("what was used longest ago makes room", async () => {
  const { asked, calls } = database({ ann: [1, 2, 3] });
  const chunks = new Chunks(calls, 25);
  for (const n of [1, 2, 1, 3, 1]) await chunks.get("s", n, ann);
  expect(asked.reads).toBe(3);
  await chunks.get("s", 2, ann);
  expect(asked.reads).toBe(4);
});
