// Checks what the compiler does not: which folder of src may import which, what tests, benchmarks and scripts may
// share, and what only one place may touch.
// Prints offenders, exits 1. `node scripts/check-imports.mjs [ROOT]`
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** The floors of the house, from the ground up: who stands on one may import what is named behind it. */
const FLOORS = {
  errors: "",
  "fault-points": "",
  model: "errors",
  log: "model",
  metrics: "model",
  wire: "errors",
  client: "wire errors",
  config: "http/allow-list model errors log",
  protocol: "model errors",
  arrow: "model errors",
  encoder: "arrow protocol model errors",
  embedded: "errors",
  db: "protocol model errors log",
  flight: "arrow protocol model errors log",
  admin: "model errors log",
  manifest: "model errors",
  devserver: "flight/protocol arrow protocol model errors log",
  install: "db model errors log",
  lease: "db metrics model errors log fault-points",
  commit: "db model errors log fault-points",
  http: "model errors log",
  probe: "http model errors",
  ingest: "http lease commit db metrics model errors log fault-points",
  capture: "lease commit db metrics model errors log fault-points",
  stream: "lease commit protocol arrow encoder flight db metrics model errors log fault-points",
  snapshot: "db model errors log",
  health: "db metrics model errors log",
  gateway: "wire db metrics model errors log",
  "amp-servers": "admin flight config model errors",
  deps: "amp-servers stream ingest capture snapshot http db",
  runtime:
    "deps amp-servers stream ingest capture snapshot http lease commit install health db metrics config model log fault-points",
  queue: "install db model errors log",
  tasks: "runtime deps stream ingest capture lease http db model errors log",
  "worker-preset": "runtime queue install config model log",
  index: "worker-preset config",
  demo: "errors",
  "demo-page": "client",
  cli: "demo gateway worker-preset runtime config manifest probe install db devserver embedded http model errors log",
};

/** Package → who may import it (types alone: everybody but PURE). `node:` stands for all builtin modules. */
const PURE = ["model", "protocol", "encoder", "wire"];
/** Loaded by browsers: it may wait and be told the time, but has nothing of Node. */
const FOR_BROWSERS = ["client", "demo-page"];
const PACKAGES = {
  pg: "commit db install capture snapshot",
  "pg-copy-streams": "capture db snapshot",
  kysely: "db",
  "@grpc/grpc-js": "flight devserver",
  "apache-arrow": "devserver",
  "graphile-worker": "install tasks cli",
  "oxc-parser": "manifest",
  "prom-client": "metrics",
  undici: "http",
  ws: "gateway",
  jose: "gateway",
  "structured-headers": "http",
  "http-link-header": "http",
  "xxhash-wasm": "runtime devserver client",
  "@electric-sql/pglite": "client",
  "playwright-core": "demo",
  "node:": Object.keys(FLOORS)
    .filter((floor) => !PURE.includes(floor) && !FOR_BROWSERS.includes(floor))
    .join(" "),
};

/** Text that only some files of src may contain. */
const PLACES = [
  [
    /\bampsync_private\b/,
    /^src\/install\/(migrate|installed|roles|worker-guard|uninstall|uninstall-plan)\.ts$/,
    "names ampsync_private",
  ],
  [/(?<![\w.#])process\s*[.[]|node:process/, /^src\/(cli\/.*|config\.ts)$/, "touches process"],
  [/^(export )?(let|var) /, /^src\/runtime\.ts$/, "holds module-level state"],
];

const IMPORT = /(?:^(import|export)\b( type)?(?:[^;"'=()]*\bfrom)?\s*|\bimport\(\s*)["']([^"']+)["']/gm;

const root = process.argv[2] ?? ".";
const files = globSync("src/**/*.ts", { cwd: root });
const offenders = [];

function mayImport(from, path, specifier, isType) {
  if (!specifier.startsWith(".")) {
    const name = specifier.startsWith("node:") ? "node:" : specifier.match(/^(@[^/]+\/)?[^/]+/)[0];
    return PACKAGES[name]?.split(" ").includes(from) || (isType && !PURE.includes(from));
  }
  const target = normalize(join(dirname(path), specifier));
  const allowed = [from, ...FLOORS[from].split(" ")].filter(Boolean);
  return allowed.some((to) => target === `src/${to}.ts` || target.startsWith(`src/${to}/`));
}

for (const path of files) {
  const from = path.split("/")[1].replace(/\.ts$/, "");
  const text = readFileSync(join(root, path), "utf8");
  if (FLOORS[from] === undefined) {
    offenders.push(`${path}: no rule says what ${from} may import`);
    continue;
  }
  for (const [, statement, type, specifier] of text.matchAll(IMPORT)) {
    if (!mayImport(from, path, specifier, statement === "import" && type !== undefined)) {
      offenders.push(`${path}: ${from} may not import ${specifier}`);
    }
  }
  for (const [index, line] of text.split("\n").entries()) {
    const code = /^\s*(\*|\/\*)/.test(line) ? "" : line.replace(/(^|\s)\/\/.*$/, "");
    for (const [pattern, only, what] of PLACES) {
      if (pattern.test(code) && !only.test(path)) {
        offenders.push(`${path}:${index + 1}: ${what}`);
      }
    }
  }
}

/** Around src: each house imports src and what stands in tests/support, and nothing of another house. */
const houseOf = (path) => path.match(/^tests\/[^/]+|^[^/]+/)[0];
const around = globSync("{tests,bench,scripts}/**/*.{ts,mjs}", { cwd: root });
for (const path of around) {
  for (const [, , , specifier] of readFileSync(join(root, path), "utf8").matchAll(IMPORT)) {
    const target = normalize(join(dirname(path), specifier));
    const isOurs = specifier.startsWith(".") && existsSync(join(root, target));
    if (isOurs && ![houseOf(path), "src", "tests/support", "package.json"].includes(houseOf(target))) {
      offenders.push(`${path}: ${houseOf(path)} may not import ${specifier}`);
    }
  }
}

// A check that looks at nothing finds nothing.
const there = readdirSync(join(root, "src"), { recursive: true }).filter((name) => name.endsWith(".ts"));
if (files.length < there.length || files.length === 0) {
  offenders.push(`looked at ${files.length} files; src has ${there.length}`);
}
for (const offender of offenders.sort()) {
  console.error(offender);
}
process.exitCode = offenders.length > 0 ? 1 : 0;
