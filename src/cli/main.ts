#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { checkNode, configFromProcess, requireDatabase } from "../config.ts";
import { AmpsyncError, reportOf } from "../errors.ts";
import { createLog } from "../log.ts";
import { failureOf } from "../model/failure.ts";

const HELP = `ampsync: blockchain datasets in PostgreSQL

Usage: ampsync <command> [options]

  migrate             install or upgrade the SQL objects in DATABASE_URL
  worker              run a worker (the same as: npx graphile-worker)
  status [--json]     what is synced, how far, and what each dataset waits for
  doctor [--json]     what is wrong, with a fix for each; exit code 1 after an error
  uninstall           take ampsync out of DATABASE_URL: prints what is dropped and what stays, and asks
                      (--yes: does not ask; --json)
  demo [--once]       everything on this machine: chain, server, PostgreSQL, worker
  devserver <source>  a development Amp server (ampsync devserver --help)

  --help, --version

Settings come from the environment; docs/configuration.md lists them.`;

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

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(argv: readonly string[]): Promise<number> {
  const [command, ...rest] = argv;
  checkNode(process.versions.node);
  if (rest.includes("--help") && command !== "devserver") {
    print(HELP);
    return 0;
  }
  const log = () => createLog(configFromProcess().logLevel, (line) => process.stderr.write(line));

  switch (command) {
    case "migrate": {
      parseArgs({ args: rest, options: {} });
      const { migrateCommand } = await import("./migrate.ts");
      print(await migrateCommand(configFromProcess(), log()));
      return 0;
    }
    case "worker": {
      parseArgs({ args: rest, options: {} });
      const { runWorker } = await import("./worker.ts");
      return await runWorker(configFromProcess(), log(), stopSignal());
    }
    case "status": {
      const { values } = parseArgs({ args: rest, options: { json: { type: "boolean", default: false } } });
      const { printStatus } = await import("./status.ts");
      await printStatus(requireDatabase(configFromProcess()), values.json, log(), print);
      return 0;
    }
    case "doctor": {
      const { values } = parseArgs({ args: rest, options: { json: { type: "boolean", default: false } } });
      const { printFindings } = await import("./doctor.ts");
      return await printFindings(requireDatabase(configFromProcess()), values.json, log(), print);
    }
    case "uninstall": {
      const { values } = parseArgs({
        args: rest,
        options: { yes: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
      });
      const { uninstallCommand } = await import("./uninstall.ts");
      const { stdin: input, stdout: output } = process;
      return await uninstallCommand(configFromProcess(), values, log(), { print, input, output });
    }
    case "devserver": {
      const { runDevServer } = await import("../devserver/cli.ts");
      await runDevServer(rest, { stdout: print, signal: stopSignal() });
      return 0;
    }
    case "demo": {
      const { values } = parseArgs({ args: rest, options: { once: { type: "boolean", default: false } } });
      const { runDemo } = await import("./demo.ts");
      const env = { ...process.env };
      return await runDemo({
        once: values.once,
        env,
        isTerminal: process.stdout.isTTY,
        print,
        signal: stopSignal(),
      });
    }
    case "--version":
      print(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version);
      return 0;
    case undefined:
    case "--help":
    case "help":
      print(HELP);
      return command === undefined ? 2 : 0;
    default:
      process.stderr.write(`ampsync: unknown command ${command}\n\n${HELP}\n`);
      return 2;
  }
}

function report(error: unknown): number {
  const isUsage =
    error instanceof TypeError && String(Reflect.get(error, "code")).startsWith("ERR_PARSE_ARGS");
  if (isUsage) {
    process.stderr.write(`ampsync: ${error.message}\nHINT: ampsync --help\n`);
    return 2;
  }
  // A system error has a code such as ECONNREFUSED; an error without one is a bug in ampsync, shown with its stack.
  if (!(error instanceof Error) || Reflect.get(error, "code") === undefined) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
  const failure = failureOf(error);
  const isConnection = failure.code === "SY104" && !(error instanceof AmpsyncError);
  const hint = isConnection ? "Check the address, and that the server is running." : failure.hint;
  process.stderr.write(`${reportOf({ ...failure, hint })}\n`);
  return 1;
}

process.exitCode = await main(process.argv.slice(2)).catch(report);
