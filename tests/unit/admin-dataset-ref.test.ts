import { describe, expect, test } from "vitest";
import { datasetRefText, isFixedRef, parseDatasetRef, tableRefSql } from "../../src/model/dataset-ref.ts";

const HASH = "ab".repeat(32);

describe("a dataset reference", () => {
  test.each([
    ["anvil", { namespace: "_", name: "anvil", revision: null }],
    ["edgeandnode/mainnet", { namespace: "edgeandnode", name: "mainnet", revision: null }],
    ["edgeandnode/mainnet@1.2.0", { namespace: "edgeandnode", name: "mainnet", revision: "1.2.0" }],
    [
      "_/anvil_rpc@0.2.0-LTcyNjgzMjc1NA",
      { namespace: "_", name: "anvil_rpc", revision: "0.2.0-LTcyNjgzMjc1NA" },
    ],
    [`anvil@${HASH}`, { namespace: "_", name: "anvil", revision: HASH }],
    ["anvil@latest", { namespace: "_", name: "anvil", revision: "latest" }],
    ["anvil@dev", { namespace: "_", name: "anvil", revision: "dev" }],
    ["7up/_x", { namespace: "7up", name: "_x", revision: null }],
  ])("%s is understood", (text, expected) => {
    expect(parseDatasetRef(text)).toEqual(expected);
  });

  test.each([
    "",
    "Anvil",
    "7up",
    "a-b",
    "a/b/c",
    "/b",
    "a@",
    "a@1",
    "a@1.2",
    "a@newest",
    "a@1.0.0@2.0.0",
    'a"; drop table x',
    `a@${HASH}ff`,
  ])("%j is refused with SY004", (text) => {
    expect(() => parseDatasetRef(text)).toThrow(expect.objectContaining({ code: "SY004" }));
  });

  test("versions and hashes are fixed; no revision, latest and dev follow", () => {
    expect(["a@1.0.0", `a@${HASH}`].map((text) => isFixedRef(parseDatasetRef(text)))).toEqual([true, true]);
    expect(["a", "a@latest", "a@dev"].map((text) => isFixedRef(parseDatasetRef(text)))).toEqual([
      false,
      false,
      false,
    ]);
  });

  test("its text names the namespace always", () => {
    expect(datasetRefText(parseDatasetRef("anvil"))).toBe("_/anvil");
    expect(datasetRefText(parseDatasetRef("anvil@dev"))).toBe("_/anvil@dev");
  });

  test("in SQL both parts are quoted, with quotes doubled", () => {
    const ref = parseDatasetRef("edgeandnode/mainnet@latest");
    expect(tableRefSql(ref, "1.2.0", "logs")).toBe('"edgeandnode/mainnet@1.2.0"."logs"');
    expect(tableRefSql(ref, "1.2.0", 'lo"gs')).toBe('"edgeandnode/mainnet@1.2.0"."lo""gs"');
  });
});
