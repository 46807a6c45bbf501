import { parseArgs } from "node:util";

const HELP = `npm run bench -- <name> [options]

  ingest   load a generated chain of logs over gRPC, beside a bare COPY of the same bytes
    --rows N      rows to load (1000000)
    --rounds N    how often, in turns with the bare COPY (3)
  encode   encode Arrow batches in memory, beside a plain value-by-value encoder
    --memory      measure how memory grows over 50 M rows instead
  compression   COPY real rows into tables that store bytea and text as pglz, as lz4, or as they are
    --rounds N    how often, in turns (3); needs AMPSYNC_TEST_DATA, takes DATABASE_URL
  upgrade  upgrade a dataset of three tables and take it back, while readers poll and a block comes every 100 ms
    --rows N      rows of each table (1000000)

  --json       print one JSON object`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
    rows: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    help: { type: "boolean", default: false },
  },
});

const [name] = positionals;
if (values.help || name === undefined) {
  console.log(HELP);
} else if (name === "ingest") {
  const { benchIngest } = await import("./ingest.ts");
  await benchIngest({ rows: Number(values.rows), rounds: Number(values.rounds), json: values.json });
} else if (name === "encode") {
  const { benchEncode } = await import("./encode.ts");
  await benchEncode({ json: values.json, memory: values.memory });
} else if (name === "compression") {
  const { benchCompression } = await import("./compression.ts");
  await benchCompression({ rounds: Number(values.rounds), json: values.json });
} else if (name === "upgrade") {
  const { benchUpgrade } = await import("./upgrade.ts");
  await benchUpgrade({ rows: Number(values.rows), json: values.json });
} else {
  console.error(`unknown benchmark ${name}\n\n${HELP}`);
  process.exitCode = 2;
}
