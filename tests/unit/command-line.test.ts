import { describe, expect, test } from "vitest";

import { parseCommandLine, UsageError } from "../../src/cli/command-line.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { commandHelp } from "../../src/cli/help.ts";
import { nearest } from "../../src/cli/nearest.ts";
import { flagsOf, IGNORED, SETTINGS, type Setting } from "../../src/config/settings.ts";

const command = (name: string) => COMMANDS.find((each) => each.name === name)!;
const parse = (name: string, ...args: string[]) => parseCommandLine(command(name), args);

function messageOf(name: string, ...args: string[]): string {
  try {
    parse(name, ...args);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return "";
}

describe("the command line", () => {
  test("has a flag for each name of each setting, after its sub-command", () => {
    for (const setting of Object.values(SETTINGS) as Setting[]) {
      for (const flag of flagsOf(setting)) {
        const owners: Readonly<Record<string, string>> = { ingestion: "ingest", gateway: "gateway" };
        const owner = owners[setting.scope] ?? "sync";
        expect(parse(owner, `--${flag}`, "7").flags).toEqual({ [flag]: "7" });
        const isWorkers = setting.scope === "worker" || setting.scope === "database";
        expect(messageOf("worker", `--${flag}=7`) === "", flag).toBe(isWorkers);
        expect(messageOf("status", `--${flag}=7`) === "", flag).toBe(setting.scope === "database");
      }
    }
    for (const name of IGNORED) {
      expect(messageOf("worker", `--${name.toLowerCase().replaceAll("_", "-")}=1`), name).toBe("");
    }
  });

  test.each([
    ["-d", "dataset"],
    ["-t", "tables"],
    ["-u", "database-user"],
    ["-p", "database-password"],
    ["-h", "database-host"],
  ])("%s is --%s", (short, long) => {
    expect(parse("sync", short, "x").flags).toEqual({ [long]: "x" });
    expect(parse("sync", `${short}x`).flags).toEqual({ [long]: "x" });
  });

  test("has switches", () => {
    expect(parse("status", "--watch", "--json").switches).toEqual(new Set(["watch", "json"]));
    expect(messageOf("status", "--json=yes")).toBe("--json takes no value");
  });

  test.each([
    ["status", ["--jsno"], "ampsync status has no option --jsno; did you mean --json?"],
    [
      "sync",
      ["--databse-password=hunter2"],
      "ampsync sync has no option --databse-password; did you mean --database-password?",
    ],
    [
      "sync",
      ["--databse-password", "hunter2"],
      "ampsync sync has no option --databse-password; did you mean --database-password?",
    ],
    ["migrate", ["-x", "1"], "ampsync migrate has no option -x"],
    ["migrate", ["now"], "ampsync migrate takes no arguments: now"],
    ["migrate", ["-p", "hunter", "2"], "ampsync migrate takes no arguments"],
    ["migrate", ["-p"], "-p needs a value; one that begins with - is written --database-password=-…"],
    [
      "migrate",
      ["-p", "--json"],
      "-p needs a value; one that begins with - is written --database-password=-…",
    ],
  ])("%s %j is refused, and shows no secret", (name, args, message) => {
    expect(messageOf(name, ...args)).toBe(message);
  });

  test("takes a value that begins with a dash behind =", () => {
    expect(parse("migrate", "--database-password=-secret").flags).toEqual({ "database-password": "-secret" });
  });
});

describe("the help of a command", () => {
  test.each(COMMANDS.filter(({ scopes }) => scopes.length > 0))("lists what $name takes", (each) => {
    const help = commandHelp(each);
    const flags = [...help.matchAll(/^ {2}(?:-\w, )?--([\w-]+)$/gm)].map(([, flag]) => flag);
    expect(flags).toEqual([
      ...each.switches,
      ...(Object.values(SETTINGS) as Setting[])
        .filter(({ scope }) => each.scopes.includes(scope))
        .map((setting) => flagsOf(setting)[0]),
    ]);
    expect(help).toContain("Exit codes");
  });
});

describe("the nearest name", () => {
  test.each([
    ["migrat", "migrate"],
    ["wroker", "worker"],
    ["stat", "status"],
    ["dcotor", "doctor"],
    ["frobnicate", null],
    ["", null],
  ])("of %j is %j", (text, name) => {
    expect(nearest(text, ["sync", "migrate", "worker", "status", "doctor", "demo"])).toBe(name);
  });
});
