#!/usr/bin/env node
import { readFileSync } from "node:fs";

import { checkNode } from "../config.ts";
import type { Secrets } from "../model/secrets.ts";
import { parseCommandLine, UsageError } from "./command-line.ts";
import { COMMANDS, type Command } from "./commands.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { nearest } from "./nearest.ts";
import { printError } from "./print-error.ts";

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Aborted by the first SIGINT or SIGTERM; the second one ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) {
        process.exit(130);
      }
      controller.abort(new Error(name));
    });
  }
  return controller.signal;
}

function find(name: string): Command {
  const names = COMMANDS.map((command) => command.name);
  const found = COMMANDS.find((command) => command.name === name);
  if (found === undefined) {
    const meant = nearest(name, names);
    throw new UsageError(`unknown command ${name}${meant === null ? "" : `; did you mean ${meant}?`}`);
  }
  return found;
}

async function main([first, ...rest]: readonly string[], hide: (secrets: Secrets) => void): Promise<number> {
  checkNode(process.versions.node);
  switch (first) {
    case "--version":
      print(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version);
      return 0;
    case undefined:
    case "--help":
    case "-h":
    case "help":
      print(rest[0] === undefined ? generalHelp(COMMANDS) : commandHelp(find(rest[0])));
      return first === undefined ? 2 : 0;
    default: {
      const command = find(first);
      if (rest.includes("--help") && !command.hasOwnHelp) {
        print(commandHelp(command));
        return 0;
      }
      if (command.ownArguments !== undefined) {
        return await command.ownArguments(rest, { print, stopSignal, hide });
      }
      const { switches, flags } = parseCommandLine(command, rest);
      return await command.run({ switches, flags, print, stopSignal, hide });
    }
  }
}

const argv = process.argv.slice(2);
// Whoever reads the output has seen enough, such as `head`; but a log that nobody takes any more is no success.
process.stdout.on("error", () => process.exit(argv[0] === "ingest" ? 1 : undefined));

const secrets: Secrets[] = [];
const hide = (text: string) => secrets.reduce((shown, each) => each.redact(shown), text);
process.exitCode = await main(argv, (each) => secrets.push(each)).catch((error: unknown) => {
  const code = printError(error, argv.includes("--json"), (text) => process.stderr.write(hide(text)));
  const command = COMMANDS.find(({ name }) => name === argv[0]);
  return error instanceof UsageError ? code : (command?.exitCodeOf?.(error) ?? code);
});
