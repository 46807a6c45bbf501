import { expect, test } from "vitest";

import { datasetRefText, tableRefSql } from "../../src/model/dataset-ref.ts";

test("the text of a reference always has its namespace", () => {
  expect(datasetRefText({ namespace: "_", name: "anvil", revision: null })).toBe("_/anvil");
  expect(datasetRefText({ namespace: "_", name: "anvil", revision: "dev" })).toBe("_/anvil@dev");
});

test("generate_query, reserved: schema and table are quoted, quotes doubled", () => {
  expect(tableRefSql("edgeandnode/mainnet@1.2.0", "logs")).toBe('"edgeandnode/mainnet@1.2.0"."logs"');
  expect(tableRefSql("anvil__1_0_0", "select")).toBe('"anvil__1_0_0"."select"');
  expect(tableRefSql("anvil", 'lo"gs')).toBe('"anvil"."lo""gs"');
});
