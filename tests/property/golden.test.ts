import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkGolden } from "../support/arrow/golden.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

const folder = join(process.env["AMPSYNC_TEST_DATA"] ?? "", "arrow-golden");
const present = process.env["AMPSYNC_TEST_DATA"] !== undefined && existsSync(folder);

describe.skipIf(!present)("streams of other Arrow implementations (needs AMPSYNC_TEST_DATA)", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase({ empty: true });
  });
  afterAll(() => database.drop());

  test("each is loaded as its JSON says, or refused with a reason", async () => {
    const client = await database.client();
    const outcomes: Record<string, string> = {};
    for await (const { file, outcome } of checkGolden(client, folder)) {
      outcomes[file] = outcome;
    }
    expect(Object.keys(outcomes).length).toBeGreaterThan(0);
    expect(Object.entries(outcomes).filter(([, outcome]) => outcome.startsWith("WRONG"))).toEqual([]);
    expect(outcomes["generated_union.stream"]).toMatch(/^refused/);
    expect(outcomes["generated_duplicate_fieldnames.stream"]).toMatch(/^refused .* occurs twice/);
    expect(outcomes["generated_nested_dictionary.stream"]).toBe("loaded equal");
  });
});
