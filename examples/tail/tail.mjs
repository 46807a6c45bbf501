// Prints every change of the published tables, a line of JSON each, and goes on where it was when it starts again:
//
//   DATABASE_URL=postgresql://… node tail.mjs [file]
//
// The file keeps the cursor: epoch and position. It is written after the changes were printed, so a crash may print some
// of them again: what takes them should know them by their position.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

import pg from "pg";

const file = process.argv[2] ?? "cursor.json";
const cursor = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { epoch: null, position: "0" };

const db = new pg.Client({ connectionString: process.env.DATABASE_URL, application_name: "tail" });
let wake = () => {};
db.on("notification", () => wake());
await db.connect();
await db.query("listen ampsync_log");

let stopped = false;
function stop() {
  stopped = true;
  wake();
}
process.once("SIGINT", stop).once("SIGTERM", stop);

while (!stopped) {
  const changes = await page();
  for (const change of changes) console.log(JSON.stringify(change));
  const last = changes.at(-1);
  if (last === undefined) {
    await somethingNew();
    continue;
  }
  Object.assign(cursor, { epoch: last.epoch_id, position: last.position });
  writeFileSync(`${file}.new`, JSON.stringify(cursor));
  renameSync(`${file}.new`, file);
}
await db.end();

async function page() {
  try {
    const { rows } = await db.query(
      "select * from ampsync.read_changes(after => $1, epoch => $2, max_rows => 1000)",
      [cursor.position, cursor.epoch],
    );
    return rows;
  } catch (error) {
    // The log does not go on from here: what was made of it is to be read from the tables again.
    if (error.code === "SY406") console.error(`${error.message}. ${error.detail} ${error.hint}`);
    throw error;
  }
}

/** A notification may be lost, and commits of datasets send none: a second is the most that is waited. */
function somethingNew() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, stopped ? 0 : 1_000);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
