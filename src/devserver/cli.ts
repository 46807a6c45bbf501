import { once } from "node:events";
import { parseArgs } from "node:util";

import { isVersion } from "../model/version.ts";
import { type DevServerIo, needed, wholeNumber, wrong } from "./arguments.ts";
import { serveApi } from "./http/cli.ts";
import { type DevServer, startDevServer } from "./server.ts";
import type { Source } from "./source.ts";
import { GeneratedSource } from "./sources/generated/source.ts";
import { RecordedSource } from "./sources/recorded.ts";
import { RpcSource } from "./sources/rpc/source.ts";

const HELP = `ampsync devserver: a development Amp server, or HTTP API, on this machine

Usage: ampsync devserver <source> [options]

  evm         the chain of an EVM node
    --rpc URL             JSON-RPC endpoint of the node
  generated   a generated chain, always the same for the same options
    --blocks N            blocks at the start (1000)
    --logs-per-block N    rows of table logs per block (6)
    --seed N              another number makes another chain (1)
    --block-time MS       mine a block every MS milliseconds
  recorded    recorded Arrow streams
    --folder DIR          folder with <set>.<table>.arrows and ranges.json
    --set NAME            the set to serve

  http        a paginated JSON API, always the same for the same options
    --style STYLE         events, jsonapi, github, stripe, elastic or offset (events)
    --records N           records at the start (1000)
    --record-time MS      a new record every MS milliseconds
    --seed N              another number makes other records (1)
    --rate N/TIME         its rate limit, such as 100/60s; several with commas (none)
    --key TEXT            requests must carry it, as X-API-Key or as a bearer token
    --cursor-ttl SECONDS  how long a cursor lives (for ever)
    --latency MS          every answer comes so late (0)
    --port N              its port (1620; 0 takes any free port)

  --dataset NS/NAME@VERSION   dataset to publish (_/anvil@0.0.0)
  --flight-port N, --admin-port N   ports (1602, 1610; 0 takes any free port)
  --json                      print the addresses as one line of JSON`;

export const OPTIONS = {
  rpc: { type: "string" },
  blocks: { type: "string", default: "1000" },
  "logs-per-block": { type: "string", default: "6" },
  seed: { type: "string", default: "1" },
  "block-time": { type: "string" },
  folder: { type: "string" },
  set: { type: "string" },
  dataset: { type: "string", default: "_/anvil@0.0.0" },
  "flight-port": { type: "string", default: "1602" },
  "admin-port": { type: "string", default: "1610" },
  style: { type: "string", default: "events" },
  records: { type: "string", default: "1000" },
  "record-time": { type: "string" },
  rate: { type: "string" },
  key: { type: "string" },
  "cursor-ttl": { type: "string" },
  latency: { type: "string", default: "0" },
  port: { type: "string", default: "1620" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** The command `ampsync devserver`: serves until the signal aborts. A wrong argument raises SY004. */
export async function runDevServer(argv: readonly string[], { stdout, signal }: DevServerIo): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  const [kind] = positionals;
  if (values.help || kind === undefined) {
    stdout(HELP);
    return;
  }
  if (kind === "http") {
    await serveApi(values, { stdout, signal });
    return;
  }
  const dataset = datasetOf(values.dataset);
  const flightPort = wholeNumber("flight-port", values["flight-port"]);
  const adminPort = wholeNumber("admin-port", values["admin-port"]);
  const source = await openSource(kind, values, signal);
  try {
    const server = await startDevServer({ dataset, source, flightPort, adminPort });
    stdout(values.json ? asJson(server) : asText(server));
    if (!signal.aborted) {
      await once(signal, "abort");
    }
    await server.stop();
  } finally {
    source.close();
  }
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

async function openSource(kind: string, values: Values, signal: AbortSignal): Promise<Source> {
  switch (kind) {
    case "evm":
      return RpcSource.start({ url: needed("rpc", values.rpc) });
    case "generated":
      return generatedSource(values, signal);
    case "recorded":
      return new RecordedSource(needed("folder", values.folder), needed("set", values.set));
    default:
      throw wrong(`unknown source ${kind}`, "The sources are evm, generated, recorded and http.");
  }
}

function generatedSource(values: Values, signal: AbortSignal): Source {
  const source = new GeneratedSource({
    blocks: wholeNumber("blocks", values.blocks),
    logsPerBlock: wholeNumber("logs-per-block", values["logs-per-block"]),
    seed: wholeNumber("seed", values.seed),
  });
  if (values["block-time"] !== undefined) {
    const miner = setInterval(() => source.mine(), wholeNumber("block-time", values["block-time"]));
    signal.addEventListener("abort", () => clearInterval(miner), { once: true });
  }
  return source;
}

function asText({ dataset, flightAddress, adminAddress }: DevServer): string {
  const name = `${dataset.namespace}/${dataset.name}@${dataset.version}`;
  return `serving ${name}\n  Flight     ${flightAddress}\n  Admin API  ${adminAddress}`;
}

function asJson({ dataset, flightAddress, adminAddress }: DevServer): string {
  return JSON.stringify({ dataset, flightAddress, adminAddress });
}

function datasetOf(text: string) {
  const [, namespace, name, version] = /^([a-z0-9_]+)\/([a-z_][a-z0-9_]*)@(.+)$/.exec(text) ?? [];
  if (namespace === undefined || name === undefined || version === undefined || !isVersion(version)) {
    throw wrong(`--dataset ${text} is not a dataset`, "A dataset looks like _/anvil@0.0.0.");
  }
  return { namespace, name, version };
}
