import { describe, expect, test } from "vitest";

import { createLog } from "../../src/log.ts";
import { LOG_LEVELS, LOG_PARTS, type LogLevel, parseLogLevels } from "../../src/model/log-levels.ts";

function logTo(level: LogLevel | ReturnType<typeof parseLogLevels>["levels"]) {
  const lines: string[] = [];
  return { lines, log: createLog(level, (line) => lines.push(line)) };
}

describe("the log", () => {
  test("writes one JSON object a line: time, level, target, event, fields", () => {
    const { lines, log } = logTo("info");
    log.warn("reorg_detected", { dataset: "eth", rows: 3, deep: false, hash: null, missing: undefined });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    const { time, ...rest } = JSON.parse(lines[0] ?? "");
    expect(new Date(time).toISOString()).toBe(time);
    expect(rest).toEqual({
      level: "warn",
      target: "ampsync",
      event: "reorg_detected",
      dataset: "eth",
      rows: 3,
      deep: false,
      hash: null,
    });
  });

  test("keeps every digit of a block number", () => {
    const { lines, log } = logTo("info");
    log.info("resuming_from_watermark", { block: 18_446_744_073_709_551_615n });
    expect(lines[0]).toContain('"block":"18446744073709551615"');
  });

  test("keeps a line break of a value inside its line", () => {
    const { lines, log } = logTo("info");
    log.error("stream_error", { error: "first\nsecond" });
    expect(lines.join("").split("\n")).toHaveLength(2);
  });

  test("adds bound fields to every line, and the nearer one wins", () => {
    const { lines, log } = logTo("info");
    const bound = log.with({ dataset: "eth" }).with({ table: "blocks" });
    bound.info("live", { table: "logs" });
    log.info("live");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ dataset: "eth", table: "logs" });
    expect(JSON.parse(lines[1] ?? "")).not.toHaveProperty("dataset");
  });

  test.each(LOG_LEVELS)("at level %s leaves out what is less important", (level) => {
    const { lines, log } = logTo(level);
    const methods = ["error", "warn", "info", "debug"] as const;
    for (const method of methods) {
      log.with({})[method]("event");
    }
    const written = lines.map((line) => JSON.parse(line).level);
    expect(written).toEqual(methods.slice(0, LOG_LEVELS.indexOf(level) + 1));
  });
});

describe("levels in the style of RUST_LOG", () => {
  /** What is written at info and debug: by ampsync itself, by two of its parts, and by the library of the queue. */
  function written(text: string): string[] {
    const { lines, log } = logTo(parseLogLevels(text).levels);
    for (const each of [
      log,
      log.part("stream"),
      log.part("db").with({ a: 1 }),
      log.part("graphile_worker"),
    ]) {
      each.info("info");
      each.debug("debug");
    }
    return lines.map((line) => JSON.parse(line)).map(({ target, event }) => `${target} ${event}`);
  }
  const ALL = ["ampsync", "ampsync::stream", "ampsync::db", "graphile_worker"];
  const info = ALL.map((target) => `${target} info`);

  test.each([
    ["", info],
    ["info", info],
    ["INFO", info],
    ["debug,info", info],
    ["error", []],
    ["off", []],
    ["h2=off, info, hyper=trace", info],
    ["h2=trace", info],
    ["hyper[span{a=b}]=trace", info],
    ["warn,ampsync::stream=info", ["ampsync::stream info"]],
    ["ampsync::stream=info,warn", ["ampsync::stream info"]],
    ["warn,AMPSYNC::Stream = Debug", ["ampsync::stream info", "ampsync::stream debug"]],
    ["off,ampsync::stream", ["ampsync::stream info", "ampsync::stream debug"]],
    ["off,ampsync::stream=", ["ampsync::stream info", "ampsync::stream debug"]],
    ["off,ampsync=info", info.slice(0, 3)],
    ["off,ampsync=info,ampsync::stream=off", ["ampsync info", "ampsync::db info"]],
    ["off,ampsync::stream=off,ampsync=info", ["ampsync info", "ampsync::db info"]],
    ["off,ampsync::stream=debug,ampsync::stream=info", ["ampsync::stream info"]],
    ["off,ampsync::str=debug", []],
    ["info,graphile_worker=error", info.slice(0, 3)],
  ])("%j", (text, expected) => {
    expect(written(text)).toEqual(expected);
  });

  test.each([
    ["verbose", ["verbose"]],
    ["info,ampsync=loud", ["ampsync=loud"]],
    ["info/regex", ["info/regex"]],
    ["=debug", ["=debug"]],
    ["hyper", ["hyper"]],
  ])("%j has parts that mean nothing", (text, wrong) => {
    expect(parseLogLevels(text).wrong).toEqual(wrong);
  });

  test("know the parts of ampsync, and tell others from them", () => {
    const list = LOG_PARTS.map((part) => `ampsync::${part}=debug`).join();
    expect(parseLogLevels(list).unknown).toEqual(["ampsync::graphile_worker"]);
    expect(parseLogLevels("ampsync::stream::x=debug,ampsyncd=debug").unknown).toEqual(["ampsync::stream::x"]);
  });
});
