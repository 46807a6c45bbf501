import { existsSync } from "node:fs";

import type { Reader } from "../config/notes.ts";
import { configFromProcess, logOf, requireDatabase } from "../config.ts";
import { failureOf } from "../model/failure.ts";
import type { Secrets } from "../model/secrets.ts";
import { type CommandLine, UsageError, usageErrorOf } from "./command-line.ts";
import type { Described } from "./help.ts";

interface Io {
  /** Prints one line. */
  readonly print: (text: string) => void;
  /** From the first call on, SIGINT and SIGTERM no longer end the process by themselves. */
  readonly stopSignal: () => AbortSignal;
  /** Told what errors must not show. */
  readonly hide: (secrets: Secrets) => void;
}

export interface Command extends Described {
  /** Resolves to the exit code. */
  readonly run: (call: CommandLine & Io) => Promise<number>;
  /** Where an error of the command means another exit code than 1. */
  readonly exitCodeOf?: (error: unknown) => number;
  /** For a command that reads its arguments itself; `hasOwnHelp`: --help as well. */
  readonly ownArguments?: (args: readonly string[], io: Io) => Promise<number>;
  readonly hasOwnHelp?: true;
}

/** No terminal is narrower, and a file is read on one. */
const NARROWEST = 80;

/** What every command has that opens the database. */
function open(reader: Reader, { flags, hide }: Pick<CommandLine & Io, "flags" | "hide">) {
  const config = configFromProcess(reader, flags);
  hide(config.secrets);
  const log = logOf(config);
  if (reader === "command") {
    for (const warning of config.warnings) log.warn("unusual_setting", { warning });
  }
  return { config, log, url: requireDatabase(config) };
}

/** Variables of a file `.env` in the working folder, if there is one; those that are set already win. */
function loadSettingsFile(): void {
  if (existsSync(".env")) process.loadEnvFile();
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
    async run(call) {
      const { config, log } = open("sync", call);
      const { runSync } = await import("./sync.ts");
      return await runSync(config, log, call.stopSignal());
    },
  },
  {
    name: "ingest",
    summary: "migrate, read the HTTP API at API_BASE_URL into a table, and end: all in one process",
    about: `For containers: installs or upgrades the SQL objects if its role may, calls ampsync.enqueue_http for the source
events with the table public.ingested_events, works until that is complete, and prints what happens as JSON, a line
each, on stdout. Starting it again goes on where it was. Settings may stand in a file .env of the working folder.
Exit code 0: complete, or told to stop.`,
    switches: [],
    scopes: ["ingestion", "database", "worker"],
    async run(call) {
      loadSettingsFile();
      const { config, log } = open("ingest", call);
      const { runIngestion } = await import("./ingest.ts");
      return await runIngestion(config, log, call.stopSignal());
    },
  },
  {
    name: "migrate",
    summary: "install or upgrade the SQL objects in the database",
    switches: ["json"],
    scopes: ["database"],
    async run(call) {
      const { config, log } = open("command", call);
      const { migrateCommand } = await import("./migrate.ts");
      call.print(await migrateCommand(config, log, call.switches.has("json")));
      return 0;
    },
  },
  {
    name: "worker",
    summary: "run a worker (the same as: npx graphile-worker)",
    about: "Waits for `ampsync migrate` where that is missing. Start as many as you like.",
    switches: [],
    scopes: ["database", "worker"],
    async run(call) {
      const { config, log } = open("worker", call);
      const { runWorker } = await import("./worker.ts");
      return await runWorker(config, log, call.stopSignal());
    },
  },
  {
    name: "gateway",
    summary: "serve clients: browsers and programs that keep parts of the tables in PGlite",
    about: `Clients connect to AMPSYNC_GATEWAY_PORT by WebSocket, with a token; /healthz, /readyz and /metrics are there
as well. A gateway keeps nothing: start as many as you like, behind any TCP load balancer.`,
    switches: [],
    scopes: ["gateway", "database"],
    async run(call) {
      const { config, log } = open("gateway", call);
      const { runGateway } = await import("./gateway.ts");
      return await runGateway(config, log, call.stopSignal());
    },
  },
  {
    name: "status",
    summary: "what is synced, how far, and what each dataset waits for",
    about: `Exit codes of this command: 0 all is well; 1 a dataset or a table is failed, or no worker lives while one
should move; 2 wrong command line or settings; 3 the database was not reached, or cannot tell.`,
    switches: ["watch", "json"],
    scopes: ["database"],
    async run(call) {
      const { statusCommand } = await import("./status.ts");
      const { isTTY: isTerminal, columns } = process.stdout;
      const screen = { print: call.print, isTerminal, width: Math.max(columns ?? 0, NARROWEST) };
      const { url, log } = open("command", call);
      return await statusCommand(url, log, call.switches, screen, call.stopSignal);
    },
    exitCodeOf: (error) => (failureOf(error).code === "SY902" ? 2 : 3),
  },
  {
    name: "doctor",
    summary: "what is wrong, with a fix for each; exit code 1 after an error",
    switches: ["json"],
    scopes: ["database"],
    async run(call) {
      const { url, log } = open("command", call);
      const { printFindings } = await import("./doctor.ts");
      return await printFindings(url, call.switches.has("json"), log, call.print);
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
    name: "probe",
    operands: "URL",
    summary: "look at an HTTP API, before a definition of it is written",
    about: `Asks the API a few times, prints what its answers are like, and a definition to begin with. Changes nothing, and needs
no database. Exit code 1 if no page came.

  --header 'X-API-Key: $API_KEY'   a header, as often as needed; $NAME, in single quotes, is taken from the environment
                                   and never shown. The key is tried in the query as well
  --key-param NAME                 the parameter for that (api_key; of Authorization access_token)
  --body JSON                      the body of a POST, for search APIs
  --param limit --sizes 100,1000   the page sizes to try, by a parameter, or a pointer into the body
  --timeout SECONDS                how long it may be silent, as in a definition (10)`,
    switches: ["json"],
    scopes: [],
    async run() {
      throw new UsageError("ampsync probe takes one address", "probe");
    },
    async ownArguments(args, { print, hide }) {
      const { probeCommand } = await import("./probe.ts");
      return await probeCommand(args, print, hide);
    },
  },
  {
    name: "uninstall",
    summary: "take ampsync out of the database: prints what is dropped and what stays, and asks",
    switches: ["yes", "json"],
    scopes: ["database"],
    async run(call) {
      const { config, log } = open("command", call);
      const { uninstallCommand } = await import("./uninstall.ts");
      const { stdin: input, stdout: output } = process;
      const answers = { yes: call.switches.has("yes"), json: call.switches.has("json") };
      return await uninstallCommand(config, answers, log, { print: call.print, input, output });
    },
  },
  {
    name: "demo",
    summary: "everything on this machine: chain, server, PostgreSQL, worker",
    switches: ["once", "http", "web"],
    scopes: [],
    async run({ switches, print, stopSignal }) {
      if (switches.has("http") && switches.has("web"))
        throw new UsageError("one of --http and --web", "demo");
      const run = switches.has("web")
        ? (await import("./demo-web.ts")).runWebDemo
        : switches.has("http")
          ? (await import("./demo-http.ts")).runHttpDemo
          : (await import("./demo.ts")).runDemo;
      return await run({
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
    summary: "a development Amp server, or HTTP API (ampsync devserver --help)",
    switches: [],
    scopes: [],
    async run({ print, stopSignal }) {
      return await devserver([], { print, stopSignal });
    },
    ownArguments: devserver,
    hasOwnHelp: true,
  },
];

async function devserver(args: readonly string[], { print, stopSignal }: Omit<Io, "hide">): Promise<number> {
  const { OPTIONS, runDevServer } = await import("../devserver/cli.ts");
  try {
    await runDevServer(args, { stdout: print, signal: stopSignal() });
  } catch (error) {
    throw usageErrorOf(error, "devserver", Object.keys(OPTIONS));
  }
  return 0;
}
