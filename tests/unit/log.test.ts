import { describe, expect, test } from "vitest";

import { createLog, LOG_LEVELS, type LogLevel } from "../../src/log.ts";

function logTo(level: LogLevel) {
  const lines: string[] = [];
  return { lines, log: createLog(level, (line) => lines.push(line)) };
}

describe("the log", () => {
  test("writes one JSON object a line: time, level, event, fields", () => {
    const { lines, log } = logTo("info");
    log.warn("reorg_detected", { dataset: "eth", rows: 3, deep: false, hash: null, missing: undefined });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    const { time, ...rest } = JSON.parse(lines[0] ?? "");
    expect(new Date(time).toISOString()).toBe(time);
    expect(rest).toEqual({
      level: "warn",
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
