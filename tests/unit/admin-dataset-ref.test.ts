import { expect, test } from "vitest";

import { datasetRefText, tableRefSql } from "../../src/model/dataset-ref.ts";

test("the text of a reference always has its namespace", () => {
  expect(datasetRefText({ namespace: "_", name: "anvil", revision: null })).toBe("_/anvil");
  expect(datasetRefText({ namespace: "_", name: "anvil", revision: "dev" })).toBe("_/anvil@dev");
});

test("a table is named with its resolved version, quotes doubled", () => {
  const ref = { namespace: "edgeandnode", name: "mainnet" };
  expect(tableRefSql(ref, "1.2.0", "logs")).toBe('"edgeandnode/mainnet@1.2.0"."logs"');
  expect(tableRefSql(ref, "1.2.0", 'lo"gs')).toBe('"edgeandnode/mainnet@1.2.0"."lo""gs"');
});
