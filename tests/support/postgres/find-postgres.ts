import { newDataDir } from "./data-dir.ts";
import { startPostgres, testedMajor } from "./start-postgres.ts";

/** A server on which tests may create databases, as superuser. */
export interface TestServer {
  /** A database of it, to connect to for administration. */
  readonly adminUrl: string;
  /** Its folder where we started it ourselves: compared before the first write. Null elsewhere. */
  readonly dataDir: string | null;
  stop(): Promise<void>;
}

/** Enough for every pool of four test files at once. */
const MAX_CONNECTIONS = "400";
/** Enough for every database that captures changes at once. */
const MAX_SLOTS = "60";

/** A named server, else our own, else a container: whichever is there first. */
export async function findPostgres(): Promise<TestServer> {
  const url = process.env["AMPSYNC_TEST_DATABASE_URL"];
  if (url !== undefined && url !== "") {
    const database = new URL(url).pathname.slice(1);
    if (!database.endsWith("_test")) {
      throw new Error(`AMPSYNC_TEST_DATABASE_URL names ${database}: the name must end in _test`);
    }
    return { adminUrl: url, dataDir: null, stop: async () => {} };
  }
  try {
    return await startOwn();
  } catch (noEmbedded) {
    return await startContainer().catch((noContainer) => {
      throw new Error(`no PostgreSQL for the tests: ${noEmbedded}; ${noContainer}`, { cause: noEmbedded });
    });
  }
}

async function startOwn(): Promise<TestServer> {
  const server = await startPostgres({
    dataDir: newDataDir(),
    persistent: false,
    settings: {
      max_connections: MAX_CONNECTIONS,
      max_replication_slots: MAX_SLOTS,
      max_wal_senders: MAX_SLOTS,
    },
  });
  return { adminUrl: server.connectionString(), dataDir: server.dataDir, stop: () => server.stop() };
}

async function startContainer(): Promise<TestServer> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const container = await new GenericContainer(`postgres:${testedMajor() ?? "17"}-alpine`)
    .withEnvironment({ POSTGRES_PASSWORD: "ampsync" })
    .withCommand([
      "postgres",
      ...["-c", "fsync=off", "-c", `max_connections=${MAX_CONNECTIONS}`, "-c", "wal_level=logical"],
      ...["-c", `max_replication_slots=${MAX_SLOTS}`, "-c", `max_wal_senders=${MAX_SLOTS}`],
    ])
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start();
  const at = `${container.getHost()}:${container.getMappedPort(5432)}`;
  return {
    adminUrl: `postgresql://postgres:ampsync@${at}/postgres`,
    dataDir: null,
    stop: async () => void (await container.stop()),
  };
}
