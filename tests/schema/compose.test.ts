import { globSync, readFileSync } from "node:fs";
import { dirname, join, matchesGlob } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { SETTINGS } from "../../src/config/settings.ts";
import { parseConfig } from "../../src/config.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

// No container engine runs here: what one would read is checked against what the program has.

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly volumes?: readonly string[];
  readonly [key: string]: unknown;
}

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

const compose: {
  readonly services: Readonly<Record<"postgres" | "migrate" | "worker", Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
} = parse(read("docker-compose.yml"), { merge: true });
const { postgres, migrate, worker } = compose.services;

/** What the image of PostgreSQL documents, as far as one may want it here. */
const POSTGRES_VARIABLES = [
  ...["POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE", "POSTGRES_DB"],
  ...["POSTGRES_INITDB_ARGS", "POSTGRES_HOST_AUTH_METHOD", "PGDATA"],
];

const WORKER = "node_modules/graphile-worker/dist/cli.js";

/** `${NAME:-default}`, as compose fills it in when the host's environment is empty. */
function interpolate(text: string): string {
  return text.replace(/\$\{\w+:-([^}]*)\}/g, "$1");
}

/** Whether a path will be in the image: built from a source, or a file of a package. */
function isInImage(path: string): boolean {
  const source = path.replace(/^dist\//, "src/").replace(/\.js$/, ".ts");
  return globSync(path.startsWith("dist/") ? source : path, { cwd: ROOT }).length === 1;
}

describe("docker-compose.yml", () => {
  test("has a database, one migration and workers, each waiting for the one before", () => {
    expect(Object.keys(compose.services)).toEqual(["postgres", "migrate", "worker"]);
    expect(migrate.depends_on).toEqual({ postgres: { condition: "service_healthy" } });
    expect(worker.depends_on).toEqual({ migrate: { condition: "service_completed_successfully" } });
    expect(postgres.healthcheck?.test.slice(0, 2)).toEqual(["CMD", "pg_isready"]);
  });

  test("keeps the data in a volume that it declares", () => {
    expect(Object.keys(compose.volumes)).toEqual(postgres.volumes?.map((volume) => volume.split(":")[0]));
  });

  test("runs files that the image has, the worker by graphile-worker's own command", () => {
    expect(worker.command).toEqual([WORKER]);
    expect(migrate.command).toEqual(["dist/cli/main.js", "migrate"]);
    for (const [file] of [worker.command, migrate.command]) {
      expect(isInImage(file ?? ""), file).toBe(true);
    }
  });

  test("sets nothing that nobody reads", () => {
    const ours: string[] = Object.values(SETTINGS).flatMap(({ names }) => names);
    for (const { environment } of [migrate, worker]) {
      expect(ours).toEqual(expect.arrayContaining(Object.keys(environment)));
    }
    expect(POSTGRES_VARIABLES).toEqual(expect.arrayContaining(Object.keys(postgres.environment)));
  });

  test("is a configuration without faults, for the database that it starts", () => {
    for (const { environment } of [migrate, worker]) {
      const env = Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, interpolate(value)]),
      );
      const noFile = () => {
        throw new Error("no file is configured");
      };
      const config = parseConfig(env, noFile, "worker");
      expect(config.warnings).toEqual([]);
      const { POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD } = postgres.environment;
      const password = interpolate(POSTGRES_PASSWORD ?? "");
      expect(config.databaseUrl).toBe(
        `postgresql://${POSTGRES_USER}:${password}@postgres:5432/${POSTGRES_DB}`,
      );
      expect(config.flightAddress.origin).toBe("http://host.docker.internal:1602");
      expect(config.adminAddress?.origin).toBe("http://host.docker.internal:1610");
    }
    expect(worker.environment).toEqual(migrate.environment);
  });

  test("can be started with --scale worker=3", () => {
    for (const fixed of ["container_name", "hostname", "ports", "volumes"]) {
      expect(worker).not.toHaveProperty(fixed);
    }
  });

  test.each(Object.entries({ migrate, worker }))("gives %s no more rights than it needs", (_, service) => {
    expect(service).toMatchObject({ user: "1001:1001", read_only: true, cap_drop: ["ALL"] });
    expect(service["privileged"]).toBeUndefined();
    expect(service["extra_hosts"]).toEqual(["host.docker.internal:host-gateway"]);
  });

  test("restarts what shall run on, forwards its signals and leaves it time to stop", () => {
    expect(worker).toMatchObject({ restart: "unless-stopped", init: true, stop_grace_period: "30s" });
    expect(postgres["restart"]).toBe("unless-stopped");
    expect(migrate).not.toHaveProperty("restart");
  });

  test("publishes no port of a database whose password everybody knows", () => {
    expect(postgres).not.toHaveProperty("ports");
  });
});

describe("examples/electric/docker-compose.yml", () => {
  const example: { readonly services: Readonly<Record<string, Service>> } = parse(
    read("examples/electric/docker-compose.yml"),
    { merge: true },
  );
  const { services } = example;
  const ours = ["amp", "migrate", "worker"].map((name) => services[name]!);

  test("runs files that the image has, with settings that the program reads", () => {
    for (const { build, command, environment } of ours) {
      expect(build).toBe("../..");
      expect(isInImage(command[0] ?? ""), command[0]).toBe(true);
      expect(Object.values(SETTINGS).flatMap(({ names }) => names)).toEqual(
        expect.arrayContaining(Object.keys(environment)),
      );
      expect(parseConfig(environment, () => "").databaseUrl).toBe(
        "postgresql://ampsync:ampsync@postgres:5432/ampsync",
      );
    }
  });

  test("lets the development server, its node and the worker meet on one loopback address", () => {
    for (const service of ours) {
      expect(service["network_mode"]).toBe("service:anvil");
    }
  });

  test("has a write-ahead log that Electric can read, and publishes ports on this machine alone", () => {
    expect(services["postgres"]?.command).toContain("wal_level=logical");
    for (const [name, service] of Object.entries(services)) {
      for (const port of (service["ports"] as readonly string[] | undefined) ?? []) {
        expect(port, name).toMatch(/^127\.0\.0\.1:/);
      }
    }
  });

  test("waits for services that it has, and mounts files that are there", () => {
    for (const [name, { depends_on = [] }] of Object.entries(services)) {
      const needed = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on);
      expect(Object.keys(services), name).toEqual(expect.arrayContaining(needed));
    }
    expect(services["page"]?.volumes).toEqual(["./page:/usr/share/nginx/html:ro"]);
    expect(read("examples/electric/page/index.html")).toContain("/v1/shape?table=anvil.blocks");
  });
});

describe("Dockerfile", () => {
  const instructions = read("Dockerfile")
    .split("\n")
    .flatMap((line) => line.match(/^([A-Z]+) (.*)$/)?.slice(1) ?? [])
    .flatMap((word, index, words) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""] as const] : []));
  const lastStage = instructions.slice(instructions.findLastIndex(([name]) => name === "FROM"));
  const last = (name: string) => lastStage.findLast(([given]) => given === name)?.[1];
  const copied = instructions
    .filter(([name, text]) => name === "COPY" && !text.startsWith("--from"))
    .flatMap(([, text]) => text.split(" ").slice(0, -1));

  test("copies what there is, and what .dockerignore lets through", () => {
    const rules = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules[0]).toBe("*");
    const allowed = rules.slice(1).map((rule) => rule.replace(/^!/, ""));
    expect(new Set(copied)).toEqual(new Set(allowed));
    for (const path of copied) {
      expect(globSync(path, { cwd: ROOT }), path).toHaveLength(1);
    }
  });

  test("has all of the package's files in its last stage", () => {
    const targets = lastStage
      .filter(([name]) => name === "COPY")
      .flatMap(([, text]) => text.split(" ").filter((word) => !word.startsWith("--from")))
      .map((path) => path.replace(/^\.\/|^\/app\//, ""));
    const { files } = JSON.parse(read("package.json"));
    expect(targets).toEqual(expect.arrayContaining([...files, "package.json", "node_modules"]));
  });

  test("runs a current Node without a shell, as nobody in particular, and the worker unless told otherwise", () => {
    const bases = instructions
      .filter(([name]) => name === "FROM")
      .map(([, text]) => text.split(" ")[0] ?? "");
    expect(bases.every((base) => matchesGlob(base, "node:24-*"))).toBe(true);
    expect(last("USER")).toBe("1001:1001");
    expect(JSON.parse(last("ENTRYPOINT") ?? "")).toEqual(["node"]);
    expect(JSON.parse(last("CMD") ?? "")).toEqual([WORKER]);
    expect(lastStage.map(([name]) => name)).not.toContain("RUN");
  });

  test("runs what the tests run as a worker", () => {
    expect(COMMANDS["graphile-worker"]).toEqual([fileURLToPath(new URL(WORKER, ROOT))]);
  });

  test("leaves out what only development needs", () => {
    const install = instructions.findLast(([name, text]) => name === "RUN" && text.startsWith("npm ci"))?.[1];
    expect(install).toContain("--omit=dev --omit=optional");
  });
});

test("no command that the image is made for imports what the image leaves out", () => {
  const { dependencies } = JSON.parse(read("package.json"));
  const commands = ["main", "migrate", "status", "doctor", "worker", "sync"].map(
    (name) => `src/cli/${name}.ts`,
  );
  const tasks = globSync("src/tasks/*.ts", { cwd: ROOT });
  expect(tasks).not.toEqual([]);
  for (const entry of [...commands, "src/worker-preset.ts", ...tasks]) {
    expect(Object.keys(dependencies), entry).toEqual(expect.arrayContaining(packagesOf(entry)));
  }
});

/** The packages that load with a file of src, because it or what it imports names them. */
function packagesOf(entry: string): string[] {
  const packages = new Set<string>();
  const files = new Set([entry]);
  for (const file of files) {
    for (const [, specifier = ""] of read(file).matchAll(/^import (?!type )(?:[^;"]* from )?"([^"]+)"/gm)) {
      if (specifier.startsWith(".")) {
        files.add(join(dirname(file), specifier));
      } else if (!specifier.startsWith("node:")) {
        packages.add(specifier.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? specifier);
      }
    }
  }
  return [...packages];
}
