import { describe, expect, test } from "vitest";

import { UsageError } from "../../src/cli/command-line.ts";
import { printError } from "../../src/cli/print-error.ts";
import { AmpsyncError } from "../../src/errors.ts";

function printed(error: unknown, asJson = false): string {
  let text = "";
  printError(error, asJson, (part) => {
    text += part;
  });
  return text;
}

describe("an error of a command", () => {
  test.each([
    "Query read timeout",
    "timeout exceeded when trying to connect",
    "Connection terminated unexpectedly",
    "Connection terminated due to connection timeout",
    "Client has encountered a connection error and is not queryable",
  ])("of the driver is no bug, and has no stack: %s", (message) => {
    expect(printed(new Error(message))).toBe(
      `ERROR SY104: ${message}\nHINT: Check the address, and that the server is running.\n`,
    );
    expect(JSON.parse(printed(new Error(message), true))).toMatchObject({
      error: { code: "SY104", message },
    });
  });

  test("that is a bug has its stack", () => {
    expect(printed(new TypeError("x is not a function"))).toContain("print-error.test.ts");
  });

  test("of ours has its detail and its hint", () => {
    const error = new AmpsyncError("SY902", "it is wrong", { detail: "It says so.", hint: "Correct it." });
    expect(printed(error)).toBe("ERROR SY902: it is wrong\nDETAIL: It says so.\nHINT: Correct it.\n");
  });

  test("of the command line names the help of the command", () => {
    expect(printed(new UsageError("no such option", "doctor"))).toBe(
      "ampsync: no such option\nHINT: ampsync doctor --help\n",
    );
  });
});
