import { describe, expect, test } from "vitest";

import { parseManifest } from "../../src/manifest/dataset-manifest.ts";

const SQL = 'SELECT * FROM "_/eth@1.0.0".logs';
const OBJECT = `{ name: "mart", version: "1.2.0", network: "mainnet", tables: { t: { sql: '${SQL}' } } }`;
const MANIFEST = { name: "mart", version: "1.2.0", network: "mainnet", queries: { t: SQL } };

async function refusalOf(text: string, path = "dataset.ts"): Promise<string> {
  return await parseManifest(path, text).then(
    () => "was not refused",
    ({ code, message }) => `${code} ${message}`,
  );
}

test("load_json", async () => {
  const { queries, ...fields } = MANIFEST;
  const tables = { t: { sql: queries.t, description: "more than is read" } };
  expect(await parseManifest("dataset.json", JSON.stringify({ ...fields, tables }))).toEqual(MANIFEST);
  expect(await refusalOf("{,}", "dataset.json")).toMatch(
    /^SY902 the dataset file dataset.json cannot be read: .*JSON/,
  );
});

describe("simple_js_export", () => {
  test.each([
    ["dataset.js", `export default ${OBJECT}`],
    ["dataset.mjs", `export default (${OBJECT});`],
    ["dataset.js", `"use strict";\nmodule.exports = ${OBJECT};`],
    [
      "dataset.mts",
      `import type { Dataset } from "x";\ninterface More { a: 1 }\nexport default ${OBJECT} satisfies Dataset;`,
    ],
    ["dataset.ts", `type D = object;\nexport default ${OBJECT} as const;`],
  ])("%s: %s", async (path, text) => {
    expect(await parseManifest(path, text)).toEqual(MANIFEST);
  });
});

describe("define_dataset_pattern", () => {
  test.each([
    `import { defineDataset } from "x";\nexport default defineDataset(() => (${OBJECT}));`,
    `export default defineDataset((context: unknown) => (${OBJECT}));`,
    `export default defineDataset(() => { return ${OBJECT}; });`,
    `export default defineDataset(function () { return ${OBJECT}; });`,
    `const { defineDataset } = require("x");\nmodule.exports = defineDataset(() => (${OBJECT}));`,
    `export default defineDataset(${OBJECT});`,
  ])("%s", async (text) => {
    expect(await parseManifest("dataset.ts", text)).toEqual(MANIFEST);
  });
});

test("texts may be templates and sums; the version is 0.1.0 unless the file says another one", async () => {
  const text =
    'export default { "name": "a" + `b`, tables: { t: { sql: `select x\nfrom ` + "a.t" }, "u": { sql: "é" } } }';
  expect(await parseManifest("dataset.js", text)).toEqual({
    name: "ab",
    version: "0.1.0",
    network: null,
    queries: { t: "select x\nfrom a.t", u: "é" },
  });
});

test("nothing is executed", async () => {
  const marked = globalThis as { wasExecuted?: true };
  for (const code of ["globalThis.wasExecuted = true", "(globalThis.wasExecuted = true, 'x')"]) {
    await refusalOf(`${code};\nexport default ${OBJECT}`);
    await refusalOf(`export default { name: ${code} }`);
    await refusalOf(`export default defineDataset(() => { ${code}; return ${OBJECT}; })`);
  }
  await parseManifest(
    "a.js",
    `const x = require((globalThis.wasExecuted = true));\nexport default ${OBJECT}`,
  );
  expect(marked.wasExecuted).toBeUndefined();
});

describe("what needs a program to run is refused, with its place:", () => {
  test.each([
    [
      "const sql = 1;\nexport default { name: sql }",
      "only imports, types and one export can be read (line 1, column 1)",
    ],
    ["export default {\n  name: sql }", "sql is not a constant (line 2, column 9)"],
    [
      "export default { name: `a$" + "{1}` }",
      "a template with expressions needs a program to run (line 1, column 24)",
    ],
    ["export default { name: f() }", "a call is not a constant (line 1, column 24)"],
    ["export default { name: () => 1 }", "a function is not a constant (line 1, column 24)"],
    ["export default { name: 'a' + 1 }", "only texts can be joined by + (line 1, column 24)"],
    ["export default { name: 'a' - 'b' }", "this is not a constant (line 1, column 24)"],
    ["export default { name: /a/ }", "this is not a constant (line 1, column 24)"],
    ["export default { name: 10n }", "this is not a constant (line 1, column 24)"],
    [
      "export default { ...other }",
      "an object must have its members one by one, each with a value (line 1, column 18)",
    ],
    [
      "export default { get name() { return 1 } }",
      "an object must have its members one by one, each with a value (line 1, column 18)",
    ],
    [
      "export default { name() { return 1 } }",
      "an object must have its members one by one, each with a value (line 1, column 18)",
    ],
    ["export default { [name]: 1 }", "a member needs a name and a value as they are (line 1, column 18)"],
    ["export default { name }", "a member needs a name and a value as they are (line 1, column 18)"],
    ["export default { name: 1, name: 2 }", "name is there twice (line 1, column 27)"],
    ["export default { name: [...a] }", "a list must have its values one by one (line 1, column 25)"],
    ["export default { name: [,] }", "a list must have its values one by one (line 1, column 24)"],
    ["export default define({})", "only defineDataset can be called, with one dataset (line 1, column 16)"],
    [
      "export default defineDataset(() => { f(); return {}; })",
      "the function must return the dataset, and do nothing else (line 1, column 38)",
    ],
    ["export default class {}", "this is not a constant (line 1, column 16)"],
    ["export const a = {}", "only imports, types and one export can be read"],
    ["module.exports = {};\nexport default {}", "more than one thing is exported (line 2, column 16)"],
    ["import 'x'", "nothing is exported"],
    ["export default { name: ", "Unexpected token (line 1, column 24)"],
  ])("%s", async (text, why) => {
    expect(await refusalOf(text)).toContain(`SY902 the dataset file dataset.ts cannot be read: ${why}`);
  });
});

describe("what is no dataset is refused:", () => {
  test.each([
    ["[]", "the dataset must be an object, and is []"],
    ["{ tables: {} }", "name must be a dataset's name, such as my_dataset, and is missing"],
    ["{ name: 'A b' }", `name must be a dataset's name, such as my_dataset, and is "A b"`],
    ["{ name: 'a', version: 'latest' }", `version must be one such as 0.1.0, and is "latest"`],
    ["{ name: 'a', version: 1 }", "version must be a text, and is 1"],
    ["{ name: 'a' }", "tables must be an object, and is missing"],
    ["{ name: 'a', tables: {} }", "tables has no table"],
    ["{ name: 'a', tables: { t: 'select 1' } }", `table t must be an object, and is "select 1"`],
    ["{ name: 'a', tables: { t: {} } }", "table t has no sql"],
    ["{ name: 'a', tables: { t: { sql: {} } } }", "sql must be a text, and is an object"],
  ])("%s", async (object, why) => {
    expect(await refusalOf(`export default ${object}`)).toBe(
      `SY902 the dataset file dataset.ts cannot be read: ${why}`,
    );
  });

  test("a file of more than 1 MiB", async () => {
    expect(await refusalOf(`/*${" ".repeat(1024 * 1024)}*/`)).toContain(
      "it has more than 1048576 characters",
    );
  });
});
