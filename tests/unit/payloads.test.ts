import { expect, test } from "vitest";

import { parseId } from "../../src/model/payloads.ts";

test("an id is read from text, so that no digit is rounded away", () => {
  expect(parseId({ stream_id: "900719925474099399" }, "stream_id")).toBe(900_719_925_474_099_399n);
  expect(parseId({ dataset_id: "7", more: true }, "dataset_id")).toBe(7n);
});

test.each([
  [null],
  [undefined],
  [7],
  ["7"],
  [[]],
  [{}],
  [{ dataset_id: "7" }],
  [{ stream_id: 7 }],
  [{ stream_id: "" }],
  [{ stream_id: "-7" }],
  [{ stream_id: "7; drop table x" }],
  [{ stream_id: "1234567890123456789" }],
])("the payload %j is refused with the way to queue work", (payload) => {
  expect(() => parseId(payload, "stream_id")).toThrow(
    expect.objectContaining({ code: "SY004", hint: expect.stringContaining("enqueue_sync") }),
  );
});
