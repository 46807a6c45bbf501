import type { Flags } from "../config/given.ts";
import type { Reader } from "../config/notes.ts";
import { configFromProcess, requireDatabase } from "../config.ts";
import { createLog } from "../log.ts";
import { type CommandLine, usageErrorOf } from "./command-line.ts";
import type { Described } from "./help.ts";

interface Io {
  /** Prints one line. */
  readonly print: (text: string) => void;
  /** From the first call on, SIGINT and SIGTERM no longer end the process by themselves. */
  readonly stopSignal: () => AbortSignal;
}

export interface Command extends Described {
  /** Resolves to the exit code. */
  readonly run: (call: CommandLine & Io) => Promise<number>;
  /** For a command that reads its arguments itself. */
  readonly ownArguments?: (args: readonly string[], io: Io) => Promise<number>;
}

/** What every command has that opens the database. */
function open(reader: Reader, flags: Flags) {
  const config = configFromProcess(reader, flags);
  const log = createLog(config.logLevel, (line) => process.stderr.write(line));
  if (reader === "command") {
    for (const warning of config.warnings) log.warn("unusual_setting", { warning });
  }
  return { config, log, url: requireDatabase(config) };
}

export const COMMANDS: readonly Command[] = [
  {
    name: "sync",
    summary: "migrate, start the dataset of DATASET, and work: all in one process",
    about: `For containers: installs or upgrades the SQL objects if its role may, calls ampsync.enqueue_sync for the
dataset that is named, if one is, and then does what a worker does. A new dataset goes into schema public.
Starting it again changes nothing.`,
    switches: [],
    scopes: ["dataset", "database", "worker"],
    async run({ flags, stopSignal }) {
      const { config, log } = open("sync", flags);
      const { runSync } = await import("./sync.ts");
      return await runSync(config, log, stopSignal());
    },
  },
  {
    name: "migrate",
    summary: "install or upgrade the SQL objects in the database",
    switches: ["json"],
    scopes: ["database"],
    async run({ switches, flags, print }) {
      const { config, log } = open("command", flags);
      const { migrateCommand } = await import("./migrate.ts");
      print(await migrateCommand(config, log, switches.has("json")));
      return 0;
    },
  },
  {
    name: "worker",
    summary: "run a worker (the same as: npx graphile-worker)",
    about: "Waits for `ampsync migrate` where that is missing. Start as many as you like.",
    switches: [],
    scopes: ["database", "worker"],
    async run({ flags, stopSignal }) {
      const { config, log } = open("worker", flags);
      const { runWorker } = await import("./worker.ts");
      return await runWorker(config, log, stopSignal());
    },
  },
  {
    name: "status",
    summary: "what is synced, how far, and what each dataset waits for",
    switches: ["watch", "json"],
    scopes: ["database"],
    async run({ switches, flags, print, stopSignal }) {
      const { url, log } = open("command", flags);
      const { printStatus, watchStatus } = await import("./status.ts");
      const isJson = switches.has("json");
      if (!switches.has("watch")) {
        await printStatus(url, isJson, log, print);
        return 0;
      }
      const screen = { print, isTerminal: process.stdout.isTTY };
      return await watchStatus(url, isJson, log, screen, stopSignal());
    },
  },
  {
    name: "doctor",
    summary: "what is wrong, with a fix for each; exit code 1 after an error",
    switches: ["json"],
    scopes: ["database"],
    async run({ switches, flags, print }) {
      const { url, log } = open("command", flags);
      const { printFindings } = await import("./doctor.ts");
      return await printFindings(url, switches.has("json"), log, print);
    },
  },
  {
    name: "health",
    summary: "ask a worker of this machine whether its tables move; exit code 1 if not",
    about: `For health checks of containers: prints what /readyz of HEALTH_HOST and HEALTH_PORT says, with --live what
/healthz says.`,
    switches: ["live"],
    scopes: ["worker"],
    async run({ switches, flags, print }) {
      const { askHealth } = await import("./health.ts");
      return await askHealth(configFromProcess("command", flags), switches.has("live"), print);
    },
  },
  {
    name: "uninstall",
    summary: "take ampsync out of the database: prints what is dropped and what stays, and asks",
    switches: ["yes", "json"],
    scopes: ["database"],
    async run({ switches, flags, print }) {
      const { config, log } = open("command", flags);
      const { uninstallCommand } = await import("./uninstall.ts");
      const { stdin: input, stdout: output } = process;
      const answers = { yes: switches.has("yes"), json: switches.has("json") };
      return await uninstallCommand(config, answers, log, { print, input, output });
    },
  },
  {
    name: "demo",
    summary: "everything on this machine: chain, server, PostgreSQL, worker",
    switches: ["once"],
    scopes: [],
    async run({ switches, print, stopSignal }) {
      const { runDemo } = await import("./demo.ts");
      return await runDemo({
        once: switches.has("once"),
        env: { ...process.env },
        isTerminal: process.stdout.isTTY,
        print,
        signal: stopSignal(),
      });
    },
  },
  {
    name: "devserver",
    summary: "a development Amp server (ampsync devserver --help)",
    switches: [],
    scopes: [],
    async run({ print, stopSignal }) {
      return await devserver([], { print, stopSignal });
    },
    ownArguments: devserver,
  },
];

async function devserver(args: readonly string[], { print, stopSignal }: Io): Promise<number> {
  const { OPTIONS, runDevServer } = await import("../devserver/cli.ts");
  try {
    await runDevServer(args, { stdout: print, signal: stopSignal() });
  } catch (error) {
    throw usageErrorOf(error, "devserver", Object.keys(OPTIONS));
  }
  return 0;
}
