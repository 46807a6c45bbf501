// Checks what the compiler does not: which folder may import which, what only one
// place may touch, and exports that nobody imports. Prints offenders, exits 1.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Folder or file of src → the ones it may import. Files of one folder may import each other. */
const LAYERS = {
  errors: [],
  config: ["database-url", "errors"],
  "database-url": [],
  log: ["config", "model"],
  model: ["errors"],
  encoder: ["model", "errors"],
  flight: ["model", "errors", "log"],
  admin: ["model", "errors", "log"],
  db: ["faults", "model", "errors", "log"],
  embedded: ["errors"],
  devserver: ["flight/protocol", "model", "errors", "log"],
  change: [],
  budget: ["change"],
  faults: [],
  permits: [],
  "pass-control": ["db", "model", "errors"],
  "head-below": ["flight", "db", "model", "errors", "log"],
  "head-watch": ["model", "log"],
  heartbeat: ["db", "model", "errors", "log"],
  apply: ["change", "budget", "permits", "encoder", "db", "model", "errors", "log"],
  runtime: [
    "config",
    "heartbeat",
    "head-watch",
    "faults",
    "budget",
    "permits",
    "db",
    "flight",
    "admin",
    "model",
    "errors",
    "log",
  ],
  "planned-query": ["encoder", "model", "errors"],
  "repair-pass": ["planned-query", "runtime", "db", "encoder", "model", "errors", "log"],
  "stream-pass": [
    "runtime",
    "pass-control",
    "repair-pass",
    "planned-query",
    "apply",
    "permits",
    "heartbeat",
    "head-below",
    "head-watch",
    "db",
    "encoder",
    "flight",
    "model",
    "errors",
    "log",
  ],
  tasks: ["runtime", "stream-pass", "db", "model", "errors", "log"],
  queue: ["db", "model", "errors", "log"],
  "worker-preset": ["config", "runtime", "queue", "log", "model"],
  index: ["worker-preset"],
  cli: ["config", "runtime", "worker-preset", "db", "devserver", "embedded", "model", "errors", "log"],
};

/** Package → who may import it (types alone: everybody but PURE). `node:` stands for all builtin modules. */
const PURE = ["model", "encoder"];
const PACKAGES = {
  pg: ["db"],
  "pg-copy-streams": ["db"],
  kysely: ["db"],
  "@grpc/grpc-js": ["flight", "devserver"],
  "apache-arrow": ["devserver"],
  "graphile-worker": ["db", "runtime", "tasks", "cli"],
  "xxhash-wasm": ["runtime", "devserver"],
  "node:": Object.keys(LAYERS).filter((layer) => !PURE.includes(layer)),
};

/** Text that only some files of src may contain. */
const PLACES = [
  {
    pattern: /\bampsync_private\b/,
    only: /^src\/db\/(migrate|installed)\.ts$/,
    what: "names ampsync_private",
  },
  {
    pattern: /(?<![\w.#])process\s*[.[]|node:process/,
    only: /^src\/(cli\/.*|config\.ts)$/,
    what: "touches process",
  },
  { pattern: /^(export )?(let|var) /, only: /^src\/runtime\.ts$/, what: "holds module-level state" },
];

const IMPORT =
  /^(?:import|export)\s+(?:type\s+)?((?:\*(?:\s+as\s+\w+)?|[\w$]+)?\s*,?\s*(?:\{[^}]*\})?)\s*from\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|(?:const\s+(\{[^}]*\}|\w+)\s*=\s*await\s+)?\bimport\(\s*["']([^"']+)["']/gm;
const EXPORT =
  /^export\s+(?:declare\s+)?(?:async\s+)?(function\*?|const|let|class|abstract class|interface|type)\s+(\w+)/gm;

const offenders = [];
const used = new Set();
const files = new Map(
  globSync(["{src,tests,bench,scripts}/**/*.{ts,mts,mjs}", "*.{mjs,ts}"]).map((path) => {
    const text = readFileSync(path, "utf8");
    return [path, text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ""))];
  }),
);

const lineOf = (text, index) => text.slice(0, index).split("\n").length;
const layerOf = (path) => path.split("/")[1].replace(/\.ts$/, "");

function checkImport(path, line, specifier, typeOnly) {
  const from = layerOf(path);
  if (!specifier.startsWith(".")) {
    const allowed =
      PACKAGES[specifier.startsWith("node:") ? "node:" : specifier.match(/^(@[^/]+\/)?[^/]+/)[0]];
    if (!allowed?.includes(from) && !(typeOnly && !PURE.includes(from))) {
      offenders.push(`${path}:${line}: ${from} may not import ${specifier}`);
    }
    return;
  }
  const target = normalize(join(dirname(path), specifier));
  const allowed = LAYERS[from].some((to) => target === `src/${to}.ts` || target.startsWith(`src/${to}/`));
  if (layerOf(target) !== from && !allowed) {
    offenders.push(`${path}:${line}: ${from} may not import ${target}`);
  }
}

function noteUsed(path, clause, specifier) {
  const target = normalize(join(dirname(path), specifier));
  const names = clause.match(/\{([^}]*)\}/)?.[1] ?? "*";
  for (const name of names.split(",")) {
    used.add(
      `${target}#${
        name
          .trim()
          .replace(/^type\s+/, "")
          .split(/\s+as\s+|\s*:/)[0]
      }`,
    );
  }
}

for (const [path, text] of files) {
  const inSource = path.startsWith("src/");
  const known = inSource && LAYERS[layerOf(path)] !== undefined;
  if (inSource && !known) {
    offenders.push(`${path}:1: no rule says what ${layerOf(path)} may import`);
  }
  for (const match of text.matchAll(IMPORT)) {
    const specifier = match[2] ?? match[3] ?? match[5];
    if (known) {
      checkImport(path, lineOf(text, match.index), specifier, match[0].startsWith("import type"));
    }
    if (specifier.startsWith(".")) {
      noteUsed(path, match[1] ?? match[4] ?? "", specifier);
    }
  }
  text.split("\n").forEach((line, index) => {
    const code = line.replace(/(^|\s)\/\/.*$/, "");
    for (const { pattern, only, what } of PLACES) {
      if (inSource && pattern.test(code) && !only.test(path)) {
        offenders.push(`${path}:${index + 1}: ${what}`);
      }
    }
  });
}

for (const [path, text] of files) {
  for (const match of path.startsWith("src/") ? text.matchAll(EXPORT) : []) {
    const [, kind, name] = match;
    // A type may be exported because an exported signature of its own file names it.
    const inSignature =
      /interface|type/.test(kind) && text.match(new RegExp(`\\b${name}\\b`, "g")).length > 1;
    if (!inSignature && !used.has(`${path}#${name}`) && !used.has(`${path}#*`)) {
      offenders.push(`${path}:${lineOf(text, match.index)}: nobody imports ${name}`);
    }
  }
}

for (const offender of offenders.sort()) {
  console.error(offender);
}
process.exitCode = offenders.length > 0 ? 1 : 0;
